"""One function for each kind of step. A step is idempotent: done twice, it is done once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from deployer.endpoint import HistoryEntry, Release, Result, Traffic
from deployer.engine.claiming import Hold
from deployer.engine.clock import Clock
from deployer.engine.delivering import deliver
from deployer.engine.events import Listener, StepDone, StepFailed, StepName, StepProgress, StepStarted
from deployer.engine.health import Passed
from deployer.engine.patience import patiently
from deployer.engine.question import question
from deployer.engine.secrets import keep_secrets
from deployer.engine.verifying import Verification, health_policy, verify
from deployer.errors import DeployerError, DeploymentFailed, TargetUnavailable
from deployer.plan import Configure, Deliver, Plan, Retire, Route, Stage, Step, Undo, Verify
from deployer.plan.values import Wish
from deployer.spec import DeploymentSpec, ReplicaRange
from deployer.target import Target, TargetKind

if TYPE_CHECKING:
    from deployer.engine.execution import Conditions

__all__ = ["SETTLE_SECONDS", "Run", "Telling", "perform", "wait_until"]

SETTLE_SECONDS = 120.0
"""How long a move of traffic or the end of a revision may take before it is told as an error."""


class Telling:
    """Tells a listener; what goes wrong in there stays there."""

    def __init__(self, endpoint: str, target: str, clock: Clock, listener: Listener | None) -> None:
        self._named = {"endpoint": endpoint, "target": target}
        self._clock = clock
        self._listener = listener
        self._last: tuple[str, float] = ("", 0.0)

    def tell(self, event: type[Any], **fields: Any) -> None:
        """Make the event and hand it over."""
        if self._listener is None:
            return
        try:
            self._listener(event(at=self._clock.now(), **self._named, **fields))
        except Exception:
            self._listener = None

    def progress(self, step: StepName, detail: str, **fields: Any) -> None:
        """What a step waits for, with since when that has not changed."""
        if detail != self._last[0]:
            self._last = (detail, self._clock.now())
        self.tell(StepProgress, step=step, detail=detail, since=self._last[1], **fields)

    @contextmanager
    def step(self, step: StepName, revision: str | None = None) -> Iterator[list[str]]:
        """Tells begin and end; the list takes the detail of the end."""
        began = self._clock.monotonic()
        self.tell(StepStarted, step=step, revision=revision)
        detail: list[str] = []
        try:
            yield detail
        except DeployerError as error:
            diagnosis = error.diagnosis if isinstance(error, DeploymentFailed) else None
            words = diagnosis.summary if diagnosis else error.message
            self.tell(StepFailed, step=step, detail=words, diagnosis=diagnosis, seconds=self._clock.monotonic() - began)
            raise
        self.tell(StepDone, step=step, detail=", ".join(detail), seconds=self._clock.monotonic() - began)


@dataclass
class Run:
    """One execution of a plan, as far as it has come."""

    plan: Plan
    target: Target
    kind: TargetKind
    hold: Hold
    conditions: Conditions
    telling: Telling
    staged: list[str] = field(default_factory=list)
    moved: bool = False
    """Whether traffic went to another revision."""
    destroyed: bool = False
    detail: str = ""
    """How the new revision proved itself, for the history."""

    @property
    def clock(self) -> Clock:
        return self.conditions.clock

    @property
    def wish(self) -> Wish:
        if self.plan.wish is None:
            raise DeployerError(f"the plan to {self.plan.verb} {self.plan.endpoint} has no wish for this step")
        return self.plan.wish

    @property
    def spec(self) -> DeploymentSpec:
        return DeploymentSpec(**self.wish.spec)

    def patiently(self, call: Callable[[], Any]) -> Any:
        """The verb's answer, asked again while the target is unavailable for the moment."""
        return patiently(self.clock, call)


