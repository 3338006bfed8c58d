"""From facts to an Endpoint. Pure."""

from __future__ import annotations

from deployer.endpoint import Endpoint, Phase, Revision, Traffic
from deployer.quantity import format_duration
from deployer.value import JSON
from deployer_local.facts import Facts, Supervision, WorkerFact

__all__ = ["endpoint_of", "revision_of", "traffic_of"]


def endpoint_of(facts: Facts) -> Endpoint | None:
    """The endpoint as it is; None when nothing is there."""
    if facts.foreign:
        return Endpoint(
            name=facts.name, target=facts.target, managed=False, phase=Phase.PENDING,
            detail="a folder of this name lies there that deployer did not make",
        )  # fmt: skip
    if not facts.there:
        return None
    revisions = tuple(revision_of(facts, name) for name in _names(facts))
    phase, detail = _judged(facts, revisions)
    detail = "; ".join(filter(None, (detail, facts.record_trouble)))
    return Endpoint(
        name=facts.name,
        target=facts.target,
        owner=_owner(facts),
        phase=phase,
        url=_url(facts),
        since=_since(facts),
        revisions=revisions,
        traffic=traffic_of(facts),
        detail=detail,
        settings=_settings(facts),
    )


def _names(facts: Facts) -> list[str]:
    wanted = dict(facts.desired.revisions) if facts.desired else {}
    running = {each.revision for each in facts.workers if each.alive or each.phase in ("running", "stopping")}
    return [*wanted, *sorted(running - set(wanted))]


def _owner(facts: Facts) -> str | None:
    if facts.desired is not None:
        return facts.desired.marks.owner
    return facts.record.owner if facts.record else None


def _since(facts: Facts) -> float | None:
    return facts.record.created if facts.record else None


def _url(facts: Facts) -> str | None:
    port = facts.desired.settings.port if facts.desired else None
    port = port if port is not None else facts.port
    if port is None:
        return None
    host = facts.desired.settings.host if facts.desired else facts.host or "127.0.0.1"
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _settings(facts: Facts) -> dict[str, JSON]:
    if facts.desired is None:
        return {}
    settings = facts.desired.settings
    found: dict[str, JSON] = {
        "config.host": settings.host,
        "config.drain": format_duration(settings.drain),
        "labels": dict(settings.labels),
        "history_limit": settings.history_limit,
    }
    if settings.port is not None:
        found["config.port"] = settings.port
    return found


