"""Everything that the double can let go wrong, through whole commands.

What served serves on, the diagnosis is the right one, nothing is left over, and the same command again converges.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from deployer.endpoint import Code, Phase
from deployer.errors import DeployerError, DeploymentFailed, TargetUnavailable

pytest.importorskip("moto", reason="moto is not installed: pip install 'moto[server]'")

from deployer.testing.crash.hosted import containers as CONTAINERS  # noqa: N812 - the conftest's name of it
from deployer.testing.sagemaker.faults import Fault
from tests.unit.sagemaker.commands import Commands

if TYPE_CHECKING:
    from deployer.testing.crash.bench import CrashLot
    from deployer.testing.sagemaker import Double

__all__ = ["CONTAINERS"]

pytestmark = pytest.mark.timeout(300)
Fail = Callable[..., None]
USER = "User: arn:aws:iam::123456789012:user/x is not authorized to perform: sagemaker"
MANIFEST = "Unsupported manifest media type application/vnd.oci.image.index.v1+json for image x."
ROLE = (
    "Could not assume role arn:aws:iam::123456789012:role/hosting. Please ensure that the role exists and allows "
    "principal 'sagemaker.amazonaws.com' to assume the role."
)
CHANGES = ("CreateModel", "CreateEndpointConfig", "CreateEndpoint", "UpdateEndpoint", "AddTags", "DeleteEndpoint")


class Served:
    """An endpoint that serves one of two revisions, and is to serve the other."""

    def __init__(self, commands: Commands) -> None:
        self.commands = commands
        self.name = commands.name
        self.before = commands.serves
        self.lot: CrashLot = "second" if commands.lot == "first" else "first"
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
            error = self.commands.fails("update", self.lot)
        self.commands.double.world.faults.clear()
        assert self.commands.serves == self.before
        assert self.commands.left() == self.had
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
            self.commands.run("update", self.lot)
        assert self.commands.serves != self.before
        self.commands.lot = self.lot


@pytest.fixture(scope="module")
def kept() -> list[Commands]:
    """One endpoint for the tests of a module, which is made once."""
    return []


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("models")


@pytest.fixture
def served(double: Double, new_living: object, kept: list[Commands], folder: Path, faults: Fail) -> Served:
    """One that serves, in whichever state the test before has left it."""
    if not kept:
        kept.append(Commands(double, folder))
        kept[0].run("create", kept[0].lot)
    return Served(kept[0])


@pytest.fixture
def commands(double: Double, new_living: object, folder: Path, faults: Fail) -> Generator[Commands]:
    """An endpoint of a test's own, of which nothing is there yet."""
    made = Commands(double, folder)
    yield made
    double.world.faults.clear()
    made.run("delete")
    assert made.left() == {"endpoints": {}, "configs": [], "models": []}


# Reasons.


@pytest.mark.parametrize(
    ("reason", "code", "subject"),
    [
        ("ping", Code.PROBE_TIMEOUT, ""),
        ("start", Code.IMAGE_MANIFEST, ""),
        ("images", Code.IMAGE_PULL, "ecr:BatchGetImage"),
        ("model-data", Code.PERMISSION, "s3:GetObject"),
        ("capacity", Code.CAPACITY, ""),
        ("service", Code.NOT_REACHABLE, ""),
    ],
)
def test_what_fails_beside_never_has_traffic(
    served: Served, faults: Fail, reason: str, code: Code, subject: str
) -> None:
    faults("CreateEndpoint", name=f"{served.name}--verify", outcome="Failed", reason=reason)
    assert served.told() == (code, subject)
    served.converges()


@pytest.mark.parametrize(
    ("reason", "code", "subject"),
    [
        ("ping", Code.SILENT_ROLLBACK, "PROBE_TIMEOUT"),
        ("One or more configured CloudWatch alarms are in ALARM state: slow.", Code.SILENT_ROLLBACK, "slow"),
        ("timeout", Code.SILENT_ROLLBACK, ""),
        ("capacity", Code.CAPACITY, ""),
        ("service", Code.NOT_REACHABLE, ""),
    ],
)
def test_an_update_that_is_taken_back_is_told_so(
    served: Served, faults: Fail, reason: str, code: Code, subject: str
) -> None:
    faults("UpdateEndpoint", name=served.name, outcome="RolledBack", reason=reason)
    assert served.told() == (code, subject)
    served.converges()


def test_an_update_that_cannot_even_be_taken_back_is_mended(served: Served, faults: Fail) -> None:
    """Instances of both answer, and of the new ones none at all, until it is asked again."""
    faults("UpdateEndpoint", name=served.name, outcome="UpdateRollbackFailed", reason="capacity")
    error = served.commands.fails("update", served.lot)
    assert isinstance(error, DeploymentFailed)
    assert error.diagnosis is not None
    assert error.diagnosis.code is Code.CAPACITY
    served.commands.until(lambda: served.commands.left() == served.had)
    assert served.commands.serves == served.before
    served.converges()


