"""From facts to an Endpoint. Pure."""

from __future__ import annotations

from deployer.endpoint import Endpoint, Mirrored, Phase, Revision, Traffic
from deployer.value import JSON
from deployer_docker.facts import ContainerFact, Facts

__all__ = ["LOOPING", "endpoint_of", "is_ready", "never_ready", "revision_of"]

LOOPING = 5
"""Restarts from which on it is called a crash loop."""


def endpoint_of(facts: Facts) -> Endpoint | None:
    """The endpoint as it is; None when nothing is there."""
    if not facts.there:
        if not facts.foreign:
            return None
        return Endpoint(
            name=facts.name, target=facts.target, managed=False, phase=Phase.PENDING,
            detail=f"{facts.foreign}, which deployer did not make",
        )  # fmt: skip
    revisions = tuple(revision_of(facts, name) for name in _names(facts))
    phase, detail = _judged(facts, revisions)
    return Endpoint(
        name=facts.name,
        target=facts.target,
        owner=facts.owner,
        phase=phase,
        url=_url(facts),
        since=facts.record.created if facts.record else None,
        revisions=revisions,
        traffic=traffic_of(facts),
        mirror=_mirror(facts),
        detail="; ".join(filter(None, (detail, facts.record_trouble))),
        settings=_settings(facts),
    )


def _names(facts: Facts) -> list[str]:
    pools = [pool.revision for pool in facts.wished.pools] if facts.wished else []
    running = [each.revision for each in facts.replicas if each.running or not each.condemned]
    return list(dict.fromkeys((*pools, *sorted(running))))


def _url(facts: Facts) -> str | None:
    if facts.gateway is None:
        return None
    labels = facts.gateway.labels
    host = labels.get("host", "127.0.0.1")
    scheme = "https" if labels.get("tls") else "http"
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)  # noqa: S104
    return f"{scheme}://{host}:{labels.get('port', '')}"


def _settings(facts: Facts) -> dict[str, JSON]:
    if facts.gateway is None:
        return {}
    port = facts.gateway.labels.get("port", "")
    return {"config.port": int(port)} if port.isdigit() else {}


def traffic_of(facts: Facts) -> Traffic:
    """The live traffic: what the gateway says that it has loaded; nothing when it does not say."""
    return Traffic(dict(facts.loaded.routes.shares)) if facts.loaded is not None else Traffic()


def _mirror(facts: Facts) -> Mirrored | None:
    found = facts.loaded.routes.mirror if facts.loaded is not None else None
    return Mirrored(revision=found.revision, percent=found.percent) if found is not None else None


# Revisions.


def is_ready(facts: Facts, container: ContainerFact) -> bool:
    """Whether the gateway says that a replica takes requests."""
    if facts.loaded is None or container.status != "running" or not container.address:
        return False
    member = container.member
    return any(each.member == member and each.state == "ready" for each in facts.loaded.of(container.revision))


def revision_of(facts: Facts, name: str) -> Revision:
    """One revision as it runs."""
    live, leaving = facts.of(name), facts.leaving(name)
    pool = facts.wished.pool(name) if facts.wished else None
    wanted = max(len(live), len(pool.members) if pool else 0)
    ready = [each for each in live if is_ready(facts, each)]
    if wanted:
        phase, detail = _revision_phase(facts, live, wanted, len(ready))
    else:
        phase, detail = Phase.STOPPING, "its requests are being ended"
    release = facts.record.releases.get(name) if facts.record else None
    labels = next((each.labels for each in (*live, *leaving)), {})
    return Revision(
        id=name,
        phase=phase,
        wanted=wanted,
        ready=len(ready),
        restarts=sum(each.restarts for each in live),
        since=min((each.created for each in live), default=None),
        settled=_settled(facts, name),
        detail=detail,
        digest=labels.get("digest") or (release.digest if release else None),
        model=labels.get("model") or (release.model.resolved if release else None),
        facts=_told(live),
    )


