"""What happens to processes: crashes, lost supervisors, reboots; and what is left in the end."""

from __future__ import annotations

import functools
import os
import signal
import socket
import sys
import urllib.request
from pathlib import Path

import pytest

from deployer.endpoint import Code, Endpoint, Phase, Revision, Traffic
from deployer.errors import Conflict
from deployer.target import Site, Target
from deployer_local.config import LocalOptions
from deployer_local.target import LocalTarget
from tests.integration.local.load import Load
from tests.integration.local.place import LocalPlace, eventually, serves

if sys.platform == "win32":
    pytest.skip("the local target runs on Linux and macOS", allow_module_level=True)

NAME = "iris"


def _take(port: int) -> socket.socket:
    """Listen on a port as soon as it is free; one is for some moments more when its process is already gone."""

    def taken() -> socket.socket | None:
        try:
            return socket.create_server(("127.0.0.1", port))
        except OSError:
            return None

    return eventually(taken, f"port {port} is free")


def _seen(target: Target) -> Endpoint:
    seen = target.observe(NAME)
    assert seen is not None
    return seen


def _revision(target: Target, revision: str) -> Revision:
    found = _seen(target).find(revision)
    assert found is not None
    return found


def _restarted(target: Target, revision: str, times: int) -> bool:
    return _revision(target, revision).restarts >= times


def _pids(target: Target, revision: str) -> list[int]:
    return [int(pid) for pid in _revision(target, revision).facts["pids"]]


def _kill_supervisor(place: LocalPlace, number: int = signal.SIGKILL) -> None:
    pid = place.supervisor_pid(NAME)
    os.kill(pid, number)
    eventually(lambda: pid not in {each for each, _ in place.processes()}, "the supervisor's end")


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_lost_supervisor_is_shown_and_repaired_without_a_lost_request(
    place: LocalPlace, target: Target, number: int
) -> None:
    writer = place.serving(target, NAME, replicas=2)
    first = place.release().revision
    url, pids = _seen(target).url, _pids(target, first)
    assert url is not None
    with Load(url, pause=0.002) as load:
        _kill_supervisor(place, number)
        lost = _seen(target)
        assert lost.phase is Phase.DEGRADED
        assert "supervisor is gone" in lost.detail
        assert lost.traffic.served == (first,)
        assert [each.ready for each in lost.revisions] == [2]
        writer.configure(place.spec(NAME, replicas=2))
        writer.stage(place.spec(NAME, replicas=2), place.release())
        repaired = eventually(lambda: serves(target, NAME, first), "its repair")
        so_far = sum(load.answered.values())
        eventually(lambda: sum(load.answered.values()) > so_far + 100, "more answers")
    assert load.failed == []
    assert repaired.url == url
    assert sorted(_pids(target, first)) == sorted(pids)  # adopted, not started anew
    second = place.add(writer, "second").revision  # and it does all that the one before did
    place.await_phase(target, NAME, second)
    place.give_traffic(writer, "second")
    writer.retire(first, keep=False)
    place.await_gone(target, NAME, first)
    writer.destroy()
    place.await_gone(target, NAME)
    eventually(lambda: place.processes() == [], "no process is left")


def test_a_supervisor_lost_in_the_middle_of_a_change_goes_on_with_it(place: LocalPlace, target: Target) -> None:
    writer = place.serving(target, NAME)
    first, second = place.release().revision, place.release("second").revision
    place.add(writer, "second")
    place.await_phase(target, NAME, second)
    _kill_supervisor(place)
    with Load(_seen(target).url or "", pause=0.002, clients=4) as load:
        place.give_traffic(writer, "second")
        _kill_supervisor(place)
        writer.retire(first, keep=False)
        place.await_gone(target, NAME, first)
    assert load.failed == []


def test_a_second_supervisor_leaves_at_once(place: LocalPlace, target: Target) -> None:
    import subprocess

    place.serving(target, NAME)
    code = next((place.folder(NAME) / "supervisor").iterdir()).name
    line = [sys.executable, "-I", "-S", "-B", f"supervisor/{code}", "--boot", "x"]
    assert subprocess.run(line, cwd=place.folder(NAME), check=False, timeout=20).returncode == 3


def test_a_killed_worker_is_started_again(place: LocalPlace, target: Target) -> None:
    place.serving(target, NAME, replicas=2)
    first = place.release().revision
    killed = _pids(target, first)[0]
    os.kill(killed, signal.SIGKILL)
    eventually(lambda: _revision(target, first).restarts == 1, "the restart")
    seen = eventually(lambda: serves(target, NAME, first), "both serve")
    pids = _pids(target, first)
    assert killed not in pids
    assert len(pids) == 2
    assert seen.phase is Phase.HEALTHY