def test_an_update_after_which_nothing_serves_is_no_roll_back(served: Served, faults: Fail) -> None:
    faults("UpdateEndpoint", name=served.name, outcome="Failed", reason="ping")
    assert served.told(throughout=False) == (Code.PROBE_TIMEOUT, "")
    served.converges()


def test_a_success_that_does_not_last_is_seen(served: Served, faults: Fail) -> None:
    faults("UpdateEndpoint", name=served.name, outcome="Reverted", reason="ping", delay=0.2)
    served.commands.run("update", served.lot)

    def degraded() -> bool:
        seen = served.commands.run("get")
        return seen is not None and seen.phase is Phase.DEGRADED and "back" in seen.detail

    served.commands.until(degraded)
    assert served.commands.serves == served.before
    served.converges()


def test_a_model_that_cannot_be_loaded_is_told_by_its_own_words(served: Served) -> None:
    found = served.commands.told("update", "failing")
    assert found.code is Code.MODEL_LOAD
    assert any("invalid load key" in each for each in found.evidence)
    assert served.commands.left() == served.had


# Refusals.


@pytest.mark.parametrize("operation", ["CreateModel", "CreateEndpointConfig", "CreateEndpoint", "AddTags"])
def test_what_is_not_allowed_is_named(served: Served, faults: Fail, operation: str) -> None:
    faults(operation, error="AccessDeniedException", message=f"{USER}:{operation} on resource: arn:aws:x because")
    error = served.fails()
    assert isinstance(error, TargetUnavailable)
    assert f"sagemaker:{operation} is not allowed on arn:aws:x (PERMISSION)" in str(error)


def test_what_was_marked_and_not_sent_is_taken_back(served: Served, faults: Fail) -> None:
    faults("UpdateEndpoint", error="AccessDeniedException", message=f"{USER}:UpdateEndpoint on resource: arn:aws:x")
    assert "sagemaker:UpdateEndpoint is not allowed" in str(served.fails())
    served.converges()


@pytest.mark.parametrize(
    ("message", "code", "subject"),
    [
        (MANIFEST, Code.IMAGE_MANIFEST, "application/vnd.oci.image.index.v1+json"),
        (ROLE, Code.PERMISSION, "sts:AssumeRole"),
    ],
)
def test_what_aws_does_not_take_is_told_at_once(
    served: Served, faults: Fail, message: str, code: Code, subject: str
) -> None:
    faults("CreateModel", error="ValidationException", message=message)
    assert served.told() == (code, subject)


def test_credentials_that_have_expired_are_told(served: Served, faults: Fail) -> None:
    faults("CreateModel", error="ExpiredTokenException", message="The security token is expired")
    assert "(CREDENTIALS)" in str(served.fails())


def test_a_quota_is_told_with_what_is_lacking(served: Served) -> None:
    quotas = served.commands.double.world.quotas
    quotas.update({"ml.m5.large": 1, "ml.c5.large": 1})
    try:
        code, subject = served.told()
    finally:
        quotas.clear()
    assert code is Code.QUOTA
    assert subject.endswith("for endpoint usage")
    served.converges()


# What passes.


def test_throttling_is_waited_for(served: Served, faults: Fail) -> None:
    for operation in CHANGES:
        faults(operation, error="ThrottlingException", times=2)
    faults("PutObject", error="SlowDown", status=503, skip=1)
    served.converges()


def test_lost_answers_are_found_out(served: Served, faults: Fail) -> None:
    for operation in (*CHANGES, "PutObject"):
        faults(operation, lost=True)
    served.converges()


def test_an_error_of_what_was_done_all_the_same_is_found_out(served: Served, faults: Fail) -> None:
    for operation in CHANGES:
        faults(operation, error="InternalFailure", message="Request to service failed.", status=500, done=True)
    served.converges()


def test_what_is_not_seen_yet_is_waited_for(served: Served, faults: Fail) -> None:
    for operation in ("CreateModel", "CreateEndpointConfig", "CreateEndpoint"):
        faults(operation, unseen=0.2, times=2)
    served.converges()


def test_an_answer_that_lies_for_a_while_is_not_believed(served: Served, faults: Fail) -> None:
    faults("DescribeEndpoint", name=served.name, stale=1.5)
    served.converges()


def test_what_takes_long_is_waited_for(served: Served, faults: Fail) -> None:
    faults("CreateEndpoint", name=f"{served.name}--verify", delay=0.5)
    faults("UpdateEndpoint", name=served.name, delay=0.5)
    served.converges()


