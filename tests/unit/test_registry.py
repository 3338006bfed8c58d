"""The registry: real distributions on a real path, sound ones and every kind of broken one."""

from __future__ import annotations

import importlib
import importlib.metadata
import sys
import textwrap
from typing import TYPE_CHECKING, Any

import pytest

from deployer.errors import NotFound, SpecError
from deployer.registry import GROUP, OURS, Broken, Registry
from deployer.settings import NamedTarget
from deployer.target import TargetKind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Install = Callable[..., Registry]

SOUND = """
    from pydantic import BaseModel
    from deployer.target import TargetKind

    class Options(BaseModel, extra="forbid"):
        region: str = "x"

    def connect(options, site):
        {connect}

    kind = TargetKind(name={name!r}, summary="s", options=Options, config=Options, capabilities=frozenset(),
                      connect=connect, requires={requires!r}, extra={extra!r})
"""


def sound(
    name: str, *, requires: tuple[str, ...] = (), extra: str | None = None, connect: str = "return (options, site)"
) -> str:
    return textwrap.dedent(SOUND).format(name=name, requires=requires, extra=extra, connect=connect)


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Put a distribution on the path: its name, its entry points, its modules."""
    monkeypatch.syspath_prepend(str(tmp_path))
    before = set(sys.modules)

    def put(distribution: str, points: dict[str, str], **modules: str) -> Registry:
        folder = tmp_path / f"{distribution.replace('-', '_')}-1.0.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n")
        lines = "".join(f"{name} = {value}\n" for name, value in points.items())
        (folder / "entry_points.txt").write_text(f"[{GROUP}]\n{lines}")
        for module, text in modules.items():
            (tmp_path / f"{module}.py").write_text(text)
        importlib.invalidate_caches()
        return Registry()

    yield put
    for each in set(sys.modules) - before:
        if each.startswith("acme"):
            del sys.modules[each]


def reason(registry: Registry, name: str) -> str:
    """As the list tells it, and as asking for it does."""
    (broken,) = [each for each in registry.all() if each.name == name]
    assert isinstance(broken, Broken)
    with pytest.raises(SpecError) as caught:
        registry.kind(name)
    assert caught.value.message == f"the target {name} cannot be used: {broken.reason}"
    assert caught.value.hint == broken.hint
    return broken.reason


def test_ours() -> None:
    registry = Registry()
    assert registry.names()[0] == "local"
    assert "memory" in registry.names()
    assert isinstance(registry.kind("local"), TargetKind)
    assert set(OURS) <= set(registry.known())
    assert registry.distribution("local").startswith("mlflow-deployer ")
    assert registry.distribution("nowhere") == ""


def test_a_third_partys(install: Install) -> None:
    registry = install("acme-deployer", {"acme": "acme_target:kind"}, acme_target=sound("acme"))
    assert registry.kind("acme").summary == "s"
    assert registry.kind("acme") is registry.kind("acme"), "imported once"
    assert registry.distribution("acme") == "acme-deployer 1.0"
    connected: Any = registry.connect(NamedTarget("there", "acme", {"region": "r"}), "team")
    options, site = connected
    assert (options.region, site.name, site.owner) == ("r", "there", "team")


def test_a_module_that_is_not_there(install: Install) -> None:
    registry = install("acme-deployer", {"acme": "acme_gone:kind"})
    assert reason(registry, "acme") == "acme-deployer names acme_gone:kind, and there is no module acme_gone"


def test_a_module_that_needs_what_is_not_there(install: Install) -> None:
    registry = install("acme-deployer", {"acme": "acme_needy:kind"}, acme_needy="import acme_sdk_that_is_not_there")
    assert reason(registry, "acme") == (
        "acme_needy of acme-deployer needs acme_sdk_that_is_not_there, which is not installed"
    )


def test_a_module_that_raises(install: Install) -> None:
    registry = install("acme-deployer", {"acme": "acme_wild:kind"}, acme_wild="raise RuntimeError('no\\n\x1b[31mway')")
    assert reason(registry, "acme") == (
        "acme_wild:kind of acme-deployer fails when it is imported: RuntimeError: no [31mway"
    )
    (broken,) = [each for each in registry.all() if each.name == "acme"]
    assert isinstance(broken, Broken)
    assert broken.hint == "pip install --force-reinstall acme-deployer"


def test_a_name_that_the_module_has_not(install: Install) -> None:
    registry = install("acme-deployer", {"acme": "acme_empty:kind"}, acme_empty="")
    assert "acme_empty:kind, which cannot be read: module 'acme_empty' has no attribute 'kind'" in reason(
        registry, "acme"
    )


def test_something_else_than_a_kind(install: Install) -> None:
    registry = install("acme-deployer", {"acme": "acme_odd:kind"}, acme_odd="kind = 'docker'")
    assert reason(registry, "acme") == "acme_odd:kind of acme-deployer is a str, not a TargetKind"


def test_another_name_than_it_says(install: Install) -> None:
    registry = install("acme-deployer", {"acme": "acme_other:kind"}, acme_other=sound("docker"))
    assert reason(registry, "acme") == "acme_other:kind of acme-deployer calls itself 'docker', not 'acme'"


def test_two_that_claim_one_name(install: Install) -> None:
    install("acme-deployer", {"acme": "acme_one:kind"}, acme_one=sound("acme"))
    registry = install("acme-other", {"acme": "acme_two:kind"}, acme_two=sound("acme"))
    told = reason(registry, "acme")
    assert "acme-deployer 1.0 (acme_one:kind)" in told
    assert "acme-other 1.0 (acme_two:kind)" in told
    assert "acme_one" not in sys.modules, "neither is imported"


def test_one_that_claims_ours(install: Install) -> None:
    registry = install("acme-deployer", {"local": "acme_local:kind"}, acme_local=sound("local"))
    assert "mlflow-deployer" in reason(registry, "local")
    assert registry.kind("memory").name == "memory", "the others go on"


def test_what_is_not_installed(install: Install) -> None:
    text = sound("acme", requires=("json", "acme_sdk", "email.mime.nothing"), extra="sdk")
    registry = install("acme-deployer", {"acme": "acme_target:kind"}, acme_target=text)
    kind = registry.kind("acme")
    assert registry.missing(kind) == ("acme_sdk", "email.mime.nothing")
    with pytest.raises(SpecError) as caught:
        registry.connect(NamedTarget("acme", "acme"), "team")
    assert caught.value.message == "the target acme needs acme_sdk, email.mime.nothing, which is not installed"
    assert caught.value.hint == "pip install 'acme-deployer[sdk]'"


def test_asking_imports_nothing(install: Install, tmp_path: Path) -> None:
    package = tmp_path / "acme_packed" / "inner"
    package.mkdir(parents=True)
    for folder in (package.parent, package):
        (folder / "__init__.py").write_text("raise RuntimeError('imported')")
    text = sound("acme", requires=("acme_packed.inner", "acme_packed.outer"))
    registry = install("acme-deployer", {"acme": "acme_target:kind"}, acme_target=text)
    kind = registry.kind("acme")
    assert registry.missing(kind) == ("acme_packed.outer",)
    assert registry.install_line(kind) == "pip install acme_packed"
    assert "acme_packed" not in sys.modules


def test_an_import_that_fails_while_connecting(install: Install) -> None:
    text = sound("acme", extra="sdk", connect="import acme_late")
    registry = install("acme-deployer", {"acme": "acme_target:kind"}, acme_target=text)
    with pytest.raises(SpecError) as caught:
        registry.connect(NamedTarget("acme", "acme"), "team")
    assert caught.value.message == "the target acme needs acme_late, which is not installed"
    assert caught.value.hint == "pip install 'acme-deployer[sdk]'"


def test_an_option_that_is_not_there(install: Install) -> None:
    registry = install("acme-deployer", {"acme": "acme_target:kind"}, acme_target=sound("acme"))
    named = NamedTarget("there", "acme", {"regoin": "r"}, source="deployer.toml", table="targets.there")
    with pytest.raises(SpecError) as caught:
        registry.connect(named, "team")
    assert str(caught.value) == "deployer.toml: unknown key 'regoin' (did you mean 'region'?)"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("kubernetes", "the target kubernetes is not in this version of mlflow-deployer"),
        ("kubernets", "there is no target 'kubernets' (did you mean 'kubernetes'?)"),
        ("locla", "there is no target 'locla' (did you mean 'local'?)"),
        ("zzz", "there is no target 'zzz'"),
    ],
)
def test_none_of_that_name(name: str, message: str) -> None:
    ours = [each for each in importlib.metadata.entry_points(group=GROUP) if each.name in ("local", "memory")]
    registry = Registry(lambda: ours)
    with pytest.raises(NotFound) as caught:
        registry.kind(name)
    assert caught.value.message == message
    assert caught.value.hint == "deployer targets"


def test_a_kind_that_is_not_there_is_said_to_be_in_the_file() -> None:
    named = NamedTarget(
        "prod", "zzz", source="deployer.toml", text='[targets.prod]\nkind = "zzz"', table="targets.prod"
    )
    with pytest.raises(NotFound) as caught:
        Registry(list).connect(named, "team")
    assert caught.value.where == "deployer.toml:2"


def test_the_same_distribution_twice_on_the_path_is_one() -> None:
    found = [each for each in importlib.metadata.entry_points(group=GROUP) if each.name == "local"]
    assert isinstance(Registry(lambda: [*found, *found]).kind("local"), TargetKind)


def test_finding_is_cheap(install: Install) -> None:
    """The distributions are looked through once, and nothing that was found is imported; bench/startup.py times it."""
    install("acme", {"acme": "acme_target:kind"}, acme_target="raise RuntimeError('imported')")
    looked: list[None] = []

    def looking() -> importlib.metadata.EntryPoints:
        looked.append(None)
        return importlib.metadata.entry_points(group=GROUP)

    registry = Registry(looking)
    assert "acme" in registry.names()
    assert registry.names() == registry.names()
    assert registry.distribution("acme") == "acme 1.0"
    assert len(looked) == 1
    assert "acme_target" not in sys.modules
