"""From facts to an Endpoint. Pure.

Azure's states, as they are told: Creating, and Updating or Scaling of what has no traffic yet, are starting; with
traffic it serves on, and is not settled; Succeeded is healthy; Failed is failed, or degraded where it has traffic,
since what served before an update that failed serves on; Deleting is stopping.
"""

from __future__ import annotations

from deployer.endpoint import Endpoint, Mirrored, Phase, Revision, Traffic
from deployer.target.evidence import cut
from deployer.value import JSON
from deployer_azureml.facts import GONE_WRONG, DeploymentFact, EndpointFact, Facts
from deployer_azureml.requests import AUTH_MODES

__all__ = ["endpoint_of", "revision_of", "serves", "traffic_of"]

_AUTH_MODES = {word: mode for mode, word in AUTH_MODES.items()}


def endpoint_of(facts: Facts) -> Endpoint | None:
    """The endpoint as it is; None when nothing is there."""
    found = facts.endpoint
    if not facts.there or (found is not None and not found.ours):
        return _foreign(facts)
    revisions = tuple(_revision(facts, each) for each in sorted(facts.mine, key=lambda each: each.revision))
    traffic = traffic_of(facts)
    phase, detail = _judged(facts, revisions, traffic)
    return Endpoint(
        name=facts.name,
        target=facts.target,
        owner=facts.owner,
        phase=phase,
        url=_url(facts),
        since=facts.record.created if facts.record else None,
        revisions=revisions,
        traffic=traffic,
        mirror=_mirror(facts),
        detail="; ".join(filter(None, (detail, _strangers(facts), facts.record_trouble))),
        settings=_settings(facts),
    )


def _url(facts: Facts) -> str | None:
    """Where clients ask; before anything runs there it is told, too, and is another one afterwards."""
    main = facts.endpoint
    runs = any(each.state == "Succeeded" or facts.share(each) for each in facts.deployments)
    return main.scoring_uri if main is not None and runs and serves(main) else None


def serves(main: EndpointFact) -> bool:
    """Whether requests are let through to its deployments."""
    return bool(main.scoring_uri) and main.state != "Deleting"


def _foreign(facts: Facts) -> Endpoint | None:
    if facts.endpoint is None:
        return None
    state = facts.endpoint.state
    phase = {"Succeeded": Phase.HEALTHY, "Deleting": Phase.STOPPING, "Failed": Phase.FAILED}.get(state, Phase.PENDING)
    return Endpoint(
        name=facts.name, target=facts.target, managed=False, phase=phase,
        detail=f"an endpoint ({state}) that deployer did not make",
    )  # fmt: skip


def _settings(facts: Facts) -> dict[str, JSON]:
    """What of the spec is the endpoint's, as Azure tells it now."""
    found = facts.main
    if found is None:
        return {}
    told: dict[str, JSON] = {
        "labels": {key: value for key, value in found.labels.items() if key not in facts.common},
        "config.auth_mode": _AUTH_MODES.get(found.auth_mode, found.auth_mode),
    }
    if not found.compute:
        told["config.public"] = found.public
    return told


def _strangers(facts: Facts) -> str:
    names = ", ".join(each.name for each in facts.others)
    return f"deployments that deployer did not make are in it: {names}" if names else ""


def traffic_of(facts: Facts) -> Traffic:
    """The live traffic: whom clients reach; deployments that are not ours by their own names."""
    main = facts.main
    if main is None or not serves(main):
        return Traffic()
    shares: dict[str, int] = {}
    for name, percent in main.traffic.items():
        revision = facts.runs(name)
        shares[revision] = shares.get(revision, 0) + percent
    return Traffic(shares) if sum(shares.values()) == 100 else Traffic()


def _mirror(facts: Facts) -> Mirrored | None:
    main = facts.main
    if main is None or not main.mirror:
        return None
    name, percent = next(iter(main.mirror.items()))
    return Mirrored(revision=facts.runs(name), percent=percent)


# Revisions.


def revision_of(facts: Facts, name: str) -> Revision | None:
    """One revision, as it runs; None where nothing runs of it."""
    found = facts.find(name)
    return _revision(facts, found) if found is not None else None


def _revision(facts: Facts, found: DeploymentFact) -> Revision:
    release = facts.record.releases.get(found.revision) if facts.record else None
    phase, detail = _seen(facts, found)
    main = facts.main
    return Revision(
        id=found.revision,
        phase=phase,
        wanted=found.count if phase is not Phase.STOPPING else 0,
        ready=_ready(found, phase),
        since=found.created or None,
        settled=found.settled and (main is None or main.settled),
        detail=detail,
        digest=release.digest if release else None,
        model=release.model.resolved if release else None,
        facts=_told(facts, found),
    )


def _seen(facts: Facts, found: DeploymentFact) -> tuple[Phase, str]:
    main = facts.main
    has = facts.share(found) > 0
    if found.state == "Deleting" or (main is not None and main.state == "Deleting"):
        return Phase.STOPPING, "it is being deleted"
    if found.state in GONE_WRONG:
        why = cut(found.trouble.partition("\n")[0]) or "Azure does not say why"
        return (Phase.DEGRADED, f"its last change failed: {why}") if has else (Phase.FAILED, why)
    if found.state == "Succeeded":
        return Phase.HEALTHY, ""
    if has:
        return Phase.HEALTHY, f"Azure changes it ({found.state})"
    return Phase.STARTING, "Azure looks for machines and starts its container"


def _ready(found: DeploymentFact, phase: Phase) -> int:
    """Azure tells no number while it changes one: one instance is certain, of what serves."""
    if phase not in (Phase.HEALTHY, Phase.DEGRADED):
        return 0
    return found.count if found.state == "Succeeded" else min(1, found.count)


def _told(facts: Facts, found: DeploymentFact) -> dict[str, JSON]:
    told: dict[str, JSON] = {"deployment": found.name, "state": found.state}
    if found.instance_type:
        told["instance_type"] = found.instance_type
    environment = facts.environment(found.environment.rpartition("/")[2])
    if environment is not None and "@" in environment.image:
        told["image"] = environment.image.rpartition("@")[2]
    scaler = facts.scaler(found)
    bounds = scaler.bounds if scaler is not None else found.bounds
    if bounds is not None:
        told["autoscaler"] = f"{bounds[0]} to {bounds[1]}"
    return told


# The endpoint.


def _judged(facts: Facts, revisions: tuple[Revision, ...], traffic: Traffic) -> tuple[Phase, str]:
    found = facts.main
    if found is None:
        lost = facts.record is not None and bool(facts.record.traffic) and facts.record.rollout is None
        if lost:
            return Phase.FAILED, "its endpoint is gone; deployer apply makes it anew"
        return Phase.PENDING, "no endpoint is made yet, or it is gone again"
    if found.state == "Deleting":
        return Phase.STOPPING, "it is being deleted"
    for each in revisions:
        if traffic.share(each.id) and each.phase is not Phase.HEALTHY:
            return each.phase, f"{each.id}: {each.detail}"
    if found.state in GONE_WRONG:
        why = cut(found.trouble.partition("\n")[0]) or "Azure does not say why"
        return (Phase.DEGRADED, f"its last change failed: {why}") if traffic else (Phase.FAILED, why)
    if not traffic:
        for each in revisions:
            if each.phase in (Phase.FAILED, Phase.STARTING):
                return each.phase, f"{each.id}: {each.detail}"
        return Phase.PENDING, "no revision has traffic" if found.settled else f"Azure makes it ({found.state})"
    return Phase.HEALTHY, "" if found.settled else f"Azure changes it ({found.state})"