def test_aws_s_own_maintenance_is_waited_for(served: Served, faults: Fail) -> None:
    world = served.commands.double.world
    about = {"name": served.name, "status": "SystemUpdating"}
    served.commands.double.tell("POST", "status", about)
    over = threading.Timer(1.0, lambda: served.commands.double.tell("POST", "status", {**about, "status": "InService"}))
    over.start()
    try:
        served.converges()
    finally:
        over.join()
    assert world.trouble == []


# Somebody else deletes it.


def test_what_a_revision_is_verified_on_is_made_again(served: Served, faults: Fail) -> None:
    faults("DescribeEndpoint", name=f"{served.name}--verify", vanish="endpoint", skip=6)
    served.converges()


@pytest.mark.parametrize("operation", ["UpdateEndpoint", "DescribeEndpoint"])
@pytest.mark.usefixtures("unheld")  # what is not there has no tags, so that nobody may update it
def test_an_endpoint_that_was_deleted_is_made_again(served: Served, faults: Fail, operation: str) -> None:
    """Before it is updated, and while it is."""
    if operation == "DescribeEndpoint":
        faults("UpdateEndpoint", name=served.name, delay=0.5)
    faults(operation, name=served.name, vanish="endpoint", skip=9 * (operation == "DescribeEndpoint"))
    served.converges(throughout=False)


@dataclass(frozen=True, kw_only=True)
class _Thief(Fault):
    """Takes something away right before a call, once."""

    steal: Callable[[], None]
    over: list[bool] = field(default_factory=list)

    def fits(self, service: str, operation: str, name: str) -> bool:
        del service, name
        if operation == self.operation and not self.over:
            self.over.append(True)
            self.steal()
        return False


@pytest.mark.parametrize("kind", ["configs", "models"])
def test_what_a_revision_is_made_of_is_made_again(served: Served, kind: str) -> None:
    world = served.commands.double.world
    region = world.region("123456789012", "eu-west-1")
    things: Any = {"configs": region.configs, "models": region.models}[kind]

    def steal() -> None:
        for name in [each for each in things if each.startswith(f"{served.name}--") and served.before not in each]:
            del things[name]

    world.faults.add(_Thief(operation="CreateEndpoint", steal=steal))
    served.converges()


# Create and delete.


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ({"operation": "CreateEndpoint", "outcome": "Failed", "reason": "capacity"}, Code.CAPACITY),
        ({"operation": "CreateEndpoint", "outcome": "Failed", "reason": "ping"}, Code.PROBE_TIMEOUT),
        ({"operation": "CreateModel", "error": "ValidationException", "message": MANIFEST}, Code.IMAGE_MANIFEST),
    ],
)
def test_of_a_creation_that_fails_nothing_is_left(
    commands: Commands, faults: Fail, fault: dict[str, Any], code: Code
) -> None:
    faults(**fault)
    assert commands.told("create").code is code
    assert commands.left() == {"endpoints": {}, "configs": [], "models": []}
    assert commands.target.read_record(commands.name) is None
    commands.run("create")


def test_an_endpoint_that_is_deleted_while_it_is_made_is_made_again(commands: Commands, faults: Fail) -> None:
    faults("CreateEndpoint", delay=0.3)
    faults("DescribeEndpoint", name=commands.name, vanish="endpoint", skip=3)
    commands.run("create")


def test_a_deletion_goes_on_whatever_comes_between(commands: Commands, faults: Fail) -> None:
    commands.run("create")
    faults("DeleteEndpoint", outcome="Failed")
    faults("DeleteEndpointConfig", lost=True)
    faults("DeleteModel", error="ThrottlingException", times=2)
    faults("DeleteObject", error="SlowDown", status=503)
    commands.run("delete")
    assert commands.target.read_record(commands.name) is None


def test_a_deletion_that_is_not_allowed_is_named_and_goes_on_later(commands: Commands, faults: Fail) -> None:
    commands.run("create")
    faults("DeleteModel", error="AccessDeniedException", message=f"{USER}:DeleteModel on resource: arn:aws:x")
    assert "sagemaker:DeleteModel is not allowed" in str(commands.fails("delete"))


def test_a_rollback_that_is_taken_back_leaves_what_serves(served: Served, faults: Fail) -> None:
    served.converges()
    after = served.commands.serves
    faults("UpdateEndpoint", name=served.name, outcome="RolledBack", reason="ping")
    assert served.commands.told("rollback").code is Code.SILENT_ROLLBACK
    assert served.commands.serves == after
    served.commands.run("rollback")
    assert served.commands.serves == served.before
    served.commands.lot = "first" if served.lot == "second" else "second"
