"""Wheels made by hand, whole ones and broken ones."""

from __future__ import annotations

import base64
import hashlib
import stat
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from deployer.environment import LockedWheel

NAME, VERSION = "own_package", "1.0"
INFO = f"{NAME}-{VERSION}.dist-info"


@dataclass
class WheelFile:
    """A wheel to write: what is not said is as it should be.

    Args:
        files: Content by path.
        modes: Unix mode by path, for those that are not plain files.
        record: RECORD's text, instead of the right one.
        rows: RECORD's row by path, instead of the right one; None leaves it out.
        tag: Of the file's name.
    """

    files: Mapping[str, bytes] = field(default_factory=lambda: {"own_package/__init__.py": b"x = 1\n"})
    modes: Mapping[str, int] = field(default_factory=dict)
    record: str | None = None
    rows: Mapping[str, str | None] = field(default_factory=dict)
    tag: str = "py3-none-any"
    format: str = "1.0"
    name: str = NAME

    def write(self, folder: Path) -> tuple[Path, LockedWheel]:
        path = folder / f"{self.name}-{VERSION}-{self.tag}.whl"
        info = f"{self.name}-{VERSION}.dist-info"
        files = {
            **self.files,
            f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {self.name}\nVersion: {VERSION}\n".encode(),
            f"{info}/WHEEL": f"Wheel-Version: {self.format}\nRoot-Is-Purelib: true\n".encode(),
        }
        rows = {name: row(name, content) for name, content in files.items()} | dict(self.rows)
        text = "".join(f"{line}\n" for line in rows.values() if line is not None) + f"{info}/RECORD,,\n"
        files[f"{info}/RECORD"] = (text if self.record is None else self.record).encode()
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in files.items():
                member = zipfile.ZipInfo(name, (2020, 1, 1, 0, 0, 0))
                member.compress_type = zipfile.ZIP_DEFLATED
                member.external_attr = self.modes.get(name, stat.S_IFREG | 0o644) << 16
                archive.writestr(member, content)
        return path, locked(path, self.name.replace("_", "-"))


def locked(path: Path, name: str = "own-package") -> LockedWheel:
    content = path.read_bytes()
    return LockedWheel(name, VERSION, path.name, hashlib.sha256(content).hexdigest(), len(content))


def row(name: str, content: bytes, algorithm: str = "sha256") -> str:
    digest = base64.urlsafe_b64encode(hashlib.new(algorithm, content).digest()).rstrip(b"=").decode()
    return f"{name},{algorithm}={digest},{len(content)}"
