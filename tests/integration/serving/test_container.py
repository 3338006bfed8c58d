"""As a container starts it: process 1, any user, no home, and a root that cannot be written to."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable, Generator
from functools import cache
from pathlib import Path

import pytest

from tests.integration.serving.runtime import JSON, ONE_ROW, PYTHON, Runtime, copy_out, eventually, exchange

TMP = Path("/tmp")
INSIDE = """
set -eu
mount --make-rprivate /
mount -t tmpfs -o mode=755 place {free}
mkdir {free}/code {free}/model
mount --bind {code} {free}/code
mount --bind {model} {free}/model
{opened}
mount -t proc proc /proc
for point in {free} {free}/code {free}/model /; do mount -o remount,bind,ro "$point"; done
cd /
exec env -i PATH=/usr/bin:/bin {environment} setpriv --reuid 54321 --regid 54321 --clear-groups --no-new-privs \
    --bounding-set=-all --inh-caps=-all {command}
"""


@cache
def why_not() -> str | None:
    """Why the name spaces of a container cannot be made here, or None."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return "needs root on Linux"
    if not shutil.which("unshare") or not shutil.which("setpriv"):
        return "needs unshare and setpriv (util-linux)"
    probe = ["unshare", "--mount", "--pid", "--fork", "mount", "--make-rprivate", "/"]
    done = subprocess.run(probe, capture_output=True, text=True, check=False)
    return f"no name spaces here: {done.stderr.strip()}" if done.returncode else None


def closed_folder(prefix: Path) -> Path | None:
    """The outermost folder above it that other users cannot enter, or nothing."""
    closed = [folder for folder in prefix.parents if not folder.stat().st_mode & 0o001]
    return closed[-1] if closed else None


def opened(free: str, *, scratch: bool) -> str:
    """Lets other users reach the interpreter and its packages: an open folder over the closed one, with these in it.

    Args:
        free: An open folder.
        scratch: Whether ``/tmp`` is another one, too.
    """
    prefixes = {Path(sys.base_prefix), Path(sys.prefix)}
    hidden = {each: closed_folder(each) or (TMP if scratch and each.is_relative_to(TMP) else None) for each in prefixes}
    kept = [(shlex.quote(str(prefix)), f"{free}/kept{n}") for n, (prefix, over) in enumerate(hidden.items()) if over]
    folders = [shlex.quote(str(over)) for over in dict.fromkeys(hidden.values()) if over and over != TMP]
    return "\n".join(
        [
            *(f"mkdir {aside}; mount --bind {prefix} {aside}" for prefix, aside in kept),
            *(f"mount -t tmpfs -o mode=755 place {folder}" for folder in folders),
            *([f"mount -t tmpfs scratch {TMP}"] if scratch else []),
            *(f"mkdir -p {prefix}; mount --bind {aside} {prefix}" for prefix, aside in kept),
            *(f"mount -o remount,ro {folder}" for folder in folders),
        ]
    )


class Contained(Runtime):
    """A runtime in name spaces of its own; its signals go to the process that is number 1 there."""

    def __init__(self, code: Path, model: Path, folder: Path, *options: str, scratch: bool, environment: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.port, self._log = folder, 0, folder / "log"
        free = "/mnt"
        script = INSIDE.format(
            free=free,
            code=shlex.quote(str(code)),
            model=shlex.quote(str(model)),
            opened=opened(free, scratch=scratch),
            environment=environment,
            command=shlex.join([PYTHON, f"{free}/code", *options]),
        )
        command = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", script]
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log)

    @property
    def first(self) -> int:
        """The number by which this machine knows the container's process 1."""
        task = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return int(task.read_text().split()[0])

    def terminate(self) -> None:
        os.kill(self.first, signal.SIGTERM)


Contain = Callable[..., Contained]


@pytest.fixture
def contain(saved: Callable[[str], Path], tmp_path: Path) -> Generator[Contain, None, None]:
    if reason := why_not():
        pytest.skip(reason)
    started: list[Contained] = []
    code = copy_out(tmp_path / "code")  # the shared copy lies in a folder that is for its owner only

    def begin(*options: str, scratch: bool = True, environment: str = "") -> Contained:
        folder = tmp_path / f"c{len(started)}"
        runtime = Contained(code, saved("linear"), folder, *options, scratch=scratch, environment=environment)
        started.append(runtime)
        return runtime

    yield begin
    for runtime in started:
        runtime.kill()


@pytest.mark.parametrize("scratch", [True, False], ids=["a /tmp", "nowhere to write"])
@pytest.mark.parametrize("home", ["", "HOME=/tmp", "HOME=/nonexistent"], ids=["no home", "home in /tmp", "lost home"])
def test_any_user_on_a_read_only_root(contain: Contain, scratch: bool, home: str) -> None:
    environment = f"{home} DEPLOYER_SERVING_MODEL=/mnt/model DEPLOYER_SERVING_HOST=127.0.0.1 DEPLOYER_SERVING_PORT=0"
    runtime = contain(scratch=scratch, environment=environment)
    runtime.ready()
    status = Path(f"/proc/{runtime.first}/status").read_text()
    assert "Uid:\t54321\t54321\t54321\t54321" in status
    assert "CapBnd:\t0000000000000000" in status
    assert "NoNewPrivs:\t1" in status
    assert runtime.event("listening")["pid"] == 1
    assert runtime.predict(Deployer_Verify="1").headers["deployer-parity"] == "equal"
    idle = runtime.connect()
    assert exchange(idle, "GET", "/ready").status == 200
    runtime.terminate()
    runtime.event("draining")
    last = exchange(idle, "POST", "/invocations", ONE_ROW, JSON)
    assert (last.status, last.headers["connection"]) == (200, "close")
    assert runtime.ended() == 0
    noise = [line for line in runtime.lines if not line.startswith("{")]
    assert noise == []
    told = " ".join(line for line in runtime.lines if '"level": "info"' not in line)
    assert [word for word in ("Errno", "ermission", "ead-only", "writable", "emporary") if word in told] == [], told


def test_serve_and_version(contain: Contain) -> None:
    runtime = contain("serve", "--model", "/mnt/model", "--host", "127.0.0.1", "--port", "0").ready()
    assert runtime.predict().status == 200
    runtime.terminate()
    assert runtime.ended() == 0
    shown = contain("--version")
    assert shown.ended() == 0
    assert shown.lines[-1].count(".") == 2


def test_told_to_end_before_anything_is_loaded(code: Path, tmp_path: Path) -> None:
    """SIGTERM while the server's own libraries are imported: process 1 of a container would not hear it by itself."""
    (tmp_path / "slow" / "uvloop").mkdir(parents=True)
    (tmp_path / "slow" / "uvloop" / "__init__.py").write_text(
        textwrap.dedent("""
        import os, time
        open(os.environ["REACHED"], "w").close()
        while True:
            time.sleep(0.01)
        """)
    )
    runtime = Runtime(
        code,
        tmp_path,
        tmp_path / "runtime",
        "--uds",
        str(tmp_path / "http"),
        PYTHONPATH=str(tmp_path / "slow"),
        REACHED=str(tmp_path / "reached"),
    )
    try:
        eventually((tmp_path / "reached").exists, "the import")
        assert (tmp_path / "http").is_socket()
        runtime.terminate()
        assert runtime.ended() == 0
        assert not (tmp_path / "http").exists()
        assert runtime.lines == []
    finally:
        runtime.kill()
