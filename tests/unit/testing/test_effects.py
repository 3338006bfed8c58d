from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

if sys.platform == "win32":
    pytest.skip("counts what Unix does", allow_module_level=True)


def counted(kind: str, code: str, folder: Path) -> list[str]:
    """The effects of code, told by a process of its own, since an audit hook cannot be removed."""
    before = (
        f"import json, os, sys\nfrom deployer.testing.effects import audit\nseen = []\naudit({kind!r}, seen.append)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", f"{before}{code}\nsys.__stdout__.write(json.dumps(seen))"],
        capture_output=True, check=True, cwd=folder, text=True, timeout=60,
    )  # fmt: skip
    found: list[str] = json.loads(done.stdout)
    return found


def test_what_changes_files_is_counted_and_reading_is_not(tmp_path: Path) -> None:
    code = (
        "os.mkdir('a')\n"
        "open('a/b', 'w').close()\n"
        "open('a/b').read()\n"
        "os.listdir('a')\n"
        "open('/dev/null', 'w').close()\n"
        "os.rename('a/b', 'a/c')\n"
        "os.remove('a/c')\n"
        "os.rmdir('a')\n"
    )
    assert counted("local", code, tmp_path) == ["os.mkdir a", "open b", "os.rename b", "os.remove c", "os.rmdir a"]


def test_processes_locks_and_sockets_are_counted(tmp_path: Path) -> None:
    code = (
        "import fcntl, signal, socket, subprocess\n"
        "file = os.open('.', os.O_RDONLY)\n"
        "fcntl.flock(file, fcntl.LOCK_EX)\n"
        "subprocess.run(['/bin/true'])\n"
        "os.kill(os.getpid(), 0)\n"
        "s = socket.socket(socket.AF_UNIX); s.bind('sock'); s.listen()\n"
        "socket.socket(socket.AF_UNIX).connect('sock')\n"
    )
    words = [effect.split()[0] for effect in counted("local", code, tmp_path)]
    told = [each for each in words if each != "os.posix_spawn"]  # how Popen starts it from Python 3.13 on
    assert told == ["fcntl.flock", "subprocess.Popen", "os.kill", "socket.bind", "socket.connect"]


def test_asking_again_and_again_is_one_effect_until_something_else_is_done(tmp_path: Path) -> None:
    code = (
        "import socket\n"
        "for name in ('x', 'y'):\n"
        "    s = socket.socket(socket.AF_UNIX); s.bind(name); s.listen(); globals()[name] = s\n"
        "def ask(name): socket.socket(socket.AF_UNIX).connect(name)\n"
        "for _ in range(5): ask('x'); ask('y')\n"
        "os.mkdir('a')\n"
        "ask('x'); ask('x')\n"
    )
    found = counted("local", code, tmp_path)[2:]
    assert found == ["socket.connect x", "socket.connect y", "os.mkdir a", "socket.connect x"]


def test_of_the_memory_target_only_its_requests_are_counted(tmp_path: Path) -> None:
    code = "os.mkdir('a'); sys.audit('deployer.memory.request', 'stage'); sys.audit('deployer.memory.sent', 'stage')"
    expected = ["deployer.memory.request stage", "deployer.memory.sent stage"]
    assert counted("memory", code, tmp_path) == expected
    assert counted("another", code.replace("mkdir('a')", "mkdir('b')"), tmp_path) == ["os.mkdir b", *expected]


def test_of_the_docker_target_its_requests_and_connections_are_counted(tmp_path: Path) -> None:
    code = (
        "import socket\n"
        "open('a', 'w').close()\n"
        "s = socket.socket(socket.AF_UNIX); s.bind('engine'); s.listen()\n"
        "for _ in range(2): socket.socket(socket.AF_UNIX).connect('engine')\n"
        "sys.audit('deployer.docker.request', 'POST volumes create')\n"
        "os.remove('a')\n"
        "socket.socket(socket.AF_UNIX).connect('engine')\n"
    )
    connected = "socket.connect engine"
    expected = [connected, "deployer.docker.request POST volumes create", connected]
    assert counted("docker", code, tmp_path) == expected
