"""InferenceServices: what is sent, what is refused, and what is told of them."""

from __future__ import annotations

from typing import Any

import pytest

from deployer.endpoint import Code, Phase
from deployer.errors import SpecError
from deployer_kubernetes.diagnose import diagnosis_of
from deployer_kubernetes.facts import Facts
from deployer_kubernetes.kserve.facts import inference_fact, joined
from deployer_kubernetes.kserve.finding import RAW, mode_of, spelling_in
from deployer_kubernetes.kserve.objects import SERVER, STANDARD, inference_service
from deployer_kubernetes.observe import endpoint_of
from deployer_kubernetes.refusing import refuse
from deployer_kubernetes.requests import deployment
from tests.unit.kubernetes.values import REVISION, facts, record, release, server, spec

NAME = f"iris--{REVISION}"
KIND = "InferenceService"


def wish(**fields: Any) -> Any:
    return spec(**{**fields, "config": {"kserve": True, **fields.pop("config", {})}})


def made(**fields: Any) -> dict[str, Any]:
    return inference_service(wish(**fields), release(), "team")


def predictor(**fields: Any) -> dict[str, Any]:
    found: dict[str, Any] = made(**fields)["spec"]["predictor"]
    return found


def refused(**fields: Any) -> dict[str, str]:
    return dict(refuse(wish(**fields)))


# What is sent.


def test_its_pods_are_those_of_a_deployment() -> None:
    fields: dict[str, Any] = {"auth": {"api_keys": [{"env": "K"}]}, "env": {"A": "b"}, "resources": {"memory": "1Gi"}}
    theirs = deployment(spec(**fields), release(), "team", 1)["spec"]["template"]["spec"]
    ours = predictor(**fields)
    theirs["containers"][0]["name"] = SERVER
    assert theirs.items() <= ours.items()
    assert set(ours) - set(theirs) == {"minReplicas", "maxReplicas", "deploymentStrategy"}


def test_marks_and_the_word_for_the_mode_lie_where_kserve_hands_them_on_from() -> None:
    meta = inference_service(wish(labels={"team": "risk"}), release(), "team", RAW)["metadata"]
    assert meta["name"] == NAME
    assert meta["labels"]["team"] == "risk"
    assert meta["labels"]["deployer.io/revision"] == REVISION
    assert meta["labels"]["networking.kserve.io/visibility"] == "cluster-local"
    assert meta["annotations"]["serving.kserve.io/deploymentMode"] == RAW
    assert meta["annotations"]["deployer.io/container"] == SERVER
    assert made()["metadata"]["annotations"]["serving.kserve.io/deploymentMode"] == STANDARD


def test_counts_are_kserve_s_to_keep() -> None:
    fixed = made(replicas=3)
    assert fixed["metadata"]["annotations"]["serving.kserve.io/autoscalerClass"] == "none"
    assert (fixed["spec"]["predictor"]["minReplicas"], fixed["spec"]["predictor"]["maxReplicas"]) == (3, 3)
    wide = made(replicas={"min": 2, "max": 8, "metric": "memory", "value": 55}, resources={"memory": "1Gi"})
    assert wide["metadata"]["annotations"]["serving.kserve.io/autoscalerClass"] == "hpa"
    assert {
        "minReplicas": 2, "maxReplicas": 8, "scaleMetric": "memory", "scaleTarget": 55,
    }.items() <= wide["spec"]["predictor"].items()  # fmt: skip
    more = inference_service(wish(replicas={"min": 2, "max": 8}), release(), "team", least=5)["spec"]["predictor"]
    assert (more["minReplicas"], more["maxReplicas"], more["scaleTarget"]) == (5, 8, 70)


def test_cpu_that_is_asked_for_is_a_limit_since_kserve_would_set_a_lower_one() -> None:
    (container,) = predictor(resources={"cpu": 2})["containers"]
    assert container["resources"] == {"requests": {"cpu": "2"}, "limits": {"cpu": "2"}}
    (container,) = predictor(resources={"memory": "1Gi"})["containers"]
    assert container["resources"]["limits"] == {"memory": "1Gi"}


def test_annotations_of_pods_are_handed_on() -> None:
    assert predictor(config={"annotations": {"a": "b"}})["annotations"] == {"a": "b"}
    assert "annotations" not in predictor()


# Patches.


def patch(predictor: Any) -> dict[str, Any]:
    return {"patches": {KIND: {"spec": {"predictor": predictor}}}}


def test_what_is_of_a_pod_can_be_patched() -> None:
    found = predictor(config=patch({"hostAliases": [{"ip": "10.0.0.1", "hostnames": ["a"]}], "timeout": 30}))
    assert found["hostAliases"]
    found = predictor(config=patch({"containers": [{"name": SERVER, "env": [{"name": "A", "value": "b"}]}]}))
    assert {"name": "A", "value": "b"} in found["containers"][0]["env"]