def test_a_worker_that_cannot_load_fails_at_once_and_is_not_tried_again(place: LocalPlace, target: Target) -> None:
    writer = place.staged(target, NAME, "load-fails")
    revision = place.release("load-fails").revision
    seen = place.await_phase(target, NAME, revision, Phase.FAILED)
    assert seen.phase is Phase.FAILED
    found = seen.find(revision)
    assert found is not None
    assert found.restarts == 0
    assert "exited 1" in found.detail
    _kill_supervisor(place)
    writer.configure(place.spec(NAME))  # a new supervisor remembers, and does not try again
    eventually(lambda: _revision(target, revision).phase is Phase.FAILED, "still failed")
    assert _revision(target, revision).restarts == 0


def test_a_crash_loop_is_told_and_goes_on_with_pauses(place: LocalPlace, target: Target) -> None:
    place.staged(target, NAME)  # only so that the endpoint is there
    writer = place.serving(target, "other")
    del writer
    assert isinstance(target, LocalTarget)
    first = place.release().revision
    for crash in range(1, 4):
        eventually(lambda: _revision(target, first).ready == 1, "ready again")
        os.kill(_pids(target, first)[0], signal.SIGSEGV)
        eventually(functools.partial(_restarted, target, first, crash), "the next restart")
    diagnosis = target.diagnose(NAME, first)
    assert diagnosis is not None
    assert diagnosis.code is Code.CRASH_LOOP
    assert diagnosis.subject == "SIGSEGV"
    eventually(lambda: _revision(target, first).ready == 1, "ready again")


def test_another_supervisor_after_a_reboot_starts_what_ran(place: LocalPlace, target: Target) -> None:
    writer = place.serving(target, NAME)
    first = place.release().revision
    url = _seen(target).url
    for pid in (place.supervisor_pid(NAME), *_pids(target, first)):
        os.kill(pid, signal.SIGKILL)
    eventually(lambda: place.processes() == [], "all is off")
    after = LocalTarget(LocalOptions(root=place.root), Site("local"), boot=lambda: "another-boot")
    seen = _seen(after)
    assert seen.phase is Phase.FAILED
    assert "started again" in seen.detail
    assert seen.url == url
    writer.target = after
    writer.configure(place.spec(NAME))
    writer.stage(place.spec(NAME), place.release())
    repaired = eventually(lambda: serves(after, NAME, first), "it serves again")
    assert repaired.url == url


def test_a_fixed_port_that_is_taken_is_refused_with_who_has_it(place: LocalPlace, target: Target) -> None:
    with socket.create_server(("127.0.0.1", 0)) as stranger:
        port = stranger.getsockname()[1]
        with pytest.raises(Conflict, match=rf"port {port} is taken by .*pid {os.getpid()}"):
            place.staged(target, NAME, config={"port": port})


def test_a_port_taken_while_nothing_ran_is_told_and_taken_back(place: LocalPlace, target: Target) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    writer = place.serving(target, NAME, config={"port": port})
    first = place.release().revision
    for pid in (place.supervisor_pid(NAME), *_pids(target, first)):
        os.kill(pid, signal.SIGKILL)
    eventually(lambda: place.processes() == [], "all is off")
    with _take(port):
        writer.stage(place.spec(NAME, config={"port": port}), place.release())
        eventually(lambda: "taken" in _seen(target).detail, "it is told")
        seen = _seen(target)
        assert seen.phase is Phase.FAILED
        assert isinstance(target, LocalTarget)
        diagnosis = target.diagnose(NAME, first)
        assert diagnosis is not None
        assert diagnosis.code is Code.CONFLICT
        assert diagnosis.subject == str(port)
        assert str(os.getpid()) in diagnosis.summary
        assert not diagnosis.is_verdict
    eventually(lambda: serves(target, NAME, first), "it has its port again")


def test_the_port_is_changed_in_place(place: LocalPlace, target: Target) -> None:
    writer = place.serving(target, NAME)
    first = place.release().revision
    pids = _pids(target, first)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    writer.configure(place.spec(NAME, config={"port": port}))
    seen = eventually(lambda: serves(target, NAME, first), "it serves there")
    assert seen.url == f"http://127.0.0.1:{port}"
    assert seen.settings["config.port"] == port
    assert target.invoke(NAME, place.request()).status == 200
    assert _pids(target, first) == pids


def test_two_endpoints_have_ports_of_their_own_and_keep_them(place: LocalPlace, target: Target) -> None:
    place.serving(target, NAME)
    place.serving(target, "other")
    urls = {each.url for each in target.list()}
    assert len(urls) == 2
    assert all(url and int(url.rpartition(":")[2]) >= 8321 for url in urls)


