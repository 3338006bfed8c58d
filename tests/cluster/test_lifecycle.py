"""How a cluster comes and goes: one for many users, nothing left of it, and none where a person has their own."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.api import Cluster
from tests.cluster.control import Parts
from tests.plugins.cluster import HOST, NETWORK

pytestmark = pytest.mark.real("cluster")

HERE = Path(__file__).parent


def traces(folder: Path, data: Path, prefix: str) -> list[str]:
    """What this machine has of a cluster."""
    settings = ("vm/overcommit_memory", "kernel/panic", "kernel/panic_on_oops", "net/ipv4/conf/all/route_localnet")
    found = [f"{name}={Path('/proc/sys', name).read_text().strip()}" for name in settings]
    found += [line for line in run("ip", "-o", "link").splitlines() if f"dtk-{prefix.replace('.', '-')}" in line]
    found += [line for line in run("ip", "route").splitlines() if line.startswith(f"{prefix}.")]
    found += [line for line in run("iptables-save").splitlines() if "KUBE-" in line or "CNI-" in line]
    found += [
        line for line in Path("/proc/mounts").read_text().splitlines() if str(folder) in line or str(data) in line
    ]
    found += [
        str(each) for depth in ("*", "*/*") for each in Path("/sys/fs/cgroup").glob(depth) if each.name == folder.name
    ]
    found += [each.name for each in (Path("/var/lib/cni"), Path("/var/lib/kubelet"), data) if each.exists()]
    found += [str(each) for each in folder.glob("*") if each.name not in {"lock", "users"}]
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes()
        except OSError:
            continue
        if str(folder).encode() in words:
            found.append(words.replace(b"\0", b" ").decode())
    return found


def run(*words: str, **environment: str) -> str:
    done = subprocess.run(
        words, capture_output=True, text=True, check=False, timeout=170, env={**os.environ, **environment}
    )
    assert done.returncode == 0, f"{' '.join(words)}: {done.stderr}"
    return done.stdout


@dataclass(frozen=True)
class Second:
    """A cluster beside the one of the others, and folders of its users."""

    folder: Path
    data: Path
    users: Path
    prefix: str = "172.28"

    @property
    def environment(self) -> dict[str, str]:
        own = {"DEPLOYER_TEST_CLUSTER": str(self.folder), "DEPLOYER_TEST_CLUSTER_DATA": str(self.data)}
        return own | {"DEPLOYER_TEST_CLUSTER_PREFIX": self.prefix, "DEPLOYER_TEST_KUBECONFIG": ""}

    def up(self, user: str) -> str:
        return run(str(HERE / "up"), str(self.users / user), **self.environment)

    def down(self, user: str) -> str:
        return run(str(HERE / "down"), str(self.users / user), **self.environment)

    def traces(self) -> list[str]:
        return traces(self.folder, self.data, self.prefix)


@pytest.fixture
def second(tmp_path: Path, cluster_parts: Parts) -> Iterator[Second]:
    """None runs yet; nobody else has one meanwhile, since this test has the others' to itself."""
    name = f"dtc-{os.getpid()}"  # short: the path of a Unix socket has 107 characters at most
    made = Second(Path("/run", name), Path("/var/tmp", name), tmp_path)
    try:
        yield made
    finally:
        for user in ("one", "other"):
            made.down(user)
        shutil.rmtree(made.folder, ignore_errors=True)


@pytest.mark.slow
@pytest.mark.timeout(360)
def test_the_last_of_its_users_ends_a_cluster_and_leaves_nothing(second: Second) -> None:
    before = second.traces()
    second.up("one")
    second.up("other")
    said = dict(line.split("=", 1) for line in (second.users / "other" / "env").read_text().splitlines())
    assert said[HOST] == f"{second.prefix}.254.2"
    assert said[NETWORK] == f"{second.prefix}.128.0/17"
    second.down("one")
    assert not (second.users / "one" / "env").exists()
    cluster = Cluster(Path(said["DEPLOYER_TEST_KUBECONFIG"]), said["DEPLOYER_TEST_KUBECTL"])
    assert cluster.kubectl("get", "nodes", "-o", "name") == "node/node1\n"
    assert len(second.traces()) > len(before)
    for verb in ("freeze", "thaw", "freeze"):  # one that is frozen goes too
        run(str(HERE / "part"), verb, "kube-scheduler", **second.environment)
    second.down("other")
    assert second.traces() == before


def test_a_start_that_fails_says_why_and_leaves_nothing(second: Second, tmp_path: Path) -> None:
    (tmp_path / "etcd").write_text("#!/bin/sh\necho etcd is not well >&2\nexit 3\n")
    (tmp_path / "etcd").chmod(0o755)
    before = second.traces()
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        [str(HERE / "up"), str(second.users / "one")], capture_output=True, text=True, check=False, timeout=120,
        env={**os.environ, **second.environment, "PATH": path},
    )  # fmt: skip
    assert done.returncode == 1
    assert "etcd is not well" in done.stderr
    assert second.traces() == before


def test_a_cluster_that_a_person_has_is_used_as_it_is(tmp_path: Path) -> None:
    theirs = tmp_path / "config"
    theirs.write_text("")
    own: dict[str, Any] = {"DEPLOYER_TEST_KUBECONFIG": str(theirs), "DEPLOYER_TEST_CLUSTER": str(tmp_path / "none")}
    assert str(theirs) in run(str(HERE / "up"), str(tmp_path / "one"), **own)
    assert f"DEPLOYER_TEST_KUBECONFIG={theirs}" in (tmp_path / "one" / "env").read_text()
    run(str(HERE / "down"), str(tmp_path / "one"), **own)
    assert theirs.exists()
    assert not (tmp_path / "none").exists()