@pytest.mark.parametrize(
    "change",
    [
        {"canaryTrafficPercent": 10}, {"minReplicas": 7}, {"model": {"modelFormat": {"name": "mlflow"}}},
        {"storageUris": []}, {"labels": {"a": "b"}}, {"serviceAccountName": "root"}, {"hostNetwork": True},
        {"securityContext": {"runAsUser": 0}}, {"containers": [{"name": SERVER, "securityContext": None}]},
        {"containers": [{"$patch": "replace"}, {"name": "other"}]},
    ],
)  # fmt: skip
def test_what_would_make_another_thing_of_it_cannot(change: dict[str, Any]) -> None:
    with pytest.raises(SpecError) as failed:
        made(config=patch(change))
    assert failed.value.where == f"config.patches.{KIND}"


def test_neither_its_mode_nor_another_component_can() -> None:
    changes: tuple[dict[str, Any], ...] = (
        {"metadata": {"annotations": {"serving.kserve.io/deploymentMode": "Knative"}}},
        {"metadata": {"labels": {"networking.kserve.io/visibility": None}}},
        {"spec": {"transformer": {"containers": []}}},
    )
    for change in changes:
        with pytest.raises(SpecError):
            made(config={"patches": {KIND: change}})


# What is refused in the plan.


@pytest.mark.parametrize(
    ("fields", "where", "says"),
    [
        ({"replicas": {"min": 0, "max": 3}}, "replicas.min", "nothing to zero"),
        ({"replicas": {"min": 1, "max": 3, "metric": "queue", "value": 5}}, "replicas.metric", "cpu or memory"),
        ({"config": {"patches": {"Deployment": {}}}}, "config.patches.Deployment", "KServe that makes it"),
        ({"env": {"STORAGE_URI": "s3://a"}}, "env.STORAGE_URI", "another name"),
        ({"labels": {"networking.kserve.io/visibility": "x"}}, "labels.networking.kserve.io/visibility", "told"),
        (
            {"config": {"annotations": {"serving.kserve.io/stop": "true"}}},
            "config.annotations.serving.kserve.io/stop", "follows from",
        ),
    ],
)  # fmt: skip
def test_refused_by_name(fields: dict[str, Any], where: str, says: str) -> None:
    assert says in refused(**fields)[where]


def test_what_works_is_not_refused() -> None:
    config = {"gateway": "own", "annotations": {"sidecar.istio.io/inject": "false"}}
    assert refused(config=config, replicas={"min": 1, "max": 3}, resources={"cpu": 1}) == {}
    assert dict(refuse(spec(config={"patches": {KIND: {}}})))[f"config.patches.{KIND}"].startswith("there is none")


def test_a_patch_that_does_not_hold_is_told_in_the_plan() -> None:
    assert "minReplicas" in refused(config=patch({"minReplicas": 4}))[f"config.patches.{KIND}"]


# What is told.


def thing(**fields: Any) -> dict[str, Any]:
    found = made(replicas=fields.pop("replicas", 2))
    meta = {**found["metadata"], "uid": "i1", "creationTimestamp": "2026-01-01T00:00:00Z", **fields.pop("meta", {})}
    meta["annotations"] = {**meta["annotations"], "deployer.io/shape": "s"}
    return {**found, "metadata": meta, **fields}


def failed(message: str, reason: str = "ReconcileFailed") -> dict[str, Any]:
    condition = {"type": "PredictorReady", "status": "False", "reason": reason, "message": message}
    return {"conditions": [condition]}


def seen(server_told: str = "s", **fields: Any) -> Any:
    return server(name=f"{NAME}-predictor", told={"shape": server_told}, **fields)


def test_with_its_deployment_it_is_one_server_that_has_acted_when_both_say_the_same() -> None:
    (found,) = joined([seen(wanted=2)], [inference_fact(thing())])
    assert (found.name, found.made_by, found.wanted, found.acted) == (f"{NAME}-predictor", NAME, 2, True)
    (found,) = joined([seen("older", wanted=2)], [inference_fact(thing())])
    assert not found.acted
    # One that KServe has not scaled yet is not well with as many as it has.
    (found,) = joined([seen(wanted=1)], [inference_fact(thing())])
    assert (found.wanted, found.acted) == (2, False)
    (found,) = joined([seen(wanted=5)], [inference_fact(thing(replicas={"min": 2, "max": 8}))])
    assert (found.wanted, found.acted) == (5, True)


def test_before_its_deployment_is_there_it_starts() -> None:
    (found,) = joined([], [inference_fact(thing())], now=None)
    assert (found.revision, found.wanted, found.count, found.acted) == (REVISION, 2, 0, False)
    whole = endpoint_of(lone(found))
    assert whole is not None
    assert whole.revisions[0].phase is Phase.STARTING


