"""Settings: which file is read, what it may say, and where an error is said to be."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from pydantic import BaseModel, ConfigDict, Field

from deployer.client.protecting import refuse_unprotected
from deployer.errors import NotFound, SpecError
from deployer.settings import NamedTarget, Settings, validate_options
from deployer.spec import build_spec, command_line_layer, document_layer, environment_layer
from deployer.spec.load import parse_yaml

if TYPE_CHECKING:
    from pathlib import Path

BOTH = """\
owner = "fraud-team"
target = "staging"

[defaults]
history_limit = 9

[targets.staging]
kind = "kubernetes"
context = "kind-staging"
defaults = {replicas = 2}

[targets.prod]
kind = "sagemaker"
region = "eu-west-1"
protected = true

[targets.prod.defaults.health]
timeout = "20m"

[targets.local]
folder = "/srv/endpoints"
"""


class Options(BaseModel):
    model_config = ConfigDict(extra="forbid")
    context: str = ""
    port: int = Field(default=1, ge=1)


class Kind:
    name = "kubernetes"
    options: type[BaseModel] = Options


def load(folder: Path, text: str = "", **environ: str) -> Settings:
    if text:
        (folder / "deployer.toml").write_text(text)
    return Settings.load(folder, environ)


def refused(folder: Path, text: str, name: str = "deployer.toml") -> str:
    (folder / name).write_text(text)
    with pytest.raises(SpecError) as caught:
        Settings.load(folder, {})
    return str(caught.value).removeprefix(f"{folder}/")


def test_without_any_file(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    found = load(tmp_path)
    assert found == Settings()
    assert (found.owner, found.default_target, found.target_names, found.sources) == (
        "default", "local", ("local",), (),
    )  # fmt: skip


def test_everything(tmp_path: Path) -> None:
    found = load(tmp_path, BOTH)
    assert (found.owner, found.default_target) == ("fraud-team", "staging")
    assert found.target_names == ("local", "staging", "prod")
    staging, prod, local = (found.target(each) for each in ("staging", "prod", "local"))
    assert (staging.kind, staging.options, staging.defaults) == (
        "kubernetes", {"context": "kind-staging"}, {"replicas": 2},
    )  # fmt: skip
    assert (prod.kind, prod.options, prod.protected) == ("sagemaker", {"region": "eu-west-1"}, True)
    assert (local.kind, local.options) == ("local", {"folder": "/srv/endpoints"}), "a back end that is set up"
    assert staging.source == str(tmp_path / "deployer.toml")


def test_the_same_in_pyproject(tmp_path: Path) -> None:
    text = "\n".join(
        f"[tool.deployer.{each[1:]}" if each.startswith("[") else each for each in BOTH.splitlines() if each
    )
    (tmp_path / "pyproject.toml").write_text(f'[project]\nname = "x"\n[tool.deployer]\n{text}')
    found = load(tmp_path)
    assert found.target("prod").protected
    assert found.defaults == {"history_limit": 9}
    assert found.target("staging").where(("context",)) == f"{tmp_path / 'pyproject.toml'}:10"


def test_both_files_of_one_folder(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(
        '[tool.deployer]\nowner = "a"\ntarget = "b"\n[tool.deployer.targets.b]\nkind = "local"\n'
        '[tool.deployer.targets.c]\nkind = "local"\nfolder = "old"\n'
    )
    found = load(tmp_path, 'owner = "z"\n[targets.c]\nkind = "docker"\n')
    assert (found.owner, found.default_target) == ("z", "b")
    assert found.target("b").kind == "local"
    assert (found.target("c").kind, found.target("c").options) == ("docker", {}), "a target is taken whole"
    assert len(found.sources) == 2


def test_the_nearest_folder_counts(tmp_path: Path) -> None:
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    (tmp_path / "deployer.toml").write_text('owner = "outer"')
    assert load(inner).owner == "outer"
    (tmp_path / "a" / "pyproject.toml").write_text('[project]\nname = "deployer-user"\n')
    assert load(inner).owner == "outer", "a project file without [tool.deployer] is passed over"
    (tmp_path / "a" / "deployer.toml").write_text('target = "docker"')
    assert (load(inner).owner, load(inner).default_target) == ("default", "docker")


def test_the_repository_is_the_border(tmp_path: Path) -> None:
    inner = tmp_path / "repository" / "folder"
    inner.mkdir(parents=True)
    (tmp_path / "deployer.toml").write_text('owner = "outer"')
    (tmp_path / "repository" / ".git").mkdir()
    assert load(inner).owner == "default"
    (tmp_path / "repository" / "deployer.toml").write_text('owner = "mine"')
    assert load(inner).owner == "mine"


def test_the_working_directory_is_the_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "deployer.toml").write_text('owner = "here"')
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DEPLOYER_TARGET", "there")
    found = Settings.load()
    assert (found.owner, found.default_target) == ("here", "there")
    assert found.sources == ("deployer.toml",), "as the user would say it"


def test_the_environment(tmp_path: Path) -> None:
    found = load(tmp_path, BOTH, DEPLOYER_TARGET="prod", DEPLOYER_OWNER="ops")
    assert (found.owner, found.default_target, found.environment_target) == ("ops", "prod", "prod")
    assert load(tmp_path, DEPLOYER_TARGET="", DEPLOYER_OWNER="").owner == "fraud-team"
    with pytest.raises(SpecError, match="is not an owner") as caught:
        load(tmp_path, DEPLOYER_OWNER="a b")
    assert caught.value.where == "DEPLOYER_OWNER"


def test_which_target_is_meant(tmp_path: Path) -> None:
    (document,) = parse_yaml(b"target: prod\n", "f.yaml")
    assert load(tmp_path, BOTH).meant(None) == "staging"
    assert load(tmp_path).meant(None, document) == "prod"
    assert load(tmp_path, DEPLOYER_TARGET="local").meant(None, document) == "local"
    assert load(tmp_path, DEPLOYER_TARGET="local").meant("docker", document) == "docker"
    (wrong,) = parse_yaml(b"target: [prod]\n", "f.yaml")
    with pytest.raises(SpecError, match="target must be the name"):
        load(tmp_path).meant(None, wrong)


def test_a_name_that_is_no_target(tmp_path: Path) -> None:
    found = load(tmp_path, BOTH)
    kinds = ("local", "docker")
    assert found.target("docker", kinds) == NamedTarget("docker", "docker")
    with pytest.raises(NotFound) as caught:
        found.target("stagign", kinds)
    assert caught.value.message == "there is no target 'stagign' (did you mean 'staging'?)"
    assert caught.value.hint == "configured are staging, prod, local; deployer targets lists them all"
    assert found.target("third-party").kind == "third-party", "without a list it is for the registry to say"


def test_all_layers_of_a_wish(tmp_path: Path) -> None:
    found = load(tmp_path, BOTH)
    (document,) = parse_yaml(
        b"name: iris\nmodel: a\ntarget: local\nenv: {A: file}\noverrides: {staging: {model: b}}\n", "f.yaml"
    )
    target = found.meant("staging", document)
    layers = (
        command_line_layer({"target": target}, ["env.B=typed"]),
        environment_layer({"DEPLOYER_ENV__A": "variable"})[0],
        document_layer(document, target, known_targets=found.target_names),
        *found.default_layers(target),
    )
    assert build_spec(layers).wish() == {
        "name": "iris", "model": "b", "target": "staging", "replicas": 2, "history_limit": 9,
        "env": {"A": "variable", "B": "typed"},
    }  # fmt: skip


def test_defaults_are_placed(tmp_path: Path) -> None:
    found = load(tmp_path, BOTH.replace('"20m"', '"soon"').replace("= 9", "= 90"))
    base = command_line_layer({"name": "iris", "model": "m"})
    with pytest.raises(SpecError) as caught:
        build_spec([base, *found.default_layers("prod")])
    file = tmp_path / "deployer.toml"
    assert caught.value.message.splitlines()[1:] == [
        f"  {file}:18: health.timeout: 'soon' is not a duration such as 30s, 10m or 1h30m",
        f"  {file}:5: history_limit must be at most 20, not 90",
    ]


def test_options_are_the_back_ends(tmp_path: Path) -> None:
    assert validate_options(Kind(), NamedTarget("kubernetes", "kubernetes")) == Options()
    found = load(tmp_path, '[targets.a]\nkind = "kubernetes"\ncontext = "x"\n\n[targets.b]\ncontxt = "x"\nport = 0\n')
    assert validate_options(Kind(), found.target("a")) == Options(context="x")
    with pytest.raises(SpecError) as caught:
        validate_options(Kind(), found.target("b"))
    file = tmp_path / "deployer.toml"
    assert caught.value.message.splitlines() == [
        "target b has 2 problems",
        f"  {file}:7: port must be at least 1, not 0",
        f"  {file}:6: unknown key 'contxt' (did you mean 'context'?)",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("onwer = 'x'", "deployer.toml:1: unknown key 'onwer' (did you mean 'owner'?)"),
        ("a = 1\na = 2\n", "deployer.toml:2:6: not TOML: cannot overwrite a value"),
        ("a = ", "deployer.toml:1: not TOML: invalid value"),
        ("\nowner = 3", "deployer.toml:2: 3 is not an owner: one word of letters, digits, - and _, at most 63"),
        ("owner = 'a b'", "deployer.toml:1: 'a b' is not an owner: one word of letters, digits, - and _, at most 63"),
        ("target = ['x']", "deployer.toml:1: ['x'] is not a target's name"),
        ("targets = 3", "deployer.toml:1: targets must be a table"),
        ("defaults = 3", "deployer.toml:1: defaults must be a table"),
        ("[targets]\nprod = 3", "deployer.toml:2: targets.prod must be a table"),
        ("[targets.prod]\nkind = 3", "deployer.toml:2: targets.prod.kind must be a back end's name"),
        ("[targets.prod]\n\nprotected = 'yes'", "deployer.toml:3: targets.prod.protected must be true or false"),
        ("[targets.prod]\ndefaults = 3", "deployer.toml:2: targets.prod.defaults must be a table"),
        ("[targets.'a b']\nkind = 'x'", "deployer.toml:1: 'a b' is not a target's name: letters, digits, - and _"),
        (
            "[targets.prod.defaults]\nreplcas = 3",
            (
                "deployer.toml:2: unknown key 'targets.prod.defaults.replcas' "
                "(did you mean 'targets.prod.defaults.replicas'?)"
            ),
        ),
        ("[defaults]\nx = 1\nname = 'a'", "deployer.toml:2: unknown key 'defaults.x'"),
        ("[defaults]\nname = 'a'", "deployer.toml:2: name has no default"),
    ],
)
def test_what_a_file_may_not_say(tmp_path: Path, text: str, message: str) -> None:
    assert refused(tmp_path, text) == message


def test_errors_in_pyproject(tmp_path: Path) -> None:
    assert (
        refused(tmp_path, '[project]\nname = "x"\n\n[tool.deployer]\nonwer = "x"\n', "pyproject.toml")
        == "pyproject.toml:5: unknown key 'onwer' (did you mean 'owner'?)"
    )
    assert refused(tmp_path, "[tool.deployer]\nx = ", "pyproject.toml").startswith("pyproject.toml:2: not TOML")
    (tmp_path / "pyproject.toml").write_text("somebody else's, and broken")
    assert Settings.load(tmp_path, {}).sources == ()


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    (tmp_path / "deployer.toml").write_bytes(b'owner = "x"\ntarget = "\xff"\n')
    with pytest.raises(SpecError, match="not UTF-8") as caught:
        Settings.load(tmp_path, {})
    assert caught.value.where == f"{tmp_path / 'deployer.toml'}:2"


def test_a_protected_target_takes_models_from_a_registry_only(tmp_path: Path) -> None:
    (tmp_path / "deployer.toml").write_text("[targets.prod]\nkind = 'memory'\nprotected = true\n")
    prod = Settings.load(tmp_path, {}).target("prod")
    with pytest.raises(SpecError, match="prod is protected") as refused:
        refuse_unprotected(prod, "./m")
    assert (refused.value.where or "").endswith("deployer.toml:3")
    refuse_unprotected(prod, "models:/iris/1")
    refuse_unprotected(prod, "", f"registry.example.com/vllm@sha256:{'0' * 64}")
    with pytest.raises(SpecError, match="takes images by digest only"):
        refuse_unprotected(prod, "", "registry.example.com/vllm:latest")