def _told(live: tuple[ContainerFact, ...]) -> dict[str, JSON]:
    found: dict[str, JSON] = {
        "containers": [each.id[:12] for each in live],
        "pids": [each.pid for each in live if each.pid and each.running],
    }
    images = sorted({each.image for each in live})
    if images:
        found["image"] = images[0] if len(images) == 1 else images
    return found


def never_ready(live: tuple[ContainerFact, ...]) -> bool:
    """Whether no replica of those that fail was ever ready, so that the same would happen again."""
    return not any(each.was_ready for each in live)


def _revision_phase(facts: Facts, live: tuple[ContainerFact, ...], wanted: int, ready: int) -> tuple[Phase, str]:
    if ready >= wanted:
        return Phase.HEALTHY, ""
    failing = [each for each in live if each.failing and not is_ready(facts, each)]
    short = f"{ready} of {wanted} replicas are ready"
    if failing:
        worst = max(failing, key=lambda each: each.restarts)
        how = ending(worst)
        final = never_ready(tuple(failing)) or worst.restarts >= LOOPING or worst.status in ("exited", "dead")
        if ready:
            return Phase.DEGRADED, f"{short}; {how}"
        return (Phase.FAILED, how) if final or worst.error else (Phase.STARTING, f"{how}, and is started again")
    if len(live) < wanted:
        gone = f"{wanted - len(live)} of {wanted} containers are gone; deployer apply makes them anew"
        return (Phase.DEGRADED if ready else Phase.FAILED if not live else Phase.STARTING), gone
    if facts.loaded is None and facts.gateway_trouble:
        return Phase.STARTING, facts.gateway_trouble
    return (Phase.DEGRADED, short) if ready else (Phase.STARTING, "its replicas are starting")


def ending(container: ContainerFact) -> str:
    """How a container ended, in a phrase."""
    name = container.name
    if container.error:
        return f"{name} cannot be started: {container.error[:300]}"
    if container.oom:
        return f"{name} was ended since it used more memory than it may"
    times = f", {container.restarts} times by now" if container.restarts > 1 else ""
    return f"{name} exited {container.exit_code}{times}"


def _settled(facts: Facts, name: str) -> bool:
    if facts.loaded is None or facts.wished is None:
        return False
    pool, servers = facts.wished.pool(name), facts.loaded.of(name)
    live, leaving = facts.of(name), facts.leaving(name)
    if pool is None:
        return not live and not leaving and not servers
    members = set(pool.members)
    if leaving or {each.member for each in live if each.address} != members:
        return False
    if {each.member for each in servers} != members or any(each.state == "draining" for each in servers):
        return False
    return facts.loaded.routes.shares.get(name, 0) == facts.wished.shares.get(name, 0)


# The endpoint.


def _judged(facts: Facts, revisions: tuple[Revision, ...]) -> tuple[Phase, str]:
    if facts.gateway is None:
        if not facts.replicas:
            return Phase.PENDING, "only its record is there" if facts.record else "it is not made yet, or not all gone"
        return Phase.FAILED, "its gateway is gone; deployer apply makes it anew"
    if facts.loaded is None:
        return Phase.FAILED, f"{facts.gateway_trouble}; deployer apply repairs it"
    shares = facts.loaded.routes.shares
    if not shares:
        return _unrouted(revisions)
    served = [each for each in revisions if shares.get(each.id)]
    if not any(each.ready for each in served):
        worst = served[0] if served else None
        phase = worst.phase if worst is not None and worst.phase is Phase.STARTING else Phase.FAILED
        return phase, worst.detail if worst else "what is to serve it is not there"
    bad = next((each for each in served if each.phase is not Phase.HEALTHY), None)
    if bad is not None:
        return Phase.DEGRADED, f"{bad.id}: {bad.detail}"
    return Phase.HEALTHY, ""


def _unrouted(revisions: tuple[Revision, ...]) -> tuple[Phase, str]:
    for phase in (Phase.FAILED, Phase.STARTING):
        for each in revisions:
            if each.phase is phase:
                return phase, f"{each.id}: {each.detail}"
    return Phase.PENDING, "no revision has traffic"
