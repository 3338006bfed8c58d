"""The verbs, on the double: Azure's documents as it tells them, its life cycle, and each of its guesses both ways."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Iterable
from typing import TYPE_CHECKING, Any

import pytest

from deployer.endpoint import Code, Mirrored, Phase, Traffic
from deployer.errors import Conflict, DeploymentFailed, NotFound, PredictionError, SpecError, TargetUnavailable
from deployer.target import Request, Site
from deployer.testing.azureml.behaviours import BEHAVIOURS
from deployer_azureml import kind
from deployer_azureml.documents import writable
from deployer_azureml.names import endpoint_path
from deployer_azureml.target import AzureMLTarget
from tests.unit.azureml.living import ASKED, OTHER, REVISION, Living, until

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from deployer.testing.azureml import Double
    from deployer.testing.cloud.behaviours import Behaviour
    from deployer.testing.cloud.containers import Wish
    from deployer.testing.cloud.in_process import InProcess


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


def CONTAINERS() -> InProcess:  # noqa: N802 - the conftest's name of it
    from deployer.testing.azureml import InProcess

    return InProcess({"": _server})


@pytest.fixture
def living_on(on_double: Double) -> Generator[Callable[..., Living]]:
    """Makes an endpoint on a double of its own."""
    from deployer.testing.azureml import Double, Durations, Options

    made: list[Double] = []

    def make(**options: Any) -> Living:
        options.setdefault("durations", Durations(probes=0.05, probe_every=0.01))
        made.append(Double(Options(containers=CONTAINERS(), **options)).__enter__())
        return Living(made[-1])

    yield make
    for double in made:
        trouble = list(double.world.trouble)
        double.__exit__(None, None, None)
        assert trouble == []


def test_the_kind_says_what_the_target_can() -> None:
    assert all(issubclass(AzureMLTarget, each) for each in kind.capabilities)


def _whole_life(living: Living) -> None:
    living.begin(labels={"team": "risk"}).serve(labels={"team": "risk"})
    found = living.seen()
    assert (found.phase, found.traffic.root) == (Phase.HEALTHY, {REVISION: 100})
    assert found.settings["labels"] == {"team": "risk"}
    assert living.answer() == REVISION
    living.calls()
    living.configure(labels={"team": "risk"}).stage(labels={"team": "risk"}).route({REVISION: 100})
    assert living.calls() == []
    living.stage(OTHER).healthy(OTHER)
    assert (living.answer(OTHER), living.answer()) == (OTHER, REVISION)
    copied = Mirrored(revision=OTHER, percent=50)
    living.target.mirror(living.name, copied, living.writer.claim)
    living.until(lambda seen: seen.mirror == copied)
    living.rest().route({REVISION: 90, OTHER: 10})
    assert living.seen().mirror is None
    living.route({OTHER: 100}).retire(REVISION)
    assert [each.id for each in living.seen().revisions] == [OTHER]
    assert len(living.facts().environments) == 1
    living.stage(OTHER, replicas=2)
    living.until(lambda seen: seen.revisions[0].ready == 2)
    living.destroy()
    seen = living.facts()
    assert (seen.endpoint, seen.deployments, seen.environments, seen.scalers) == (None, (), (), ())
    assert seen.record is None


def test_a_whole_life(living: Living) -> None:
    _whole_life(living)


@pytest.mark.parametrize("guess", [each for each in BEHAVIOURS if each.source == "guessed"], ids=lambda each: each.name)
def test_a_whole_life_where_a_guess_goes_the_other_way(living_on: Callable[..., Living], guess: Behaviour) -> None:
    _whole_life(living_on(guesses={guess.name: not guess.default}))


def test_why_it_failed_is_told_where_the_operation_may_only_be_asked_by_its_signature(
    living_on: Callable[..., Living],
) -> None:
    living = living_on(guesses={"unsigned-operation": False})
    living.begin()
    living.double.fault("PutDeployment", outcome="Failed", reason="capacity")
    living.stage().phase(REVISION, Phase.FAILED)
    found = living.target.diagnose(living.name, REVISION)
    assert found is not None
    assert found.code is Code.CAPACITY
    # Another process has not seen the signed address: it is told what the containers wrote, and that it failed.
    other = AzureMLTarget(living.target.options, Site("azure", "team"))
    seen = other.observe(living.name)
    assert seen is not None
    assert seen.revisions[0].phase is Phase.FAILED
    assert other.diagnose(living.name, REVISION) is not None


def test_what_our_server_is_asked_through_azure(living: Living) -> None:
    living.begin().serve()
    asked = Request(body=b"{}", headers={**ASKED.headers, "Deployer-Verify": "1"})
    assert json.loads(living.target.invoke(living.name, asked).body) == {"path": "/invocations", "verify": "1"}
    found = living.target.invoke_revision(living.name, REVISION, Request(path="/ready", method="GET"))
    assert json.loads(found.body)["path"] == "/ready"
    bad = living.target.invoke(living.name, Request(body=b"{}", headers={"X-Bad": "1"}))
    assert (bad.status, bad.revision) == (422, REVISION)
    with pytest.raises(NotFound, match="Azure leads to /invocations alone"):
        living.target.invoke(living.name, Request(path="/v2/models"))
    living.route({})
    with pytest.raises(TargetUnavailable, match="leads nowhere") as caught:
        living.answer()
    assert caught.value.transient
    assert living.answer(REVISION) == REVISION


def test_what_was_asked_first_is_seen_by_everybody(living: Living) -> None:
    living.begin().stage()
    other = AzureMLTarget(living.target.options, Site("azure", "team"))
    living.healthy()
    assert other.observe(living.name) == living.seen()
    assert living.name in {each.name for each in other.list()}


def test_a_request_that_is_too_large_is_not_sent(living: Living) -> None:
    living.begin(config={"max_body": "1Ki"}).serve(config={"max_body": "1Ki"})
    with pytest.raises(PredictionError, match="1025 bytes"):
        living.target.invoke(living.name, Request(body=b"x" * 1025))


# Counts.


def test_a_range_on_azure_monitor(living: Living) -> None:
    wished: dict[str, Any] = {"replicas": {"min": 1, "max": 4}}
    living.begin(**wished).serve(**wished)
    living.until(lambda _: [each.bounds for each in living.facts().scalers] == [(1, 4)])
    assert living.seen().revisions[0].facts["autoscaler"] == "1 to 4"
    living.calls()
    living.stage(**wished).rest()
    assert living.calls() == []
    living.stage().rest()
    assert living.facts().scalers == ()


def test_a_range_is_of_its_own_workspace(living: Living) -> None:
    wished: dict[str, Any] = {"replicas": {"min": 1, "max": 4}}
    living.begin(**wished).serve(**wished)
    living.until(lambda _: bool(living.facts().scalers))
    (name,) = [each for each in living.double.world.autoscale if f"-{living.name}-" in each]
    theirs = json.loads(json.dumps(living.double.world.autoscale[name]).replace("/workspaces/ws/", "/workspaces/xy/"))
    living.double.world.autoscale[f"{name}-xy"] = theirs
    try:
        assert len(living.facts().scalers) == 1
    finally:
        del living.double.world.autoscale[f"{name}-xy"]


def test_on_a_kubernetes_compute(living: Living) -> None:
    config = {"compute": living.double.options.computes[0]}
    wished: dict[str, Any] = {"config": config, "replicas": {"min": 1, "max": 3}}
    living.begin(**wished).serve(**wished)
    assert living.facts().deployments[0].bounds == (1, 3)
    living.stage(config=config, replicas=2).rest()
    assert (living.facts().deployments[0].bounds, living.facts().deployments[0].count) == (None, 2)
    living.destroy()


# Failures.


def test_what_fails_is_diagnosed_and_staged_anew_while_what_serves_serves_on(
    living: Living, faults: Callable[..., None]
) -> None:
    living.begin().serve()
    faults("PutDeployment", outcome="Failed", reason="crash")
    living.stage(OTHER).phase(OTHER, Phase.FAILED)
    found = living.target.diagnose(living.name, OTHER)
    assert found is not None
    assert found.code is Code.CRASH_LOOP
    living.seen()
    assert living.phase(OTHER, Phase.FAILED).traffic.root == {REVISION: 100}  # no look begins it anew
    assert living.answer() == REVISION
    with pytest.raises(Conflict, match="has failed"):
        living.writer.route(Traffic.all_to(OTHER))
    living.stage(OTHER).healthy(OTHER)
    assert living.answer(OTHER) == OTHER


def test_a_quota_that_is_used_up(living_on: Callable[..., Living]) -> None:
    living = living_on(quota=6)
    config = {"instance_type": "Standard_DS3_v2"}
    living.begin(config=config).rest()
    with pytest.raises(DeploymentFailed) as caught:
        living.stage(config=config)
    assert caught.value.diagnosis is not None
    assert caught.value.diagnosis.code is Code.QUOTA
    assert "is 6 cores; 0 are used, and 8 more are needed" in caught.value.diagnosis.summary


def test_an_endpoint_that_could_not_be_made_is_made_anew_by_the_same_command(
    living: Living, faults: Callable[..., None]
) -> None:
    faults("PutEndpoint", outcome="Failed", reason="no certificate")
    living.begin()

    def refused() -> bool:
        try:
            living.target.observe(living.name)
        except DeploymentFailed as error:
            return "did not make the endpoint" in str(error)
        return False

    until(refused)
    assert living.seen().phase is Phase.FAILED
    living.begin().serve()
    assert living.answer() == REVISION


@pytest.mark.parametrize(
    ("operation", "times"),
    [("PutEndpoint", 2), ("PutAsset", 1), ("PutDeployment", 1), ("PatchDeployment", 1), ("DeleteDeployment", 1),
     ("DeleteEndpoint", 1), ("DeleteAsset", 1), ("PutAutoscale", 1), ("DeleteAutoscale", 1), ("PutBlob", 2)],
)  # fmt: skip
def test_an_answer_that_is_lost_costs_nothing(
    living: Living, faults: Callable[..., None], operation: str, times: int
) -> None:
    """The request was done, its sender does not know, and asks again."""
    ranged: dict[str, Any] = {"replicas": {"min": 1, "max": 3}}
    faults(operation, lost=True, times=times)
    living.double.world.journal.clear()
    for step in (
        living.begin,
        lambda: living.serve(**ranged),
        lambda: living.stage(OTHER).healthy(OTHER),
        lambda: living.route({OTHER: 100}),
        lambda: living.retire(REVISION),
        lambda: living.stage(OTHER, replicas=2).until(lambda seen: seen.revisions[0].ready == 2),
    ):
        _again(living, step)
    seen = living.facts()
    assert ([each.revision for each in seen.mine], len(seen.environments), seen.scalers) == ([OTHER], 1, ())
    assert (seen.mine[0].count, living.seen().traffic.root) == (2, {OTHER: 100})
    assert living.answer() == OTHER
    _again(living, living.destroy)
    assert living.facts().environments == ()
    lost = [each for each in living.double.world.journal.all() if not each.status]
    assert len(lost) == times


def _again(living: Living, step: Callable[[], object]) -> None:
    """As the engine does it; a Record that was written without an answer is read anew."""
    for _ in range(4):
        try:
            step()
        except TargetUnavailable as error:
            if not error.transient:
                raise
            stored = living.target.read_record(living.name)
            if stored is not None:
                living.writer.record, living.writer.version = stored
            continue
        return
    raise AssertionError("its answers are lost again and again")


# Others.


def _unmarked(living: Living) -> None:
    """As another tool would have made it, and without a Record."""
    about = endpoint_path(living.name)
    for path in (about, f"{about}/deployments/{REVISION}"):
        living.ask("PUT", path, {**writable(living.ask("GET", path)), "tags": {"team": "risk"}})
        until(lambda path=path: living.ask("GET", path)["properties"]["provisioningState"] == "Succeeded")  # type: ignore[misc]
    found = vars(living.target)["_records"].read(living.name)
    vars(living.target)["_records"].forget(living.name, found[1])


def test_what_somebody_else_made_is_taken_over_while_it_runs(living: Living) -> None:
    living.begin().serve()
    _unmarked(living)
    assert not living.seen().managed
    found = living.target.adoptable(living.name)
    assert found is not None
    assert found.spec["labels"] == {"team": "risk"}
    assert found.image is not None
    instances = [each.id for each in living.workspace.endpoints[living.name].deployments[REVISION].instances]
    with pytest.raises(Conflict, match="did not make"):
        living.writer.begin(living.spec())
    spec = living.spec(labels={"team": "risk"})
    living.writer.adopt(spec, living.release(labels={"team": "risk"}), found.identity)
    seen = living.until(lambda seen: seen.managed)
    assert (seen.traffic.root, seen.settings["labels"]) == ({REVISION: 100}, {"team": "risk"})
    assert living.target.adoptable(living.name) is None
    assert instances == [each.id for each in living.workspace.endpoints[living.name].deployments[REVISION].instances]
    living.rest().stage(OTHER).healthy(OTHER)
    living.route({OTHER: 100})
    assert living.answer() == OTHER


def test_what_is_only_half_taken_over_can_be_deleted(living: Living, faults: Callable[..., None]) -> None:
    living.begin().serve()
    _unmarked(living)
    found = living.target.adoptable(living.name)
    assert found is not None
    faults("PatchDeployment", delay=0.3)
    living.writer.adopt(living.spec(), living.release(), found.identity)
    living.destroy()
    assert living.facts().endpoint is None


def test_what_somebody_else_writes_is_not_taken_back(living: Living) -> None:
    living.begin().serve()
    about = endpoint_path(living.name)
    document = writable(living.ask("GET", about))
    living.ask("PUT", about, {**document, "properties": {**document["properties"], "description": "theirs"}})
    living.route({})
    assert living.ask("GET", about)["properties"]["description"] == "theirs"
    assert not living.seen().traffic


def test_a_deployment_of_somebody_else_keeps_its_endpoint(living: Living) -> None:
    living.begin().serve()
    about = f"{endpoint_path(living.name)}/deployments"
    theirs = writable(living.ask("GET", f"{about}/{REVISION}"))
    living.ask("PUT", f"{about}/blue", {**theirs, "tags": {}})
    living.rest()
    assert "blue" in living.seen().detail
    with pytest.raises(Conflict, match="deployments that deployer did not make"):
        living.writer.destroy()
    assert living.answer() == REVISION


def test_what_azure_never_changes_is_told_in_the_plan(living: Living) -> None:
    living.begin().rest()
    wish = living.spec(config={"compute": "cluster"})
    assert [field for field, _ in living.target.unmet(wish)] == ["config.compute"]
    assert [field for field, _ in living.target.unmet(living.spec(network={"egress": "none"}))] == ["network.egress"]
    assert [*living.target.unmet(living.spec())] == []
    with pytest.raises(Conflict, match="Azure moves no endpoint"):
        living.writer.configure(wish)


def test_a_name_that_is_none_here_is_not_asked_for(living: Living) -> None:
    living.calls()
    assert living.target.observe("A_b") is None
    assert living.target.read_record("no.name") is None
    assert living.target.diagnose("a", REVISION) is None
    assert living.target.adoptable("a") is None
    assert [each for each in living.double.world.journal.all() if each.service == "arm"] == []


def test_what_would_be_sent_is_told(living: Living) -> None:
    wish = living.spec(replicas={"min": 1, "max": 3})
    documents = [*living.target.render(wish, living.release())]
    assert [each["path"].rpartition("/")[0] for each in documents][:3] == [
        "onlineEndpoints",
        f"environments/deployer-{living.name}/versions",
        f"onlineEndpoints/{living.name}/deployments",
    ]
    assert documents[-1]["document"]["properties"]["traffic"] == {REVISION: 100}
    assert len(documents) == 5
    assert any("record" in each for each in living.target.unrendered(wish, living.release()))
    with pytest.raises(SpecError):
        living.target.render(living.spec(resources={"memory": "900Ti"}), living.release())
