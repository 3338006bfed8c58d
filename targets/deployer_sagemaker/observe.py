"""From facts to an Endpoint. Pure.

AWS's nine states, as they are told: Creating is starting; InService is healthy, if it serves what was asked for;
Updating, SystemUpdating serve on, and are not settled; RollingBack and UpdateRollbackFailed serve on, degraded;
OutOfService and Failed are failed; Deleting is stopping.
"""

from __future__ import annotations

from deployer.endpoint import Endpoint, Phase, Revision, Traffic
from deployer.value import JSON
from deployer_sagemaker.causes import in_short
from deployer_sagemaker.facts import SERVING, EndpointFact, Facts, VariantFact
from deployer_sagemaker.marks import State, shares_of
from deployer_sagemaker.sizes import SERVERLESS

__all__ = ["endpoint_of", "revision_of", "traffic_of"]

_ENDPOINT_PHASES = {
    "Creating": Phase.STARTING,
    "InService": Phase.HEALTHY,
    "Updating": Phase.HEALTHY,
    "SystemUpdating": Phase.HEALTHY,
    "RollingBack": Phase.DEGRADED,
    "UpdateRollbackFailed": Phase.DEGRADED,
    "OutOfService": Phase.FAILED,
    "Failed": Phase.FAILED,
    "Deleting": Phase.STOPPING,
}
_WORDS = {
    "RollingBack": "AWS takes its last change back",
    "SystemUpdating": "AWS maintains it; it cannot be changed or deleted meanwhile",
    "UpdateRollbackFailed": "AWS could not take its last change back: instances of both revisions answer",
    "OutOfService": "AWS has taken it out of service",
    "Failed": "it could not be made",
    "Deleting": "it is being deleted",
}


def endpoint_of(facts: Facts) -> Endpoint | None:
    """The endpoint as it is; None when nothing is there."""
    found = facts.endpoint
    if not facts.there or (found is not None and not found.ours):
        return _foreign(facts)
    names = {revision for each in _both(facts) for revision in _runs_of(facts, each)}
    names |= {revision for each in facts.configs if each.state is State.STAGED for revision in each.revisions}
    revisions = tuple(revision_of(facts, name) for name in sorted(names))
    traffic = traffic_of(facts)
    phase, detail = _judged(facts, revisions, traffic)
    return Endpoint(
        name=facts.name,
        target=facts.target,
        owner=facts.owner,
        phase=phase,
        url=facts.url if found is not None and found.status in SERVING else None,
        since=facts.record.created if facts.record else None,
        revisions=revisions,
        traffic=traffic,
        detail="; ".join(filter(None, (detail, facts.record_trouble))),
        settings=_settings(facts),
    )


def _foreign(facts: Facts) -> Endpoint | None:
    if facts.endpoint is None:
        return None
    status = facts.endpoint.status
    return Endpoint(
        name=facts.name, target=facts.target, managed=False, phase=_ENDPOINT_PHASES.get(status, Phase.PENDING),
        detail=f"an endpoint ({status}) that deployer did not make",
    )  # fmt: skip


def _both(facts: Facts) -> tuple[EndpointFact, ...]:
    return tuple(each for each in (facts.endpoint, facts.verify) if each is not None and each.ours)


def _runs_of(facts: Facts, endpoint: EndpointFact) -> set[str]:
    """The revisions that an endpoint runs, or is on its way to."""
    configs = filter(None, (endpoint.config, endpoint.pending))
    return {revision for name in configs for revision in facts.run_by(name).values()}


def _settings(facts: Facts) -> dict[str, JSON]:
    if facts.endpoint is None or not facts.endpoint.ours:
        return {}
    return {"labels": {key: value for key, value in facts.endpoint.labels.items() if key not in facts.common}}


def traffic_of(facts: Facts) -> Traffic:
    """The live traffic: whom clients reach now.

    An endpoint that was never released (it is only staged) serves nobody by our account, though AWS would answer who
    asks. While AWS moves it to another configuration, it is told as the old one's until all of it has moved.
    """
    found = facts.endpoint
    if found is None or found.marks is None or found.marks.traffic is None or found.status not in SERVING:
        return Traffic()
    runs = facts.run_by(found.config)
    if len(runs) == 1:
        return Traffic.all_to(next(iter(runs.values())))
    weights = [(runs[each.name], each.weight) for each in found.variants if each.name in runs]
    return Traffic(shares_of(weights))


# Revisions.


def revision_of(facts: Facts, name: str) -> Revision:
    """One revision, as it runs or will."""
    release = facts.record.releases.get(name) if facts.record else None
    phase, detail, where, variant, settled = _seen(facts, name)
    serverless = variant is not None and variant.serverless
    up = phase in (Phase.HEALTHY, Phase.DEGRADED)
    wanted = (1 if serverless else variant.wanted) if variant is not None else 0
    ready = (int(up) if serverless else variant.ready) if variant is not None else 0
    return Revision(
        id=name,
        phase=phase,
        wanted=wanted if where is not None and phase is not Phase.STOPPING else 0,
        ready=ready if up else 0,
        since=_since(facts, name, where),
        settled=settled,
        detail=detail,
        digest=release.digest if release else None,
        model=release.model.resolved if release else None,
        facts=_told(facts, name, where, variant),
    )


_Seen = tuple[Phase, str, EndpointFact | None, VariantFact | None, bool]
"""Phase, its words, the endpoint that runs it, its variant, whether it is settled."""


