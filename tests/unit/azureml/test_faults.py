"""Everything that the double can let go wrong, through whole commands.

What served serves on, the diagnosis is the right one, nothing is left over, and the same command again converges.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from deployer.endpoint import Code
from deployer.errors import Conflict, DeployerError, DeploymentFailed, TargetUnavailable
from deployer.target import Pace
from deployer.testing.crash.hosted import LOT
from tests.unit.azureml.commands import Commands

if TYPE_CHECKING:
    from deployer.testing.azureml import Double
    from deployer.testing.crash.bench import CrashLot

pytestmark = pytest.mark.timeout(300)
Fail = Callable[..., None]
CHANGES = ("PutEndpoint", "PutAsset", "PutDeployment", "DeleteDeployment")
DENIED = (
    "The client 'x' with object id 'y' does not have authorization to perform action "
    "'Microsoft.MachineLearningServices/workspaces/onlineEndpoints/{}' over scope '/subscriptions/0/x' or the scope is "
    "invalid."
)
_ROUNDS = itertools.count()
"""So that each update makes a revision that was never there."""
NOTHING: dict[str, Any] = {"endpoint": None, "deployments": {}, "environments": [], "scalers": []}


class Served:
    """An endpoint that serves one of two revisions, and is to serve the other."""

    def __init__(self, commands: Commands) -> None:
        self.commands = commands
        self.name = commands.name
        self.before = commands.serves
        self.lot: CrashLot = "second"
        self.more: dict[str, Any] = {"env": {LOT: self.lot, "ROUND": str(next(_ROUNDS))}}
        self.had = commands.left()

    @contextmanager
    def _serving(self, *, throughout: bool) -> Generator[None]:
        if not throughout:
            yield
            return
        with self.commands.calling() as caller:
            yield
        assert caller.lost == []

    def fails(self, *, throughout: bool = True) -> DeployerError:
        """The update fails, and all is as before."""
        with self._serving(throughout=throughout):
            error = self.commands.fails("update", self.lot, **self.more)
        self.commands.double.world.faults.clear()
        assert self.commands.serves == self.before
        self.commands.until(lambda: self.commands.left() == self.had)
        return error

    def told(self, *, throughout: bool = True) -> tuple[Code, str]:
        """Code and subject of the diagnosis of an update that fails."""
        error = self.fails(throughout=throughout)
        assert isinstance(error, DeploymentFailed), error
        assert error.diagnosis is not None
        return error.diagnosis.code, error.diagnosis.subject

    def converges(self, *, throughout: bool = True) -> None:
        """The same command does what it is to do."""
        with self._serving(throughout=throughout):
            self.commands.run("update", self.lot, **self.more)
        assert self.commands.serves != self.before


@pytest.fixture(scope="module")
def kept() -> list[Commands]:
    """One endpoint for the tests of a module, which is made once."""
    return []


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("models")


@pytest.fixture
def served(on_double: Double, kept: list[Commands], folder: Path) -> Served:
    """One that serves, in whichever state the test before has left it."""
    if not kept:
        kept.append(Commands(on_double, folder))
        kept[0].run("create", kept[0].lot)
    return Served(kept[0])


@pytest.fixture
def commands(on_double: Double, folder: Path) -> Generator[Commands]:
    """An endpoint of a test's own, of which nothing is there yet."""
    made = Commands(on_double, folder)
    yield made
    on_double.world.faults.clear()
    made.run("delete")
    assert made.left() == NOTHING


# Reasons.


@pytest.mark.parametrize(
    ("reason", "code"),
    [
        ("crash", Code.CRASH_LOOP), ("liveness", Code.PROBE_TIMEOUT), ("readiness", Code.PROBE_TIMEOUT),
        ("image", Code.IMAGE_PULL), ("model", Code.PERMISSION), ("build", Code.IMAGE_PULL),
        ("capacity", Code.CAPACITY), ("secrets", Code.PERMISSION), ("canceled", Code.CONFLICT),
        ("service", Code.NOT_REACHABLE),
    ],
)  # fmt: skip
def test_a_deployment_that_fails_never_has_traffic(served: Served, faults: Fail, reason: str, code: Code) -> None:
    faults("PutDeployment", outcome="Failed", reason=reason)
    assert served.told()[0] is code
    served.converges()


def test_a_model_that_cannot_be_loaded_is_told_by_its_own_words(served: Served) -> None:
    found = served.commands.told("update", "failing")
    assert found.code is Code.MODEL_LOAD
    assert any("invalid load key" in each for each in found.evidence)
    assert served.commands.left() == served.had


def test_a_move_of_traffic_that_fails_is_told_so(served: Served, faults: Fail) -> None:
    """The document is written once for the labels that stay, and then for the traffic."""
    faults("PutEndpoint", name=served.name, outcome="Failed", reason="the gateway was not told")
    error = served.fails()
    assert "did not move the traffic" in str(error)
    assert isinstance(error, DeploymentFailed)
    assert error.diagnosis is not None
    assert any("the gateway was not told" in each for each in error.diagnosis.evidence)
    served.converges()


