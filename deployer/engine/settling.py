"""Asks the target for something, and waits until it is so. Each is idempotent: done twice, it is done once."""

from __future__ import annotations

from collections.abc import Callable

from deployer.endpoint import Endpoint, Phase, Traffic
from deployer.engine.patience import pause
from deployer.engine.run import Run
from deployer.engine.verifying import condemned
from deployer.errors import ClaimLost, TargetUnavailable
from deployer.spec import DeploymentSpec

__all__ = ["destroy", "move_traffic", "retire"]


def move_traffic(run: Run, traffic: Traffic) -> None:
    """Ask for it, and wait until the target says that it is so.

    Raises:
        DeploymentFailed: A revision that was to get traffic failed instead, or the target took the move back.
        TargetUnavailable: It did not come true in time.
    """
    name = run.plan.endpoint
    with run.telling.step("traffic") as detail:
        run.patiently(lambda: run.target.route(name, traffic, run.hold.claim))

        def there() -> bool:
            endpoint = run.patiently(lambda: run.target.observe(name))
            if endpoint is None or not endpoint.traffic.same_as(traffic):
                _refuse_failed(run, traffic, endpoint)
                return False
            return True

        if not _comes_true(run, there):
            raise TargetUnavailable(
                f"traffic of {name} did not move to {traffic} within {_settle(run):.0f} s",
                hint=f"deployer status {name}",
            )
        detail.append(str(traffic))


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

        if not _comes_true(run, gone):
            raise TargetUnavailable(
                f"{revision} of {name} did not stop within {_settle(run):.0f} s", hint=f"deployer status {name}"
            )
        detail.append(f"{revision} stopped" + (", kept for rollback" if keep else ""))


def destroy(run: Run) -> None:
    """Remove everything, and wait until it is gone."""
    name = run.plan.endpoint

    def gone() -> bool:
        return run.patiently(lambda: run.target.observe(name)) is None

    with run.telling.step("delete") as detail:
        try:
            run.patiently(lambda: run.target.destroy(name, run.hold.claim))
            done = _comes_true(run, gone)
        except ClaimLost:
            # The Record goes last, and the claim with it: that is no loss. What is still seen is on its way out.
            if run.patiently(lambda: run.target.read_record(name)) is not None:
                raise
            done = _comes_true(run, gone, renew=False)
        if not done:
            raise TargetUnavailable(
                f"{name} is not gone after {_settle(run):.0f} s", hint=f"deployer delete {name} goes on with it"
            )
        detail.append("nothing is left")


def _refuse_failed(run: Run, traffic: Traffic, endpoint: Endpoint | None) -> None:
    """What fails on its way to traffic is not waited for."""
    for name in traffic.served:
        revision = endpoint.find(name) if endpoint is not None else None
        if revision is not None and revision.phase is Phase.FAILED:
            raise condemned(run.target, run.plan.endpoint, revision)


def _settle(run: Run) -> float:
    spec = run.hold.record.spec
    return run.kind.pace(DeploymentSpec(**spec) if spec else None).settle


def _comes_true(run: Run, there: Callable[[], bool], *, renew: bool = True) -> bool:
    """Whether it came true in time; looked at often at first."""
    deadline = run.clock.monotonic() + _settle(run)
    seconds = 0.02
    while not there():
        if run.clock.monotonic() >= deadline:
            return False
        if renew:
            run.hold.renew()
        pause(run.clock, seconds)
        seconds = min(seconds * 1.5, run.target.poll)
    return True
