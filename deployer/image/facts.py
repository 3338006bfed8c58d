"""What a base image offers to a model, told from its files: its Pythons and its C library."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from deployer.errors import SpecError
from deployer.image.listing import Tree

__all__ = ["Facts", "default_base", "facts_of", "platform_of", "require_fit"]

_PYTHON = re.compile(r"^(.*/bin)/python(3\.\d+)$")
_USUAL = ("/usr/local/bin", "/usr/bin", "/bin")
_LIBRARY_FOLDERS = (
    "/lib64", "/lib/x86_64-linux-gnu", "/lib/aarch64-linux-gnu", "/usr/lib64", "/usr/lib/x86_64-linux-gnu",
    "/usr/lib/aarch64-linux-gnu", "/lib", "/usr/lib",
)  # fmt: skip


@dataclass(frozen=True)
class Facts:
    """What was found.

    Attributes:
        pythons: Path of the CPython of each minor, ``{"3.11": "/usr/local/bin/python3.11"}``.
        glibc: Its version, ``2.36``; None without one.
        musl: Whether there is musl instead.
    """

    pythons: Mapping[str, str]
    glibc: str | None
    musl: bool = False


def facts_of(tree: Tree, path: Sequence[str]) -> Facts:
    """Looks into the files.

    Args:
        tree: All layers together.
        path: The folders of the image's ``PATH``; the first that has a Python wins.
    """
    pythons: dict[str, str] = {}
    ranked = list(dict.fromkeys([*(folder.rstrip("/") for folder in path if folder.startswith("/")), *_USUAL]))
    others = sorted({f"/{posixpath.dirname(found)}" for found in tree.entries if _PYTHON.match(f"/{found}")})
    minors = {match[2] for found in tree.entries if (match := _PYTHON.match(f"/{found}"))}
    for folder in dict.fromkeys([*ranked, *others]):
        for minor in minors:
            if minor not in pythons and _is_cpython(tree, f"{folder}/python{minor}"):
                pythons[minor] = f"{folder}/python{minor}"
    musl = any(re.search(r"(?:^|/)ld-musl-[^/]+\.so\.1$", found) for found in tree.entries)
    return Facts(dict(sorted(pythons.items())), _glibc(tree), musl)


def require_fit(facts: Facts, *, name: str, python: str) -> tuple[str, str]:
    """The path of the wanted Python, and the version of glibc.

    Args:
        facts: The base's.
        name: How the base is called, for the error.
        python: The minor that the model needs.

    Raises:
        SpecError: The base cannot carry the model; says what it has, and what would do.
    """
    hint = f"image.base={default_base(python)}"
    if facts.glibc is None:
        what = "has musl instead of glibc (Alpine Linux)" if facts.musl else "has no glibc"
        raise SpecError(f"the base {what}, which Python's wheels for Linux are made for", where=name, hint=hint)
    if python not in facts.pythons:
        has = " and ".join(f"Python {minor}" for minor in facts.pythons) or "no Python"
        raise SpecError(f"the base has {has}, and the model needs {python}", where=name, hint=hint)
    return facts.pythons[python], facts.glibc


def default_base(python: str) -> str:
    """The base when none is wished: Docker's official image of that minor, without compilers."""
    return f"python:{python}-slim"


def platform_of(config: Mapping[str, Any]) -> str:
    """``linux/amd64``, from an image's configuration; the variant of arm64 is one."""
    return f"{config.get('os') or 'linux'}/{config.get('architecture') or 'unknown'}"


def _is_cpython(tree: Tree, path: str) -> bool:
    found = tree.find(path)
    if not found:
        return False
    real, entry = found
    return entry.kind == "file" and bool(entry.mode & 0o111) and "pypy" not in posixpath.basename(real)


def _glibc(tree: Tree) -> str | None:
    for folder in _LIBRARY_FOLDERS:
        if found := tree.find(f"{folder}/libc.so.6"):
            real, entry = found
            named = re.search(r"libc-(2\.\d+)\.so$", real)
            if entry.said or named:
                return entry.said or (named[1] if named else None)
    return None
