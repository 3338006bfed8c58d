"""What the Record knows is not found out again: digests, locks, the runtime."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from deployer.endpoint import Observed
from deployer.engine import making, wishing
from deployer.engine.delivering import deliver
from deployer.engine.unmet import unmet
from deployer.engine.wishing import Wishing, _plainly, laid_over, wish_for
from deployer.environment import Lock, LockedWheel
from deployer.errors import BuildError, Conflict, SpecError
from deployer.plan import Outlook, Wish, plan_release
from deployer.plan.planner import Context
from deployer.spec import DeploymentSpec
from deployer.target import EnvironmentSink
from deployer.testing.memory import kind
from deployer_local import kind as local_kind
from tests.unit.engine.place import Place, packaged, wish


def _lock(*versions: str, python: str = "3.11") -> Lock:
    wheels = []
    for each in versions:
        name, version = each.split("==")
        wheels.append(LockedWheel(name, version, f"{name}-{version}-py3-none-any.whl", "0" * 64))
    return Lock(python, "x86_64-manylinux_2_28", tuple(wheels))


@dataclass
class Index:
    """In the place of the resolver: what it decides today, and how often it was asked."""

    today: Lock = field(default_factory=lambda: _lock("numpy==2.0", "uvicorn==0.30"))
    asked: int = 0

    def __call__(self, *_: object) -> Lock:
        self.asked += 1
        return self.today


@pytest.fixture
def index(monkeypatch: pytest.MonkeyPatch) -> Index:
    found = Index()
    monkeypatch.setattr("deployer.environment.lock_environment", found)
    monkeypatch.setattr("deployer.environment.Uv.found", lambda *_: None)
    return found


@pytest.fixture
def released(place: Place) -> Callable[[Wish], Observed]:
    """The wish, released: what is observed afterwards. The target itself delivers nothing."""

    def release(wanted: Wish) -> Observed:
        ada = place.deployer()
        target = place.target(ada)
        stored = target.read_record("iris")
        seen = Observed(
            endpoint=target.observe("iris"), record=stored[0] if stored else None, version=stored[1] if stored else None
        )
        plan = plan_release("apply", wanted, seen, Context(target="memory"))
        if plan.outlook is Outlook.CHANGES:
            ada.execute(plan)
        stored = target.read_record("iris")
        assert stored is not None
        return Observed(endpoint=target.observe("iris"), record=stored[0], version=stored[1])

    return release


@pytest.fixture
def wished(place: Place) -> Callable[..., Wish]:
    def make(spec: DeploymentSpec, seen: Observed | None = None, **options: Any) -> Wish:
        how = Wishing(
            target=place.target(place.deployer()), kind=replace(kind, delivers="environment"), environ={}, **options
        )
        return wish_for(spec, seen or Observed(), how)

    return make


Wished = Callable[..., Wish]
Released = Callable[[Wish], Observed]


def test_the_same_wish_next_month_is_the_same_revision(
    *, index: Index, wished: Wished, released: Released, first: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There are newer packages, and a newer deployer with another runtime."""
    before = wished(wish(first))
    seen = released(before)
    index.today = _lock("numpy==3.0", "uvicorn==0.40")
    monkeypatch.setattr(wishing, "runtime_version", lambda: "f" * 64)
    monkeypatch.setattr(making, "RUNTIME_NEEDS", ("uvicorn>=0.40",))
    again = wished(wish(first), seen)
    assert again.release == before.release
    assert index.asked == 1
    assert plan_release("apply", again, seen, Context(target="memory")).outlook is Outlook.UNCHANGED


