"""`--set`: read as the field takes it."""

from __future__ import annotations

from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict

from deployer.errors import SpecError
from deployer.spec import DeploymentSpec, build_spec, command_line_layer, parse_set
from deployer.spec.assign import split_list


class Inner(BaseModel):
    model_config = ConfigDict(extra="forbid")
    depth: int = 0


class Options(BaseModel):
    model_config = ConfigDict(extra="forbid")
    namespace: str = "default"
    zones: tuple[str, ...] = ()
    mode: Literal["fast", "safe"] = "safe"
    spot: bool = False
    inner: Inner = Inner()
    tags: dict[str, str] = {}
    port: int | None = None


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("replicas=3", 3),
        ("replicas=abc", "abc"),
        ("replicas={min: 1, max: 3}", {"min": 1, "max": 3}),
        ("replicas.min=2", 2),
        ("rollout.steps=10,50,100", [10, 50, 100]),
        ("rollout.steps=10", [10]),
        ("rollout.steps=[10, 50]", [10, 50]),
        ("rollout.steps=", None),
        ("rollout.pause=5m", "5m"),
        ("rollout.strategy=blue-green", "blue-green"),
        ("requirements.extra=category-encoders", ["category-encoders"]),
        ("requirements.extra=pandas>=2,<3,numpy,foo[a,b]==1", ["pandas>=2,<3", "numpy", "foo[a,b]==1"]),
        ("requirements.extra=tomli; python_version < '3.11,x',b", ["tomli; python_version < '3.11,x'", "b"]),
        ("env.LOG_LEVEL=debug", "debug"),
        ("env.EMPTY=", None),
        ('env.EMPTY=""', ""),
        ("env.X=a=b=c", "a=b=c"),
        ("env.X={not: yaml", "{not: yaml"),
        ("env.X=1.10", "1.10"),
        ("env.X=010", "010"),
        ("labels.app.kubernetes.io/name=iris", "iris"),
        ("labels.team=1.10", "1.10"),
        ("secrets.TOKEN.env=MY_TOKEN", "MY_TOKEN"),
        ("secrets.TOKEN={env: MY_TOKEN}", {"env": "MY_TOKEN"}),
        ("network.egress=none", "none"),
        ("network.egress=a.example,b.example", ["a.example", "b.example"]),
        ("auth.api_keys=[{env: K}]", [{"env": "K"}]),
        ("gate.f1=0.90", 0.9),
        ("gate.on=true", True),
        ("gate.word=yes", "yes"),
        ("gate.deep.er=null", None),
        ("gate.quoted='3'", "3"),
        ("gate.list=[1, a]", [1, "a"]),
        ("gate.odd=...", "..."),
        ("config.anything.at.all=7", 7),
        ("health.timeout=90", 90),
        ("resources.memory=2Gi", "2Gi"),
        ("model=models:/iris@champion", "models:/iris@champion"),
        ("model=[a", "[a"),
    ],
)
def test_values(text: str, value: object) -> None:
    found = parse_set(text)
    assert found.value == value
    assert type(found.value) is type(value)


def test_paths() -> None:
    assert parse_set("rollout.steps=1").path == ("rollout", "steps")
    assert parse_set("labels.app.kubernetes.io/name=x").path == ("labels", "app.kubernetes.io/name")
    assert parse_set("secrets.T.env=x").path == ("secrets", "T", "env")
    assert parse_set("gate.a.b=x").path == ("gate", "a", "b")
    assert parse_set(" replicas =3").path == ("replicas",)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("config.namespace=7", "7"),
        ("config.zones=a,b", ["a", "b"]),
        ("config.mode=fast", "fast"),
        ("config.spot=yes", "yes"),
        ("config.inner.depth=3", 3),
        ("config.tags.a.b=c", "c"),
        ("config.port=", None),
    ],
)
def test_options_of_the_target(text: str, value: object) -> None:
    assert parse_set(text, config_model=Options).value == value


@pytest.mark.parametrize(
    ("text", "where", "message", "hint"),
    [
        ("replcas=3", "--set replcas", "unknown key 'replcas' (did you mean 'replicas'?)", None),
        ("rollout.step=1", "--set rollout.step", "(did you mean 'rollout.steps'?)", None),
        ("steps=1", "--set steps", "(did you mean 'rollout.steps'?)", None),
        ("namespace=ml", "--set namespace", "(did you mean 'config.namespace'?)", None),
        (
            "config.namspace=ml",
            "--set config.namspace",
            "(did you mean 'config.namespace'?)",
            "the target's own options",
        ),
        ("name.first=x", "--set name.first", "unknown key 'name.first'", None),
        ("rollout.steps.0=5", "--set rollout.steps.0", "unknown key 'rollout.steps.0'", None),
        ("env..x=1", "--set env..x", "unknown key", None),
        ("zzz=1", "--set zzz", "unknown key 'zzz'", None),
        ("replicas", "--set replicas", "KEY=VALUE", "--set replicas=3"),
        ("=3", "--set ", "KEY=VALUE", None),
        ("rollout=canary", "--set rollout", "is a group", "rollout.strategy"),
        ("env=x", "--set env", "is a group", "env.KEY"),
        ("secrets.TOKEN=hunter2", "--set secrets.TOKEN", "by reference", "--set secrets.TOKEN.env=VARIABLE"),
        ("secrets=hunter2", "--set secrets", "by reference", "--set secrets.API_TOKEN.env=VARIABLE"),
        ("auth.api_keys=hunter2", "--set auth.api_keys", "a list of groups", "[{env: ...}]"),
        ("rollout.steps=[1, 2", "--set rollout.steps", "the value is not YAML", None),
    ],
)
def test_what_is_refused(text: str, where: str, message: str, hint: str | None) -> None:
    with pytest.raises(SpecError) as caught:
        parse_set(text, config_model=Options)
    error = caught.value
    assert error.where == where
    assert message in error.message
    assert hint is None or hint in (error.hint or "")
    assert "hunter2" not in f"{error} {error.hint}", "the value of a secret is never repeated"


@given(st.lists(st.integers(0, 100), min_size=1))
def test_steps_come_through(steps: list[int]) -> None:
    layer = command_line_layer({"name": "iris", "model": "m"}, [f"rollout.steps={','.join(map(str, steps))}"])
    assert build_spec([layer]).rollout.steps == tuple(steps)


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(lambda text: text not in ('""', "''")))
def test_a_text_field_takes_any_text_as_it_stands(text: str) -> None:
    layer = command_line_layer({"name": "iris", "model": "m"}, [f"env.X={text}"])
    assert build_spec([layer]).env["X"] == text


@given(st.lists(st.text("abc-_.<>=!~0123", min_size=1).filter(lambda t: t[0] not in "<>=!~"), min_size=1))
def test_lists_are_split_where_they_were_joined(parts: list[str]) -> None:
    assert split_list(",".join(parts)) == parts


@given(st.text(max_size=30), st.text(max_size=30))
def test_anything_typed_is_read_or_refused(key: str, value: str) -> None:
    where = "--set"
    try:
        parse_set(f"{key}={value}", config_model=Options)
    except SpecError as error:
        where = error.where or ""
    assert where.startswith("--set")


def test_the_model_is_the_default() -> None:
    assert parse_set("replicas=3") == parse_set("replicas=3", DeploymentSpec)
