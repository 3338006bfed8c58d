"""What is due, on the double: Azure's documents as it tells them, its life cycle, and each of its guesses both ways."""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable, Generator, Iterable
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from deployer.endpoint import Code, Endpoint, Mirrored, Phase, Traffic
from deployer.errors import Conflict, TargetUnavailable
from deployer.target import Request
from deployer_azureml.adopting import adopt_due
from deployer_azureml.calls import Due
from deployer_azureml.configuring import configure_due
from deployer_azureml.diagnose import diagnosis_of
from deployer_azureml.documents import writable
from deployer_azureml.errors import Refused, mapped
from deployer_azureml.facts import Facts
from deployer_azureml.foreign import unadoptable
from deployer_azureml.observe import endpoint_of
from deployer_azureml.removing import destroy_due, retire_due
from deployer_azureml.routing import mirror_due, route_due
from deployer_azureml.staging import Staging
from tests.unit.azureml.driving import Driver
from tests.unit.azureml.values import OTHER, REVISION, record, release, spec

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from deployer.testing.azureml import Double
    from deployer.testing.cloud.containers import Wish

FLIPPED = (
    "busy-is-conflict", "delete-deployment-in-progress", "traffic-to-failed", "traffic-while-deploying",
    "failed-update-keeps-serving", "auth-mode-immutable", "created-as-updating", "delete-with-traffic",
)  # fmt: skip
ASKED = Request(body=b'{"inputs": [1]}', headers={"Content-Type": "application/json", "Deployer-Verify": "1"})


