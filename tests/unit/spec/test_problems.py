"""What is wrong with a wish, in our words and at its place."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field

from deployer.errors import SpecError
from deployer.spec import build_spec, document_layer, validated
from deployer.spec.load import parse_yaml

GOOD = {"name": "name: iris", "model": "model: m"}


def said(lines: str, *, without: str = "") -> str:
    text = "\n".join([*(line for key, line in GOOD.items() if key != without), lines])
    (document,) = parse_yaml(text.encode(), "f.yaml")
    with pytest.raises(SpecError) as caught:
        build_spec([document_layer(document)])
    assert caught.value.exit_code == 2
    return str(caught.value)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("replcas: 3", "f.yaml:3: unknown key 'replcas' (did you mean 'replicas'?)"),
        ("rollout: {stps: [1]}", "f.yaml:3: unknown key 'rollout.stps' (did you mean 'rollout.steps'?)"),
        (
            "rollout:\n  strategy: blue",
            (
                "f.yaml:4: rollout.strategy must be one of rolling, blue-green, canary, shadow, "
                "recreate, not 'blue' (did you mean 'blue-green'?)"
            ),
        ),
        ("strategy: canary", "f.yaml:3: unknown key 'strategy' (did you mean 'rollout.strategy'?)"),
        ("zzz: 1", "f.yaml:3: unknown key 'zzz'"),
        ("replicas: 0", "f.yaml:3: replicas must be at least 1, not 0"),
        ("replicas: 2000", "f.yaml:3: replicas must be at most 1000, not 2000"),
        ("replicas: 1.5", "f.yaml:3: replicas must be a whole number, or a group of min, max, metric, value, not 1.5"),
        (
            "replicas: true",
            "f.yaml:3: replicas must be a whole number, or a group of min, max, metric, value, not 'true'",
        ),
        (
            "replicas: [1]",
            "f.yaml:3: replicas must be a whole number, or a group of min, max, metric, value, not a list",
        ),
        ("replicas:\n  min: 3\n  max: 2", "f.yaml:3: replicas: min (3) is more than max (2)"),
        ("replicas:\n  min: 3\n  max: x", "f.yaml:5: replicas.max must be a whole number, not 'x'"),
        ("resources: {cpu: -1}", "f.yaml:3: resources.cpu must be more than 0, not -1"),
        ("resources: {cpu: some}", "f.yaml:3: resources.cpu: 'some' is not a number of cores such as 2, 0.5 or 500m"),
        ("resources: {cpu: .inf}", "f.yaml:3: resources.cpu: '.inf' is not a number of cores such as 2, 0.5 or 500m"),
        ("resources: {memory: lots}", "f.yaml:3: resources.memory: 'lots' is not a size such as 512Mi or 2Gi"),
        ("health: {timeout: 0}", "f.yaml:3: health.timeout must be more than 0, not 0"),
        ("health: {timeout: soon}", "f.yaml:3: health.timeout: 'soon' is not a duration such as 30s, 10m or 1h30m"),
        ("rollout:\n  steps:\n    - 10\n    - x", "f.yaml:6: rollout.steps[1] must be a whole number, not 'x'"),
        (
            "image: docker",
            (
                "f.yaml:3: image must be a group of base, mirror, registry, platform, packages, apt_sources, weights, "
                "use, not 'docker'"
            ),
        ),
        ("env: [A]", "f.yaml:3: env must be a mapping"),
        ("env: {A: {b: c}}", "f.yaml:3: env.A must be a text"),
        ("apiVersion: v1", "f.yaml:3: apiVersion must be deployer/v1, not 'v1'"),
        ("network: {egress: 5}", "f.yaml:3: network.egress must be one of none, internet, or a list, not 5"),
        ("env: {A: x}\nsecrets: {A: {env: B}}", "f.yaml:1: A is given both in env and in secrets"),
    ],
)
def test_one_problem(lines: str, message: str) -> None:
    assert said(lines) == message


def test_what_is_missing() -> None:
    assert said("replicas: 1", without="name") == "f.yaml:1: name is missing"


def test_a_bad_name() -> None:
    assert said("name: Iris_1", without="name").startswith("f.yaml:2: name: 'Iris_1' is not a name: 3 to 32 of a-z")


def test_all_are_told_at_once() -> None:
    assert said("replicas: x\nhealth: {timeout: 0}\nzzz: 1").splitlines()[0] == "the spec has 3 problems"


@pytest.mark.parametrize(
    "lines",
    [
        "secrets: {TOKEN: hunter2}",
        "secrets: hunter2",
        "secrets: {TOKEN: {env: {hunter2: 1}}}",
        "secrets: {TOKEN: {ref: [hunter2]}}",
        "auth: {api_keys: hunter2}",
        "auth: {api_keys: [hunter2]}",
        "env: {TOKEN: [hunter2]}",
        "requirements: {index_url: 'https://me:hunter2@index.example/simple'}",
        "image: {registry: 'https://me:hunter2@index.example'}",
        "network: {tls: {cert: a, key: [hunter2]}}",
    ],
)
def test_the_value_of_a_secret_is_never_repeated(lines: str) -> None:
    assert "hunter2" not in said(lines).replace("{'hunter2'", "")


def test_a_long_value_is_cut() -> None:
    assert len(said(f"replicas: {'x' * 500}")) < 200


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


class Options(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: str = Field(default="abc", min_length=2, max_length=4)
    code: str = Field(default="a1", pattern="^[a-z][0-9]$")
    zones: tuple[str, ...] = Field(default=(), min_length=1, max_length=2)
    colour: Colour = Colour.RED
    share: float = Field(default=0.5, lt=1, multiple_of=0.25)
    place: Path = Path()
    flags: list[bool] = []
    weights: Mapping[str, float] = {}
    either: int | None = None
    size: Literal[1, 2] = 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("name: a", "config.name must have at least 2 characters"),
        ("name: abcde", "config.name must have at most 4 characters"),
        ("name: [a]", "config.name must be a text, not a list"),
        ("name: {a: 1}", "config.name must be a text, not a mapping"),
        ("code: abc", "config.code must match ^[a-z][0-9]$, not 'abc'"),
        ("zones: []", "config.zones must list no fewer than 1, not 0"),
        ("zones: [a, b, c]", "config.zones must list no more than 2, not 3"),
        ("zones: 3", "config.zones must be a list, not 3"),
        ("colour: rde", "config.colour must be one of red, blue, not 'rde' (did you mean 'red'?)"),
        ("share: 1.5", "config.share must be less than 1, not 1.5"),
        ("share: 0.3", "config.share must be a multiple of 0.25, not 0.3"),
        ("share: x", "config.share must be a number, not 'x'"),
        ("place: [a]", "config.place must be a text, not a list"),
        ("flags: [true, x]", "config.flags[1] must be true or false, not 'x'"),
        ("weights: {a: x}", "config.weights.a must be a number, not 'x'"),
        ("either: x", "config.either must be a whole number, not 'x'"),
        ("size: 3", "config.size must be 1 or 2, not 3"),
        ("token: x", "unknown key 'config.token'"),
    ],
)
def test_options_of_a_target(options: str, message: str) -> None:
    (document,) = parse_yaml(f"name: iris\nmodel: m\nconfig:\n  {options}\n".encode(), "f.yaml")
    with pytest.raises(SpecError) as caught:
        build_spec([document_layer(document)], config_model=Options)
    assert str(caught.value) == f"f.yaml:4: {message}"


def test_nothing_is_empty() -> None:
    with pytest.raises(SpecError) as caught:
        validated(Options, {"name": None, "flags": [None]}, lambda _path: None)
    assert "name must be a text, not empty" in caught.value.message


@pytest.mark.parametrize(("text", "cores"), [("2", 2.0), ("0.5", 0.5), ("500m", 0.5), ("'1500m'", 1.5), ("1.25", 1.25)])
def test_cores_are_written_as_numbers_or_as_kubernetes_writes_them(text: str, cores: float) -> None:
    written = f"name: iris\nmodel: m\nresources: {{cpu: {text}}}\n"
    (document,) = parse_yaml(written.encode(), "f.yaml")
    assert build_spec([document_layer(document)]).resources.cpu == cores
