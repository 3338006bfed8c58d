"""What a target can do beyond the verbs: declared exactly as implemented, and each one as promised."""
# ruff: noqa: S101 - a suite of tests: asserts, and names that say what is promised

from __future__ import annotations

import contextlib
import json
import threading
import time
from typing import TYPE_CHECKING, NoReturn

import pytest

from deployer.endpoint import Phase, Traffic
from deployer.errors import NotFound
from deployer.spec import ReplicaRange, SecretRef
from deployer.target import (
    Autoscales,
    Capability,
    Diagnoses,
    Figures,
    KeepsSecrets,
    Logs,
    Measured,
    Orphan,
    Orphans,
    Preflight,
    Renderable,
    Target,
    Watches,
)
from deployer.testing.conformance.workbench import FAILING, still
from deployer.testing.writer import Writer

if TYPE_CHECKING:
    from deployer.testing.conformance.workbench import Lot, Workbench

__all__ = ["CapabilityConformance"]

SECRET = "s3cr3t-\N{SNOWMAN}-value"  # noqa: S105 - looked for everywhere


def _skip(target: Target, word: str) -> NoReturn:
    pytest.skip(f"{target.kind} has no {word}")


class CapabilityConformance:
    """What is declared is there, and each capability but `Adoptable` does what it promises."""

    def test_the_kind_declares_what_the_target_implements(self, workbench: Workbench, target: Target) -> None:
        implemented = {
            each for each in type(target).__mro__
            if issubclass(each, Capability) and each is not Capability and "word" in vars(each)
        }  # fmt: skip
        assert set(workbench.kind.capabilities) == implemented
        assert target.kind == workbench.kind.name
        assert workbench.kind.options.model_validate(workbench.options.model_dump()) == workbench.options
        workbench.kind.config.model_validate({})  # every option has a default

    def test_the_clock_is_near(self, target: Target) -> None:
        first = target.now()
        assert abs(first - time.time()) < 3600
        assert target.now() >= first - 1

    def test_a_wish_for_what_it_cannot_do_is_refused(self, workbench: Workbench, target: Target, name: str) -> None:
        plain = workbench.spec(name)
        assert not list(workbench.kind.refuse(plain))
        range_ = ReplicaRange(min=1, max=2)
        refused = [field for field, _ in workbench.kind.refuse(plain.model_copy(update={"replicas": range_}))]
        assert bool(refused) is not isinstance(target, Autoscales), refused
        secrets = {"TOKEN": SecretRef(env="TOKEN")}
        refused = [field for field, _ in workbench.kind.refuse(plain.model_copy(update={"secrets": secrets}))]
        assert bool(refused) is not isinstance(target, KeepsSecrets), refused

    def test_doctor_looks_and_changes_nothing(self, workbench: Workbench, target: Target) -> None:
        if not isinstance(target, Preflight):
            _skip(target, Preflight.word)
        before = workbench.leftovers()
        checks = list(target.preflight())
        assert checks
        assert all(check.what for check in checks)
        assert [check for check in checks if check.ok is False] == []
        assert workbench.leftovers() == before

    def test_logs_are_of_the_revision_and_can_be_cut(self, workbench: Workbench, target: Target, name: str) -> None:
        if not isinstance(target, Logs):
            _skip(target, Logs.word)
        with contextlib.suppress(NotFound):
            assert list(target.logs(name)) == []
        writer = workbench.staged(target, name)
        second = workbench.add(writer, "second").revision
        workbench.await_phase(target, name, second)
        first = workbench.release().revision
        lines = list(target.logs(name))
        assert {line.revision for line in lines} == {first, second}
        assert {line.revision for line in target.logs(name, revision=second)} == {second}
        assert len(list(target.logs(name, revision=first, tail=1))) == 1
        assert list(target.logs(name, revision="r0000000")) == []
        moments = [line.at for line in lines if line.at is not None]
        assert moments == sorted(moments)
        assert list(target.logs(name, since=target.now() + 3600)) == []

    def test_followed_logs_go_on_until_they_are_closed(self, workbench: Workbench, target: Target, name: str) -> None:
        if not isinstance(target, Logs):
            _skip(target, Logs.word)
        writer = workbench.staged(target, name)
        first, second = workbench.release().revision, workbench.release("second").revision
        lines = target.logs(name, follow=True)
        assert next(lines).revision == first
        workbench.add(writer, "second")
        end = time.monotonic() + workbench.patience
        assert any(line.revision == second or time.monotonic() > end for line in lines)
        assert time.monotonic() <= end
        close = getattr(lines, "close", None)
        assert close is not None, "an iterator that follows can be closed, as a generator can"
        close()

    @pytest.mark.parametrize("lot", sorted(FAILING))
    def test_a_failure_is_diagnosed_with_evidence(
        self, workbench: Workbench, target: Target, name: str, lot: Lot
    ) -> None:
        if not isinstance(target, Diagnoses):
            _skip(target, Diagnoses.word)
        workbench.staged(target, name, lot)
        revision = workbench.release(lot).revision
        workbench.await_phase(target, name, revision, Phase.FAILED)
        diagnosis = target.diagnose(name, revision)
        assert diagnosis is not None
        assert diagnosis.code is FAILING[lot]
        assert diagnosis.is_verdict
        assert diagnosis.summary
        assert any(line.strip() for line in diagnosis.evidence)
        if isinstance(target, Logs):
            assert list(target.logs(name, revision=revision))

    def test_what_is_well_or_unknown_has_no_diagnosis(self, workbench: Workbench, target: Target, name: str) -> None:
        if not isinstance(target, Diagnoses):
            _skip(target, Diagnoses.word)
        assert target.diagnose(name, "r0000000") is None
        workbench.staged(target, name)
        assert target.diagnose(name, workbench.release().revision) is None
        assert target.diagnose(name, "r0000000") is None

    def test_watching_ends_with_a_change_or_with_the_time(
        self, workbench: Workbench, target: Target, other: Target, name: str
    ) -> None:
        if not isinstance(target, Watches):
            _skip(target, Watches.word)
        began = time.monotonic()
        target.watch(name, 0.1)
        assert time.monotonic() - began < workbench.patience
        workbench.staged(other, name)
        target.observe(name)
        thread = threading.Thread(target=target.watch, args=(name, 4 * workbench.patience))
        thread.start()
        Writer(other, name).begin(workbench.spec(name), "delete").destroy()
        thread.join(workbench.patience)
        assert not thread.is_alive()

    def test_a_range_leaves_the_count_to_the_autoscaler(self, workbench: Workbench, target: Target, name: str) -> None:
        if not isinstance(target, Autoscales):
            _skip(target, Autoscales.word)
        workbench.staged(target, name, replicas=ReplicaRange(min=2, max=3))
        seen = target.observe(name)
        assert seen is not None
        assert 2 <= seen.revisions[0].wanted <= 3
        assert seen.revisions[0].ready == seen.revisions[0].wanted

    def test_secrets_are_kept_and_never_shown(
        self, workbench: Workbench, target: Target, other: Target, name: str
    ) -> None:
        if not isinstance(target, KeepsSecrets):
            _skip(target, KeepsSecrets.word)
        before = workbench.leftovers()
        spec = workbench.spec(name, secrets={"TOKEN": {"env": "TOKEN"}})
        writer, release = Writer(target, name).begin(spec), workbench.release(secrets={"TOKEN": 1})
        assert not target.holds_secret(name, "TOKEN", 1, SECRET)
        target.keep_secrets(name, {("TOKEN", 1): SECRET}, writer.claim)
        target.keep_secrets(name, {("TOKEN", 1): SECRET}, writer.claim)
        assert target.observe(name) is not None
        assert target.holds_secret(name, "TOKEN", 1, SECRET)
        assert not target.holds_secret(name, "TOKEN", 1, SECRET + "x")
        assert not target.holds_secret(name, "TOKEN", 2, SECRET)
        assert not target.holds_secret(name, "OTHER", 1, SECRET)
        writer.configure(spec)
        workbench.deliver(target, spec, release)
        writer.stage(spec, release)
        workbench.await_phase(target, name, release.revision)
        assert not _shown(workbench, other, name, release.revision, SECRET)
        writer.destroy()
        workbench.await_gone(target, name)
        assert not target.holds_secret(name, "TOKEN", 1, SECRET)
        workbench.leave(before)

    def test_an_orphan_is_what_nothing_refers_to_at_both_looks(
        self, workbench: Workbench, target: Target, other: Target, name: str
    ) -> None:
        if not isinstance(target, Orphans):
            _skip(target, Orphans.word)
        writer, release = workbench.staged(target, name), workbench.release()
        spare = workbench.add(writer, "second").revision
        workbench.await_phase(target, name, spare)
        writer.route(Traffic.all_to(release.revision))
        writer.retire(spare, keep=True)
        workbench.await_gone(target, name, spare)
        workbench.leave_behind(name, spare)
        known = writer.record.releases if writer.record else {}
        writer.write(releases={release.revision: release})
        assert _orphans(target, name) == []  # claimed
        writer.give_back()
        assert [each for each in target.orphans() if each.endpoint == name] == []  # younger than an hour
        found = _orphans(target, name)
        assert found
        again = Writer(other, name).begin(workbench.spec(name), "rollback")
        assert not any(target.remove_orphan(each, older_than=0.0) for each in found)  # claimed meanwhile
        again.write(releases=known)
        again.give_back()
        assert not any(target.remove_orphan(each, older_than=0.0) for each in found)  # referenced meanwhile
        again = Writer(other, name).begin(workbench.spec(name), "rollback")
        again.stage(workbench.spec(name, "second"), known[spare])  # and so it is still whole
        workbench.await_phase(target, name, spare)
        again.retire(spare, keep=True)
        workbench.await_gone(target, name, spare)
        workbench.leave_behind(name, spare)
        again.write(releases={release.revision: release})
        again.give_back()
        before = still(target, name)
        found = _orphans(target, name)
        assert not any(target.remove_orphan(each) for each in found)  # younger than an hour, at the second look too
        assert all(target.remove_orphan(each, older_than=0.0) for each in found)
        assert not any(target.remove_orphan(each, older_than=0.0) for each in found)
        assert _orphans(target, name) == []
        assert still(target, name) == before
        assert target.invoke(name, workbench.request()).status == 200

    def test_a_revision_s_requests_are_counted(self, workbench: Workbench, target: Target, name: str) -> None:
        if not isinstance(target, Measured):
            _skip(target, Measured.word)
        assert target.measure(name, "r0000000", window=3600.0) is None
        writer, revision = workbench.staged(target, name), workbench.release().revision
        writer.route(Traffic.all_to(revision))
        workbench.until(target, name, lambda: bool((seen := target.observe(name)) and seen.traffic))
        for _ in range(5):
            assert target.invoke(name, workbench.request()).status == 200

        def counted() -> Figures | None:
            found = target.measure(name, revision, window=3600.0)
            return found if found is not None and found.requests >= 5 else None

        figures = workbench.until(target, name, counted)
        assert figures.errors == 0
        assert figures.latency
        assert set(figures.latency) <= {"p50", "p95", "p99", "mean"}
        assert all(0 < seconds < workbench.patience for seconds in figures.latency.values())
        ordered = [figures.latency[each] for each in ("p50", "p95", "p99") if each in figures.latency]
        assert ordered == sorted(ordered)
        assert 0 < figures.window <= 3600.0
        assert abs(figures.until - target.now()) < 60 + figures.delay
        assert figures.resolution >= 0
        assert target.measure(name, "r0000000", window=3600.0) is None

    def test_what_is_rendered_is_a_pure_matter(
        self, workbench: Workbench, target: Target, name: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        if not isinstance(target, Renderable):
            _skip(target, Renderable.word)
        monkeypatch.setenv("TOKEN", SECRET)
        secret = isinstance(target, KeepsSecrets)
        spec = workbench.spec(name, secrets={"TOKEN": {"env": "TOKEN"}} if secret else {})
        release = workbench.release(secrets={"TOKEN": 1} if secret else None)
        before = workbench.leftovers()
        documents = list(target.render(spec, release))
        text = json.dumps(documents, ensure_ascii=False)
        assert documents
        assert all(isinstance(each, dict) and each for each in documents)
        assert release.revision in text
        assert SECRET not in text
        assert workbench.leftovers() == before
        assert target.observe(name) is None
        assert list(target.render(spec, release)) == documents
        workbench.staged(target, name, "second")
        assert list(target.render(spec, release)) == documents
        assert list(target.render(spec, workbench.release("second"))) != documents


def _orphans(target: Orphans, name: str) -> list[Orphan]:
    return [each for each in target.orphans(older_than=0.0) if each.endpoint in (name, None)]


def _shown(workbench: Workbench, target: Target, name: str, revision: str, secret: str) -> list[str]:
    """Where a secret value can be read."""
    stored, seen = target.read_record(name), target.observe(name)
    places = {
        "observe": seen.model_dump_json() if seen else "",
        "list": "".join(each.model_dump_json() for each in target.list()),
        "record": stored[0].model_dump_json() if stored else "",
        "leftovers": "".join(workbench.leftovers()),
    }
    if isinstance(target, Logs):
        places["logs"] = "".join(line.text for line in target.logs(name))
    if isinstance(target, Diagnoses):
        places["diagnose"] = repr(target.diagnose(name, revision))
    if isinstance(target, Orphans):
        places["orphans"] = repr(list(target.orphans(older_than=0.0)))
    written = {secret, json.dumps(secret).strip('"')}
    return [place for place, text in places.items() if any(form in text for form in written)]
