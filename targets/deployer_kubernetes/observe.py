"""From facts to an Endpoint. Pure."""

from __future__ import annotations

from deployer.endpoint import Endpoint, Mirrored, Phase, Revision, Traffic
from deployer.value import JSON
from deployer_kubernetes.facts import Facts, PodFact, ServerFact
from deployer_kubernetes.ingress import ingress_url
from deployer_kubernetes.kserve.diagnose import UNSEEN
from deployer_kubernetes.scaling.facts import sleepless

__all__ = ["HOPELESS", "UNSCHEDULED", "endpoint_of", "is_hopeless", "traffic_of"]

UNSCHEDULED = 5.0
"""Seconds after which a pod without a node is given up, unless the cluster is about to get one."""
HOPELESS = frozenset(
    {
        "ImagePullBackOff", "ErrImagePull", "InvalidImageName", "ErrImageNeverPull", "ImageInspectError",
        "CreateContainerConfigError", "CreateContainerError", "RunContainerError", "CrashLoopBackOff", "StartError",
        "FailedCreatePodSandBox", "FailedMount",
    }
)  # fmt: skip
"""What a container waits for in vain, in the kubelet's words."""
_NOT_STARTED = ("StartError", "ContainerCannotRun")
"""The kubelet's words for a program that never ran."""


def endpoint_of(facts: Facts) -> Endpoint | None:
    """The endpoint as it is; None when nothing is there."""
    if not facts.there:
        if not facts.foreign:
            return None
        return Endpoint(
            name=facts.name, target=facts.target, managed=False, phase=Phase.PENDING,
            detail=f"{facts.foreign}, which deployer did not make",
        )  # fmt: skip
    names = {each.revision for each in facts.servers} | {each.revision for each in facts.pods}
    revisions = tuple(revision_of(facts, name) for name in sorted(names - {""}))
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
        detail="; ".join(filter(None, (detail, facts.record_trouble))),
    )


def _url(facts: Facts) -> str | None:
    """In the cluster; the Service of what was adopted may have another port than 80."""
    if facts.route is not None and facts.route.url:
        return facts.route.url
    if facts.service is None:
        return None
    outside = ingress_url(facts.record.spec if facts.record is not None else None)
    if outside:
        return outside
    port = "" if facts.service.port == 80 else f":{facts.service.port}"
    return f"http://{facts.name}.{facts.namespace}.svc{port}"


def traffic_of(facts: Facts) -> Traffic:
    """The live traffic: where the Service's selector leads, once its pods get requests and nobody else's do.

    Where its own gateway shares it, what all its pods have loaded; where somebody's does, what the route says, since
    that gateway's own pods are not ours to ask.
    """
    if facts.service is None:
        return Traffic()
    if facts.route is not None:
        return Traffic(dict(facts.route.shares))
    wished = facts.service.revision
    behind = {each.revision for each in facts.pods if each.name in facts.service.behind}
    others = sorted(behind - {wished, ""})
    if others:
        return Traffic.all_to(others[0])
    if facts.service.gateway:
        return facts.gateway.traffic() if facts.gateway is not None else Traffic()
    reached = wished in behind or not any(each.ready for each in facts.live(wished))
    return Traffic.all_to(wished) if wished and reached else Traffic()


def _mirror(facts: Facts) -> Mirrored | None:
    led = facts.service is not None and facts.service.gateway and facts.gateway is not None
    return facts.gateway.mirror() if led and facts.gateway is not None else None


# Revisions.


def revision_of(facts: Facts, name: str) -> Revision:
    """One revision as it runs."""
    server, live = facts.server(name), facts.live(name)
    ready = [each for each in live if each.ready]
    release = facts.record.releases.get(name) if facts.record else None
    if server is None:
        phase, detail = Phase.STOPPING, "its requests are being ended"
    else:
        phase, detail = _revision_phase(facts, server, live, len(ready))
    return Revision(
        id=name,
        phase=phase,
        wanted=server.wanted if server is not None else 0,
        ready=len(ready) if server is not None else 0,
        restarts=sum(each.restarts for each in live),
        since=server.created if server is not None else min((each.created for each in live), default=None),
        settled=server is not None and _settled(facts, server),
        detail=detail,
        digest=(server.told.get("digest") if server else None) or (release.digest if release else None),
        model=(server.model if server else None) or (release.model.resolved if release else None),
        facts=_told(facts, name, live),
    )


def _told(facts: Facts, name: str, live: tuple[PodFact, ...]) -> dict[str, JSON]:
    found: dict[str, JSON] = {"pods": {each.name: _pod_words(each) for each in live}}
    nodes = sorted({each.node for each in live if each.node})
    images = sorted({each.image.rpartition("@")[2] for each in live if each.image})
    if nodes:
        found["nodes"] = nodes
    if images:
        found["image"] = images[0] if len(images) == 1 else images
    server = facts.server(name)
    if server is not None and server.made_by:
        found["inferenceservice"] = server.made_by
    scaler = facts.scaler(name)
    if scaler is not None:
        found["autoscaler"] = (
            f"{scaler.least} to {scaler.most}, now {scaler.present if scaler.present is not None else '?'}"
        )
    return found


def _pod_words(pod: PodFact) -> str:
    again = f"{pod.restarts} restart{'s' * (pod.restarts > 1)}" if pod.restarts else ""
    place = f"on {pod.node}" if pod.node else "on no node"
    return ", ".join(filter(None, (place, "ready" if pod.ready else "not ready", again)))


