"""What is wrong in azure-ai-ml 1.35.2 and azureml-mlflow 1.62.0.post6, and that a whole run of ours is free of it.

The target itself, by azure-core and azure-identity, on the double. Each docstring names the other's defect.
"""

from __future__ import annotations

import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Generator, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from deployer.endpoint import Code, Endpoint, Phase, Release, Traffic
from deployer.errors import DeployerError, NotFound, TargetUnavailable
from deployer.spec import DeploymentSpec
from deployer.target import Request, Site
from deployer.testing.writer import Writer
from deployer_azureml.config import AzureMLOptions
from deployer_azureml.roles import permissions
from tests.unit.azureml.living import until
from tests.unit.azureml.values import OTHER, REVISION
from tests.unit.azureml.values import release as plain_release
from tests.unit.azureml.values import spec as plain_spec

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from deployer.testing.azureml import Double
    from deployer.testing.cloud.containers import Wish

ASKED = Request(body=b'{"inputs": [1]}', headers={"Content-Type": "application/json"}, timeout=10)


def _server(wish: Wish, write: Callable[[str], None]) -> WSGIApplication:
    revision = wish.environment.get("DEPLOYER_SERVING_REVISION", "")
    write("serving")

    def application(environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        body = b'{"predictions": [1]}'
        status = environ.get("HTTP_X_ANSWER", "200 OK")
        start(status, [("Content-Length", str(len(body))), ("Deployer-Revision", revision)])
        return [body]

    return application


class Living:
    """One endpoint, and the target that changes it, as a process of its own would.

    Args:
        double: Where.
    """

    name = "iris"

    def __init__(self, double: Double) -> None:
        from deployer_azureml.target import AzureMLTarget

        self.double = double
        about = double.options
        cloud = {
            "name": "Double", "manager": double.url, "login": double.url, "audience": "https://management.azure.com",
            "blobs": f"{double.url}/{{account}}", "ca_bundle": double.ca,
        }  # fmt: skip
        where = {"subscription": about.subscription, "resource_group": about.group, "workspace": about.workspaces[0]}
        options = AzureMLOptions.model_validate({**where, "cloud": cloud})
        self.target = AzureMLTarget(options, Site("azure", "team"))
        self.writer = Writer(self.target, self.name)

    def spec(self, **fields: Any) -> DeploymentSpec:
        return plain_spec(**{"network": {"egress": "internet"}, **fields})

    def release(self, revision: str, **fields: Any) -> Release:
        return plain_release(revision).model_copy(update={"spec": self.spec(**fields).wish()})

    def begin(self) -> Living:
        self.writer.begin(self.spec())
        self.writer.configure(self.spec())
        return self

    def stage(self, revision: str = REVISION, **fields: Any) -> Living:
        self.writer.write(spec=self.spec(**fields).wish())
        self.writer.stage(self.spec(**fields), self.release(revision, **fields))
        return self

    def serve(self, revision: str = REVISION) -> Living:
        """Staged, healthy, with all traffic."""
        self.stage(revision)
        self.phase(revision, Phase.HEALTHY)
        self.writer.route(Traffic({revision: 100}))
        self.until(lambda seen: seen.traffic.root == {revision: 100})
        return self

    def phase(self, revision: str, phase: Phase) -> Endpoint:
        return self.until(lambda seen: (found := seen.find(revision)) is not None and found.phase is phase)

    def until(self, there: Callable[[Endpoint], bool], seconds: float = 120) -> Endpoint:
        """Look until it is so."""
        end = time.monotonic() + seconds
        while True:
            seen = self.target.observe(self.name)
            if seen is not None and there(seen):
                return seen
            assert time.monotonic() < end, seen
            self.double.world.clock.wait(0.02 / self.double.world.clock.scale)

    def calls(self) -> Counter[str]:
        """What was asked since the last time, of all services."""
        found = Counter(each.operation for each in self.double.world.journal.all())
        self.double.world.journal.clear()
        return found


@pytest.fixture
def living(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Generator[Living]:
    """On a double that holds it to the roles of infra/azure."""
    pytest.importorskip("cryptography", reason="cryptography is not installed")
    pytest.importorskip("azure.identity", reason="azure-identity is not installed")
    from deployer.testing.azureml import Double, Durations, InProcess, Options

    options = Options(
        containers=InProcess({"": _server}), durations=Durations(probe_every=0.01, probes=0.05),
        rights=tuple(permissions()),
    )  # fmt: skip
    with Double(options) as double:
        for name in ("AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET"):
            monkeypatch.setenv(name, double.environment[name])
        monkeypatch.delenv("AZURE_AUTHORITY_HOST", raising=False)
        (tmp_path / "temporary").mkdir()
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
        yield Living(double)
        assert double.world.trouble == []
        assert double.tell("GET", "rights")["refused"] == [], "the target's own calls, by the roles of infra/azure"


# Predictions.


def test_a_prediction_is_one_request(living: Living) -> None:
    """``invoke`` asks for endpoint and keys each time, two to three calls beside the prediction.

    azureml-mlflow's ``predict`` asks for the endpoint, for keys and for the OpenAPI document each time.
    """
    living.begin().serve()
    assert living.target.invoke(living.name, ASKED).status == 200
    living.calls()
    for _ in range(20):
        assert living.target.invoke(living.name, ASKED).status == 200
    made = living.calls()
    assert made["Score"] == 20
    assert made["ListKeys"] == 0
    assert made["GetWorkspace"] == 0
    assert made.total() - 20 <= 6  # it looks again once in two seconds


def test_a_pinned_prediction_pins_no_later_one(living: Living) -> None:
    """After one ``invoke(deployment_name=...)`` all later ones of the process go to that deployment."""
    living.begin().serve().stage(OTHER)
    living.phase(OTHER, Phase.HEALTHY)
    assert living.target.invoke_revision(living.name, OTHER, ASKED).revision == OTHER
    assert [living.target.invoke(living.name, ASKED).revision for _ in range(3)] == [REVISION] * 3


def test_a_key_that_was_changed_is_fetched_once(living: Living) -> None:
    """The SDK has no cache that could be out of date, and pays for it with each prediction."""
    living.begin().serve()
    assert living.target.invoke(living.name, ASKED).status == 200
    main = living.double.world.endpoint(living.name)
    assert main is not None
    main[1].keys.update({name: f"another-{key}" for name, key in main[1].keys.items()})
    living.calls()
    assert living.target.invoke(living.name, ASKED).status == 200
    assert living.calls()["ListKeys"] == 1
    assert living.target.invoke(living.name, ASKED).status == 200
    assert living.calls()["ListKeys"] == 0


@pytest.mark.parametrize("status", ["400 Bad Request", "422 No", "500 Failed"])
def test_a_model_s_own_status_comes_through(living: Living, status: str) -> None:
    """It is an MlException with a text, whose status is lost."""
    living.begin().serve()
    answer = living.target.invoke(living.name, Request(body=b"{}", headers={"X-Answer": status}, timeout=10))
    assert answer.status == int(status[:3])


# Releases.


def test_a_release_prints_nothing_and_leaves_nothing_running(living: Living, capfd: pytest.CaptureFixture[str]) -> None:
    """Pollers print dots to stdout from threads of their own, minutes after the call, and are not ended.

    azureml-mlflow prints them too, and leaves a file in the folder of temporary files with each change.
    """
    before = {thread.ident for thread in threading.enumerate()}
    living.begin().serve().serve(OTHER)
    living.writer.retire(REVISION, keep=False)
    living.until(lambda seen: seen.find(REVISION) is None)
    out, err = capfd.readouterr()
    assert (out, err) == ("", "")

    def ours() -> list[str]:
        return [each.name for each in threading.enumerate() if each.ident not in before and _is_a_client_s(each)]

    until(lambda: not ours(), 10.0)  # a poller of the SDK's goes on for minutes
    assert [*Path(tempfile.gettempdir()).iterdir()] == []


def _is_a_client_s(thread: threading.Thread) -> bool:
    """Not the double's, which is in this process: its connections, operations and containers."""
    runs = getattr(thread, "_target", None)
    owner = getattr(runs, "__self__", None)
    module = type(owner).__module__ if owner is not None else str(getattr(runs, "__module__", ""))
    return not module.startswith(("deployer.testing", "socketserver", "wsgiref", "http.server"))


def test_the_workspace_is_asked_for_once(living: Living) -> None:
    """Each creation of an endpoint or a deployment asks for the workspace anew, to learn where it is."""
    living.begin().serve().serve(OTHER)
    made = living.calls()
    assert made["PutDeployment"] == 2
    assert made["GetWorkspace"] <= 2  # one of them to read Azure's clock
    assert made["PutAsset"] == 2


def test_a_verb_ends_though_azure_does_not(living: Living) -> None:
    """``begin_create_or_update().result()`` has no end; with a timeout it raises AttributeError.

    azureml-mlflow waits an hour for a deployment, and then says that it is there.
    """
    living.double.fault("PutDeployment", outcome="Stuck")
    living.begin()
    began = time.monotonic()
    living.stage()
    assert time.monotonic() - began < 120
    seen = living.phase(REVISION, Phase.STARTING)
    found = seen.find(REVISION)
    assert found is not None
    assert not found.settled


@pytest.mark.parametrize("operation", ["PutEndpoint", "PutDeployment"])
def test_an_answer_that_is_lost_is_no_failure(living: Living, operation: str) -> None:
    """Both send the PUT again by themselves, and end with the 409 that their own first one brought about."""
    living.double.fault(operation, lost=True)
    living.writer.begin(living.spec())
    _again(lambda: living.writer.configure(living.spec()))
    _again(living.stage)
    living.phase(REVISION, Phase.HEALTHY)
    assert living.calls()[operation] == 1


def _again(verb: Callable[[], object]) -> None:
    """As the engine does: what is transient is tried again."""
    for _ in range(5):
        try:
            verb()
        except TargetUnavailable as error:
            if not error.transient:
                raise
        else:
            return
    raise AssertionError("it does not get through")


@pytest.mark.parametrize(
    ("reason", "code"),
    [("image", Code.IMAGE_PULL), ("liveness", Code.PROBE_TIMEOUT), ("capacity", Code.CAPACITY)],
)
def test_another_process_is_told_why_it_failed(living: Living, reason: str, code: Code) -> None:
    """A GET of a deployment that failed has no reason, so that only who holds the poller is told one."""
    living.double.fault("PutDeployment", outcome="Failed", reason=reason)
    living.begin().stage().phase(REVISION, Phase.FAILED)
    found = Living(living.double).target.diagnose(living.name, REVISION)
    assert found is not None
    assert found.code is code


def test_what_fails_is_told_with_what_the_container_wrote(living: Living) -> None:
    """azureml-mlflow has no logs: "User container has crashed or terminated" is all that one is told."""
    living.double.fault("PutDeployment", outcome="Failed", reason="crash")
    living.begin().stage().phase(REVISION, Phase.FAILED)
    found = living.target.diagnose(living.name, REVISION)
    assert found is not None
    assert found.evidence
    assert "\x1b" not in "".join(found.evidence) + found.summary


def test_traffic_that_azure_does_not_show_yet_is_waited_for(living: Living) -> None:
    """A PUT's answer is taken for its effect, while a GET tells the old traffic still (Azure/azure-dev#3881)."""
    living.begin().serve().stage(OTHER)
    living.phase(OTHER, Phase.HEALTHY)
    living.double.fault("GetEndpoint", stale=0.5, times=1)
    living.writer.route(Traffic({OTHER: 100}))
    living.until(lambda seen: seen.traffic.root == {OTHER: 100})
    assert living.target.invoke(living.name, ASKED).revision == OTHER


def test_tags_of_somebody_else_outlive_a_change_of_traffic(living: Living) -> None:
    """An endpoint that is made anew to say its traffic loses tags, description, identity and copies."""
    living.begin().serve()
    main = living.double.world.endpoint(living.name)
    assert main is not None
    main[1].tags["cost-centre"] = "4711"
    living.serve(OTHER)
    assert main[1].tags["cost-centre"] == "4711"
    assert main[1].tags["deployer.owner"] == "team"


# Removals.


def test_one_of_two_goes_without_a_trace(living: Living) -> None:
    """azureml-mlflow's ``delete_deployment`` sends traffic that sums to 60, and ends with Azure's 400."""
    living.begin().serve().stage(OTHER)
    living.phase(OTHER, Phase.HEALTHY)
    living.writer.route(Traffic({REVISION: 60, OTHER: 40}))
    living.until(lambda seen: seen.traffic.root == {REVISION: 60, OTHER: 40})
    with pytest.raises(DeployerError, match="has traffic"):
        living.writer.retire(OTHER, keep=False)
    living.writer.route(Traffic({REVISION: 100}))
    living.until(lambda seen: seen.traffic.root == {REVISION: 100})
    living.writer.retire(OTHER, keep=False)
    living.until(lambda seen: seen.find(OTHER) is None)
    assert living.target.invoke(living.name, ASKED).revision == REVISION


def test_what_is_not_there_is_not_found(living: Living) -> None:
    """azureml-mlflow looks for it in Azure's retired interface, whose error is what one is told."""
    with pytest.raises(NotFound):
        living.target.invoke("nothing-here", ASKED)
    assert living.target.observe("nothing-here") is None
    assert not [each for each in living.calls() if not each]