def test_a_move_that_fails_for_a_reason_of_its_own_has_its_code(served: Served, faults: Fail) -> None:
    faults("PutEndpoint", name=served.name, outcome="Failed", reason="capacity")
    assert served.told()[0] is Code.CAPACITY


# Refusals.


@pytest.mark.parametrize(
    ("operation", "action"), [("PutAsset", "write"), ("PutDeployment", "deployments/write"), ("PutEndpoint", "write")]
)
def test_what_is_not_allowed_is_named(served: Served, faults: Fail, operation: str, action: str) -> None:
    faults(operation, error="AuthorizationFailed", status=403, message=DENIED.format(action))
    error = served.fails()
    assert isinstance(error, TargetUnavailable)
    assert f"onlineEndpoints/{action} is not allowed on /subscriptions/0/x (PERMISSION)" in str(error)


@pytest.mark.parametrize("code", ["ExpiredAuthenticationToken", "InvalidAuthenticationToken"])
def test_credentials_that_are_not_taken_are_told(served: Served, faults: Fail, code: str) -> None:
    faults("PutDeployment", error=code, status=401, message="The access token is invalid.", times=2)
    assert "(CREDENTIALS)" in str(served.fails())


def test_a_token_that_has_just_ended_is_fetched_anew(served: Served, faults: Fail) -> None:
    for operation in (*CHANGES, "GetEndpoint", "ListDeployments", "PutBlob"):
        faults(operation, error="ExpiredAuthenticationToken", status=401, message="The access token has expired.")
    served.converges()


def test_a_quota_is_told_with_what_is_lacking(served: Served) -> None:
    world = served.commands.double.world
    world.quotas.update(dict.fromkeys(("standardDSv2Family", "standardFSv2Family", "standardDASv4Family"), 3))
    try:
        error = served.fails()
    finally:
        world.quotas.clear()
    assert isinstance(error, DeploymentFailed)
    assert error.diagnosis is not None
    assert error.diagnosis.code is Code.QUOTA
    assert "more are needed" in error.diagnosis.summary
    served.converges()


def test_what_azure_does_not_take_is_told_at_once(served: Served, faults: Fail) -> None:
    faults("PutDeployment", error="UserError", status=400, message="The settings are invalid: x.")
    assert "The settings are invalid: x." in str(served.fails())


# What passes.


def test_throttling_is_waited_for(served: Served, faults: Fail) -> None:
    for operation in (*CHANGES, "GetEndpoint", "ListAutoscale", "GetBlob"):
        faults(operation, error="TooManyRequests", status=429, times=2, retry=1)
    faults("PutBlob", error="ServerBusy", status=503, skip=1)
    served.converges(throughout=False)


def test_what_azure_is_at_is_waited_for(served: Served, faults: Fail) -> None:
    for operation in CHANGES:
        faults(operation, error="Conflict", status=409, message="It is in Updating provisioning state.", times=2)
    served.converges()


def test_a_failing_service_is_asked_again(served: Served, faults: Fail) -> None:
    for operation in (*CHANGES, "GetEndpoint", "ListDeployments", "ListAssets", "GetBlob"):
        faults(operation, error="InternalServerError", status=500, times=2)
    served.converges(throughout=False)


def test_lost_answers_are_found_out(served: Served, faults: Fail) -> None:
    for operation in (*CHANGES, "PutBlob"):
        faults(operation, lost=True)
    served.converges()


def test_an_error_of_what_was_done_all_the_same_is_found_out(served: Served, faults: Fail) -> None:
    for operation in CHANGES:
        faults(operation, error="InternalServerError", status=500, done=True)
    served.converges()


def test_what_is_not_seen_yet_is_waited_for(served: Served, faults: Fail) -> None:
    faults("PutDeployment", unseen=0.3)
    served.converges()


def test_an_answer_that_lies_for_a_while_is_not_believed(served: Served, faults: Fail) -> None:
    faults("GetEndpoint", name=served.name, stale=0.7)
    served.converges()


def test_what_takes_long_is_waited_for(served: Served, faults: Fail) -> None:
    for operation in ("PutDeployment", "PutEndpoint", "DeleteDeployment"):
        faults(operation, delay=0.5)
    served.converges()


def test_no_operation_is_needed_to_tell_that_all_went_well(served: Served, faults: Fail) -> None:
    for operation in ("PutDeployment", "PutEndpoint", "DeleteDeployment"):
        faults(operation, headerless=True)
    served.converges()


