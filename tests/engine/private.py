"""A container engine of a test's own, on Linux as root: it can be stopped, killed, rebooted and filled up.

It runs on what passes for a host of its own: namespaces for the network, mounts and processes, whose first process ends
when this one does, and all else in them with it. Its data are on a disk of their own, an ext4 image below /var/tmp.
What Debian's dockerd, containerd and runc do there is what they do on any host: this machine's own, or another one
(`tests.engine.dockers`).

Whoever is to reach what it publishes must be on that host's network, `PrivateEngine.entered`: the calling thread, and
the threads and processes that it starts.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tests.e2e.local_home import eventually
from tests.engine.api import Engine, EngineError
from tests.engine.dockers import OWN, Docker

__all__ = ["DISK", "PrivateEngine", "why_no_private_engine"]

DISK = 3 * 2**30
"""Bytes of its disk; the file is sparse."""
PATIENCE = 60.0
"""Seconds that a part may take to come up or to go."""
PROGRAMS = ("dockerd", "containerd", "docker", "skopeo", "ip", "iptables", "nsenter", "unshare", "mkfs.ext4", "losetup")
CLONE_NEWNET = 0x40000000
_CGROUPS = Path("/sys/fs/cgroup")

# The host's first process ends when its stdin does, which is when its maker ends, and waits for nobody's children.
_BOOT = """
ip link set lo up
if [ -n "$2" ]; then # another system's root; what is written there is kept in memory, and goes with the host
  mount -t tmpfs tmpfs "$1/system"
  cd "$1/system"
  mkdir root upper work
  mount -t overlay -o "lowerdir=$2,upperdir=upper,workdir=work" overlay root
  mount --rbind /dev root/dev
  mount --rbind /sys root/sys
  mount -t proc proc root/proc
  mkdir -p "root/$1"
  mount --bind "$1" "root/$1"
  cd root
  pivot_root . mnt
  umount --lazy /mnt