def perform(run: Run, step: Step) -> bool:
    """Do one step; False when it is not done yet and nobody is to wait (``once``)."""
    run.hold.renew()
    if isinstance(step, Verify):
        return _verify(run, step)
    if isinstance(step, Deliver):
        _deliver(run)
    elif isinstance(step, Configure):
        _configure(run)
    elif isinstance(step, Stage):
        _stage(run)
    elif isinstance(step, Route):
        _route(run, step.traffic)
    elif isinstance(step, Retire):
        _retire(run, step)
    elif isinstance(step, Undo):
        _undo(run, step)
    else:
        _destroy(run)
    return True


def _deliver(run: Run) -> None:
    sink = run.target.sink(run.plan.endpoint)
    if sink is None:
        return
    with run.telling.step("environment", run.wish.release.revision) as detail:
        detail.append(deliver(run.wish, run.spec, sink, lambda **told: run.telling.progress("environment", **told)))
    run.hold.renew()


def _configure(run: Run) -> None:
    with run.telling.step("configure"):
        run.patiently(lambda: run.target.configure(run.spec, run.hold.claim))


def _stage(run: Run) -> None:
    release, spec = run.wish.release, run.spec
    keep_secrets(run.target, spec, release, run.hold.claim, run.conditions.environ)
    with run.telling.step("start", release.revision) as detail:
        run.staged.append(release.revision)
        run.patiently(lambda: run.target.stage(spec, release, run.hold.claim))
        detail.append(_counted(spec))


def _counted(spec: DeploymentSpec) -> str:
    if isinstance(spec.replicas, ReplicaRange):
        return f"{spec.replicas.min} to {spec.replicas.max} replicas"
    return f"{spec.replicas} replica" if spec.replicas == 1 else f"{spec.replicas} replicas"


def _verify(run: Run, step: Verify) -> bool:
    spec = run.spec
    with run.telling.step("healthy", step.revision) as detail:
        asked = question(spec, run.wish, run.target.sink(run.plan.endpoint)) if step.answers else None
        what = Verification(
            endpoint=run.plan.endpoint,
            revision=step.revision,
            policy=health_policy(spec, answers=step.answers),
            request=asked,
            timeout=run.conditions.timeout or spec.health.timeout,
            once=run.conditions.once,
            answers=step.answers,
        )
        verdict, seen = verify(
            what, run.target, run.clock, run.hold, lambda words: run.telling.progress("healthy", words)
        )
        passed = isinstance(verdict, Passed)
        count = spec.health.consecutive
        if not step.answers:
            words = (
                f"{seen.revision.ready if seen.revision else 0} of {seen.revision.wanted if seen.revision else 0} ready"
            )
        elif asked is None:
            words = "loaded, unverified: the model has no example"
        else:
            example = "the request" if spec.health.request else "its own example"
            words = f"answers {example} as the packaged model does ({count} of {count})"
        detail.append(words if passed else verdict.reason if not isinstance(verdict, Passed) else "")
        if passed and step.answers:
            run.detail = words
    return passed


def _route(run: Run, traffic: Traffic) -> None:
    record = run.hold.record
    if record.rollout is not None:
        run.hold.write(rollout=record.rollout.model_copy(update={"moved": True}), traffic=traffic)
    run.moved = run.moved or not traffic.same_as(run.plan.before.traffic)
    move_traffic(run, traffic)


def move_traffic(run: Run, traffic: Traffic) -> None:
    """Ask for it, and wait until the target says that it is so."""
    name = run.plan.endpoint
    with run.telling.step("traffic") as detail:
        run.patiently(lambda: run.target.route(name, traffic, run.hold.claim))

        def there() -> bool:
            endpoint = run.patiently(lambda: run.target.observe(name))
            return endpoint is not None and endpoint.traffic.same_as(traffic)

        if not wait_until(run, there):
            raise TargetUnavailable(
                f"traffic of {name} did not move to {traffic} within {SETTLE_SECONDS:.0f} s",
                hint=f"deployer status {name}",
            )
        detail.append(str(traffic))


def _retire(run: Run, step: Retire) -> None:
    retire(run, step.revision, keep=step.keep)


