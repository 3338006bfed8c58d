"""A Deployment and a Service that somebody made by hand: told, taken over as they run, updated, deleted."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
import yaml

from deployer import DeploymentSpec
from deployer.errors import Conflict
from deployer.spec import validated
from deployer_kubernetes.adoption.adopted import ADOPTED
from tests.integration.kubernetes import theirs
from tests.integration.kubernetes.bay import HURRIED, ROUTES, left_of

if TYPE_CHECKING:
    from tests.integration.kubernetes.bay import Bay
    from tests.plugins.docker import Image

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

OTHER = "web-of-theirs"
"""Their Deployment's name, which is not the Service's."""


def as_it_runs(bay: Bay) -> DeploymentSpec:
    """What `import` tells, with a person's word for what it could not."""
    told = bay.deployer.import_(bay.name).spec
    question = bay.folder / "question.json"
    question.write_text('"how?"')
    health = {"request": str(question), "timeout": 60, "consecutive": 2}
    data = {**told, "config": {**told["config"], "routes": ROUTES}, "health": health}
    return validated(DeploymentSpec, data, lambda path: ".".join(map(str, path)))


def address(bay: Bay) -> str:
    found = bay.namespace.get("v1", "Service", bay.name)
    assert found is not None
    return str(found["spec"]["clusterIP"])


def answered_by(bay: Bay) -> str:
    told = bay.deployer.predict(bay.name, {"inputs": "how?"})
    return json.dumps(told if isinstance(told, dict | list) else str(told))


def test_it_is_told_taken_over_without_a_new_pod_updated_and_gone_back_to(bay: Bay) -> None:
    theirs.made(bay)
    before = theirs.pods(bay.namespace)
    listed = bay.deployer.list(everything=True)
    assert [(each.name, each.managed) for each in listed.endpoints if each.name == bay.name] == [(bay.name, False)]

    told = bay.deployer.import_(bay.name)
    assert told.what == f"Deployment {OTHER} behind Service {bay.name} ({bay.images.good})"
    spec = told.spec
    assert spec["image"] == {"use": bay.images.good}
    assert (spec["replicas"], spec["env"]) == (2, {"GREETING": "hello"})
    assert spec["labels"] == {"app": "theirs", "team": "a", "monitored": "yes"}
    assert spec["config"]["command"] == ["well", "theirs"]
    assert "abcdefghijklmnop" not in told.model_dump_json()
    assert set(told.untold) == {"env.API_TOKEN", "env.NODE", "config.routes", "egress"}
    assert told.untold["config.routes"].endswith("its port is 9000; it is ready at /health")

    with theirs.asking(address(bay)) as seen:
        taken = bay.deployer.apply(as_it_runs(bay), adopt=True)
        assert taken.revision is not None
        first = taken.revision.id
        assert theirs.pods(bay.namespace) == before
        found = bay.endpoint()
        assert (found.phase.value, dict(found.traffic.items())) == ("healthy", {first: 100})
        assert (found.url, found.revisions[0].ready) == (
            f"http://{bay.name}.{bay.namespace.name}.svc:{theirs.SHOWN}", 2,
        )  # fmt: skip
        assert "theirs" in answered_by(bay)
        assert bay.deployer.apply(as_it_runs(bay), adopt=True).revision.id == first  # type: ignore[union-attr]

        # The count and the labels of the endpoint, in place: the pods that were there stay.
        bay.deployer.update(bay.name, replicas=1, labels={"team": "b"})
        assert len(theirs.pods(bay.namespace)) == 1
        assert theirs.pods(bay.namespace)[0] in before
        led = bay.namespace.get("v1", "Service", bay.name)
        assert led is not None
        assert led["metadata"]["labels"]["team"] == "b"

        updated = bay.deployer.update(bay.name, {"config": {"command": ["well", "ours"], **HURRIED}})
        assert updated.revision is not None
        second = updated.revision.id
        assert second != first
        assert theirs.pods(bay.namespace) == []
        assert left_of(bay.namespace, OTHER) == []
        assert "ours" in answered_by(bay)

        back = bay.deployer.rollback(bay.name)
        assert back.revision is not None
        assert back.revision.id == first
        assert "theirs" in answered_by(bay)
        assert theirs.pods(bay.namespace) == []  # the same image, as deployer runs it
    assert seen.failed == []
    assert len(seen.told) >= 3
    print(f"{seen.asked} requests through the Service's address, none failed")

    led = bay.namespace.get("v1", "Service", bay.name)
    assert led is not None
    assert [each["port"] for each in led["spec"]["ports"]] == [theirs.SHOWN]
    assert "app" not in led["spec"]["selector"]
    assert led["metadata"]["annotations"]["cloud/zone"] == "b"
    bay.deployer.delete(bay.name)
    assert left_of(bay.namespace, bay.name) == []


