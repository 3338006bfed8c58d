"""The folder of one endpoint: its Record and its wish, each read and written whole, under one kernel lock."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import time
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from deployer.endpoint import Record
from deployer.errors import ClaimLost, Conflict, TargetUnavailable
from deployer_local.desired import Desired
from deployer_local.supervisor.files import BESIDE, make_folder, write_whole
from deployer_local.supervisor.system import lock

__all__ = ["FILES", "PARTS", "RecordFile", "Store", "told", "usable_name"]

PARTS = frozenset(
    {
        "desired.json", "environments", "logs", "models", "record.json", "record.json.unreadable", "record.lock", "run",
        "runtimes", "secrets", "supervisor", "trash", "work",
    }
)  # fmt: skip
"""All names that lie in an endpoint's folder."""
FILES = frozenset({"desired.json", "record.json", "record.json.unreadable", "record.lock"})
PATIENCE = 5.0
_REASONS = {
    errno.ENOSPC: ("the disk is full", "make room, then run the same command again"),
    errno.EDQUOT: ("the disk quota is used up", "make room, then run the same command again"),
    errno.EACCES: ("permission is denied", "see who owns the folder: deployer doctor -t local"),
    errno.EPERM: ("permission is denied", "see who owns the folder: deployer doctor -t local"),
    errno.EROFS: ("the file system is read-only", "set another root for the target: deployer targets local"),
}


@contextlib.contextmanager
def told(doing: str, where: Path | str) -> Iterator[None]:
    """Turn the system's errors into `TargetUnavailable`."""
    try:
        yield
    except OSError as error:
        reason, hint = _REASONS.get(error.errno or 0, (error.strerror or str(error), None))
        raise TargetUnavailable(f"cannot {doing}: {reason}", where=str(where), hint=hint) from error


def usable_name(name: str) -> bool:
    """Whether a name can be that of a folder under ``endpoints/``, and of nothing outside of it."""
    return bool(name) and not name.startswith(".") and "/" not in name and "\0" not in name


@dataclass(frozen=True)
class RecordFile:
    """The stored Record and its version; ``unreadable`` when there is a file that is no JSON."""

    record: Record | None = None
    version: str | None = None
    unreadable: bool = False


class Store:
    """One endpoint's folder.

    Args:
        endpoints: The folder that holds all endpoints' folders.
        name: The endpoint's.
    """

    def __init__(self, endpoints: Path, name: str) -> None:
        self.name = name
        self.path = endpoints / name
        self._record = self.path / "record.json"
        self._desired = self.path / "desired.json"

    # Reading.

    def read_record(self) -> RecordFile:
        """The Record.

        Raises:
            TargetUnavailable: It cannot be opened, or a newer deployer wrote it.
        """
        with told("read the record", self._record):
            try:
                data = self._record.read_bytes()
            except (FileNotFoundError, NotADirectoryError):
                return RecordFile()
        try:
            content = json.loads(data)
        except (ValueError, RecursionError):
            return RecordFile(unreadable=True)
        version = content.pop("version", None) if isinstance(content, dict) else None
        try:
            record = Record.model_validate(content)
        except ValidationError:
            raise TargetUnavailable(
                f"the record of {self.name} was written by another version of deployer, which this one cannot read",
                where=str(self._record), hint="upgrade: pip install --upgrade mlflow-deployer",
            ) from None  # fmt: skip
        return RecordFile(record, str(version or hashlib.sha256(data).hexdigest()[:16]))

    def read_desired(self) -> tuple[Desired | None, str | None]:
        """What is wished to run, and the digest of its bytes; None when there is none with our marks."""
        try:
            data = self._desired.read_bytes()
            return Desired.model_validate_json(data), hashlib.sha256(data).hexdigest()
        except (OSError, ValidationError):
            return None, None

    def contents(self) -> frozenset[str]:
        """The names in the folder, but for files that are just being written; empty when there is none."""
        try:
            return frozenset(path.name for path in self.path.iterdir() if not path.name.startswith(BESIDE))
        except OSError:
            return frozenset()

    def is_foreign(self) -> bool:
        """Whether something lies there that does not carry our marks."""
        if self.path.is_symlink() or (self.path.exists() and not self.path.is_dir()):
            return True
        names = self.contents()
        if not names - FILES:
            return False
        if self.read_desired()[0] is not None or self.read_record().record is not None:
            return False
        return not (names <= PARTS and names >= {"run", "supervisor"})  # both files lost, and what runs is ours

    # Writing.

    def ensure_ours(self) -> None:
        """Raises Conflict when something lies there that does not carry our marks."""
        if self.is_foreign():
            raise Conflict(
                f"{self.name} is there, and was not made by deployer",
                where=str(self.path), hint="take another name, or move that folder away",
            )  # fmt: skip

    @contextlib.contextmanager
    def locked(self, *, make: bool = False) -> Iterator[None]:
        """Hold the kernel's lock on the endpoint.

        Args:
            make: Make the folder when there is none.

        Raises:
            ClaimLost: There is no folder.
            Conflict: What lies there is not ours.
            TargetUnavailable: Another process holds the lock for more than five seconds; transient.
        """
        self.ensure_ours()
        until = time.monotonic() + PATIENCE
        path = self.path / "record.lock"
        while True:
            descriptor = self._open_lock(path, make=make)
            try:
                if lock(descriptor) and _is(descriptor, path):
                    yield
                    return
            finally:
                os.close(descriptor)
            if time.monotonic() > until:
                raise TargetUnavailable(
                    f"another process has held the lock of {self.name} for {PATIENCE:g} seconds",
                    transient=True, where=str(path),
                )  # fmt: skip
            time.sleep(0.01)

    def _open_lock(self, path: Path, *, make: bool) -> int:
        for _ in range(100):
            if make:
                with told(f"make the folder of {self.name}", self.path):
                    make_folder(self.path)
            try:
                return os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
            except FileNotFoundError:
                if not make:
                    raise ClaimLost("the endpoint was deleted meanwhile", where=self.name) from None
            except OSError:
                with told("lock the record", path):
                    raise
        raise TargetUnavailable(f"the folder of {self.name} is being removed", transient=True, where=str(self.path))

    def write_record(self, record: Record, expected: str | None) -> str:
        """Compare and swap, as `deployer.target.Target.write_record`."""
        with self.locked(make=expected is None):
            stored = self.read_record()
            if stored.version != expected:
                by = stored.record.claim.holder.by if stored.record and stored.record.claim else None
                raise ClaimLost(
                    f"the record of {self.name} was changed meanwhile" + (f" by {by}" if by else ""),
                    hint=f"deployer status {self.name}",
                )  # fmt: skip
            version = uuid.uuid4().hex[:16]
            content = {"version": version, **record.model_dump(mode="json")}
            with told("write the record", self._record):
                if stored.unreadable:
                    self._record.replace(self._record.with_name("record.json.unreadable"))
                write_whole(self._record, json.dumps(content, indent=1, ensure_ascii=False).encode())
        return version

    def put_away(self, names: Iterable[str]) -> None:
        """Rename what is to be removed out of the way; the supervisor removes it. Raises OSError."""
        trash = self.path / "trash"
        for name in names:
            make_folder(trash)
            with contextlib.suppress(FileNotFoundError):
                (self.path / name).rename(trash / f"{uuid.uuid4().hex[:8]}-{name.replace('/', '-')}")

    def write_desired(self, desired: Desired) -> None:
        """Write the wish; the caller holds the lock. Raises TargetUnavailable."""
        with told("write what is wished", self._desired):
            write_whole(self._desired, desired.model_dump_json(indent=1).encode())


def _is(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except OSError:
        return False
