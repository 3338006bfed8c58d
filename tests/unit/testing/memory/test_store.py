"""The store's process: started when it is needed, one for each folder, gone when nothing is in it."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

import deployer
from deployer.errors import NotFound, TargetUnavailable
from deployer.spec import DeploymentSpec
from deployer.target import Request, Site
from deployer.testing.memory import MemoryOptions, MemoryPlace, MemoryTarget
from deployer.testing.writer import Writer

if sys.platform == "win32":
    pytest.skip("the memory store needs Unix sockets", allow_module_level=True)

SPEC = DeploymentSpec(name="iris", model="m", target="memory")


def lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def await_end(pid: int, seconds: float = 10.0) -> bool:
    until = time.monotonic() + seconds
    while lives(pid) and time.monotonic() < until:
        time.sleep(0.01)
    return not lives(pid)


def test_looking_starts_no_store(tmp_path: Path) -> None:
    target = MemoryTarget(MemoryOptions(root=tmp_path / "store"), Site("memory"))
    assert target.observe("iris") is None
    assert list(target.list()) == []
    assert target.read_record("iris") is None
    assert list(target.orphans()) == []
    assert not target.holds_secret("iris", "A", 1, "a")
    assert all(check.ok for check in target.preflight())
    assert abs(target.now() - time.time()) < 10
    with pytest.raises(NotFound):
        target.invoke("iris", Request())
    began = time.monotonic()
    target.watch("iris", 0.05)
    assert time.monotonic() - began >= 0.05
    assert not (tmp_path / "store").exists()


def test_the_first_record_starts_it_and_it_outlives_its_client(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path\n"
        "from deployer.spec import DeploymentSpec; from deployer.target import Site\n"
        "from deployer.testing.memory import MemoryOptions, MemoryTarget; from deployer.testing.writer import Writer\n"
        "target = MemoryTarget(MemoryOptions(root=Path(sys.argv[1])), Site('memory'))\n"
        "Writer(target, 'iris').begin(DeploymentSpec(name='iris', model='m'))\n"
    )
    root = tmp_path / "store"
    place = MemoryPlace(root)
    try:
        subprocess.run([sys.executable, "-c", code, str(root)], check=True, timeout=60)
        target = MemoryTarget(MemoryOptions(root=root), Site("memory"))
        assert [each.name for each in target.list()] == ["iris"]
        assert {each.name for each in root.iterdir()} == {"lock", "socket"}
        assert root.stat().st_mode & 0o777 == 0o700
    finally:
        place.stop()
    assert list(target.list()) == []
    assert {each.name for each in root.iterdir()} == {"lock"}


def test_many_who_start_it_at_once_find_one(tmp_path: Path) -> None:
    found: list[int] = []
    places = [MemoryPlace(tmp_path / "store") for _ in range(6)]
    threads = [threading.Thread(target=lambda place=place: found.append(place.start())) for place in places]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    places[0].stop()
    assert len(found) == 6
    assert len(set(found)) == 1
    assert await_end(found[0])


def test_a_folder_with_a_long_name_works(tmp_path: Path) -> None:
    root = tmp_path / ("long" * 40) / ("longer" * 30)
    with MemoryPlace(root) as place:
        target = MemoryTarget(MemoryOptions(root=root), Site("memory"))
        Writer(target, "iris").begin(SPEC)
        assert place.holdings()["records"] == ["iris"]


def test_an_empty_one_ends_by_itself_and_one_in_use_does_not(tmp_path: Path) -> None:
    empty, used = MemoryPlace(tmp_path / "empty", idle=0.2), MemoryPlace(tmp_path / "used", idle=0.2)
    pids = empty.start(), used.start()
    try:
        Writer(MemoryTarget(MemoryOptions(root=used.root), Site("memory")), "iris").begin(SPEC)
        assert await_end(pids[0])
        assert lives(pids[1])
    finally:
        used.stop()
    assert await_end(pids[1])


def test_a_killed_store_is_gone_with_all_it_knew_and_is_started_anew(tmp_path: Path) -> None:
    with MemoryPlace(tmp_path / "store") as place:
        target = MemoryTarget(MemoryOptions(root=place.root), Site("memory"))
        Writer(target, "iris").begin(SPEC)
        pid = place.start()
        os.kill(pid, 9)
        assert await_end(pid)
        assert target.observe("iris") is None
        Writer(target, "iris").begin(SPEC)
        assert place.start() != pid


def test_stopping_what_does_not_run_is_no_error(tmp_path: Path) -> None:
    MemoryPlace(tmp_path / "store").stop()
    with MemoryPlace(tmp_path / "store") as place:
        place.stop()


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(TargetUnavailable):
        MemoryPlace(tmp_path / "file" / "store").start()


def test_a_client_that_goes_away_half_way_does_no_harm(tmp_path: Path) -> None:
    with MemoryPlace(tmp_path / "store") as place:
        for sent in (b"", b"{", b'{"verb": "no_such_thing", "arguments": {}}', b"[]"):
            with socket.socket(socket.AF_UNIX) as connection, contextlib.chdir(place.root):
                connection.connect("socket")
                connection.sendall(sent)
        assert place.holdings()["records"] == []


def test_it_needs_the_standard_library_alone(tmp_path: Path) -> None:
    code = (
        "import sys, deployer.testing.memory.store\n"
        "found = {'pydantic', 'deployer.target'} & set(sys.modules)\n"
        "assert not found, found\n"
    )
    environ = {"PYTHONPATH": str(Path(deployer.__file__).parents[1])}
    subprocess.run([sys.executable, "-S", "-c", code], check=True, timeout=60, env=environ, cwd=tmp_path)


def test_requests_are_told_to_auditors(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path\n"
        "seen = []\n"
        "sys.addaudithook(lambda event, args: event.startswith('deployer.') and seen.append((event, *args)))\n"
        "from deployer.target import Site\n"
        "from deployer.testing.memory import MemoryOptions, MemoryTarget\n"
        "MemoryTarget(MemoryOptions(root=Path(sys.argv[1])), Site('memory')).observe('iris')\n"
        "assert seen == [('deployer.memory.request', 'observe'), ('deployer.memory.sent', 'observe')], seen\n"
    )
    with MemoryPlace(tmp_path / "store") as place:
        subprocess.run([sys.executable, "-c", code, str(place.root)], check=True, timeout=60)
