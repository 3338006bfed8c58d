"""Which file names may ship: those that mean the same file on every system, inside the model and nowhere else.

A name comes from a folder, a wheel or an artifact server's listing; none of the three is trusted. Refused are names
that leave the folder (absolute, ``..``, a drive, a backslash), that a container layer would read as an order
(``.wh.*``, OCI image specification, "Whiteouts"), that cannot be shown (control characters, undecodable bytes), and
two names that a case-insensitive or normalising file system takes for one (APFS, NTFS).
"""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

from deployer.errors import SpecError

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["check_name", "check_names"]

_LONGEST_COMPONENT = 255
"""Bytes of one name on ext4, XFS and APFS."""

_HIDDEN_CATEGORIES = frozenset({"Cc", "Cs", "Zl", "Zp"})
_BIDIRECTIONAL = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f")


def check_name(path: str, *, where: str) -> None:
    """Accepts a relative POSIX path that stays inside its folder.

    Raises:
        SpecError: It escapes, or is a name that does not mean the same everywhere; the error says which.
    """
    fault = _fault(path)
    if fault:
        raise SpecError(
            f"the file name {_shown(path)} {fault}",
            where=where,
            hint="rename the file and save the model again; models are shipped to systems where such a name is unsafe",
        )


def check_names(paths: Iterable[str], *, where: str) -> None:
    """Accepts names of one folder that are safe each (`check_name`) and stay apart on every file system.

    Raises:
        SpecError: One is unsafe, or two differ only by case or Unicode normalisation.
    """
    seen: dict[str, str] = {}
    for path in paths:
        check_name(path, where=where)
        parts = path.split("/")
        for count in range(1, len(parts) + 1):
            prefix = "/".join(parts[:count])
            other = seen.setdefault(_caseless(prefix), prefix)
            if other != prefix:
                raise SpecError(
                    f"the names {_shown(other)} and {_shown(prefix)} are one file where case or accents do not count",
                    where=where,
                    hint="rename one of them and save the model again",
                )


def _fault(path: str) -> str | None:
    if any(unicodedata.category(sign) in _HIDDEN_CATEGORIES or sign in _BIDIRECTIONAL for sign in path):
        return "has control characters or bytes that are not text"
    if not path or path.startswith("/"):
        return "is absolute" if path else "is empty"
    if "\\" in path or path[1:2] == ":":
        return "is read as a path of its own on Windows"
    for part in path.split("/"):
        if part in {"", ".", ".."}:
            return "leaves the model's folder" if part == ".." else "is not a plain relative path"
        if part.startswith(".wh."):
            return "would delete files in an image layer"
        if len(part.encode("utf-8", "surrogateescape")) > _LONGEST_COMPONENT:
            return f"is longer than {_LONGEST_COMPONENT} bytes"
    return None


def _caseless(path: str) -> str:
    return unicodedata.normalize("NFD", unicodedata.normalize("NFD", path).casefold())


def _shown(path: str) -> str:
    text = ascii(path)
    return text if len(text) <= 120 else f"{text[:117]}...'"