def test_a_deployment_that_never_ends_is_given_up(served: Served, faults: Fail) -> None:
    faults("PutDeployment", outcome="Stuck")
    served.commands.pace = Pace(settle=60.0)
    try:
        error = served.commands.fails("update", served.lot, **served.more, health={"consecutive": 1, "timeout": "1s"})
    finally:
        served.commands.pace = None
    assert isinstance(error, DeploymentFailed)
    assert error.diagnosis is not None
    assert error.diagnosis.code is Code.PROBE_TIMEOUT
    assert served.commands.serves == served.before
    served.commands.until(lambda: served.commands.left() == served.had)


# Somebody else deletes it.


def test_a_deployment_that_somebody_deletes_is_made_again(served: Served, faults: Fail) -> None:
    world = served.commands.double.world
    faults("PutDeployment", delay=1.0)
    stolen: list[str] = []

    def steal() -> bool:
        workspace: Any = next(iter(world.workspaces.values()))
        with world.lock:
            found = workspace.endpoints[served.name]
            new = [each.name for each in found.deployments.values() if each.name != served.before]
        if new and not stolen:
            stolen.extend(new)
            served.commands.double.tell("POST", "vanish", {"name": f"{served.name}/{new[0]}"})
        return bool(stolen)

    with _meanwhile(steal):
        served.converges()
    assert stolen


def test_an_endpoint_that_was_deleted_is_made_again(served: Served, faults: Fail) -> None:
    """While its new deployment is made: the old one is gone with it."""
    faults("PutDeployment", delay=0.3)
    faults("ListDeployments", name=served.name, vanish="endpoint", skip=7)
    served.converges(throughout=False)


@contextmanager
def _meanwhile(work: Callable[[], bool]) -> Generator[None]:
    import threading

    over = threading.Event()

    def run() -> None:
        while not over.wait(0.02) and not work():
            pass

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


# Create and delete.


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ({"operation": "PutDeployment", "outcome": "Failed", "reason": "capacity"}, Code.CAPACITY),
        ({"operation": "PutDeployment", "outcome": "Failed", "reason": "crash"}, Code.CRASH_LOOP),
        ({"operation": "PutEndpoint", "outcome": "Failed", "reason": "capacity"}, Code.CAPACITY),
    ],
)
def test_of_a_creation_that_fails_nothing_is_left(
    commands: Commands, faults: Fail, fault: dict[str, Any], code: Code
) -> None:
    faults(**fault)
    assert commands.told("create").code is code
    commands.until(lambda: commands.left() == NOTHING)
    assert commands.target.read_record(commands.name) is None
    commands.run("create")


def test_an_endpoint_that_cannot_be_made_is_told_in_azure_s_words(commands: Commands, faults: Fail) -> None:
    # A verb that comes when it has failed already has it made anew: it is to fail as often as that.
    faults("PutEndpoint", outcome="Failed", reason="no certificate", times=20)
    error = commands.fails("create")
    assert "did not make the endpoint" in str(error)
    assert isinstance(error, DeploymentFailed)
    assert error.diagnosis is not None
    assert any("no certificate" in each for each in error.diagnosis.evidence)


def test_a_name_that_somebody_else_has_in_the_region(commands: Commands) -> None:
    commands.double.tell("PUT", "taken", [commands.name])
    try:
        error = commands.fails("create")
    finally:
        commands.double.tell("PUT", "taken", [])
    assert isinstance(error, Conflict)
    assert "somebody in this region" in str(error)
    assert commands.target.read_record(commands.name) is None


def test_a_name_that_lingers_is_waited_for(commands: Commands, faults: Fail) -> None:
    commands.run("create")
    faults("DeleteEndpoint", linger=0.7)
    commands.run("delete")
    commands.run("create")


def test_an_endpoint_that_is_deleted_while_it_is_made_is_made_again(commands: Commands, faults: Fail) -> None:
    faults("PutEndpoint", delay=0.3)
    faults("GetEndpoint", name=commands.name, vanish="endpoint", skip=4)
    commands.run("create")


def test_a_deletion_goes_on_whatever_comes_between(commands: Commands, faults: Fail) -> None:
    commands.run("create")
    faults("DeleteEndpoint", outcome="Failed")
    faults("DeleteAsset", lost=True)
    faults("DeleteBlob", error="ServerBusy", status=503)
    commands.run("delete")
    assert commands.target.read_record(commands.name) is None


def test_a_deletion_that_is_not_allowed_is_named_and_goes_on_later(commands: Commands, faults: Fail) -> None:
    commands.run("create")
    faults("DeleteAsset", error="AuthorizationFailed", status=403, message=DENIED.format("delete"))
    assert "onlineEndpoints/delete is not allowed" in str(commands.fails("delete"))


def test_a_rollback_that_fails_leaves_what_serves(served: Served, faults: Fail) -> None:
    served.converges()
    after = served.commands.serves
    faults("PutDeployment", outcome="Failed", reason="capacity")
    assert served.commands.told("rollback").code is Code.CAPACITY
    assert served.commands.serves == after
    served.commands.run("rollback")
    assert served.commands.serves == served.before
