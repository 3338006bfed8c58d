"""uv's words for platforms, and the wheels that each can run."""

from __future__ import annotations

import platform
import sys

import pytest
from packaging.tags import Tag

from deployer.environment import host_platform
from deployer.environment.platforms import glibc_platform, wheel_tags
from deployer.errors import SpecError


def best(python: str, word: str, *tags: str) -> str:
    ranks = wheel_tags(python, word)
    fitting = [tag for tag in tags if Tag(*tag.split("-")) in ranks]
    return min(fitting, key=lambda tag: ranks[Tag(*tag.split("-"))], default="none")


def test_a_newer_glibc_runs_wheels_of_an_older_and_prefers_its_own() -> None:
    old, new = "cp311-cp311-manylinux_2_17_x86_64", "cp311-cp311-manylinux_2_28_x86_64"
    assert best("3.11", "x86_64-manylinux_2_28", old, new) == new
    assert best("3.11", "x86_64-manylinux_2_17", old, new) == old
    assert best("3.11", "x86_64-manylinux2014", "cp311-cp311-manylinux2014_x86_64") != "none"
    assert best("3.11", "aarch64-manylinux_2_28", old, new) == "none"


@pytest.mark.parametrize(
    ("word", "tag"),
    [
        ("linux", "cp311-cp311-manylinux_2_28_x86_64"),
        ("x86_64-unknown-linux-musl", "cp311-cp311-musllinux_1_2_x86_64"),
        ("aarch64-apple-darwin", "cp311-cp311-macosx_11_0_arm64"),
        ("x86_64-apple-darwin", "cp311-cp311-macosx_10_12_universal2"),
        ("windows", "cp311-cp311-win_amd64"),
    ],
)
def test_words(word: str, tag: str) -> None:
    assert best("3.11", word, tag, "cp312-cp312-win32") == tag
    assert best("3.11", word, "py3-none-any", tag) == tag
    assert best("3.12", word, "cp38-abi3-" + tag.rpartition("-")[2]) != "none"


def test_an_unknown_word() -> None:
    with pytest.raises(SpecError, match="not a platform"):
        wheel_tags("3.11", "amiga")


@pytest.mark.parametrize(
    ("system", "machine", "libc", "expected"),
    [
        ("linux", "x86_64", ("glibc", "2.36"), "x86_64-manylinux_2_36"),
        ("linux", "x86_64", ("glibc", "2.99"), "x86_64-manylinux_2_40"),
        ("linux", "aarch64", ("glibc", "2.30"), "aarch64-manylinux_2_28"),
        ("linux", "aarch64", ("glibc", ""), "aarch64-manylinux_2_17"),
        ("linux", "x86_64", ("", ""), "x86_64-unknown-linux-musl"),
        ("darwin", "arm64", ("", ""), "aarch64-apple-darwin"),
        ("win32", "AMD64", ("", ""), "x86_64-pc-windows-msvc"),
    ],
)
def test_this_machine(
    monkeypatch: pytest.MonkeyPatch, system: str, machine: str, libc: tuple[str, str], expected: str
) -> None:
    monkeypatch.setattr(sys, "platform", system)
    monkeypatch.setattr(platform, "machine", lambda: machine)
    monkeypatch.setattr(platform, "libc_ver", lambda: libc)
    assert host_platform() == expected


@pytest.mark.parametrize(("machine", "glibc"), [("x86_64", "2.12"), ("riscv64", "2.36")])
def test_a_c_library_without_wheels(machine: str, glibc: str) -> None:
    with pytest.raises(SpecError, match=glibc):
        glibc_platform(machine, glibc)


def test_a_machine_without_wheels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "vax")
    with pytest.raises(SpecError, match="vax"):
        host_platform()