def is_hopeless(facts: Facts, pod: PodFact) -> bool:
    """Whether a pod will not become ready if it is only waited for."""
    if pod.ready or pod.leaving:
        return False
    if pod.waiting in HOPELESS or pod.phase == "Failed":
        return True
    if pod.unscheduled and not facts.growing:
        since = pod.unscheduled_since if pod.unscheduled_since is not None else pod.created
        return facts.now is not None and facts.now - since >= UNSCHEDULED
    return pod.last is not None and pod.restarts > 0 and pod.starting


def _revision_phase(facts: Facts, server: ServerFact, live: tuple[PodFact, ...], ready: int) -> tuple[Phase, str]:
    if server.wanted and ready >= server.wanted:
        return Phase.HEALTHY, ""
    if not server.wanted and facts.may_sleep(server.revision):
        return Phase.HEALTHY, "asleep; a request wakes it"
    short = f"{ready} of {server.wanted} pods are ready"
    lost = [each for each in live if is_hopeless(facts, each)]
    why = how(max(lost, key=lambda each: each.restarts)) if lost else server.failure[:300]
    if why:
        return (Phase.DEGRADED, f"{short}; {why}") if ready else (Phase.FAILED, why)
    if ready:
        return Phase.DEGRADED, short
    return Phase.STARTING, UNSEEN if server.unseen else "its pods are starting"


def how(pod: PodFact) -> str:
    """What is wrong with a pod, in a phrase."""
    if pod.unscheduled:
        return f"{pod.name} has no node: {pod.unscheduled[:300]}"
    if pod.last is not None and pod.last.reason == "OOMKilled":
        most = f"the {pod.memory} that " if pod.memory else ""
        return f"{pod.name} was ended since it used more memory than {most}it may"
    if pod.last is not None and pod.last.reason in _NOT_STARTED:
        return f"{pod.name} cannot be started: {pod.last.message[:300]}"
    if pod.last is not None and pod.waiting in ("", "CrashLoopBackOff"):
        times = f", {pod.restarts} times by now" if pod.restarts > 1 else ""
        return f"{pod.name} exited {pod.last.code}{times}"
    return f"{pod.name}: {pod.waiting or pod.phase} {pod.waiting_message[:300]}".strip()


def _settled(facts: Facts, server: ServerFact) -> bool:
    """Whether the cluster has done what it was asked: the count, the template, and where requests go."""
    if not server.acted or server.count != server.wanted or server.current != server.count:
        return False
    if any(each.leaving for each in facts.of(server.revision)):
        return False
    service = facts.service
    behind = [each for each in facts.pods if service is not None and each.name in service.behind]
    if service is not None and service.revision == server.revision:
        reached = all(each in behind for each in facts.live(server.revision) if each.ready)
        return reached and all(each.revision == server.revision for each in behind)
    return not any(each.revision == server.revision for each in behind)


# The endpoint.


def _judged(facts: Facts, revisions: tuple[Revision, ...], traffic: Traffic) -> tuple[Phase, str]:
    if facts.service is None:
        if not revisions:
            return Phase.PENDING, "only its record is there" if facts.record else "it is not made yet, or not all gone"
        return Phase.FAILED, "its Service is gone; deployer apply makes it anew"
    lost, trouble = _trouble_before(facts)
    if not traffic and trouble and (lost or (facts.record and facts.record.traffic)):
        some = facts.gateway is not None and bool(facts.gateway.ready) and not lost
        return (Phase.PENDING if some else Phase.FAILED), trouble
    if not traffic:
        for phase in (Phase.FAILED, Phase.STARTING):
            for each in revisions:
                if each.phase is phase:
                    return phase, f"{each.id}: {each.detail}"
        return Phase.PENDING, "no revision has traffic"
    served = next((each for each in revisions if each.id == traffic.served[0]), None)
    if served is None:
        return Phase.FAILED, "what is to serve it is not there; deployer apply makes it anew"
    if not served.ready and served.phase is not Phase.HEALTHY:
        return (Phase.STARTING if served.phase is Phase.STARTING else Phase.FAILED), f"{served.id}: {served.detail}"
    lesser = [each for each in revisions if each.id in traffic.served and each.phase is not Phase.HEALTHY]
    short = f"{lesser[0].id}: {lesser[0].detail}" if lesser else trouble
    return (Phase.DEGRADED, short) if short else (Phase.HEALTHY, "")


def _trouble_before(facts: Facts) -> tuple[bool, str]:
    """What is wrong with whatever shares its traffic, in a phrase, and whether waiting is in vain."""
    if facts.route is not None and facts.route.trouble:
        return True, facts.route.trouble
    if facts.activator is not None and facts.service is not None and facts.service.activator:
        lost = next((each for each in facts.activator.pods if is_hopeless(facts, each)), None)
        said = facts.activator.trouble or sleepless(facts)
        return lost is not None, f"its activator: {how(lost)}" if lost is not None else said
    if kept_awake := sleepless(facts):
        return False, kept_awake
    if facts.service is None or not facts.service.gateway:
        return False, ""
    if facts.gateway is None:
        return True, "its gateway is gone; deployer apply makes it anew"
    lost = next((each for each in facts.gateway.current_pods if is_hopeless(facts, each)), None)
    return lost is not None, f"its gateway: {how(lost)}" if lost is not None else facts.gateway.trouble