def test_a_new_model_of_the_same_requirements_keeps_the_lock_and_gets_todays_runtime(
    *, index: Index, wished: Wished, released: Released, first: Path, second: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = wished(wish(first))
    seen = released(before)
    index.today = _lock("numpy==3.0", "uvicorn==0.40")
    monkeypatch.setattr(wishing, "runtime_version", lambda: "f" * 64)
    new = wished(wish(second), seen)
    assert (new.lock, new.release.lock) == (before.lock, before.release.lock)
    assert new.release.runtime == "f" * 64
    assert index.asked == 1


def test_a_lock_that_todays_runtime_cannot_live_in_is_made_anew(
    *, index: Index, wished: Wished, released: Released, first: Path, second: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = released(wished(wish(first)))
    index.today = _lock("numpy==2.0", "uvicorn==0.40")
    monkeypatch.setattr(making, "RUNTIME_NEEDS", ("uvicorn>=0.40",))
    assert wished(wish(second), seen).release.lock == index.today.digest
    assert index.asked == 2


def test_requirements_that_change_are_resolved_and_upgrade_is_asked_for(
    index: Index, wished: Wished, released: Released, tmp_path: Path, first: Path
) -> None:
    before = wished(wish(first))
    seen = released(before)
    index.today = _lock("numpy==3.0", "uvicorn==0.30")
    upgraded = wished(wish(first), seen, upgrade=True)
    assert upgraded.release.lock == index.today.digest
    assert upgraded.release.revision != before.release.revision
    other = packaged(tmp_path / "other", requirements="numpy\nattrs\n")
    assert wished(wish(other), seen).release.lock == index.today.digest
    assert wished(wish(first, requirements={"extra": ["attrs"]}), seen).release.lock == index.today.digest
    assert index.asked == 4


def test_upgrade_that_finds_the_same_is_unchanged(
    index: Index, wished: Wished, released: Released, first: Path
) -> None:
    before = wished(wish(first))
    assert wished(wish(first), released(before), upgrade=True).release == before.release
    assert index.asked == 2


def test_the_lock_is_kept_while_a_release_names_it(
    *, index: Index, wished: Wished, released: Released, place: Place, first: Path, tmp_path: Path
) -> None:
    one = wished(wish(first, history_limit=1))
    seen = released(one)
    index.today = _lock("attrs==1", "uvicorn==0.30")
    two = wished(wish(packaged(tmp_path / "b", requirements="attrs\n", weights="b"), history_limit=1), seen)
    seen = released(two)
    assert set(place.record().locks) == {one.release.lock, two.release.lock}
    ada = place.deployer()
    ada.rollback("iris")
    assert place.record().releases[one.release.revision].lock == one.release.lock
    assert place.record().locks[one.release.lock] == one.lock
    index.today = _lock("scipy==1", "uvicorn==0.30")
    three = wished(wish(packaged(tmp_path / "c", requirements="scipy\n", weights="c"), history_limit=1), seen)
    released(three)
    assert two.release.lock not in place.record().locks


def test_fields_of_revision_scope_make_another_revision(index: Index, wished: Wished, first: Path) -> None:
    plain = wished(wish(first)).release.revision
    same: list[dict[str, Any]] = [
        {"replicas": 3}, {"labels": {"a": "b"}}, {"health": {"consecutive": 9}}, {"history_limit": 1},
            {"rollout": {"strategy": "recreate"}}, {"requirements": {"index_url": "https://i.example"}},
    ]  # fmt: skip
    other: list[dict[str, Any]] = [{"env": {"A": "b"}}, {"resources": {"cpu": 2}}, {"network": {"egress": "internet"}},
             {"config": {"behaviour": "slow"}}]  # fmt: skip
    assert {wished(wish(first, **each)).release.revision for each in same} == {plain}
    assert plain not in {wished(wish(first, **each)).release.revision for each in other}


def test_laid_over() -> None:
    assert laid_over({"a": {"b": 1, "c": 2}, "d": 1}, {"a": {"b": 3}, "d": {"e": 1}}) == {
        "a": {"b": 3, "c": 2}, "d": {"e": 1},
    }  # fmt: skip


def test_what_a_target_cannot_meet_is_told(first: Path) -> None:
    asked = wish(
        first, rollout={"strategy": "canary", "steps": [10, 100]}, gate={"f1": 0.9}, image={"base": "x"},
        secrets={"A": {"ref": "arn:x"}},
    )  # fmt: skip
    told = dict(unmet(asked, kind))
    assert {"rollout.strategy", "rollout.steps", "gate", "image", "secrets.A"} <= set(told)
    bare = replace(kind, capabilities=frozenset())
    told = dict(unmet(wish(first, replicas={"min": 1, "max": 2}, secrets={"A": {"env": "A"}}), bare))
    assert set(told) == {"replicas", "secrets.A"}
    assert [*unmet(wish(first), bare)] == []


# Delivering


@pytest.fixture
def sink(tmp_path: Path) -> EnvironmentSink:
    (tmp_path / "sink").mkdir()
    return EnvironmentSink(folder=tmp_path / "sink", cache=tmp_path / "cache", platform="x86_64-manylinux_2_28")


@dataclass(frozen=True)
class _Report:
    downloaded: int = 2
    downloaded_bytes: int = 3_000_000
    reused: bool = False


@pytest.fixture
def builds(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    made: list[Path] = []

    def build(_lock: object, _python: object, place: Path, **_: object) -> _Report:
        place.mkdir()
        made.append(place)
        return _Report(reused=len(made) > 1)

    monkeypatch.setattr("deployer.environment.build_environment", build)
    monkeypatch.setattr("deployer.environment.find_python", lambda _minor: Path("python"))
    return made


def _quiet(**_: object) -> None:
    return None


def test_deliver_puts_three_folders_there_once(
    index: Index, wished: Wished, first: Path, sink: EnvironmentSink, builds: list[Path]
) -> None:
    spec = wish(first)
    wanted = wished(spec)
    assert deliver(wanted, spec, sink, _quiet) == "2 packages, 2 downloaded (3 MB)"
    release = wanted.release
    assert (sink.folder / "models" / release.model.digest[:16] / "MLmodel").is_file()
    assert (sink.folder / "runtimes" / release.runtime[:16] / "__main__.py").is_file()
    assert builds == [sink.folder / "environments" / release.lock[:16]]
    assert deliver(wanted, spec, sink, _quiet) == "2 packages, as before"
    assert not [*sink.folder.rglob(".partial*")]


def test_a_model_that_changed_since_the_plan_is_refused_and_not_left(
    index: Index, wished: Wished, first: Path, sink: EnvironmentSink, builds: list[Path]
) -> None:
    spec = wish(first)
    wanted = wished(spec)
    (first / "weights").write_text("changed")
    with pytest.raises(SpecError, match="changed after the plan was made"):
        deliver(wanted, spec, sink, _quiet)
    assert [*(sink.folder / "models").iterdir()] == []


def test_deliver_to_what_was_deleted_meanwhile(
    index: Index, wished: Wished, first: Path, sink: EnvironmentSink, builds: list[Path]
) -> None:
    spec = wish(first)
    wanted = wished(spec)
    sink.folder.rmdir()
    with pytest.raises(Conflict, match="iris was deleted meanwhile"):
        deliver(wanted, spec, sink, _quiet)
    assert not sink.folder.exists()


def test_a_runtime_that_is_not_kept_any_more(
    index: Index, wished: Wished, first: Path, sink: EnvironmentSink, builds: list[Path]
) -> None:
    spec = wish(first)
    wanted = wished(spec)
    old = wanted.model_copy(update={"release": wanted.release.model_copy(update={"runtime": "a" * 64})})
    with pytest.raises(BuildError, match=r"the serving runtime aaaaaaaaaaaa of .* is not kept any more"):
        deliver(old, spec, sink, _quiet)


def test_a_full_disk_is_said(
    index: Index, wished: Wished, first: Path, sink: EnvironmentSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device", "here")

    monkeypatch.setattr("deployer.engine.delivering.copy_runtime", full)
    spec = wish(first)
    with pytest.raises(BuildError, match="cannot write: No space left on device") as caught:
        deliver(wished(spec), spec, sink, _quiet)
    assert caught.value.where == "here"


@pytest.mark.parametrize("drain", ["5", 5, "5s", 5.0])
def test_config_has_one_form(drain: object) -> None:
    """What the target tells is compared with it, and a revision's digest holds it."""
    spec = DeploymentSpec(name="iris", model="m", config={"drain": drain, "timeout": "1m"})
    assert _plainly(spec, local_kind).config == {"drain": "5s"}
