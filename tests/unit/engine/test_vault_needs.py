"""Secrets by reference: part of a revision, and what a target's server needs to read them is part of its lock."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from deployer.endpoint import Observed, Record, Traffic
from deployer.engine import making, wishing
from deployer.engine.building import Build
from deployer.engine.wishing import Wishing, wish_for
from deployer.environment import EnvironmentRequest, Lock, LockedWheel
from deployer.errors import BuildError
from deployer.plan import Outlook, Sign, Wish, plan_release
from deployer.plan.planner import Context
from deployer.spec import DeploymentSpec
from deployer.target import ImageSink
from deployer.testing.memory import kind
from tests.unit.engine.place import Place, wish

ARN, OTHER = "vault:token", "vault:other"
NEEDS = ("vault-sdk>=1,<3",)


@dataclass
class Index:
    """In the place of the resolver: locks what is asked for, in the newest version that there is today."""

    newest: str = "2.0"
    asked: list[EnvironmentRequest] = field(default_factory=list)

    def __call__(self, request: EnvironmentRequest, _uv: object) -> Lock:
        self.asked.append(request)
        names = sorted({each.name for each in (*request.requirements, *request.runtime)})
        wheels = [LockedWheel(name, self.newest, f"{name}-{self.newest}-py3-none-any.whl", "0" * 64) for name in names]
        return Lock("3.11", "x86_64-manylinux_2_28", tuple(wheels))


@pytest.fixture
def index(monkeypatch: pytest.MonkeyPatch) -> Index:
    found = Index()
    monkeypatch.setattr("deployer.environment.lock_environment", found)
    monkeypatch.setattr("deployer.environment.Uv.found", lambda *_: None)
    monkeypatch.setattr(making, "RUNTIME_NEEDS", ("uvicorn>=0.22",))
    monkeypatch.setattr(wishing, "secret_numbers", lambda *_: {})  # the target of these tests takes values, too
    return found


@pytest.fixture
def wished(place: Place) -> Callable[..., Wish]:
    def make(spec: DeploymentSpec, seen: Observed | None = None, needs: tuple[str, ...] = NEEDS) -> Wish:
        vaulted = replace(
            kind, delivers="environment", runtime_needs=lambda asked: needs if asked.secrets else (),
        )  # fmt: skip
        how = Wishing(target=place.target(place.deployer()), kind=vaulted, environ={})
        return wish_for(spec, seen or Observed(), how)

    return make


Wished = Callable[..., Wish]


def recorded(wanted: Wish) -> Observed:
    release = wanted.release
    record = Record(
        endpoint="iris", owner="default", generation=1, created=0.0, spec=wanted.spec,
        traffic=Traffic.all_to(release.revision), releases={release.revision: release},
        locks={release.lock: wanted.lock},
    )  # fmt: skip
    return Observed(record=record, version="1")


def secret(model: Path, reference: str = ARN, **fields: Any) -> DeploymentSpec:
    return wish(model, secrets={"TOKEN": {"ref": reference}}, **fields)


def names(wanted: Wish) -> list[str]:
    return [each.name for each in Lock.parse(wanted.lock).wheels]


def test_only_a_wish_for_such_secrets_needs_it(index: Index, wished: Wished, first: Path) -> None:
    assert names(wished(wish(first))) == ["numpy", "uvicorn"]
    assert names(wished(secret(first))) == ["numpy", "uvicorn", "vault-sdk"]
    assert [[each.name for each in one.runtime] for one in index.asked] == [["uvicorn"], ["uvicorn", "vault-sdk"]]


def test_a_wish_without_it_is_what_it_was_on_any_target(index: Index, wished: Wished, first: Path) -> None:
    """No revision of an endpoint without such secrets changes for a deployer that knows of vaults."""
    plain = wished(wish(first), needs=())
    assert wished(wish(first)).release == plain.release
    assert plain.release.fields == {}
    assert plain.release.model.requirements == making.requirements_asked(wish(first), _described(first))


def _described(model: Path) -> Any:
    from deployer.model import read_metadata, resolve

    return read_metadata(resolve(str(model)))


def test_the_reference_is_part_of_the_revision(index: Index, wished: Wished, first: Path) -> None:
    before = wished(secret(first))
    assert before.release.fields == {"vault": {"TOKEN": ARN}}
    seen = recorded(before)
    after = wished(secret(first, OTHER), seen)
    assert after.release.revision != before.release.revision
    assert (after.lock, len(index.asked)) == (before.lock, 1)  # what reads it is the same
    assert wished(secret(first), seen).release == before.release


def test_another_reference_is_told_in_the_plan(index: Index, wished: Wished, first: Path) -> None:
    seen = recorded(wished(secret(first)))
    plan = plan_release("apply", wished(secret(first, OTHER), seen), seen, Context(target="memory"))
    assert plan.outlook is Outlook.CHANGES
    (told,) = [each for each in plan.changes if each.what == "secrets.TOKEN.ref"]
    assert (told.sign, told.before, told.after) == (Sign.CHANGE, ARN, OTHER)


def test_what_is_needed_comes_and_goes_with_the_secrets(index: Index, wished: Wished, first: Path) -> None:
    without = wished(wish(first))
    having = wished(secret(first), recorded(without))
    assert names(having) == ["numpy", "uvicorn", "vault-sdk"]
    again = wished(wish(first), recorded(having))
    assert names(again) == ["numpy", "uvicorn"]
    assert again.release.revision == without.release.revision


def test_a_newer_deployer_that_wants_other_versions_changes_nothing_by_itself(
    index: Index, wished: Wished, first: Path, second: Path
) -> None:
    before = wished(secret(first))
    seen = recorded(before)
    index.newest = "2.5"
    newer = ("vault-sdk>=2.4,<3",)
    assert wished(secret(first), seen, needs=newer).release == before.release
    assert len(index.asked) == 1
    moved = wished(secret(second), seen, needs=newer)  # another revision anyhow, in which it must be able to live
    assert "vault-sdk==2.5" in moved.lock


@pytest.mark.parametrize(("target", "needs"), [("memory", NEEDS), (None, ())])
def test_an_image_that_is_built_for_a_target_holds_it(
    *, place: Place, first: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, target: str | None, needs: object
) -> None:
    asked: list[Build] = []

    def built(build: Build, _tell: object) -> None:
        asked.append(build)
        raise BuildError("enough was seen")

    ada = place.deployer()
    monkeypatch.setattr("deployer.client.building.built", built)
    monkeypatch.setattr(ada, "_sink", lambda *_: ImageSink(cache=tmp_path, platform="linux/amd64"))
    monkeypatch.setattr(ada, "_kind", lambda _name: replace(kind, runtime_needs=lambda _spec: NEEDS))
    with pytest.raises(BuildError, match="enough"):
        ada.build(secret(first), target=target)
    assert asked[0].needs == needs
