"""Revisions as InferenceServices, run by KServe's own controller on a real cluster; see tests/cluster/kserve --run."""

from __future__ import annotations

import subprocess
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from deployer.endpoint import Code, Traffic
from deployer.errors import Conflict, TargetUnavailable
from tests.integration.kubernetes import theirs
from tests.integration.kubernetes.bay import Bay, deployer_on, left_of
from tests.integration.kubernetes.beds import Bed, until
from tests.integration.kubernetes.inference import API, KIND, tell
from tests.integration.kubernetes.rights import kubeconfig_for, role
from tests.integration.kubernetes.test_adoption import as_it_runs

if TYPE_CHECKING:
    from tests.plugins.docker import Image

pytestmark = [
    pytest.mark.real("kserve"), pytest.mark.slow, pytest.mark.timeout(600),
    pytest.mark.xdist_group("kubernetes-kserve"),
]  # fmt: skip

Controller = subprocess.Popen[bytes] | None
LONGEST = 42
"""Characters of an endpoint's name and its namespace's, by KServe's own domainTemplate; a label of a host has 63."""
WITH_RANGE = {"min": 1, "max": 3}


@pytest.fixture
def bed(bay: Bay, kserve: Controller) -> Iterator[Bed]:
    """In a namespace of the test's own, with the rights of the shipped Role and no others."""
    account = kubeconfig_for(bay.namespace, role()["rules"], bay.folder)
    bay.deployer = deployer_on(account, bay.namespace.name)
    yield Bed(bay)
    for each in bay.namespace.all(API, KIND):  # of a test that failed
        bay.namespace.cluster.delete(each)


def wish(bed: Bed, word: str = "one", *, kserve: bool = True, **fields: Any) -> Any:
    config = {"kserve": kserve, **fields.pop("config", {})}
    return bed.bay.wish("well", word, config=config, **fields)


def apply(bed: Bed, word: str = "one", **fields: Any) -> str:
    """Have it serve: its revision."""
    found = bed.bay.deployer.apply(wish(bed, word, **fields))
    assert (found.phase.value, found.detail) == ("healthy", "")
    assert found.revision is not None
    assert not bed.bay.deployer.plan(wish(bed, word, **fields)).changes
    return found.revision.id


def made(bed: Bed, kind: str, revision: str, suffix: str = "-predictor") -> Any:
    """What KServe has made for a revision."""
    versions = {"Deployment": "apps/v1", "Service": "v1", "HorizontalPodAutoscaler": "autoscaling/v2", KIND: API}
    return bed.namespace.get(versions[kind], kind, f"{bed.bay.name}--{revision}{suffix}")


@contextmanager
def asked(bed: Bed) -> Iterator[Counter[str]]:
    """Three clients of its Service meanwhile: how often each word was answered, and what else came of it."""
    seen: Counter[str] = Counter()
    over, lock = threading.Event(), threading.Lock()

    def ask() -> None:
        while not over.is_set():
            try:
                status, word = bed.ask()
                said = word if status == 200 else f"failed: {status} {word[:80]}"
            except OSError as error:
                said = f"failed: {error!r}"
            with lock:
                seen[said] += 1

    threads = [threading.Thread(target=ask, daemon=True) for _ in range(3)]
    bed.comes()
    for each in threads:
        each.start()
    try:
        yield seen
    finally:
        over.set()
        for each in threads:
            each.join(60)
        print(dict(seen))
    assert [each for each in seen if each.startswith("failed")] == []