def test_what_fails_after_it_leaves_it_serving(bay: Bay) -> None:
    theirs.made(bay)
    before = theirs.pods(bay.namespace)
    first = bay.deployer.apply(as_it_runs(bay), adopt=True)
    failed = bay.fails(bay.wish("exit", replicas=2))
    assert failed.diagnosis.code.value == "CRASH_LOOP", failed.diagnosis
    assert theirs.pods(bay.namespace) == before
    found = bay.endpoint()
    assert (found.phase.value, found.revision and found.revision.id) == (
        "healthy", first.revision and first.revision.id,
    )  # fmt: skip
    lines = [each.text for each in bay.deployer.logs(bay.name)]
    assert isinstance(lines, list)
    bay.deployer.delete(bay.name)
    assert theirs.pods(bay.namespace) == []
    assert left_of(bay.namespace, bay.name) == left_of(bay.namespace, OTHER) == []


def test_whoever_was_killed_between_the_record_and_the_marks_is_followed_by_the_same_command(bay: Bay) -> None:
    theirs.made(bay)
    before, wish = theirs.pods(bay.namespace), as_it_runs(bay)
    plan = bay.deployer.plan(wish, adopt=True)
    bay.deployer.apply(plan)
    # As it was between the two: the Record and the Service are ours, the Deployment is not yet.
    found = bay.namespace.get("apps/v1", "Deployment", OTHER)
    assert found is not None
    labels = {key: None for key in found["metadata"]["labels"] if key.startswith("deployer.io/")}
    change = {"metadata": {"labels": labels, "annotations": {ADOPTED: None}}}
    bay.namespace.cluster.patch(found, change, "application/merge-patch+json")
    assert [each.managed for each in bay.deployer.list(everything=True).endpoints if each.name == bay.name] == [False]
    again = bay.deployer.apply(wish, adopt=True)
    assert again.phase.value == "healthy"
    assert theirs.pods(bay.namespace) == before
    bay.deployer.delete(bay.name)


def test_what_cannot_be_taken_over_is_told_in_a_sentence_and_left_alone(bay: Bay) -> None:
    bay.namespace.create(theirs.service(bay.name))
    for name in ("one", "two"):
        bay.namespace.create(theirs.deployment(name, bay.images.good))
    with pytest.raises(Conflict, match="leads to more than one Deployment: one, two"):
        bay.deployer.import_(bay.name)
    lone = bay.namespace.get("apps/v1", "Deployment", "two")
    assert lone is not None
    bay.namespace.cluster.delete(lone)
    one = bay.namespace.wait_for(
        "apps/v1", "Deployment", "one", until=lambda found: found and found["status"].get("readyReplicas") == 2
    )
    assert one is not None
    pod = one["spec"]["template"]
    pod["metadata"]["name"] = "lone"
    bay.namespace.create({"apiVersion": "v1", "kind": "Pod", **pod})
    with pytest.raises(Conflict, match="its Service sends requests to lone too"):
        bay.deployer.import_(bay.name)
    assert left_of(bay.namespace, "--") == []


def test_plain_kubectl_shows_what_it_is(bay: Bay) -> None:
    theirs.made(bay)
    bay.deployer.apply(as_it_runs(bay), adopt=True)
    kubectl, where = bay.namespace.cluster.kubectl, ("-n", bay.namespace.name)
    assert OTHER in kubectl("get", "deployment", "-l", f"deployer.io/endpoint={bay.name}", *where)
    assert kubectl("rollout", "status", f"deployment/{OTHER}", *where).endswith("successfully rolled out\n")
    assert len(kubectl("get", "replicaset", "-o", "name", *where).split()) == 1
    bay.deployer.delete(bay.name)


def test_its_traffic_can_be_shared_by_a_gateway_of_the_endpoint_s(bay: Bay, gateway_image: Image) -> None:
    theirs.made(bay)
    before = theirs.pods(bay.namespace)
    with theirs.asking(address(bay), path="/invocations", also=404) as seen:
        bay.deployer.apply(as_it_runs(bay), adopt=True)
        bay.deployer.update(bay.name, {"config": {"gateway": "own", "gateway_image": gateway_image.reference}})
        assert "theirs" in answered_by(bay)
        assert theirs.pods(bay.namespace) == before
        seen.until(200)  # by the gateway, which knows where its server takes requests
    assert seen.failed == []
    bay.deployer.delete(bay.name)
    assert theirs.pods(bay.namespace) == []
    assert left_of(bay.namespace, bay.name) == left_of(bay.namespace, OTHER) == []


