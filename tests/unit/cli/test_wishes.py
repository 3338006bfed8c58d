"""Files, command line and settings become the wish, and the wish becomes a command again."""

from __future__ import annotations

from pathlib import Path

import pytest

from deployer.cli.predicting import parse_params
from deployer.cli.screen import Screen
from deployer.cli.session import Session
from deployer.cli.wishes import Asked, documents, one_document, secret_values, spec_for
from deployer.errors import NotFound, SpecError
from deployer.spec import DeploymentSpec


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".git").mkdir()
    return tmp_path


def session(*words: str) -> Session:
    return Session(words, Screen())


def test_a_path_in_a_file_is_meant_from_that_file(here: Path) -> None:
    folder = here / "deploy"
    folder.mkdir()
    (folder / "a.yaml").write_text(
        "name: iris\nmodel: models/iris\nhealth: {request: r.json}\nrequirements: {ca_bundle: /etc/ca.pem}\n"
        "overrides: {memory: {model: other}}\n"
    )
    spec = spec_for(session(), Asked(target="local"), documents(Asked(files=("deploy/a.yaml",)))[0])
    assert (spec.model, spec.health.request) == ("deploy/models/iris", "deploy/r.json")
    assert spec.requirements.ca_bundle == "/etc/ca.pem"
    assert (
        spec_for(session(), Asked(target="memory"), documents(Asked(files=("deploy/a.yaml",)))[0]).model
        == "deploy/other"
    )


@pytest.mark.parametrize("uri", ["models:/iris@champion", "runs:/abc/model", "s3://b/m", "/absolute/m"])
def test_a_uri_is_left_as_it_is(here: Path, uri: str) -> None:
    (here / "deploy").mkdir()
    (here / "deploy" / "a.yaml").write_text(f"name: iris\nmodel: {uri}\n")
    assert documents(Asked(files=("deploy/a.yaml",)))[0].data["model"] == uri


def test_the_command_line_goes_before_environment_file_and_defaults(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (here / "deployer.toml").write_text(
        "[defaults]\nhistory_limit = 9\nreplicas = 9\nenv = {A = 'toml', B = 'toml', C = 'toml'}\n"
    )
    (here / "deployer.yaml").write_text("name: iris\nmodel: m\nreplicas: 2\nenv: {A: file, B: file}\n")
    monkeypatch.setenv("DEPLOYER_ENV__A", "environment")
    monkeypatch.setenv("DEPLOYER_TRACEBACK", "1")
    asked = Asked(sets=("replicas=4",))
    spec = spec_for(session(), asked, one_document(asked, "create"))
    assert (spec.replicas, spec.history_limit, spec.env) == (4, 9, {"A": "environment", "B": "file", "C": "toml"})


def test_what_is_missing_is_said(here: Path) -> None:
    with pytest.raises(SpecError, match="nothing to do it with") as nothing:
        documents(Asked())
    assert "deployer init" in str(nothing.value.hint)
    with pytest.raises(SpecError, match="model is missing") as no_model:
        spec_for(session(), Asked(name="iris"))
    assert no_model.value.hint == "deployer create iris --model URI"
    with pytest.raises(SpecError, match="name is missing"):
        spec_for(session(), Asked(model="m"))


def test_a_target_that_is_not_there(here: Path) -> None:
    (here / "deployer.toml").write_text("[targets.staging]\nkind = 'memory'\n")
    with pytest.raises(NotFound, match="did you mean 'staging'"):
        spec_for(session(), Asked(name="iris", model="m", target="stagign"))


def test_one_of_several_documents_is_named(here: Path) -> None:
    (here / "a.yaml").write_text("name: aaa\nmodel: m\n---\nname: bbb\nmodel: m\n")
    found = one_document(Asked(name="bbb", files=("a.yaml",)), "create")
    assert found is not None
    assert found.data["name"] == "bbb"
    with pytest.raises(SpecError, match="there are 2 here: aaa, bbb") as several:
        one_document(Asked(files=("a.yaml",)), "create")
    assert several.value.hint == "deployer apply -f a.yaml does all of them; deployer create NAME -f a.yaml picks one"


def test_words_say_the_wish_again() -> None:
    asked = Asked("iris", "models:/iris/1", "prod", ("a.yaml",), ("replicas=3",))
    assert asked.words() == ["iris", "--model", "models:/iris/1", "-f", "a.yaml", "-t", "prod", "--set", "replicas=3"]


def test_secret_values_are_those_of_this_environment() -> None:
    wish = {"secrets": {"A": {"env": "X"}, "B": {"env": "UNSET"}}, "auth": {"api_keys": [{"env": "Y"}]}}
    spec = DeploymentSpec.model_validate({"name": "iris", "model": "m", **wish})
    assert list(secret_values(spec, {"X": "one", "Y": "two", "Z": "three"})) == ["one", "two"]


def test_parameters_are_json_where_they_are_some() -> None:
    assert parse_params(["a=1", "b=x", 'c=["y"]', "d=", "e=f=g"]) == {"a": 1, "b": "x", "c": ["y"], "d": "", "e": "f=g"}
    with pytest.raises(SpecError, match="--param takes KEY=VALUE"):
        parse_params(["a"])