fi
mount -t tmpfs tmpfs "$1/run"
mount -o loop "$1/disk.img" "$1/data"
echo up
exec env --ignore-signal=CHLD cat
"""
_CONTAINERD = """\
version = 2
root = "{folder}/data/containerd"
state = "{folder}/run/containerd"
disabled_plugins = ["io.containerd.grpc.v1.cri"]
[grpc]
address = "{folder}/run/containerd.sock"
"""


def why_no_private_engine() -> str | None:
    """One line that says why none can be started here; None where one can."""
    if sys.platform != "linux":
        return "an engine of a test's own needs Linux"
    missing = [each for each in PROGRAMS if shutil.which(each, path=_path()) is None]
    if missing:
        return f"an engine of a test's own needs {', '.join(missing)}; run: tests/engine/up FOLDER --install"
    if os.geteuid() != 0:
        return "only root can start an engine of a test's own"
    return None


def _path() -> str:
    return f"{os.environ.get('PATH', '')}{os.pathsep}/usr/sbin{os.pathsep}/sbin"


class PrivateEngine:
    """One engine; `boot` starts its host and it, and `close` leaves nothing of either.

    Args:
        options: More options of dockerd's.
        docker: Which Docker it is.
    """

    def __init__(self, *options: str, docker: Docker = OWN) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="deployer-engine-", dir="/var/tmp"))
        self.docker = docker
        self.options: Sequence[str] = (*docker.options, *options)
        self.socket = self.folder / "docker.sock"
        self.url = f"unix://{self.socket}"
        self.api = Engine(self.url)
        self._cgroup = self.folder.name
        self._host: subprocess.Popen[bytes] | None = None
        self._first = 0
        self._containerd: subprocess.Popen[bytes] | None = None
        self._daemon: subprocess.Popen[bytes] | None = None
        self._log = (self.folder / "log").open("ab")
        for name in ("run", "data", "system"):
            (self.folder / name).mkdir()
        (self.folder / "docker.json").write_text(
            json.dumps(docker.settings)
        )  # the machine's own settings are for its own engine
        (self.folder / "containerd.toml").write_text(_CONTAINERD.format(folder=self.folder))
        image = self.folder / "disk.img"
        with image.open("wb") as disk:
            disk.truncate(DISK)
        # No blocks are kept for root, who the engine is.
        _well("mkfs.ext4", "-q", "-m", "0", str(image))

    # The host.

    def boot(self) -> None:
        """Start the host, and the engine on it."""
        eventually(lambda: not _output("losetup", "-j", str(self.folder / "disk.img")), "its disk is let go")
        words = ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
        self._host = subprocess.Popen(
            [*words, "sh", "-ec", _BOOT, "sh", str(self.folder), str(self.docker.root or "")],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._log, env=_environment(),
            start_new_session=True,
        )  # fmt: skip
        assert self._host.stdout is not None
        if self._host.stdout.readline() != b"up\n":
            raise EngineError("the engine's host does not come up")
        pid = self._host.pid
        self._first = int(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])
        self._containerd = self._begin("containerd", "--config", f"{self.folder}/containerd.toml")
        self.start()

    def _begin(self, *words: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            self.inside(*words), stdin=subprocess.DEVNULL, stdout=self._log, stderr=self._log, env=_environment(),
            start_new_session=True,
        )  # fmt: skip

    def power_off(self) -> None:
        """Let every process of the host end at once, as when its power fails; nothing if it is off."""
        host, self._host = self._host, None
        if host is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._first, signal.SIGKILL)  # type: ignore[attr-defined, unused-ignore]
        assert host.stdin is not None
        assert host.stdout is not None
        host.stdin.close()
        host.wait(PATIENCE)
        host.stdout.close()
        for part in (self._daemon, self._containerd):
            if part is not None:
                part.wait(PATIENCE)
        self._daemon = self._containerd = None

    def reboot(self) -> None:
        """The power fails and comes back; who was on its network is again."""
        inside = _network_of("thread-self") == _network_of(str(self._first))
        self.power_off()
        self.boot()
        if inside:
            _enter(Path(f"/proc/{self._first}/ns/net"))

    @contextlib.contextmanager
    def entered(self) -> Iterator[None]:
        """Be on its network meanwhile: this thread, and what it starts."""
        before = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        try:
            _enter(Path(f"/proc/{self._first}/ns/net"))
            yield
        finally:
            _enter(Path(f"/proc/self/fd/{before}"))
            os.close(before)

    def run(self, *words: str) -> str:
        """Run a command on the host, and give what it wrote; for a person who is logged in there."""
        return _output(*self.inside(*words))

    def inside(self, *words: str) -> list[str]:
        """The words that run a command on the host."""
        return ["nsenter", "--target", str(self._first), "--net", "--mount", "--pid", "--", *words]

    # The engine.

    def start(self, *, wait: bool = True) -> None:
        """Start dockerd, which starts what it is to restart."""
        self._daemon = self._begin(
            "dockerd", f"--config-file={self.folder}/docker.json", f"--host={self.url}",
            f"--data-root={self.folder}/data/docker", f"--exec-root={self.folder}/run/exec",
            f"--pidfile={self.folder}/run/docker.pid", f"--containerd={self.folder}/run/containerd.sock",
            "--group=0", f"--cgroup-parent=/{self._cgroup}",
            "--exec-opt=native.cgroupdriver=cgroupfs", *self.options,
        )  # fmt: skip
        if wait:
            self.answers()

    def answers(self) -> None:
        """Wait until it answers."""

        def look() -> bool:
            if self._daemon is None or self._daemon.poll() is not None:
                raise EngineError(f"dockerd has ended:\n{self.log()}")
            return self.api.why_not() is None

        eventually(look, f"dockerd answers:\n{self.log()}")

    def on(self) -> None:
        """Let it run, if it does not."""
        if self._host is None:
            self.boot()
        elif self._daemon is None:
            self.start()

    def stop(self) -> None:
        """Have it end in its own way, which ends every container."""
        self._end("TERM")

    def kill(self) -> None:
        """End dockerd alone, at once; containerd, the shims and the containers live on."""
        self._end("KILL")

    def _end(self, word: str) -> None:
        daemon, self._daemon = self._daemon, None
        assert daemon is not None, "it does not run"
        self._signal(word)
        daemon.wait(PATIENCE)

    def _signal(self, word: str) -> None:
        pid = Path(f"/proc/{self._first}/root{self.folder}/run/docker.pid").read_text()
        self.run("sh", "-c", f"kill -{word} {pid}")  # the shell's own, since a small system has no other

    @contextlib.contextmanager
    def frozen(self) -> Iterator[None]:
        """It takes connections meanwhile, and answers none."""
        assert self._daemon is not None, "it does not run"
        entered = self._daemon  # nsenter, which stops when what it has started does
        self._signal("STOP")
        stat = Path(f"/proc/{entered.pid}/stat")
        eventually(lambda: stat.read_text().rpartition(") ")[2][0] == "T", "it has stopped")
        try:
            yield
        finally:
            entered.send_signal(signal.SIGCONT)  # type: ignore[attr-defined, unused-ignore]
            self._signal("CONT")

    def log(self, lines: int = 20) -> str:
        """The last lines of its log."""
        return "\n".join((self.folder / "log").read_text(errors="replace").splitlines()[-lines:])

    def load(self, layout: Path, reference: str) -> None:
        """Let it have an image of an OCI layout."""
        archive = self.folder / "image.tar"  # skopeo's own way to an engine is too old for newer ones
        _well("skopeo", "copy", "--quiet", f"oci:{layout}", f"docker-archive:{archive}:{reference}")
        _well("docker", "--host", self.url, "load", "--quiet", "--input", str(archive))
        archive.unlink()

    # Its disk.

    @property
    def data(self) -> Path:
        """Its disk, as this process reaches it."""
        return Path(f"/proc/{self._first}/root{self.folder}/data")

    def free(self) -> int:
        """Bytes that are free on its disk."""
        return shutil.disk_usage(self.data).free

    @contextlib.contextmanager
    def full(self, but: int = 0) -> Iterator[None]:
        """Its disk has only so many bytes left meanwhile."""
        path = self.data / "filling"
        size = 0
        try:
            with path.open("wb") as file:
                step = self.free() - but
                while step > 4096:
                    try:
                        os.posix_fallocate(file.fileno(), size, step)  # type: ignore[attr-defined, unused-ignore]
                    except OSError as error:
                        if error.errno != errno.ENOSPC:
                            raise
                        step //= 2  # the file's own index takes room as well
                        continue
                    size += step
                    step = min(step, self.free() - but)
            yield
        finally:
            path.unlink(missing_ok=True)

    # The end.

    def close(self) -> None:
        """Nothing of it is left."""
        try:
            self.power_off()
            eventually(lambda: not _output("losetup", "-j", str(self.folder / "disk.img")), "its disk is let go")
        finally:
            self._log.close()
            shutil.rmtree(self.folder, ignore_errors=True)
            for root in (_CGROUPS / self._cgroup, *_CGROUPS.glob(f"*/{self._cgroup}")):
                for folder, _, _ in os.walk(root, topdown=False):
                    with contextlib.suppress(OSError):
                        Path(folder).rmdir()

    def containers(self) -> list[Any]:
        """What it has of containers, whether they run or not."""
        found: list[Any] = self.api.ask("GET", "/containers/json?all=1")
        return found


def _environment() -> dict[str, str]:
    return {**os.environ, "PATH": _path()}


def _network_of(process: str) -> str:
    return str(Path(f"/proc/{process}/ns/net").readlink())


def _enter(network: Path) -> None:
    """Have the calling thread be on a network; Python has ``os.setns`` from 3.12 on only."""
    file = os.open(network, os.O_RDONLY)
    try:
        if ctypes.CDLL(None, use_errno=True).setns(file, CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), f"cannot enter {network}")
    finally:
        os.close(file)


def _output(*words: str) -> str:
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=300, env=_environment())
    if done.returncode:
        raise EngineError(f"{' '.join(words)}: {done.returncode} {done.stderr.strip()}")
    return done.stdout


def _well(*words: str) -> None:
    _output(*words)
