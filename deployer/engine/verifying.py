"""Waits until a revision is healthy, or certainly will not be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from deployer.endpoint import Code, Diagnosis, Phase
from deployer.engine.claiming import Hold
from deployer.engine.clock import Clock
from deployer.engine.health import Answer, Failed, Passed, Policy, Seen, Waiting, consecutive, ready, soak
from deployer.engine.patience import patiently
from deployer.engine.question import judge
from deployer.errors import DeploymentFailed, TargetUnavailable
from deployer.spec import DeploymentSpec
from deployer.target import Diagnoses, InvokesRevision, Request, Target, Watches

__all__ = ["Verification", "health_policy", "verify"]

_KEPT_ANSWERS = 100
_PROBE_PAUSE = 0.05


@dataclass(frozen=True)
class Verification:
    """What is to be verified, and how.

    Attributes:
        endpoint: Its name.
        revision: The one to verify.
        policy: When it counts as healthy.
        request: What it is asked; None: only whether it is ready.
        timeout: Seconds.
        once: Look as often as the policy needs without waiting, then stop.
        answers: Whether it must answer at all, or only be ready.
    """

    endpoint: str
    revision: str
    policy: Policy
    request: Request | None
    timeout: float
    once: bool = False
    answers: bool = True


def health_policy(spec: DeploymentSpec, *, answers: bool) -> Policy:
    """The spec's."""
    policy: Policy = ready()
    if answers:
        policy = policy & consecutive(spec.health.consecutive) & soak(spec.health.soak)
    return policy


def verify(
    what: Verification, target: Target, clock: Clock, hold: Hold, tell: Callable[[str], None]
) -> tuple[Passed | Waiting, Seen]:
    """Look, ask and decide until the policy passes.

    Returns:
        Passed, or (only with ``once``) what it still waits for; and what was seen last.

    Raises:
        DeploymentFailed: The policy failed, or time was over; carries the Diagnosis with its evidence.
    """
    began = clock.monotonic()
    seen = Seen(now=began, revision=None)
    rounds = 0
    while True:
        seen = _look(what, target, clock, seen)
        if what.answers and seen.revision is not None and seen.revision.ready > 0:
            seen = _ask(what, target, clock, seen)
        verdict = what.policy(seen)
        if isinstance(verdict, Passed):
            return verdict, seen
        if isinstance(verdict, Failed):
            raise DeploymentFailed(_headline(verdict.diagnosis), diagnosis=verdict.diagnosis)
        tell(verdict.reason)
        if clock.monotonic() - began >= what.timeout:
            diagnosis = _timed_out(what, target, seen, verdict.reason)
            raise DeploymentFailed(_headline(diagnosis), diagnosis=diagnosis)
        good = bool(seen.answers) and seen.answers[-1].good
        rounds += 1
        if what.once and not (good and rounds < _KEPT_ANSWERS and not isinstance(_only_soak(what, seen), Waiting)):
            return verdict, seen
        hold.renew()
        if good:
            clock.sleep(_PROBE_PAUSE)
        elif isinstance(target, Watches):
            target.watch(what.endpoint, min(target.poll, 1.0))
        else:
            clock.sleep(target.poll)


def _only_soak(what: Verification, seen: Seen) -> Passed | Waiting | Failed:
    """With ``once``: whether asking again at once could still change the verdict."""
    full = replace(seen, answers=(*seen.answers, *(Answer(good=True),) * _KEPT_ANSWERS))
    return what.policy(full)


def _look(what: Verification, target: Target, clock: Clock, seen: Seen) -> Seen:
    endpoint = patiently(clock, lambda: target.observe(what.endpoint))
    revision = endpoint.find(what.revision) if endpoint else None
    diagnosis = None
    if revision is not None and revision.phase is Phase.FAILED:
        diagnosis = _diagnosed(target, what)
    well = revision is not None and revision.phase is not Phase.FAILED and revision.ready >= max(1, revision.wanted)
    since = seen.good_since if well else None
    return replace(
        seen, now=clock.monotonic(), revision=revision, diagnosis=diagnosis,
        good_since=since if since is not None else (clock.monotonic() if well else None),
        answers=seen.answers if well else (),
    )  # fmt: skip


def _ask(what: Verification, target: Target, clock: Clock, seen: Seen) -> Seen:
    request = what.request or Request(path="/ready", method="GET", headers={"Deployer-Revision": what.revision})
    try:
        if isinstance(target, InvokesRevision):
            response = target.invoke_revision(what.endpoint, what.revision, request)
        else:
            response = target.invoke(what.endpoint, request)
        answer = judge(response, what.revision, asked=what.request is not None)
    except TargetUnavailable as error:
        if not error.transient:
            raise
        answer = Answer(good=False, detail=error.message)
    answers = (*seen.answers, answer)[-_KEPT_ANSWERS:]
    return replace(seen, now=clock.monotonic(), answers=answers, good_since=seen.good_since if answer.good else None)


def _timed_out(what: Verification, target: Target, seen: Seen, reason: str) -> Diagnosis:
    found = _diagnosed(target, what)
    if found is not None and found.code is not Code.UNKNOWN:
        return found
    evidence = [*(found.evidence if found else ()), *dict.fromkeys(a.detail for a in seen.answers if a.detail)]
    return Diagnosis(
        code=Code.PROBE_TIMEOUT,
        summary=f"{what.revision} is not healthy after {what.timeout:.0f} s: {reason}",
        evidence=tuple(evidence[-10:]),
        hint="--timeout or health.timeout gives it longer; deployer logs shows what it does",
    )


def _diagnosed(target: Target, what: Verification) -> Diagnosis | None:
    if not isinstance(target, Diagnoses):
        return None
    try:
        return target.diagnose(what.endpoint, what.revision)
    except TargetUnavailable:
        return None


_HEADLINES = {
    Code.MISSING_DEPENDENCY: "the new revision cannot load its model",
    Code.MODEL_LOAD: "the new revision cannot load its model",
    Code.CRASH_LOOP: "the new revision does not stay up",
    Code.OUT_OF_MEMORY: "the new revision runs out of memory",
    Code.PROBE_TIMEOUT: "the new revision did not become healthy in time",
    Code.PARITY: "the new revision does not answer as the packaged model does",
    Code.SIGNATURE_MISMATCH: "the new revision refuses the model's own example",
}


def _headline(diagnosis: Diagnosis) -> str:
    return _HEADLINES.get(diagnosis.code, "the new revision is not healthy")