def test_a_life_with_the_shipped_role(bed: Bed) -> None:
    api, name = bed.bay.deployer, bed.bay.name
    (checks,) = api.doctor("kubernetes").values()
    assert [(each.what, each.detail) for each in checks if each.ok is False] == []
    assert next(each.ok for each in checks if each.what.startswith("KServe"))
    first = apply(bed, replicas=2, labels={"team": "risk"})

    # KServe has made of it what a Deployment of ours would have been, with our marks.
    whole = made(bed, "Deployment", first)
    assert whole["metadata"]["ownerReferences"][0]["kind"] == KIND
    assert whole["spec"]["replicas"] == 2
    pod = whole["spec"]["template"]
    assert pod["metadata"]["labels"]["deployer.io/revision"] == first
    assert pod["spec"]["automountServiceAccountToken"] is False
    (server,) = pod["spec"]["containers"]
    assert (server["name"], server["securityContext"]["readOnlyRootFilesystem"]) == ("kserve-container", True)
    assert {"startupProbe", "readinessProbe", "livenessProbe", "lifecycle"} <= set(server)
    assert bed.namespace.all("networking.k8s.io/v1", "Ingress") == []
    assert bed.namespace.all("autoscaling/v2", "HorizontalPodAutoscaler") == []
    told = bed.bay.endpoint().revisions[0]
    assert (told.ready, told.wanted, told.facts["inferenceservice"]) == (2, 2, f"{name}--{first}")
    assert bed.bay.deployer.predict(name, {"inputs": "how?"})

    # The count, in place: the pods that stay are those that were there.
    pods = set(bed.pods(first))
    assert apply(bed, replicas=1, labels={"team": "risk"}) == first
    assert set(bed.pods(first)) < pods
    assert apply(bed, replicas=2, labels={"team": "risk"}) == first
    with asked(bed) as seen:
        second = apply(bed, "two", replicas=2, labels={"team": "risk"})
        assert made(bed, "Deployment", first) is None
        assert made(bed, KIND, first, "") is None
        found = api.rollback(name)
        assert found.revision is not None
        assert found.revision.id == first
        # What KServe hands to pods makes them anew, one after the other.
        assert apply(bed, replicas=2, labels={"team": "fraud"}) == first
    assert set(seen) == {"one", "two"}
    assert second != first

    api.delete(name)
    assert left_of(bed.namespace, name) == []
    assert bed.namespace.all(API, KIND) == []


def test_a_range_is_kept_by_the_autoscaler_that_kserve_makes(bed: Bed) -> None:
    with_range: Any = {"replicas": {**WITH_RANGE, "value": 60}, "resources": {"cpu": 0.02, "memory": 64 * 2**20}}
    first = apply(bed, replicas=2)
    with asked(bed):
        assert apply(bed, **with_range) == first
        scaler = made(bed, "HorizontalPodAutoscaler", first)
        assert (scaler["spec"]["minReplicas"], scaler["spec"]["maxReplicas"]) == (1, 3)
        assert scaler["spec"]["metrics"][0]["resource"]["target"]["averageUtilization"] == 60
        assert made(bed, "Deployment", first)["spec"]["replicas"] == 2  # handed over without a dip
        assert "autoscaler" in bed.bay.endpoint().revisions[0].facts

        # A new one begins with as many as serve now, and may have fewer when it has the traffic.
        second = apply(bed, "two", **with_range)
        assert made(bed, "Deployment", second)["spec"]["replicas"] == 2
        assert made(bed, KIND, second, "")["spec"]["predictor"]["minReplicas"] == 1

        assert apply(bed, "two", replicas=1) == second
        until(lambda: made(bed, "HorizontalPodAutoscaler", second) is None, "the autoscaler stays")
        until(lambda: made(bed, "Deployment", second)["spec"]["replicas"] == 1, "its count is not taken back")


def test_from_a_deployment_to_an_inference_service_and_back(bed: Bed) -> None:
    plain = apply(bed, kserve=False)
    assert made(bed, "Deployment", plain, "") is not None
    with asked(bed):
        first = apply(bed)
        assert first != plain
        assert made(bed, "Deployment", plain, "") is None
        assert made(bed, KIND, first, "") is not None
        assert apply(bed, kserve=False) == plain
        assert made(bed, KIND, first, "") is None
        assert made(bed, "Deployment", first) is None


def test_behind_a_gateway_of_its_own(bed: Bed, gateway_image: Image) -> None:
    config = {"gateway": "own", "gateway_image": gateway_image.reference}
    first = apply(bed)
    with asked(bed) as seen:
        assert apply(bed, config=config) == first
        assert apply(bed, "two", config=config) != first
        apply(bed, "two")
    assert set(seen) == {"one", "two"}


def test_a_deployment_that_was_adopted_stays_one_until_the_next_revision(bed: Bed) -> None:
    theirs.made(bed.bay)
    bed.bay.deployer.apply(as_it_runs(bed.bay), adopt=True)
    updated = bed.bay.deployer.update(bed.bay.name, {"config": {"kserve": True, "command": ["well", "ours"]}})
    assert updated.revision is not None
    assert made(bed, KIND, updated.revision.id, "") is not None
    assert bed.namespace.get("apps/v1", "Deployment", "web-of-theirs") is None