def lone(found: Any) -> Facts:
    return facts(servers=(found,), pods=(), record=record(spec=wish().wish()))


def test_what_kserve_cannot_make_is_told_with_its_words() -> None:
    said = 'Deployment.apps "x" is invalid: spec.requests: must be less than or equal to cpu limit of 1'
    for status, events in (
        (failed(said), ()),
        ({}, ({"reason": "InternalError", "message": said},)),  # before 0.16
    ):
        (found,) = joined([], [inference_fact(thing(status=status), events)])
        whole = endpoint_of(lone(found))
        assert whole is not None
        assert whole.revisions[0].phase is Phase.FAILED
        told = diagnosis_of(lone(found), REVISION, {}, 100.0)
        assert told is not None
        assert (told.code, told.evidence) == (Code.UNKNOWN, (said,))
        assert f"kubectl describe inferenceservice {NAME}" in (told.hint or "")


def test_what_it_gets_over_is_no_failure() -> None:
    said = 'Operation cannot be fulfilled on deployments.apps "x": the object has been modified; please apply again'
    assert inference_fact(thing(status=failed(said))).failure == ""
    assert inference_fact(thing(status=failed("pods are not ready", "MinimumReplicasUnavailable"))).failure == ""


def test_a_refusal_keeps_its_code() -> None:
    said = (
        "deployments.apps is forbidden: exceeded quota: few, requested: count/deployments.apps=1, used: 2, limited: 2"
    )
    (found,) = joined([], [inference_fact(thing(status=failed(said)))])
    told = diagnosis_of(lone(found), REVISION, {}, 100.0)
    assert told is not None
    assert told.code is Code.QUOTA


def test_why_no_pods_come_of_its_deployment_is_told_as_of_any() -> None:
    said = "pods is forbidden: something that nobody knows"
    (found,) = joined([seen(wanted=2, failure=said)], [inference_fact(thing())])
    told = diagnosis_of(lone(found), REVISION, {}, 100.0)
    assert told is not None
    assert told.summary.startswith("its pods are refused")


def test_one_that_a_person_has_stopped_is_told_as_that() -> None:
    stopped = thing()
    stopped["metadata"]["annotations"]["serving.kserve.io/stop"] = "true"
    (found,) = joined([], [inference_fact(stopped)])
    told = diagnosis_of(lone(found), REVISION, {}, 100.0)
    assert told is not None
    assert "somebody has stopped it" in told.summary
    assert f"kubectl annotate inferenceservice {NAME} serving.kserve.io/stop- has it run again" in (told.hint or "")


def test_a_controller_that_says_nothing_is_named_after_a_while() -> None:
    begun = 1767225600.0
    (soon,) = joined([], [inference_fact(thing())], begun + 5)
    (late,) = joined([], [inference_fact(thing())], begun + 20)
    for found, says in ((soon, "its pods are starting"), (late, "KServe's controller has said nothing of it")):
        whole = endpoint_of(lone(found))
        assert whole is not None
        assert whole.revisions[0].detail == says
    told = diagnosis_of(lone(late), REVISION, {}, begun + 20)
    assert told is not None
    assert told.code is Code.NOT_REACHABLE
    assert diagnosis_of(lone(soon), REVISION, {}, begun + 5) is None


def test_one_that_is_on_its_way_out_takes_its_deployment_with_it() -> None:
    going = inference_fact(thing(meta={"deletionTimestamp": "2026-01-01T00:01:00Z"}))
    (found,) = joined([seen(wanted=2)], [going])
    assert found.leaving
    whole = endpoint_of(facts(servers=(found,), record=record(spec=wish().wish())))
    assert whole is not None
    assert whole.revisions[0].phase is Phase.STOPPING


# Which KServe.


def schema(status: dict[str, Any]) -> dict[str, Any]:
    kinds = [{"group": "serving.kserve.io", "kind": KIND, "version": "v1beta1"}]
    of_kind = {"x-kubernetes-group-version-kind": kinds, "properties": {"status": {"properties": status}}}
    return {"components": {"schemas": {"other": {}, "io.kserve.InferenceService": of_kind}}}


def test_the_word_for_the_mode_follows_from_the_kind_s_own_fields() -> None:
    assert spelling_in(schema({"conditions": {}, "servingRuntimeName": {}})) == STANDARD
    assert spelling_in(schema({"conditions": {}})) == RAW
    assert spelling_in(schema({})) is None
    assert spelling_in({}) is None


def test_one_that_is_there_keeps_its_word() -> None:
    assert mode_of(thing(status={"deploymentMode": RAW})) == RAW
    assert mode_of(thing()) == STANDARD
    assert mode_of({"metadata": {}, "status": {"deploymentMode": "Knative"}}) is None
