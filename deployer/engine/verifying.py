"""Waits until a revision is healthy, or certainly will not be."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from itertools import count

from deployer.endpoint import Code, Diagnosis, Phase, Revision
from deployer.engine.claiming import Hold
from deployer.engine.clock import Clock
from deployer.engine.health import Answer, Failed, Passed, Policy, Seen, Waiting, consecutive, ready, soak, undiagnosed
from deployer.engine.patience import patiently, pause
from deployer.engine.question import judge
from deployer.errors import DeploymentFailed, NotFound, TargetUnavailable
from deployer.spec import DeploymentSpec
from deployer.target import Diagnoses, InvokesRevision, Request, Target, Watches

__all__ = ["Verification", "condemned", "health_policy", "verify"]

_KEPT_ANSWERS = 100
_PROBE_PAUSE = 0.05
_FIRST_PAUSE = 0.5
"""Seconds between the first two looks, and half as many again each time; never more than `Target.poll`."""


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
        elapsed: Seconds of the timeout that earlier runs (``once``) have used.
        good_since: When the row of good states began, in an earlier run; monotonic.
        patience: Seconds after which waiting ends, and the revision is left as it is; None: as long as the timeout.
        compared: Whether the server compares its answers with the packaged model's.
        keys: The header that lets a request in, where the endpoint asks for a key.
    """

    endpoint: str
    revision: str
    policy: Policy
    request: Request | None
    timeout: float
    once: bool = False
    answers: bool = True
    elapsed: float = 0.0
    good_since: float | None = None
    patience: float | None = None
    compared: bool = True
    keys: Mapping[str, str] = field(default_factory=dict, repr=False)


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
        Passed, or (with ``once``, or when patience is over) what it still waits for; and what was seen last.

    Raises:
        DeploymentFailed: The policy failed, or time was over; carries the Diagnosis with its evidence.
    """
    began = clock.monotonic()
    seen = Seen(now=began, revision=None, good_since=what.good_since)
    reasons: dict[str, None] = {}
    for rounds in count(1):
        seen = _look(what, target, clock, seen)
        if what.answers and seen.revision is not None and seen.revision.ready > 0:
            seen = _ask(what, target, clock, seen)
        verdict = what.policy(seen)
        if isinstance(verdict, Passed):
            return verdict, seen
        if isinstance(verdict, Failed):
            raise _failed(verdict.diagnosis, seen.revision)
        tell(verdict.reason)
        reasons[verdict.reason] = reasons.pop(verdict.reason, None)
        waited = clock.monotonic() - began
        if waited + what.elapsed >= what.timeout:
            diagnosis = _timed_out(what, target, tuple(reasons))
            raise DeploymentFailed(_headline(diagnosis), diagnosis=diagnosis)
        asking_helps = _asking_helps(what, seen) and rounds < _KEPT_ANSWERS
        if (what.once and not asking_helps) or (what.patience is not None and waited >= what.patience):
            return verdict, seen
        hold.renew()
        _pause(what, target, clock, _FIRST_PAUSE * 1.5 ** min(rounds, 20), at_once=asking_helps)
    raise AssertionError("an endless loop ended")


def _asking_helps(what: Verification, seen: Seen) -> bool:
    """Whether asking again at once could pass the policy: the answers are good, and only too few."""
    if not seen.answers or not seen.answers[-1].good:
        return False
    full = replace(seen, answers=(*seen.answers, *(Answer(good=True),) * _KEPT_ANSWERS))
    return not isinstance(what.policy(full), Waiting)


def _pause(what: Verification, target: Target, clock: Clock, seconds: float, *, at_once: bool) -> None:
    """Until the next look: short at first, then as long as the target wishes."""
    if at_once:
        clock.sleep(_PROBE_PAUSE)
    elif isinstance(target, Watches):
        target.watch(what.endpoint, min(target.poll, 1.0))
    else:
        pause(clock, min(seconds, target.poll))


def _look(what: Verification, target: Target, clock: Clock, seen: Seen) -> Seen:
    endpoint = patiently(clock, lambda: target.observe(what.endpoint))
    revision = endpoint.find(what.revision) if endpoint else None
    diagnosis = None
    if revision is not None and revision.phase is Phase.FAILED:
        diagnosis = _diagnosed(target, what.endpoint, what.revision)
    well = revision is not None and revision.phase is not Phase.FAILED and revision.ready >= max(1, revision.wanted)
    since = seen.good_since if well else None
    return replace(
        seen, now=clock.monotonic(), revision=revision, diagnosis=diagnosis,
        good_since=since if since is not None else (clock.monotonic() if well else None),
        answers=seen.answers if well else (),
    )  # fmt: skip


def _ask(what: Verification, target: Target, clock: Clock, seen: Seen) -> Seen:
    request = what.request or Request(path="/ready", method="GET", headers={"Deployer-Revision": what.revision})
    request = replace(request, headers={**request.headers, **what.keys})
    try:
        if isinstance(target, InvokesRevision):
            response = target.invoke_revision(what.endpoint, what.revision, request)
        else:
            response = target.invoke(what.endpoint, request)
        answer = judge(response, what.revision, asked=what.request is not None, compared=what.compared)
    except NotFound as error:  # it went away since it was looked at; the next look tells
        answer = Answer(good=False, detail=error.message)
    except TargetUnavailable as error:
        if not error.transient:
            raise
        answer = Answer(good=False, detail=error.message)
    answers = (*seen.answers, answer)[-_KEPT_ANSWERS:]
    return replace(seen, now=clock.monotonic(), answers=answers, good_since=seen.good_since if answer.good else None)


def _timed_out(what: Verification, target: Target, reasons: tuple[str, ...]) -> Diagnosis:
    found = _diagnosed(target, what.endpoint, what.revision)
    if found is not None and found.code not in (Code.UNKNOWN, Code.PROBE_TIMEOUT):
        return found
    evidence = (*(found.evidence if found else ()), *reasons)
    return Diagnosis(
        code=Code.PROBE_TIMEOUT,
        summary=f"{what.revision} is not healthy after {what.timeout:.0f} s: {reasons[-1]}",
        evidence=evidence[-10:],
        hint=(found.hint if found else None)
        or "--timeout or health.timeout gives it longer; deployer logs shows what it does",
    )


def condemned(target: Target, endpoint: str, revision: Revision) -> DeploymentFailed:
    """The error to raise for a revision that the target tells as failed, with the target's own diagnosis."""
    found = _diagnosed(target, endpoint, revision.id)
    return _failed(found or undiagnosed(revision), revision)


def _failed(diagnosis: Diagnosis, revision: Revision | None) -> DeploymentFailed:
    fell = revision.detail if revision is not None and revision.phase is Phase.FAILED else ""
    return DeploymentFailed(_headline(diagnosis), diagnosis=diagnosis, how=fell)


def _diagnosed(target: Target, endpoint: str, revision: str) -> Diagnosis | None:
    if not isinstance(target, Diagnoses):
        return None
    try:
        return target.diagnose(endpoint, revision)
    except TargetUnavailable:
        return None


_HEADLINES = {
    Code.MISSING_DEPENDENCY: "the new revision cannot load its model",
    Code.MODEL_LOAD: "the new revision cannot load its model",
    Code.CRASH_LOOP: "the new revision does not stay up",
    Code.OUT_OF_MEMORY: "the new revision runs out of memory",
    Code.PROBE_TIMEOUT: "the new revision did not become healthy in time",
    Code.PARITY: "the new revision does not answer as the packaged model does",
    Code.SILENT_ROLLBACK: "the target took the update back",
    Code.SIGNATURE_MISMATCH: "the new revision refuses the model's own example",
}


def _headline(diagnosis: Diagnosis) -> str:
    return _HEADLINES.get(diagnosis.code, "the new revision is not healthy")