def retire(run: Run, revision: str, *, keep: bool) -> None:
    """Stop a revision, and wait until it is gone."""
    name = run.plan.endpoint
    runs = run.patiently(lambda: run.target.observe(name))
    if runs is None or runs.find(revision) is None:  # only its artifacts, if these: nothing a person waits for
        run.patiently(lambda: run.target.retire(name, revision, run.hold.claim, keep=keep))
        return
    with run.telling.step("retire", revision) as detail:
        run.patiently(lambda: run.target.retire(name, revision, run.hold.claim, keep=keep))

        def gone() -> bool:
            endpoint = run.patiently(lambda: run.target.observe(name))
            return endpoint is None or endpoint.find(revision) is None

        if not wait_until(run, gone):
            raise TargetUnavailable(
                f"{revision} of {name} did not stop within {SETTLE_SECONDS:.0f} s", hint=f"deployer status {name}"
            )
        detail.append(f"{revision} stopped" + (", kept for rollback" if keep else ""))


def _undo(run: Run, step: Undo) -> None:
    with run.telling.step("undo", step.revision) as detail:
        take_back(run, step.revision, run.plan.before.traffic, run.plan.before.spec)
        detail.append(f"{step.revision} is gone")
    record = run.hold.record
    rollout = record.rollout
    undone = record.releases.get(step.revision)
    entry = HistoryEntry(
        revision=step.revision,
        model=undone.model.resolved if undone else "",
        at=run.clock.now(),
        by=rollout.by if rollout else run.conditions.by,
        verb=rollout.verb if rollout else run.plan.verb,
        result=Result.UNDONE,
        detail=f"interrupted; taken back by {run.conditions.by}",
    )
    told = record.with_history(entry)
    releases = dict(record.releases)
    if not was_released(record.history, step.revision) and step.revision != _wished(run):
        releases.pop(step.revision, None)
    if run.plan.wish is None:
        before = run.plan.before
        run.hold.write(
            history=told.history,
            releases=releases,
            spec=before.spec or record.spec,
            traffic=before.traffic,
            rollout=None,
        )
    else:
        run.hold.write(history=told.history, releases=releases)


def _wished(run: Run) -> str | None:
    return run.plan.wish.release.revision if run.plan.wish else None


def was_released(history: tuple[HistoryEntry, ...], revision: str) -> bool:
    """Whether a revision has ever been released, so that it may be kept for a rollback."""
    return any(each.revision == revision and each.result is Result.RELEASED for each in history)


def take_back(run: Run, revision: str, traffic: Traffic, spec: dict[str, Any] | None) -> None:
    """A revision that never got traffic goes, and the endpoint's own fields become what they were."""
    if spec:
        before = DeploymentSpec(**spec)
        run.patiently(lambda: run.target.configure(before, run.hold.claim))
        for served in traffic.served:
            release: Release | None = run.hold.record.releases.get(served)
            if release is not None and (served == revision or run.plan.before.spec != run.hold.record.spec):
                run.patiently(partial(stage_as_before, run, before, release))
    if revision and not traffic.share(revision):
        retire(run, revision, keep=was_released(run.hold.record.history, revision))


def stage_as_before(run: Run, spec: DeploymentSpec, release: Release) -> None:
    run.target.stage(spec, release, run.hold.claim)


def _destroy(run: Run) -> None:
    destroy(run)
    run.destroyed = True


def destroy(run: Run) -> None:
    """Remove everything, and wait until it is gone."""
    name = run.plan.endpoint
    with run.telling.step("delete") as detail:
        run.patiently(lambda: run.target.destroy(name, run.hold.claim))

        def gone() -> bool:
            return run.patiently(lambda: run.target.observe(name)) is None

        if not wait_until(run, gone):
            raise TargetUnavailable(
                f"{name} is not gone after {SETTLE_SECONDS:.0f} s", hint=f"deployer delete {name} goes on with it"
            )
        detail.append("nothing is left")


def wait_until(run: Run, there: Callable[[], bool], seconds: float = SETTLE_SECONDS) -> bool:
    """Whether it came true in time; looked at often at first."""
    deadline = run.clock.monotonic() + seconds
    pause = 0.02
    while not there():
        if run.clock.monotonic() >= deadline:
            return False
        run.clock.sleep(pause)
        pause = min(pause * 1.5, run.target.poll)
    return True
