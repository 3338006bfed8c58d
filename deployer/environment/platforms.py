"""Platforms by uv's words (``x86_64-manylinux_2_28``, ``aarch64-apple-darwin``), and the wheels that each can run.

Source of the words: uv's reference, ``--python-platform``. Source of the tags: the platform compatibility tags
specification and PEP 600 (a glibc runs wheels of every older glibc).
"""

from __future__ import annotations

import platform as machine_facts
import re
import sys
from functools import lru_cache
from typing import TYPE_CHECKING

from deployer.errors import SpecError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from packaging.tags import Tag

__all__ = ["glibc_platform", "host_platform", "wheel_tags"]

_GLIBC_WORDS = (17, 28, *range(31, 41))
"""The minor versions of glibc 2 that uv has words for."""

_LEGACY = {17: "manylinux2014", 12: "manylinux2010", 5: "manylinux1"}
_MACHINES = {"amd64": "x86_64", "x86_64": "x86_64", "arm64": "aarch64", "aarch64": "aarch64"}
_MACOS = (13, 0)
"""What uv assumes of ``*-apple-darwin``."""


def host_platform() -> str:
    """This machine's platform: the newest word whose wheels run here.

    Raises:
        SpecError: It is a machine that uv has no word for.
    """
    machine = _MACHINES.get(machine_facts.machine().lower())
    if machine and sys.platform == "linux":
        library, version = machine_facts.libc_ver()
        if library != "glibc":
            return f"{machine}-unknown-linux-musl"
        return glibc_platform(machine, version)
    if machine and sys.platform == "darwin":
        return f"{machine}-apple-darwin"
    if machine and sys.platform == "win32":
        return f"{machine}-pc-windows-msvc"
    raise SpecError(
        f"this machine ({machine_facts.machine()}) is none that Python wheels are made for",
        hint="use a target that runs on x86_64 or aarch64",
    )


def glibc_platform(machine: str, glibc: str) -> str:
    """The newest word whose wheels run on a Linux with that C library.

    Args:
        machine: ``x86_64`` or ``amd64``, ``aarch64`` or ``arm64``.
        glibc: Its version, ``2.36``.

    Raises:
        SpecError: uv has no word for it.
    """
    found = re.match(r"2\.(\d+)", glibc)
    known = [word for word in _GLIBC_WORDS if found is None or word <= int(found[1])]
    if machine not in _MACHINES or not known:
        raise SpecError(
            f"there are no wheels for {machine} with glibc {glibc}", hint="use x86_64 or aarch64, glibc 2.17 or newer"
        )
    return f"{_MACHINES[machine]}-manylinux_2_{known[-1] if found else known[0]}"


@lru_cache(maxsize=16)
def wheel_tags(python: str, platform: str) -> dict[Tag, int]:
    """The tags of wheels that run there, each with its rank: 0 is the best.

    Args:
        python: A minor version, such as ``3.11``.
        platform: uv's word.

    Raises:
        SpecError: The word is not known.
    """
    from packaging.tags import compatible_tags, cpython_tags

    major, minor = (int(part) for part in python.split("."))
    platforms = list(_platform_tags(platform))
    tags = [
        *cpython_tags((major, minor), platforms=platforms),
        *compatible_tags((major, minor), f"cp{major}{minor}", platforms),
    ]
    ranks: dict[Tag, int] = {}
    for rank, tag in enumerate(tags):
        ranks.setdefault(tag, rank)
    return ranks


def _platform_tags(platform: str) -> Iterator[str]:
    alias = {"linux": "x86_64-manylinux_2_28", "macos": "aarch64-apple-darwin", "windows": "x86_64-pc-windows-msvc"}
    word = alias.get(platform, platform)
    if match := re.fullmatch(r"(x86_64|aarch64)-manylinux(?:_2_(\d+)|2014)", word):
        yield from _glibc_tags(match[1], int(match[2] or 17))
    elif match := re.fullmatch(r"(x86_64|aarch64)-unknown-linux-gnu", word):
        yield from _glibc_tags(match[1], 28)
    elif match := re.fullmatch(r"(x86_64|aarch64)-unknown-linux-musl", word):
        yield from (f"musllinux_1_{minor}_{match[1]}" for minor in (2, 1, 0))
        yield f"linux_{match[1]}"
    elif match := re.fullmatch(r"(x86_64|aarch64)-apple-darwin", word):
        from packaging.tags import mac_platforms

        yield from mac_platforms(_MACOS, "arm64" if match[1] == "aarch64" else match[1])
    elif word in {"x86_64-pc-windows-msvc", "aarch64-pc-windows-msvc"}:
        yield "win_amd64" if word.startswith("x86_64") else "win_arm64"
    else:
        raise SpecError(
            f"{platform!r} is not a platform that environments are locked for",
            hint="for example x86_64-manylinux_2_28, aarch64-manylinux_2_28 or aarch64-apple-darwin",
        )


def _glibc_tags(machine: str, newest: int) -> Iterator[str]:
    for minor in range(newest, 4, -1):
        yield f"manylinux_2_{minor}_{machine}"
        if minor in _LEGACY:
            yield f"{_LEGACY[minor]}_{machine}"
    yield f"linux_{machine}"