def _server(wish: Wish, write: Callable[[str], None]) -> WSGIApplication:
    """As our own is asked: tells its revision, and takes a path by header."""
    write("serving")

    def application(environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        path = environ.get("HTTP_DEPLOYER_PATH", environ["PATH_INFO"])
        revision = wish.environment.get("DEPLOYER_SERVING_REVISION", "")
        body = json.dumps({"path": path, "verify": environ.get("HTTP_DEPLOYER_VERIFY")}).encode()
        status = "422 No" if environ.get("HTTP_X_BAD") else "200 OK"
        start(status, [("Content-Length", str(len(body))), ("Deployer-Revision", revision)])
        return [body]

    return application


@pytest.fixture
def new_driver() -> Generator[Callable[..., Driver]]:
    """Makes a double, and what drives it."""
    pytest.importorskip("cryptography", reason="cryptography is not installed")
    from deployer.testing.azureml import Double, Durations, InProcess, Options

    made: list[Double] = []

    def make(**options: Any) -> Driver:
        options.setdefault("durations", Durations(probe_every=0.01, probes=0.05))
        double = Double(Options(containers=InProcess({"": _server}), **options))
        made.append(double.__enter__())
        return Driver(double)

    yield make
    for double in made:
        trouble = list(double.world.trouble)
        double.__exit__(None, None, None)
        assert trouble == []


@pytest.fixture
def driver(new_driver: Callable[..., Driver]) -> Driver:
    return new_driver()


def _stage(driver: Driver, revision: str = REVISION, **wished: Any) -> Callable[[Facts], Due]:
    return Staging(spec(**wished), release(revision), driver.place).due


def _configure(driver: Driver, **wished: Any) -> Callable[[Facts], Due]:
    return lambda facts: configure_due(facts, spec(**wished), driver.place)


def _route(**shares: int) -> Callable[[Facts], Due]:
    return partial(route_due, traffic=Traffic(shares))


def _seen(driver: Driver) -> Endpoint:
    found = endpoint_of(driver.facts())
    assert found is not None
    return found


def _serving(driver: Driver, **wished: Any) -> None:
    for verb in (_configure(driver, **wished), _stage(driver, **wished), _route(**{REVISION: 100})):
        driver.drive(verb)


def _whole_life(driver: Driver) -> None:
    _serving(driver, labels={"team": "risk"})
    found = _seen(driver)
    assert (found.phase, found.traffic.root) == (Phase.HEALTHY, {REVISION: 100})
    assert found.settings["labels"] == {"team": "risk"}
    assert driver.invoke(ASKED).revision == REVISION
    before = len(driver.made)
    for verb in (_configure(driver, labels={"team": "risk"}), _stage(driver), _route(**{REVISION: 100})):
        driver.drive(verb)
    assert driver.made[before:] == []
    driver.drive(_stage(driver, OTHER))
    assert driver.invoke(ASKED, OTHER).revision == OTHER
    assert driver.invoke(ASKED).revision == REVISION
    driver.drive(partial(mirror_due, mirrored=Mirrored(revision=OTHER, percent=50)))
    assert _seen(driver).mirror == Mirrored(revision=OTHER, percent=50)
    driver.drive(_route(**{REVISION: 90, OTHER: 10}))
    assert (_seen(driver).mirror, _seen(driver).traffic.root) == (None, {REVISION: 90, OTHER: 10})
    driver.drive(_route(**{OTHER: 100}))
    driver.drive(partial(retire_due, revision=REVISION, keep=False))
    assert [each.id for each in _seen(driver).revisions] == [OTHER]
    assert len(driver.facts().environments) == 1
    driver.drive(_stage(driver, OTHER, replicas=2))
    assert driver.facts().deployments[0].count == 2
    driver.drive(destroy_due)
    seen = driver.facts()
    assert (seen.endpoint, seen.deployments, seen.environments, seen.scalers) == (None, (), (), ())


def test_a_whole_life(driver: Driver) -> None:
    _whole_life(driver)


@pytest.mark.parametrize("guess", FLIPPED)
def test_a_whole_life_where_a_guess_goes_the_other_way(new_driver: Callable[..., Driver], guess: str) -> None:
    from deployer.testing.azureml import BEHAVIOURS

    default = next(each.default for each in BEHAVIOURS if each.name == guess)
    _whole_life(new_driver(guesses={guess: not default}))


def test_what_our_server_is_asked_through_azure(driver: Driver) -> None:
    _serving(driver)
    assert json.loads(driver.invoke(ASKED).body) == {"path": "/invocations", "verify": "1"}
    found = driver.invoke(Request(path="/ready", method="GET"), REVISION)
    assert json.loads(found.body)["path"] == "/ready"
    bad = driver.invoke(Request(body=b"{}", headers={"X-Bad": "1"}))
    assert bad.status == 422
    driver.drive(_route())
    with pytest.raises(TargetUnavailable, match="leads nowhere"):
        driver.invoke(ASKED)
    assert driver.invoke(ASKED, REVISION).revision == REVISION


def test_a_range_on_azure_monitor(driver: Driver) -> None:
    wished: dict[str, Any] = {"replicas": {"min": 1, "max": 4}}
    _serving(driver, **wished)
    assert [each.bounds for each in driver.facts().scalers] == [(1, 4)]
    before = len(driver.made)
    driver.drive(_stage(driver, **wished))
    assert driver.made[before:] == []
    driver.drive(_stage(driver))
    assert driver.facts().scalers == ()


def test_on_a_kubernetes_compute(driver: Driver) -> None:
    config = {"compute": driver.double.options.computes[0]}
    _serving(driver, config=config, replicas={"min": 1, "max": 3})
    assert driver.facts().deployments[0].bounds == (1, 3)
    driver.drive(_stage(driver, config=config, replicas=2))
    assert (driver.facts().deployments[0].bounds, driver.facts().deployments[0].count) == (None, 2)
    driver.drive(destroy_due)


@pytest.mark.parametrize(
    ("reason", "code"),
    [
        ("crash", Code.CRASH_LOOP), ("liveness", Code.PROBE_TIMEOUT), ("readiness", Code.PROBE_TIMEOUT),
        ("image", Code.IMAGE_PULL), ("model", Code.PERMISSION), ("build", Code.IMAGE_PULL),
        ("capacity", Code.CAPACITY), ("secrets", Code.PERMISSION), ("canceled", Code.CONFLICT),
        ("service", Code.NOT_REACHABLE),
    ],
)  # fmt: skip
def test_why_it_failed_and_what_serves_serves_on(driver: Driver, reason: str, code: Code) -> None:
    _serving(driver)
    driver.double.fault("PutDeployment", outcome="Failed", reason=reason)
    driver.ask(_stage(driver, OTHER))
    while not driver.is_settled():
        driver.pause()
    seen = driver.facts()
    found = diagnosis_of(seen, OTHER, driver.logs(OTHER), 0.0)
    assert found is not None
    assert found.code is code
    assert _seen(driver).traffic.root == {REVISION: 100}
    assert driver.invoke(ASKED).revision == REVISION
    driver.drive(_stage(driver, OTHER))
    assert driver.invoke(ASKED, OTHER).revision == OTHER


def test_a_quota_that_is_used_up(new_driver: Callable[..., Driver]) -> None:
    driver = new_driver(quota=6)
    driver.drive(_configure(driver))
    with pytest.raises(Refused) as caught:
        driver.ask(_stage(driver, config={"instance_type": "Standard_DS3_v2"}))
    found = mapped(caught.value, "make the deployment", REVISION)
    diagnosis = getattr(found, "diagnosis", None)
    assert diagnosis is not None
    assert diagnosis.code is Code.QUOTA
    assert "is 6 cores; 0 are used, and 8 more are needed" in diagnosis.summary


def test_a_name_that_somebody_else_has_in_the_region(new_driver: Callable[..., Driver]) -> None:
    driver = new_driver(taken=frozenset({"iris"}))
    with pytest.raises(Refused) as caught:
        driver.ask(_configure(driver))
    found = mapped(caught.value, "make the endpoint iris", "iris")
    assert isinstance(found, Conflict)
    assert "somebody in this region" in found.message


def test_a_name_that_lingers_is_waited_for(driver: Driver) -> None:
    _serving(driver)
    driver.double.fault("DeleteEndpoint", linger=600)
    driver.drive(destroy_due)
    with pytest.raises(Refused) as caught:
        driver.ask(_configure(driver))
    found = mapped(caught.value, "make the endpoint iris", "iris")
    assert isinstance(found, TargetUnavailable)
    assert found.transient


def test_an_endpoint_that_could_not_be_made(driver: Driver) -> None:
    driver.double.fault("PutEndpoint", outcome="Failed", reason="no certificate")
    driver.ask(_configure(driver))
    while not driver.is_settled():
        driver.pause()
    assert (_seen(driver).phase, "no certificate" in _seen(driver).detail) == (Phase.FAILED, True)
    driver.drive(_stage(driver))
    assert _seen(driver).revisions[0].phase is Phase.HEALTHY


@pytest.mark.parametrize(
    ("operation", "times"),
    [("PutEndpoint", 3), ("PutAsset", 2), ("PutDeployment", 2), ("PatchDeployment", 1), ("DeleteDeployment", 1),
     ("DeleteEndpoint", 1), ("DeleteAsset", 2), ("PutAutoscale", 1), ("DeleteAutoscale", 1)],
)  # fmt: skip
def test_an_answer_that_is_lost_costs_nothing(driver: Driver, operation: str, times: int) -> None:
    """The request was done, its sender does not know, and asks again."""
    wished: dict[str, Any] = {"replicas": {"min": 1, "max": 3}}
    ways: list[Callable[[Facts], Due]] = [
        _configure(driver), _stage(driver, **wished), _route(**{REVISION: 100}), _stage(driver, OTHER),
        _route(**{OTHER: 100}), partial(retire_due, revision=REVISION, keep=False), _stage(driver, OTHER, replicas=2),
    ]  # fmt: skip
    driver.double.fault(operation, lost=True, times=times)
    for verb in ways:
        _drive_on(driver, verb)
    seen = driver.facts()
    assert ([each.revision for each in seen.mine], len(seen.environments), seen.scalers) == ([OTHER], 1, ())
    assert (seen.mine[0].count, _seen(driver).traffic.root) == (2, {OTHER: 100})
    assert driver.invoke(ASKED).revision == OTHER
    _drive_on(driver, destroy_due)
    assert driver.facts().environments == ()
    lost = [each for each in driver.double.tell("GET", "calls") if not each["status"]]
    assert len(lost) == times


def _drive_on(driver: Driver, verb: Callable[[Facts], Due]) -> None:
    for _ in range(4):
        try:
            driver.drive(verb)
        except (OSError, http.client.HTTPException):
            continue
        return
    raise AssertionError("its answers are lost again and again")


def test_what_somebody_else_made_is_taken_over_while_it_runs(driver: Driver) -> None:
    about = f"{driver.double.workspace}/onlineEndpoints/iris"
    _serving(driver)  # as ours, and then without marks: as another tool would have made it
    for path in (about, f"{about}/deployments/{REVISION}"):
        found = driver.arm("GET", path)
        driver.arm("PUT", path, {**writable(found), "tags": {"team": "risk"}})
        while not driver.is_settled():
            driver.pause()
    assert not _seen(driver).managed
    with pytest.raises(Conflict, match="did not make"):
        driver.ask(_configure(driver))
    assert unadoptable(driver.facts()) is None
    driver.record = record(traffic={REVISION: 100}, spec=spec(labels={"team": "risk"}).wish())
    driver.drive(partial(adopt_due, record=driver.record))
    assert (_seen(driver).managed, _seen(driver).traffic.root) == (True, {REVISION: 100})
    assert _seen(driver).settings["labels"] == {"team": "risk"}
    driver.drive(_stage(driver, OTHER))
    driver.drive(_route(**{OTHER: 100}))
    assert driver.invoke(ASKED).revision == OTHER


def test_what_somebody_else_writes_is_not_taken_back(driver: Driver) -> None:
    _serving(driver)
    seen = driver.facts()
    found = route_due(seen, Traffic({}))
    about = f"{driver.double.workspace}/onlineEndpoints/iris"
    document = driver.arm("GET", about)
    body = {key: document[key] for key in ("location", "tags", "identity")}
    told = {"authMode": "Key", "traffic": {REVISION: 100}, "description": "theirs"}
    driver.arm("PUT", about, {**body, "properties": told})
    while not driver.is_settled():
        driver.pause()
    assert not driver.make(found.calls[0])
    assert _seen(driver).traffic.root == {REVISION: 100}
    driver.drive(_route())
    assert driver.arm("GET", about)["properties"]["description"] == "theirs"
    assert not _seen(driver).traffic