def _seen(facts: Facts, name: str) -> _Seen:
    main, verify = (each if each is not None and each.ours else None for each in (facts.endpoint, facts.verify))
    if main is not None and (variant := _among(facts, main, main.config, name)) is not None:
        return _serving(main, variant)
    if main is not None and main.pending and name in facts.run_by(main.pending).values():
        coming = _among(facts, main, main.pending, name, coming=True)
        return Phase.STARTING, _progress(main, coming), main, coming, False
    if main is not None and main.reverted and name in facts.run_by(main.reverted).values():
        why = f": {in_short(main.reason)}" if main.reason else ", and does not say why"
        did = "took the update to it back" if main.status in SERVING else "failed to update to it"
        return Phase.FAILED, f"AWS {did}{why}", None, None, True
    if main is not None and verify is None and name in facts.run_by(main.unseen).values():
        return Phase.STARTING, "it was asked for, and AWS does not tell of it yet", main, None, False
    if main is not None and name in facts.run_by(main.arriving).values():
        return Phase.STARTING, "its requests have moved, and AWS ends what served before", main, None, False
    if verify is not None and (variant := _among(facts, verify, verify.config, name)) is not None:
        return _serving(verify, variant)
    return Phase.PENDING, "nothing runs of it", None, None, True


def _among(
    facts: Facts, endpoint: EndpointFact, config: str, revision: str, *, coming: bool = False
) -> VariantFact | None:
    """The variant of an endpoint that runs a revision; one without instances where AWS tells none (yet)."""
    runs = facts.run_by(config)
    name = next((variant for variant, runner in runs.items() if runner == revision), None)
    if name is None:
        return None
    told = endpoint.coming if coming else endpoint.variants or endpoint.coming
    return next((each for each in told if each.name == name), VariantFact(name))


def _serving(endpoint: EndpointFact, variant: VariantFact) -> _Seen:
    """A revision that an endpoint serves by, or is made with."""
    status, reason = endpoint.status, in_short(endpoint.reason)
    if status == "Creating":
        return Phase.STARTING, _progress(endpoint, variant), endpoint, variant, False
    if status in ("Failed", "OutOfService"):
        return Phase.FAILED, reason or _WORDS[status], endpoint, variant, True
    if status == "Deleting":
        return Phase.STOPPING, _WORDS[status], endpoint, variant, False
    settled = endpoint.settled and not endpoint.unseen and variant.full and variant.weight == variant.weighed
    if status in ("RollingBack", "UpdateRollbackFailed"):
        return Phase.DEGRADED, f"{_WORDS[status]}: {reason}".rstrip(": "), endpoint, variant, settled
    if variant.full:
        return Phase.HEALTHY, _progress(endpoint, variant) if not endpoint.settled else "", endpoint, variant, settled
    short = f"{variant.ready} of {variant.wanted} instances serve"
    return (Phase.DEGRADED if variant.ready else Phase.STARTING), short, endpoint, variant, settled


def _progress(endpoint: EndpointFact, variant: VariantFact | None) -> str:
    """What AWS is at, in its own words where it tells."""
    if variant is not None and variant.stage:
        return f"AWS: {variant.stage}"
    return {"Creating": "AWS looks for instances and starts its container", "Updating": "AWS changes it"}.get(
        endpoint.status, _WORDS.get(endpoint.status, endpoint.status)
    )


def _since(facts: Facts, name: str, where: EndpointFact | None) -> float | None:
    if where is None:
        staged = facts.staged(name)
        return staged.created if staged is not None else None
    if where is facts.verify or where.status in ("Creating", "Failed"):
        return where.created
    config = facts.config(where.config)
    return max(where.created, config.created) if config is not None and name in config.revisions else where.modified


def _told(facts: Facts, name: str, where: EndpointFact | None, variant: VariantFact | None) -> dict[str, JSON]:
    if where is None:
        return {}
    found: dict[str, JSON] = {"endpoint": where.name, "status": where.status}
    config = facts.config(where.config)
    if config is not None:
        found["config"] = config.name
        if config.types:
            found["instance_type"] = ", ".join(dict.fromkeys(config.types))
    if variant is not None and variant.serverless:
        found["instance_type"] = SERVERLESS
    if variant is not None and variant.images:
        found["image"] = variant.images[0] if len(variant.images) == 1 else [*variant.images]
    if facts.scaler is not None and where is facts.endpoint and name in facts.run_by(where.config).values():
        found["autoscaler"] = f"{facts.scaler.least} to {facts.scaler.most}"
    return found


# The endpoint.


def _judged(facts: Facts, revisions: tuple[Revision, ...], traffic: Traffic) -> tuple[Phase, str]:
    found = facts.endpoint
    if found is None:
        lost = facts.record is not None and bool(facts.record.traffic) and facts.record.rollout is None
        if lost:
            return Phase.FAILED, "its endpoint is gone; deployer apply makes it anew"
        return Phase.PENDING, "no endpoint is made yet, or it is gone again"
    if found.status in ("Deleting", "Failed", "OutOfService", "UpdateRollbackFailed", "RollingBack"):
        words = f"{_WORDS[found.status]}: {in_short(found.reason)}".rstrip(": ")
        return _ENDPOINT_PHASES[found.status], words
    if not traffic:
        for each in revisions:
            if each.phase in (Phase.FAILED, Phase.STARTING):
                return each.phase, f"{each.id}: {each.detail}"
        return Phase.PENDING, "no revision has traffic"
    for each in revisions:
        if traffic.share(each.id) and each.phase is not Phase.HEALTHY:
            return each.phase, f"{each.id}: {each.detail}"
    if found.reverted:
        reverted = ", ".join(facts.run_by(found.reverted).values()) or found.reverted
        why = f": {in_short(found.reason)}" if found.reason else ""
        return Phase.DEGRADED, f"AWS took the update to {reverted} back{why}"
    return _ENDPOINT_PHASES.get(found.status, Phase.PENDING), "" if found.settled else _progress(found, None)