def test_what_scales_it_and_what_guards_it_are_taken_over_with_it(bay: Bay) -> None:
    target = {"type": "Utilization", "averageUtilization": 80}
    metrics = [{"type": "Resource", "resource": {"name": "cpu", "target": target}}]
    led = {"apiVersion": "apps/v1", "kind": "Deployment", "name": OTHER}
    bay.namespace.create(
        {
            "apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "theirs-scaler"},
            "spec": {"scaleTargetRef": led, "minReplicas": 2, "maxReplicas": 3, "metrics": metrics},
        }
    )  # fmt: skip
    bay.namespace.create(
        {
            "apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": bay.name},
            "spec": {"minAvailable": 1, "selector": {"matchLabels": {"app": "theirs"}}},
        }
    )  # fmt: skip
    theirs.made(bay)
    before, wish = theirs.pods(bay.namespace), as_it_runs(bay)
    assert wish.wish()["replicas"] == {"min": 2, "max": 3, "metric": "cpu", "value": 80.0}
    bay.deployer.apply(wish, adopt=True)
    assert bay.deployer.plan(wish).outlook.value == "unchanged"
    bay.deployer.update(bay.name, replicas={"max": 4})
    scaler = bay.namespace.get("autoscaling/v2", "HorizontalPodAutoscaler", "theirs-scaler")
    assert scaler is not None
    assert (scaler["spec"]["maxReplicas"], scaler["spec"]["scaleTargetRef"]["name"]) == (4, OTHER)
    assert theirs.pods(bay.namespace) == before

    bay.deployer.update(bay.name, replicas=1)
    assert bay.namespace.all("autoscaling/v2", "HorizontalPodAutoscaler") == []
    assert [each in before for each in theirs.pods(bay.namespace)] == [True]
    bay.deployer.delete(bay.name)
    assert left_of(bay.namespace, bay.name) == left_of(bay.namespace, "theirs") == []


_KILLED = """\
import os, sys
left = int(sys.argv[1])
def count(event, told):
    global left
    if event == "deployer.kubernetes.request" and "selfsubject" not in told[0]:
        left -= 1
        if left < 0:
            os._exit(137)
sys.addaudithook(count)
from deployer.cli.main import main
sys.argv = ["deployer", *sys.argv[2:]]
sys.exit(main())
"""
"""The command line, ended the hard way before the change after so many."""
CHANGES = 9
"""No more than that: the Record, account, budget, count, Service, Deployment, and the Record again."""


def test_killed_before_any_of_its_changes_it_goes_on_with_the_same_pods(bay: Bay) -> None:
    names = [f"theirs-{number}" for number in range(1, CHANGES + 1)]
    for name in names:
        # Each with labels of its own, and one pod.
        made, led = theirs.deployment(name, bay.images.good), theirs.service(name)
        made["spec"] |= {"replicas": 1, "selector": {"matchLabels": {"app": name}}}
        made["spec"]["template"]["metadata"]["labels"] = {"app": name}
        led["spec"]["selector"] = {"app": name}
        bay.namespace.create(made)
        bay.namespace.create(led)
    text = f'target = "kubernetes"\n[targets.kubernetes]\nkind = "kubernetes"\nnamespace = "{bay.namespace.name}"\n'
    (bay.folder / "deployer.toml").write_text(text)
    for number, name in enumerate(names, 1):
        bay.namespace.wait_for(
            "apps/v1", "Deployment", name, until=lambda found: found and found["status"].get("readyReplicas") == 1
        )
        one = dataclasses.replace(bay, name=name)
        before, wish = theirs.pods(bay.namespace, name), as_it_runs(one)
        (bay.folder / "wish.yaml").write_text(yaml.safe_dump(wish.wish()))
        words = ["apply", "-f", "wish.yaml", "--adopt", "--yes"]
        killed = subprocess.run(
            [sys.executable, "-c", _KILLED, str(number), *words], cwd=bay.folder, capture_output=True, text=True,
            timeout=120, check=False,
        )  # fmt: skip
        assert killed.returncode in (0, 137), killed.stderr
        again = bay.deployer.apply(wish, adopt=True)
        assert (again.managed, again.phase.value) == (True, "healthy"), number
        assert theirs.pods(bay.namespace, name) == before, number
        if killed.returncode == 0:
            break
    assert 6 < number < CHANGES