def test_a_lost_record_leaves_what_runs_and_is_written_anew(place: LocalPlace, target: Target) -> None:
    place.serving(target, NAME)
    first = place.release().revision
    for path in place.folder(NAME).glob("record.*.json"):
        path.unlink()
    seen = _seen(target)
    assert target.read_record(NAME) is None
    assert seen.managed
    assert seen.owner == "default"
    assert seen.phase is Phase.HEALTHY
    assert seen.traffic == Traffic.all_to(first)
    from deployer.testing.writer import Writer

    again = Writer(target, NAME).begin(place.spec(NAME), "apply")
    again.configure(place.spec(NAME))
    assert serves(target, NAME, first)
    assert target.invoke(NAME, place.request()).revision == first


@pytest.mark.parametrize("text", ["", "{", "[]\0"])
def test_an_unreadable_record_is_lost_and_written_anew(place: LocalPlace, target: Target, text: str) -> None:
    place.serving(target, NAME)
    newest = max(place.folder(NAME).glob("record.*.json"), key=lambda path: int(path.name.split(".")[1]))
    newest.write_text(text)
    assert target.read_record(NAME) is None
    assert "record cannot be read" in _seen(target).detail
    from deployer.testing.writer import Writer

    Writer(target, NAME).begin(place.spec(NAME), "apply")
    assert "record" not in _seen(target).detail


def test_a_lost_wish_is_written_anew_with_the_same_port(place: LocalPlace, target: Target) -> None:
    writer = place.serving(target, NAME)
    first, url = place.release().revision, _seen(target).url
    for path in place.folder(NAME).glob("desired.*.json"):
        path.unlink()
    seen = _seen(target)
    assert seen.phase is Phase.DEGRADED
    assert urllib.request.urlopen(f"{url}/x", timeout=10).status == 200
    writer.configure(place.spec(NAME))
    writer.stage(place.spec(NAME), place.release())
    writer.route(Traffic.all_to(first))
    repaired = eventually(lambda: serves(target, NAME, first), "its repair")
    assert repaired.url == url


def test_destroy_leaves_no_process_port_or_file(place: LocalPlace, target: Target) -> None:
    writer = place.serving(target, NAME, replicas=2)
    port = int((_seen(target).url or "").rpartition(":")[2])
    door = _listening(port)
    assert door
    writer.destroy()
    place.await_gone(target, NAME)
    eventually(lambda: place.processes() == [], "no process is left")
    assert sorted(path.name for path in (place.root / "endpoints").iterdir()) == []
    # Anybody may have got the port meanwhile; that socket nobody has.
    eventually(lambda: not _listening(port) & door, f"nobody listens at port {port} any more")


def _listening(port: int) -> set[str]:
    """Inodes of the sockets that listen at a port, whoever has them (proc(5), /proc/net/tcp)."""
    lines = [line for name in ("tcp", "tcp6") for line in Path(f"/proc/net/{name}").read_text().splitlines()[1:]]
    found = [line.split() for line in lines]
    return {each[9] for each in found if each[3] == "0A" and int(each[1].rpartition(":")[2], 16) == port}


def test_destroy_without_a_supervisor_removes_all(place: LocalPlace, target: Target) -> None:
    writer = place.serving(target, NAME)
    _kill_supervisor(place)
    writer.destroy()
    place.await_gone(target, NAME)
    eventually(lambda: place.processes() == [], "no process is left")
    assert list((place.root / "endpoints").iterdir()) == []


def test_read_only_folders_of_a_model_are_removed(place: LocalPlace, target: Target) -> None:
    writer = place.serving(target, NAME)
    model = next((place.folder(NAME) / "models").iterdir())
    (model / "code").mkdir()
    (model / "code" / "a.py").write_text("")
    (model / "code").chmod(0o500)
    model.chmod(0o500)
    writer.destroy()
    place.await_gone(target, NAME)
    eventually(lambda: place.processes() == [], "no process is left")


def test_a_worker_that_does_not_end_is_killed(place: LocalPlace, target: Target) -> None:
    writer = place.serving(target, NAME, config={"drain": "0s"})
    first = place.release().revision
    second = place.add(writer, "second").revision
    place.await_phase(target, NAME, second)
    place.give_traffic(writer, "second")
    stuck = _pids(target, first)[0]
    os.kill(stuck, signal.SIGSTOP)
    writer.retire(first, keep=True)
    place.await_gone(target, NAME, first)
    eventually(lambda: stuck not in {pid for pid, _ in place.processes()}, "its end")


def test_a_long_path_works(tmp_path: Path) -> None:
    place = LocalPlace(tmp_path / ("long" * 20) / ("path" * 20) / "local")
    target = place.connect()
    try:
        writer = place.serving(target, NAME)
        assert target.invoke(NAME, place.request()).status == 200
        writer.destroy()
        place.await_gone(target, NAME)
    finally:
        from tests.integration.local.conftest import _end

        _end(place)