def traffic_of(facts: Facts) -> Traffic:
    """The live traffic: what accepts on the port now. While it moves, by the count of workers that accept."""
    counts: dict[str, int] = {}
    for each in facts.workers:
        if each.alive and each.accepting:
            counts[each.revision] = counts.get(each.revision, 0) + 1
    total = sum(counts.values())
    if not total:
        return Traffic()
    shares = {revision: 100 * count // total for revision, count in counts.items()}
    first = min(shares)
    shares[first] += 100 - sum(shares.values())
    return Traffic(shares)


def routed(facts: Facts) -> str | None:
    """The revision that is to have the traffic."""
    traffic = facts.desired.traffic if facts.desired else {}
    return next((revision for revision, percent in traffic.items() if percent), None)


# Revisions.


def revision_of(facts: Facts, name: str) -> Revision:
    """One revision as it runs."""
    wanted = facts.desired.revisions.get(name) if facts.desired else None
    workers = facts.of(name)
    ready = sum(1 for each in workers if each.ready)
    if wanted is None:
        phase, detail = Phase.STOPPING, "its requests are being ended"
    else:
        phase, detail = _revision_phase(facts, name, wanted.replicas, ready)
    return Revision(
        id=name,
        phase=phase,
        wanted=wanted.replicas if wanted else 0,
        ready=ready,
        restarts=sum(each.restarts for each in workers),
        since=(facts.began.get(name) or wanted.since) if wanted else None,
        settled=_settled(facts, name),
        detail=detail,
        digest=wanted.digest if wanted else None,
        model=wanted.model if wanted else None,
        facts=_told(facts, workers),
    )


def _told(facts: Facts, workers: tuple[WorkerFact, ...]) -> dict[str, JSON]:
    pids = [each.pid for each in workers if each.pid and each.alive]
    memory = [size for pid in pids if (size := facts.memory.get(pid)) is not None]
    return {"pids": pids, "memory": sum(memory)} if memory else {"pids": pids}


def _known(facts: Facts, name: str) -> bool:
    """Whether the supervisor has seen the newest staging of a revision."""
    wanted = facts.desired.revisions.get(name) if facts.desired else None
    return wanted is not None and facts.serials.get(name) == wanted.serial


def _revision_phase(facts: Facts, name: str, wanted: int, ready: int) -> tuple[Phase, str]:
    workers = facts.of(name)
    failed = [each for each in workers if each.phase == "failed"]
    looping = [each for each in workers if each.looping]
    if facts.supervision is Supervision.GONE and not any(each.alive for each in workers):
        return (Phase.FAILED, "nothing of it runs") if facts.acted else (Phase.PENDING, "nothing of it runs yet")
    if ready >= wanted:
        return Phase.HEALTHY, ""
    if failed and _known(facts, name):
        how = _ending(failed[0])
        return (Phase.DEGRADED, f"{ready} of {wanted} workers; {how}") if ready else (Phase.FAILED, how)
    if looping:
        text = f"crashes again and again; {_ending(looping[0])}"
        return (Phase.DEGRADED, f"{ready} of {wanted} workers; {text}") if ready else (Phase.FAILED, text)
    if name not in facts.was_ready:
        loading = any(each.state == "loading" for each in workers)
        return Phase.STARTING, "the model is loading" if loading else "the workers are starting"
    crashed = next((each for each in workers if each.phase == "waiting" and each.last_exit), None)
    text = f"{ready} of {wanted} workers are ready" + (f"; {_ending(crashed)}, and is started again" if crashed else "")
    return (Phase.DEGRADED, text) if ready else (Phase.STARTING, text)


def _ending(worker: WorkerFact) -> str:
    last = worker.last_exit or {}
    name = f"worker {worker.number}"
    if last.get("error"):
        return f"{name} {last['error']}"
    if last.get("signal"):
        return f"{name} was ended by {last['signal']}"
    if last.get("code") is not None:
        return f"{name} exited {last['code']} after {float(last.get('ran', 0.0)):.1f} s"
    return f"{name} ended"


def _settled(facts: Facts, name: str) -> bool:
    if facts.supervision is not Supervision.ANSWERS or facts.acted != facts.seen:
        return False
    wanted = facts.desired.revisions.get(name) if facts.desired else None
    workers = facts.of(name)
    if wanted is None:
        return not workers
    if not _known(facts, name) or len(workers) != wanted.replicas:
        return False
    if any(each.phase == "stopping" for each in workers):
        return False
    if routed(facts) == name:
        ready = [each for each in workers if each.ready]
        return bool(ready) and all(each.accepting for each in ready) and not facts.port_trouble
    return not any(each.accepting for each in workers)


# The endpoint.


def _judged(facts: Facts, revisions: tuple[Revision, ...]) -> tuple[Phase, str]:
    desired = facts.desired
    serving = sum(1 for each in facts.workers if each.alive and each.accepting)
    if desired is not None and desired.gone:
        return Phase.STOPPING, facts.trouble or "it is being removed"
    if desired is None and not facts.workers:
        return Phase.PENDING, "only its record is there" if facts.record else "nothing of it can be read"
    if facts.rebooted and not serving:
        return Phase.FAILED, "the host was started again since; deployer apply starts its workers"
    if facts.supervision is not Supervision.ANSWERS and facts.acted is not None:
        return _unsupervised(facts, serving)
    if desired is None:
        return (Phase.DEGRADED if serving else Phase.FAILED), "what is wished cannot be read; apply writes it anew"
    if facts.port_trouble:
        return (Phase.DEGRADED if serving else Phase.FAILED), port_sentence(facts)
    target = routed(facts)
    return _routed(facts, target, revisions, serving) if target is not None else _unrouted(revisions)


def _unsupervised(facts: Facts, serving: int) -> tuple[Phase, str]:
    what = "its supervisor is gone" if facts.supervision is Supervision.GONE else "its supervisor does not answer"
    if serving:
        return Phase.DEGRADED, f"{what}; its workers serve on, and apply repairs it"
    return Phase.FAILED, f"{what}, and nothing serves; deployer apply repairs it"


def _unrouted(revisions: tuple[Revision, ...]) -> tuple[Phase, str]:
    for phase in (Phase.FAILED, Phase.STARTING):
        for each in revisions:
            if each.phase is phase:
                return phase, f"{each.id}: {each.detail}"
    return Phase.PENDING, "no revision has traffic"


def _routed(facts: Facts, target: str, revisions: tuple[Revision, ...], serving: int) -> tuple[Phase, str]:
    revision = next((each for each in revisions if each.id == target), None)
    if revision is None:
        return Phase.FAILED, f"{target}, which is to serve it, is not there"
    accepting = sum(1 for each in facts.of(revision.id) if each.alive and each.accepting)
    if revision.ready >= revision.wanted and accepting >= revision.wanted:
        return Phase.HEALTHY, ""
    if serving:
        return Phase.DEGRADED, revision.detail or f"{accepting} of {revision.wanted} workers take requests"
    if revision.phase is Phase.HEALTHY:
        return Phase.STARTING, "traffic is about to move"
    return (revision.phase if revision.phase in (Phase.FAILED, Phase.STARTING) else Phase.DEGRADED), revision.detail


def port_sentence(facts: Facts) -> str:
    """Why the endpoint does not listen where it should."""
    port = facts.desired.settings.port if facts.desired else None
    if facts.port_trouble == "taken":
        return f"port {port} is taken by {facts.port_owner or 'another process'}"
    return f"it cannot listen{f' on port {port}' if port else ''}: {facts.port_trouble}"
