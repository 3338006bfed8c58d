"""Layers: which one is heard, and where a wrong field is said to be."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field

from deployer.errors import SpecError
from deployer.spec import (
    DeploymentSpec,
    Layer,
    build_spec,
    command_line_layer,
    document_layer,
    environment_layer,
    merge_layers,
    patch_spec,
)
from deployer.spec.load import Document, parse_yaml

BASE = Layer("base", {"name": "iris", "model": "m"})


class Options(BaseModel):
    model_config = ConfigDict(extra="forbid")
    namespace: str = "default"
    version: str = ""
    port: int = Field(default=1, ge=1)


def document(text: str) -> Document:
    (found,) = parse_yaml(text.encode(), "f.yaml")
    return found


def wish(*layers: Layer, config_model: type[BaseModel] | None = None) -> dict[str, Any]:
    return build_spec([*layers, BASE], config_model=config_model).wish()


def test_every_layer_outweighs_the_next() -> None:
    names = ["command line", "environment", "file", "target", "defaults"]
    layers = [Layer(name, {"env": {"SAID_BY": name, name.upper().replace(" ", "_"): "x"}}) for name in names]
    for some in itertools.chain.from_iterable(itertools.combinations(layers, n) for n in range(1, 6)):
        env = wish(*some)["env"]
        assert env["SAID_BY"] == some[0].name
        assert len(env) == len(some) + 1, "mappings merge"


def test_lists_and_scalars_are_replaced() -> None:
    over = Layer("over", {"rollout": {"steps": [1]}, "replicas": 2})
    under = Layer("under", {"rollout": {"steps": [10, 50], "pause": "5m"}, "replicas": {"min": 1, "max": 4}})
    found = build_spec([over, under, BASE])
    assert found.rollout.steps == (1,)
    assert found.rollout.pause == 300
    assert found.replicas == 2


def test_a_reference_is_replaced_as_a_whole() -> None:
    found = wish(Layer("o", {"secrets": {"T": {"ref": "arn:x"}}}), Layer("u", {"secrets": {"T": {"env": "A"}}}))
    assert found["secrets"] == {"T": {"ref": "arn:x"}}


def test_nothing_unsets_down_to_the_built_in_default() -> None:
    over = command_line_layer(sets=["replicas=", "env.A="])
    found = wish(over, Layer("u", {"replicas": 3, "env": {"A": "1", "B": "2"}}))
    assert "replicas" not in found
    assert found["env"] == {"B": "2"}
    assert wish(Layer("o", {"env": {"A": "1"}}), Layer("m", {"env": None}), Layer("u", {"env": {"B": "2"}}))["env"] == {
        "A": "1"
    }


def test_a_ready_image_leaves_out_what_lighter_layers_say_of_a_built_one() -> None:
    place = Layer(
        "target", {"image": {"base": "python:3.11", "mirror": "https://m.example"}, "requirements": {"extra": ["a"]}}
    )
    found = build_spec([Layer("file", {"image": {"use": "vllm:1"}}), place, BASE])
    assert (found.image.use, found.image.base, found.image.mirror, found.model) == (
        "vllm:1",
        None,
        "https://m.example",
        "",
    )
    assert found.requirements.extra == ()
    back = build_spec([Layer("typed", {"model": "m"}), Layer("file", {"image": {"use": "vllm:1"}}), place, BASE])
    assert (back.image.use, back.image.base, back.model) == (None, None, "m")
    with pytest.raises(SpecError, match=r"leave out image\.base"):
        build_spec([Layer("file", {"image": {"use": "vllm:1", "base": "python:3.11"}}), BASE])
    with pytest.raises(SpecError, match="not both"):
        build_spec([Layer("file", {"model": "m", "image": {"use": "vllm:1"}}), BASE])


def test_provenance() -> None:
    command = command_line_layer({"model": "models:/iris/2", "replicas": None}, ["env.A=1"])
    file = document_layer(document("name: iris\nmodel: m\nenv:\n  B: 2\n"))
    data, provenance = merge_layers([command, file])
    assert data == {"name": "iris", "model": "models:/iris/2", "env": {"A": "1", "B": 2}}
    assert provenance.where(("model",)) == "--model"
    assert provenance.where(("env", "A")) == "--set env.A"
    assert provenance.where(("env", "B")) == "f.yaml:4"
    assert provenance.where(("name",)) == "f.yaml:1"
    assert provenance.where(("replicas",)) == "f.yaml:1", "of the whole wish, when nobody said it"
    assert provenance.layer(("replicas",)) is None


def test_texts_are_as_they_were_written() -> None:
    found = document_layer(
        document("env: {V: 1.10, D: yes, T: True, N: 010, I: 7}\nlabels: {v: 1.20}\nconfig: {version: 1.30, port: 7}\n")
    )
    spec = build_spec([found, BASE], config_model=Options)
    assert spec.env == {"V": "1.10", "D": "yes", "T": "True", "N": "010", "I": "7"}
    assert spec.labels == {"v": "1.20"}
    assert spec.config == {"version": "1.30", "port": 7}
    assert build_spec([Layer("toml", {"env": {"P": 8080, "D": True, "X": 0.5}}), BASE]).env == {
        "P": "8080", "D": "true", "X": "0.5",
    }  # fmt: skip


def test_config_is_the_targets() -> None:
    found = build_spec([Layer("x", {"config": {"namespace": "default", "port": "8080"}}), BASE], config_model=Options)
    assert found.config == {"port": 8080}, "as the model has it, without its defaults"
    with pytest.raises(SpecError) as caught:
        build_spec(
            [document_layer(document("replicas: x\nconfig:\n  namspace: a\n  port: 0\n")), BASE], config_model=Options
        )
    assert caught.value.message.splitlines() == [
        "the spec has 3 problems",
        "  f.yaml:1: replicas must be a whole number, or a group of min, max, metric, value, not 'x'",
        "  f.yaml:4: config.port must be at least 1, not 0",
        "  f.yaml:3: unknown key 'config.namspace' (did you mean 'config.namespace'?)",
    ]


def test_overrides_of_the_target_that_is_meant() -> None:
    file = document(
        "name: iris\nmodel: m\nreplicas: 1\nenv: {A: 1}\n"
        "overrides:\n  prod: {replicas: 4, env: {B: 1.10}}\n  staging:\n    replicas: x\n"
    )
    assert wish(document_layer(file)) == {"name": "iris", "model": "m", "target": "local", "env": {"A": "1"}}
    prod = wish(document_layer(file, "prod"))
    assert prod["replicas"] == 4
    assert prod["env"] == {"A": "1", "B": "1.10"}
    with pytest.raises(SpecError) as caught:
        wish(document_layer(file, "staging"))
    assert caught.value.where == "f.yaml:8"
    assert wish(document_layer(file, "elsewhere"))["name"] == "iris", "other places may have overrides"


@pytest.mark.parametrize(
    ("text", "target", "message", "where"),
    [
        ("overrides: 3", None, "overrides must be a mapping", "f.yaml:1"),
        ("overrides:\n  prod: 3", None, "overrides.prod must be a mapping of fields", "f.yaml:2"),
        ("overrides:\n  prod:\n    replcas: 3", None, "did you mean 'overrides.prod.replicas'", "f.yaml:3"),
        ("overrides:\n  prod:\n    rollout: {step: 3}", None, "unknown key 'overrides.prod.rollout.step'", "f.yaml:3"),
        ("overrides:\n  prod: {target: x}", None, "may not change the target", "f.yaml:2"),
        ("overrides:\n  stagin: {replicas: 2}", "staging", "overrides has no 'staging', but 'stagin'", "f.yaml:2"),
    ],
)
def test_overrides_that_are_not_well(text: str, target: str | None, message: str, where: str) -> None:
    with pytest.raises(SpecError, match=message) as caught:
        document_layer(document(text), target)
    assert caught.value.where == where


def test_an_override_that_is_near_but_known_is_another_place() -> None:
    layer = document_layer(document("overrides:\n  stagin: {replicas: 2}"), "staging", known_targets=["stagin"])
    assert layer.data == {}


def test_the_environment() -> None:
    layer, warnings = environment_layer(
        {
            "DEPLOYER_REPLICAS": "3",
            "DEPLOYER_HEALTH__TIMEOUT": "5m",
            "DEPLOYER_HISTORY_LIMIT": "7",
            "DEPLOYER_ENV__LOG_LEVEL": "debug",
            "DEPLOYER_SECRETS__API_TOKEN__ENV": "MY_TOKEN",
            "DEPLOYER_LABELS__TEAM": "risk",
            "DEPLOYER_CONFIG__NAMESPACE": "ml",
            "DEPLOYER_ROLLOUT__STEPS": "10,50",
            "DEPLOYER_MODEL": "",
            "DEPLOYER_TARGET": "prod",
            "DEPLOYER_OWNER": "team",
            "DEPLOYER_TEST_ROOT": "x",
            "DEPLOYER_SERVING_X": "x",
            "DEPLOYER_CI_X": "x",
            "DEPLOYER_REPLCAS": "4",
            "HOME": "/",
        },
        config_model=Options,
    )
    spec = build_spec([layer, BASE], config_model=Options)
    assert (spec.replicas, spec.health.timeout, spec.history_limit) == (3, 300, 7)
    assert (spec.env, spec.labels, spec.config) == ({"LOG_LEVEL": "debug"}, {"team": "risk"}, {"namespace": "ml"})
    assert spec.secrets["API_TOKEN"].env == "MY_TOKEN"
    assert spec.rollout.steps == (10, 50)
    assert spec.target == "local"
    assert warnings == (
        "DEPLOYER_REPLCAS is no variable of deployer and was ignored (did you mean 'DEPLOYER_REPLICAS'?)",
    )


def test_a_bad_variable_is_named() -> None:
    layer, _ = environment_layer({"DEPLOYER_HEALTH__TIMEOUT": "soon"})
    with pytest.raises(SpecError) as caught:
        build_spec([layer, BASE])
    assert caught.value.where == "DEPLOYER_HEALTH__TIMEOUT"
    with pytest.raises(SpecError) as refused:
        environment_layer({"DEPLOYER_ROLLOUT": "canary"})
    assert refused.value.where == "DEPLOYER_ROLLOUT"


def test_what_was_typed() -> None:
    layer = command_line_layer({"name": "iris", "model": None, "history_limit": 3}, ["replicas=2", "replicas=4"])
    assert layer.data == {"name": "iris", "history_limit": 3, "replicas": 4}
    assert layer.where(("name",)) == "NAME"
    assert layer.where(("history_limit",)) == "--history-limit"
    assert layer.where(("replicas",)) == "--set replicas"
    assert command_line_layer(sets=["replicas=2", "replicas.min=1"]).data == {"replicas": {"min": 1}}
    assert command_line_layer({"model": "x"}, places={"model": "-m"}).where(("model",)) == "-m"


def test_half_a_range_is_said_to_be_where_it_was_typed() -> None:
    with pytest.raises(SpecError) as caught:
        wish(command_line_layer(sets=["replicas.min=2"]))
    assert str(caught.value) == "--set replicas.min: replicas.max is missing"


def test_update_patches_the_recorded_wish() -> None:
    recorded = build_spec([Layer("x", {"replicas": 3, "env": {"A": "1"}, "rollout": {"pause": "5m"}}), BASE]).wish()
    found = patch_spec(recorded, [command_line_layer(sets=["env.B=2", "rollout.pause="]), Layer("f", {"replicas": 4})])
    assert found.wish() == {
        "name": "iris", "model": "m", "target": "local", "replicas": 4, "env": {"A": "1", "B": "2"},
    }  # fmt: skip
    assert patch_spec(recorded, []).wish() == recorded
    with pytest.raises(SpecError) as caught:
        patch_spec({**recorded, "future": 1}, [])
    assert str(caught.value) == "the recorded spec: unknown key 'future'"


TREE = st.recursive(
    st.integers(0, 3), lambda inner: st.dictionaries(st.sampled_from("abc"), inner, max_size=3), max_leaves=6
)
TREES = st.dictionaries(st.sampled_from("abc"), TREE, max_size=3)


def leaves(data: Any, path: tuple[str, ...] = ()) -> dict[tuple[str, ...], Any]:
    if isinstance(data, dict):
        return {k: v for key, value in data.items() for k, v in leaves(value, (*path, key)).items()}
    return {path: data}


@given(st.lists(TREES, min_size=1, max_size=4))
def test_merging(trees: list[dict[str, Any]]) -> None:
    layers = [Layer(str(n), tree) for n, tree in enumerate(trees)]
    data, provenance = merge_layers(layers)
    for path, value in leaves(trees[0]).items():
        assert leaves(data)[path] == value, "the weightiest is heard"
    for path, value in leaves(data).items():
        layer = provenance.layer(path)
        assert layer is not None
        assert leaves(layer.data)[path] == value, "each value is the one of the layer that is said to give it"
    assert merge_layers([Layer("all", data), *layers]).data == data, "laid over its parts, the result stays"


def test_wishes_are_read_back() -> None:
    spec = build_spec([Layer("x", {"health": {"timeout": "90s"}, "resources": {"memory": "2Gi"}}), BASE])
    assert DeploymentSpec(**spec.wish()) == spec
