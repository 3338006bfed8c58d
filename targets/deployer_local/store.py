"""The folder of one endpoint: its Record and its wish, each read whole, and written only over what was read."""

from __future__ import annotations

import contextlib
import errno
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from deployer.endpoint import Claim, Record
from deployer.errors import ClaimLost, Conflict, TargetUnavailable
from deployer.target import ensure_held
from deployer_local.desired import Desired
from deployer_local.supervisor.files import BESIDE, make_folder
from deployer_local.supervisor.versioned import Moved, Version, is_version, read_version, write_version
from deployer_local.supervisor.wish import DESIRED, RECORD

__all__ = ["PARTS", "RecordFile", "Store", "told", "usable_name"]

PARTS = frozenset({"environments", "logs", "models", "run", "runtimes", "secrets", "supervisor", "trash", "work"})
"""The folders in an endpoint's folder."""
TRIES = 50
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
    version: Version | None = None
    unreadable: bool = False

    @property
    def token(self) -> str | None:
        """The version as `deployer.target.Target.read_record` tells it; None for a Record that is lost."""
        return self.version.token if self.version is not None and self.record is not None else None


class Store:
    """One endpoint's folder.

    Args:
        endpoints: The folder that holds all endpoints' folders.
        name: The endpoint's.
    """

    def __init__(self, endpoints: Path, name: str) -> None:
        self.name = name
        self.path = endpoints / name

    # Reading.

    def read_record(self) -> RecordFile:
        """The Record.

        Raises:
            TargetUnavailable: It cannot be opened, or another version of deployer wrote it.
        """
        with told("read the record", self.path):
            version = read_version(self.path, RECORD)
        if version is None:
            return RecordFile()
        try:
            content = json.loads(version.data)
        except (ValueError, RecursionError):
            return RecordFile(version=version, unreadable=True)
        try:
            return RecordFile(Record.model_validate(content), version)
        except ValidationError:
            raise TargetUnavailable(
                f"the record of {self.name} was written by another version of deployer, which this one cannot read",
                where=str(self.path), hint="upgrade: pip install --upgrade mlflow-deployer",
            ) from None  # fmt: skip

    def read_desired(self) -> tuple[Desired | None, Version | None]:
        """What is wished to run, None when none has our marks, and its version."""
        with told("read what is wished", self.path):
            version = read_version(self.path, DESIRED)
        try:
            return (Desired.model_validate_json(version.data) if version is not None else None), version
        except ValidationError:
            return None, version

    def contents(self) -> frozenset[str]:
        """The names in the folder, but for files that are just being written; empty when there is none."""
        try:
            return frozenset(path.name for path in self.path.iterdir() if not path.name.startswith(BESIDE))
        except OSError:
            return frozenset()

    def _has_marks(self) -> bool:
        try:
            found = [read_version(self.path, stem) for stem in (DESIRED, RECORD)]
            contents = [json.loads(version.data) for version in found if version is not None]
        except (OSError, ValueError, RecursionError):
            return False
        keys = [set(each) for each in contents if isinstance(each, dict)]
        return any("marks" in each or {"endpoint", "owner"} <= each for each in keys)

    def is_foreign(self) -> bool:
        """Whether something lies there that does not carry our marks."""
        if self.path.is_symlink() or (self.path.exists() and not self.path.is_dir()):
            return True
        names = self.contents()
        other = {name for name in names if not is_version(name, RECORD, DESIRED)}
        if not other:
            return False
        if self._has_marks():
            return False
        return not (other <= PARTS and other >= {"run", "supervisor"})  # both files lost, and what runs is ours

    # Writing.

    def ensure_ours(self) -> None:
        """Raises Conflict when something lies there that does not carry our marks."""
        if self.is_foreign():
            raise Conflict(
                f"{self.name} is there, and was not made by deployer",
                where=str(self.path), hint="take another name, or move that folder away",
            )  # fmt: skip

    def write_record(self, record: Record, expected: str | None) -> str:
        """Compare and swap, as `deployer.target.Target.write_record`."""
        self.ensure_ours()
        if expected is None:
            with told(f"make the folder of {self.name}", self.path):
                make_folder(self.path)
        stored = self.read_record()
        if stored.token != expected:
            raise self._overtaken(stored)
        data = record.model_dump_json(indent=1).encode()
        with told("write the record", self.path):
            try:
                return write_version(self.path, RECORD, data, stored.version).token
            except Moved:
                raise self._overtaken(self.read_record()) from None

    def _overtaken(self, stored: RecordFile) -> ClaimLost:
        by = stored.record.claim.holder.by if stored.record and stored.record.claim else None
        return ClaimLost(
            f"the record of {self.name} was changed meanwhile" + (f" by {by}" if by else ""),
            hint=f"deployer status {self.name}",
        )

    def change(self, claim: Claim, change: Callable[[Record, Desired | None], Desired | None]) -> None:
        """Write what ``change`` answers as the new wish (None: leave it), if the claim still holds the Record.

        ``change`` may be called again, when somebody else wrote meanwhile.

        Raises:
            ClaimLost: The claim does not hold.
            Conflict: What lies there is not ours.
            TargetUnavailable: It cannot be written.
        """
        self.ensure_ours()
        for _ in range(TRIES):
            desired, version = self.read_desired()
            record = ensure_held(self.read_record().record, claim)
            after = change(record, desired)
            if after is None or after == desired:
                return
            with told("write what is wished", self.path), contextlib.suppress(Moved):
                write_version(self.path, DESIRED, after.model_dump_json(indent=1).encode(), version)
                return
        raise TargetUnavailable(f"{self.name} changes faster than it can be written", transient=True)