def test_what_kserve_has_made_of_somebody_else_s_is_not_taken_over(bed: Bed) -> None:
    found = wish(bed)
    (theirs_,) = [each for each in bed.bay.deployer.render(found) if each["kind"] == KIND]
    meta = {"name": "web", "annotations": {"serving.kserve.io/deploymentMode": "Standard"}}
    predictor = {**theirs_["spec"]["predictor"], "serviceAccountName": "default"}
    bed.namespace.create({"apiVersion": API, "kind": KIND, "metadata": meta, "spec": {"predictor": predictor}})
    bed.namespace.wait_for("apps/v1", "Deployment", "web-predictor", until=lambda found: found is not None)
    bed.bay.name = "web-predictor"
    with pytest.raises(Conflict, match="InferenceService web"):
        bed.bay.deployer.apply(wish(bed), adopt=True)


@pytest.mark.parametrize(("words", "code"), [(("exit",), Code.CRASH_LOOP), (("eat",), Code.OUT_OF_MEMORY)])
def test_pods_that_are_not_well_are_told_as_those_of_a_deployment(bed: Bed, words: tuple[str, ...], code: Code) -> None:
    first = apply(bed)
    ended = bed.bay.fails(bed.bay.wish(*words, config={"kserve": True}))
    assert ended.diagnosis.code is code
    if code is Code.CRASH_LOOP:
        assert "cannot open /data/features.bin" in ended.diagnosis.evidence
    found = bed.bay.endpoint()
    assert [each.id for each in found.revisions] == [first]
    assert dict(found.traffic.items()) == dict(Traffic.all_to(first).items())
    assert [each["metadata"]["name"] for each in bed.namespace.all(API, KIND)] == [f"{bed.bay.name}--{first}"]


def test_what_kserve_cannot_make_is_told_at_once(bed: Bed) -> None:
    container = {"name": "kserve-container", "resources": {"requests": {"cpu": "2"}, "limits": {"cpu": "1"}}}
    patch = {KIND: {"spec": {"predictor": {"containers": [container]}}}}
    first = apply(bed)
    ended = bed.bay.fails(wish(bed, "two", config={"patches": patch}))
    found = ended.diagnosis
    print(found)
    assert "must be less than or equal to cpu limit" in found.summary + " ".join(found.evidence)
    assert f"kubectl describe inferenceservice {bed.bay.name}--" in (found.hint or "")
    assert [each.id for each in bed.bay.endpoint().revisions] == [first]
    assert len(bed.namespace.all(API, KIND)) == 1


def test_while_kserve_does_not_let_go_a_delete_says_so_and_goes_on_afterwards(bed: Bed, kserve: Controller) -> None:
    if kserve is None:
        pytest.skip("this KServe is not ours to stop")
    revision = apply(bed)
    tell(kserve, "STOP")
    try:
        with pytest.raises(TargetUnavailable, match=f"has not let go of the InferenceService iris--{revision}"):
            bed.bay.deployer.delete(bed.bay.name)
        assert made(bed, "Deployment", revision) is None  # nothing of it runs any more, and its Record tells of it
        assert bed.bay.endpoint().phase.value != "healthy"
    finally:
        tell(kserve, "CONT")
    bed.bay.deployer.delete(bed.bay.name)
    assert left_of(bed.namespace, bed.bay.name) == []
    assert bed.namespace.all(API, KIND) == []


def test_a_name_too_long_for_kserve_s_host_names_is_told_at_once(bed: Bed) -> None:
    bed.bay.name = "a-name-as-long-as-an-endpoint-s"
    assert len(bed.bay.name) + len(bed.namespace.name) > LONGEST
    found = bed.bay.fails(wish(bed)).diagnosis
    print(found)
    assert "invalid domain name" in found.summary
    assert "give the endpoint a shorter name" in (found.hint or "")
    assert left_of(bed.namespace, bed.bay.name) == []
    assert bed.namespace.all(API, KIND) == []


def test_what_is_rendered_is_what_is_there(bed: Bed) -> None:
    spec = wish(bed, replicas=2)
    documents = bed.bay.folder / "objects.yaml"
    documents.write_text(yaml.safe_dump_all(bed.bay.deployer.render(spec)))
    bed.bay.deployer.apply(spec)
    words = ("diff", "-n", bed.namespace.name, "--server-side", "--field-manager=deployer/default")
    assert bed.namespace.cluster.kubectl(*words, "-f", str(documents)) == ""
