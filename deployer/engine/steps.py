"""One function for each kind of step. A step is idempotent: done twice, it is done once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from deployer.endpoint import Traffic
from deployer.engine.advice import advised
from deployer.engine.claiming import kept_alive
from deployer.engine.delivering import deliver
from deployer.engine.events import StepName
from deployer.engine.health import Passed, Seen, Waiting
from deployer.engine.imaging import deliver_image
from deployer.engine.keys import key_headers
from deployer.engine.question import Question, question
from deployer.engine.run import Run
from deployer.engine.secrets import hiding, redacted, values_to_keep
from deployer.engine.settling import destroy, move_traffic, retire
from deployer.engine.taking_back import undo
from deployer.engine.verifying import Verification, health_policy, verify
from deployer.errors import DeploymentFailed
from deployer.plan import Configure, Deliver, Retire, Route, Stage, Step, Undo, Verify
from deployer.spec import DeploymentSpec, ReplicaRange
from deployer.target import EnvironmentSink, ImageSink, KeepsSecrets

__all__ = ["perform"]


def perform(run: Run, step: Step) -> bool:
    """Do one step; False when it is not done yet and nobody is to wait."""
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
        retire(run, step.revision, keep=step.keep)
    elif isinstance(step, Undo):
        undo(run, step)
    else:
        destroy(run)
        run.destroyed = True
    return True


def _deliver(run: Run) -> None:
    sink = run.target.sink(run.plan.endpoint)
    if sink is None:
        return
    release = run.wish.release
    word: StepName = "image" if isinstance(sink, ImageSink) else "environment"

    def tell(**told: Any) -> None:
        run.telling.progress(word, **told)

    with run.telling.step(word, release.revision) as detail, kept_alive(run.hold):
        if isinstance(sink, EnvironmentSink):
            detail.append(deliver(run.wish, run.spec, sink, tell))
            return
        image, words = deliver_image(run.wish, run.spec, sink, tell, run.conditions.environ)
        detail.append(words)
    releases = run.hold.record.releases
    if releases[release.revision].image != image:
        run.hold.write(releases={**releases, release.revision: release.model_copy(update={"image": image})})


def _configure(run: Run) -> None:
    with run.telling.step("configure"):
        run.patiently(lambda: run.target.configure(run.spec, run.hold.claim))


def _stage(run: Run) -> None:
    spec = run.spec
    release = run.hold.record.releases.get(run.wish.release.revision) or run.wish.release
    _keep_secrets(run, spec)
    with run.telling.step("start", release.revision) as detail:
        run.staged.append(release.revision)
        run.patiently(lambda: run.target.stage(spec, release, run.hold.claim))
        detail.append(_counted(spec))


def _keep_secrets(run: Run, spec: DeploymentSpec) -> None:
    """Store the values that the release's numbers stand for, where they are not stored yet."""
    target, release = run.target, run.wish.release
    if not isinstance(target, KeepsSecrets) or not release.fields.get("secrets"):
        return
    endpoint = run.patiently(lambda: run.target.observe(spec.name))
    runs = endpoint is not None and endpoint.find(release.revision) is not None
    values = values_to_keep(spec, release, run.hold.record, run.conditions.environ, runs=runs)
    if values:
        run.patiently(lambda: target.keep_secrets(spec.name, values, run.hold.claim))


def _counted(spec: DeploymentSpec) -> str:
    if isinstance(spec.replicas, ReplicaRange):
        return f"{spec.replicas.min} to {spec.replicas.max} replicas"
    return f"{spec.replicas} replica" if spec.replicas == 1 else f"{spec.replicas} replicas"


def _verify(run: Run, step: Verify) -> bool:
    hide = hiding(run.plan, run.conditions.environ)
    with run.telling.step("healthy", step.revision) as detail:
        asked = Question(None)
        if step.answers:
            asked = question(run.spec, run.wish, run.target.sink(run.plan.endpoint))
            asked = replace(asked, compared=asked.compared and run.kind.compares(run.spec))
        what = _verification(run, step, asked)
        with _advising(run):
            verdict, seen = verify(
                what, run.target, run.clock, run.hold, lambda words: run.telling.progress("healthy", words)
            )
        if isinstance(verdict, Waiting):
            detail.append(hide(verdict.reason))
            _remember(run, seen)
            return False
        words = _proof(run.spec, step, asked, seen)
        detail.append(words)
        if step.answers:
            run.detail = words
    return isinstance(verdict, Passed)


@contextmanager
def _advising(run: Run) -> Iterator[None]:
    """What goes wrong is told with what to do about it, and without a secret."""
    try:
        yield
    except DeploymentFailed as error:
        if error.diagnosis is not None:
            hide = hiding(run.plan, run.conditions.environ)
            error.diagnosis = redacted(advised(error.diagnosis, run.plan), hide)
        raise


def _verification(run: Run, step: Verify, asked: Question) -> Verification:
    conditions, rollout, spec = run.conditions, run.hold.record.rollout, run.spec
    elapsed, good_since, patience, timeout = 0.0, None, None, conditions.timeout
    if conditions.once and rollout is not None:
        elapsed = max(0.0, run.clock.now() - rollout.started)
        if rollout.healthy_since is not None:
            good_since = run.clock.monotonic() - (run.patiently(run.target.now) - rollout.healthy_since)
    if run.plan.resumed and timeout is not None:  # ``wait``: its time is the waiting's, not the revision's
        patience, timeout = max(0.0, timeout - (run.clock.monotonic() - run.began)), None
    return Verification(
        endpoint=run.plan.endpoint,
        revision=step.revision,
        policy=health_policy(spec, answers=step.answers),
        request=asked.request,
        compared=asked.compared,
        keys=key_headers(spec.auth.api_keys, conditions.environ),
        timeout=timeout or spec.health.timeout + run.kind.pace(spec).provision,
        once=conditions.once,
        answers=step.answers,
        elapsed=elapsed,
        good_since=good_since,
        patience=patience,
    )


def _remember(run: Run, seen: Seen) -> None:
    """With ``--once`` the next run goes on counting from here."""
    rollout = run.hold.record.rollout
    if rollout is None:
        return
    since = None
    if seen.good_since is not None:
        since = run.patiently(run.target.now) - (run.clock.monotonic() - seen.good_since)
    run.hold.write(rollout=rollout.model_copy(update={"healthy_since": since}))


def _proof(spec: DeploymentSpec, step: Verify, asked: Question, seen: Seen) -> str:
    count = spec.health.consecutive
    if not step.answers:
        found = seen.revision
        return f"{found.ready} of {found.wanted} ready" if found else "ready"
    if asked.request is None:
        return f"loaded, unverified: {asked.missing}"
    if not asked.compared:
        return f"answers {asked.words} ({count} of {count})"
    return f"answers {asked.words} as the packaged model does ({count} of {count})"


def _route(run: Run, traffic: Traffic) -> None:
    record = run.hold.record
    if record.rollout is not None:
        run.hold.write(rollout=record.rollout.model_copy(update={"moved": True}), traffic=traffic)
    run.moved = run.moved or not traffic.same_as(run.plan.before.traffic)
    with _advising(run):
        move_traffic(run, traffic)
