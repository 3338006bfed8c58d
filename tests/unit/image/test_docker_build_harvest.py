"""The layer of a build, made repeatable, and a build of which nothing is left."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from deployer.errors import BuildError
from deployer.image.building.harvest import PACKAGES, Harvest, installed_in
from deployer.image.building.network import BuildNetwork
from deployer.image.building.running import BuildPlace, FailedBuild, built
from deployer.image.places import TIME
from deployer.target import Engine as TargetEngine
from deployer.target import HeldImage

BEGAN = 1_700_000_000
OURS = {"deployer-build/began": f"{BEGAN}\n", "deployer-build/installed": "a=1\nb=2:3~x\n"}


def tar(files: Mapping[str, str | tarfile.TarInfo], *, now: int = BEGAN + 5, **common: Any) -> io.BytesIO:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, content in files.items():
            member = content if isinstance(content, tarfile.TarInfo) else tarfile.TarInfo(name)
            member.name = name
            member.mtime = member.mtime or now
            for key, value in common.items():
                setattr(member, key, value)
            data = content.encode() if isinstance(content, str) else b""
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    buffer.seek(0)
    return buffer


def special(kind: bytes = tarfile.REGTYPE, **fields: Any) -> tarfile.TarInfo:
    member = tarfile.TarInfo()
    member.type = kind
    for key, value in fields.items():
        setattr(member, key, value)
    return member


def harvested(files: Mapping[str, str | tarfile.TarInfo], **how: Any) -> bytes:
    return b"".join(Harvest(tar({**files, **OURS}, **how), "base").chunks())


def members(content: bytes) -> dict[str, tarfile.TarInfo]:
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        return {member.name: member for member in archive}


def test_the_same_files_are_the_same_bytes() -> None:
    files: dict[str, str | tarfile.TarInfo] = {
        "usr/bin/a": "a",
        "usr/lib/b": "b",
        "etc/ld.so.cache": "c",
        "usr": special(tarfile.DIRTYPE, mode=0o755),
    }
    backwards = dict(reversed(files.items()))
    one = harvested(files, uname="root")
    other = harvested(backwards, now=BEGAN + 3000, pax_headers={"SCHILY.xattr.user.x": "y"})
    assert one == other
    assert installed_in(io.BytesIO(one)) == ("a=1", "b=2:3~x")
    found = members(one)
    assert list(found) == ["etc/ld.so.cache", "usr", "usr/bin/a", "usr/lib/b", "opt", "opt/deployer", PACKAGES]
    assert {member.mtime for member in found.values()} == {TIME}


def test_what_packages_bring_stays_as_it_is() -> None:
    found = members(
        harvested(
            {
                "usr/bin/old": special(mtime=1_600_000_000, mode=0o644, uid=7, gid=8),
                "usr/bin/root": special(mode=0o6755),
                "var/spool": special(tarfile.DIRTYPE, mode=0o1777),
                "usr/bin/link": special(tarfile.SYMTYPE, linkname="old"),
                "usr/bin/also": special(tarfile.LNKTYPE, linkname="usr/bin/old"),
                "etc/.wh.gone": special(mode=0o755),
                f"usr/share/{'long' * 60}": "x",
            }
        )
    )
    old = found["usr/bin/old"]
    assert (old.mtime, old.mode, old.uid, old.gid) == (1_600_000_000, 0o644, 7, 8)
    assert (found["usr/bin/root"].mode, found["var/spool"].mode) == (0o755, 0o1777)
    assert (found["usr/bin/link"].linkname, found["usr/bin/also"].linkname) == ("old", "usr/bin/old")
    assert list(found).index("usr/bin/also") > list(found).index("usr/bin/old")
    assert {"etc/.wh.gone", f"usr/share/{'long' * 60}"} <= set(found)


@pytest.mark.parametrize(
    "name",
    ["var/log/apt/history.log", "var/lib/apt/lists/x", "var/cache/apt/pkgcache.bin", "var/cache/ldconfig/aux-cache",
     "var/lib/dpkg/status-old", "var/lib/dpkg/lock", "etc/resolv.conf", "etc/passwd-", "tmp/x", "run/x", "root/.x",
     "deployer-build/apt.conf", "var/lib/apt/.wh.lists", "dev/null"],
)  # fmt: skip
def test_what_no_two_builds_have_alike_goes(name: str) -> None:
    assert set(members(harvested({name: "x"}))) == {"opt", "opt/deployer", PACKAGES}


def test_folders_of_logs_stay_and_devices_go() -> None:
    found = harvested({"var/log/x": special(tarfile.DIRTYPE, mode=0o755), "usr/null": special(tarfile.CHRTYPE)})
    assert set(members(found)) == {"var/log/x", "opt", "opt/deployer", PACKAGES}


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"deployer-build/began": "1\n"}, "no list 'installed'"),
        ({**OURS, "deployer-build/began": "soon"}, "when it began"),
        ({**OURS, "usr/../../x": "x"}, "it names"),
    ],
)
def test_what_is_no_layer_of_ours(files: Mapping[str, str], message: str) -> None:
    with pytest.raises(BuildError, match=message):
        Harvest(tar(files), "base")


def test_what_is_no_tar() -> None:
    with pytest.raises(BuildError, match="cannot be read"):
        Harvest(io.BytesIO(b"x" * 1024), "base")
    assert installed_in(io.BytesIO(b"x" * 1024)) is None
    assert installed_in(tar({"x": "y"})) is None


class Engine(TargetEngine):
    """Says these lines, and fails with the error if there is one."""

    identity, platform, partial_loads = "e", "linux/amd64", True

    def __init__(self, *lines: str, error: BaseException | None = None) -> None:
        self.lines, self.error = lines, error
        self.removed: list[str] = []
        self.asked: list[tuple[str | None, Mapping[str, str] | None]] = []

    def build(
        self,
        context: Iterable[bytes],
        *,
        platform: str,
        network: str | None = None,
        arguments: Mapping[str, str] | None = None,
    ) -> Iterator[str]:
        self.asked.append((network, arguments))
        yield from self.lines
        if self.error:
            raise self.error

    def remove(self, reference: str) -> None:
        self.removed.append(reference)

    def find(self, reference: str) -> HeldImage | None:
        return None

    def load(self, archive: Iterable[bytes]) -> None: ...

    def save(self, reference: str) -> AbstractContextManager[BinaryIO]:
        raise NotImplementedError

    def tag(self, image: str, reference: str) -> None: ...

    def pull(self, reference: str, platform: str, told: Callable[[int, int | None], None]) -> HeldImage:
        raise NotImplementedError


PROXY = BuildNetwork.of({"https_proxy": "http://me:hush@proxy.example.com:1"})


def test_a_build_is_gone_after_its_block(tmp_path: Path) -> None:
    told: list[str] = []
    engine = Engine("one", "\x1b[91mfetch http://me:hush@x/ hush\x1b[0m", "sha256:id")
    with built(BuildPlace(engine, tmp_path, PROXY, told.append), [], platform="linux/amd64", reaches=True) as image:
        assert (image, engine.removed) == ("sha256:id", [])
    assert engine.removed == ["sha256:id"]
    assert told == ["one", "fetch http://***@x/ ***"]
    assert engine.asked == [(None, PROXY.arguments)]
    with built(BuildPlace(engine, tmp_path, PROXY), [], platform="linux/amd64"):
        pass
    assert engine.asked[1] == ("none", None)


@pytest.mark.parametrize(
    ("steps", "removed"),
    [((), []), ((" ---> aaaaaaaaaaaa",), []), ((" ---> aaaaaaaaaaaa", " ---> bbbbbbbbbbbb"), ["bbbbbbbbbbbb"])],
)
def test_a_failed_build_leaves_its_base_alone(tmp_path: Path, steps: tuple[str, ...], removed: list[str]) -> None:
    engine = Engine(*steps, " ---> Running in cccccccccccc", error=BuildError("no hush here"))
    told: list[str] = []
    with (
        pytest.raises(FailedBuild, match=r"no \*\*\* here") as failed,
        built(BuildPlace(engine, tmp_path, PROXY, told.append), [], platform="linux/amd64"),
    ):
        pass
    assert (engine.removed, failed.value.lines) == (removed, (*steps, " ---> Running in cccccccccccc"))
    assert told == list(failed.value.lines)


def test_an_interrupted_build_leaves_nothing(tmp_path: Path) -> None:
    engine = Engine(" ---> aaaaaaaaaaaa", " ---> bbbbbbbbbbbb", error=KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt), built(BuildPlace(engine, tmp_path), [], platform="linux/amd64"):
        pass
    assert engine.removed == ["bbbbbbbbbbbb"]
