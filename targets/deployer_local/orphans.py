"""What lies in the target's folder and is used by nothing any more."""

from __future__ import annotations

import contextlib
import os
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from deployer.errors import DeployerError
from deployer.target import Orphan
from deployer.target.reading import secret_numbers
from deployer_local.requests import DIGITS, artifacts_of
from deployer_local.store import Store, told, usable_name
from deployer_local.supervisor.files import remove_tree
from deployer_local.supervisor.removal import GONE
from deployer_local.supervisor.system import lock
from deployer_local.supervisor.worker import slot_of

__all__ = ["find", "remove"]

_KINDS = {"models": "model", "environments": "environment", "runtimes": "serving runtime", "secrets": "secret"}
PARTIAL = ".partial"
"""How the name of a cached environment ends that is just being made."""


@dataclass(frozen=True)
class _Found:
    path: Path
    what: str
    endpoint: str | None
    since: float


def find(root: Path, *, now: float, older_than: float) -> Iterator[Orphan]:
    """Each thing that is not referenced, nor claimed, and older than so many seconds."""
    for each in _candidates(root, now):
        if now - each.since >= older_than:
            yield Orphan(_identity(root, each.path), each.what, _size(each.path), each.since, each.endpoint)


def remove(root: Path, orphan: Orphan, *, now: float, older_than: float) -> bool:
    """Look again, and remove it if it is still the same thing and still nobody's."""
    for each in _candidates(root, now):
        if now - each.since < older_than or _identity(root, each.path) != orphan.identity:
            continue
        with told("remove it", each.path):
            if each.path.parent == root / "endpoints":
                return _remove_folder(each.path)
            if each.path.parent == root / "cache" / "models":
                remove_tree(each.path)
                return True
            if each.endpoint is not None:
                return _remove_of(Store(root / "endpoints", each.endpoint), each.path, now)
            return _remove_cached(each.path)
    return False


def _remove_folder(path: Path) -> bool:
    if path.name.startswith(GONE):
        remove_tree(path)
        return True
    try:
        path.rmdir()
    except OSError:
        return False  # somebody begins to use it
    return True


def _remove_of(store: Store, path: Path, now: float) -> bool:
    """Put it aside, look again, and put it back if somebody has claimed or referenced it meanwhile."""
    beside = path.with_name(f"{GONE}{uuid.uuid4().hex[:8]}-{path.name}")
    try:
        path.rename(beside)
    except FileNotFoundError:
        return False
    used = _used(store, now)
    if used is None or _is_used(store, path, used):
        beside.rename(path)
        return False
    remove_tree(beside)
    return True


def _remove_cached(path: Path) -> bool:
    """Unless somebody makes or copies it just now: who does, holds the lock beside it."""
    descriptor = os.open(path.with_name(f"{path.name.removesuffix(PARTIAL)}.lock"), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        if not lock(descriptor):
            return False
        remove_tree(path)
    finally:
        os.close(descriptor)
    return True


def _identity(root: Path, path: Path) -> str:
    try:
        stat = path.lstat()
    except OSError:
        return str(path.relative_to(root))
    return f"{path.relative_to(root)}|{stat.st_dev}:{stat.st_ino}:{stat.st_mtime_ns}"


def _size(path: Path) -> int:
    if not path.is_dir() or path.is_symlink():
        with contextlib.suppress(OSError):
            return path.lstat().st_size
        return 0
    total = 0
    for folder, _, names in os.walk(path):
        for name in names:
            with contextlib.suppress(OSError):
                total += Path(folder, name).lstat().st_size
    return total


# Which.


def _candidates(root: Path, now: float) -> Iterator[_Found]:
    endpoints = root / "endpoints"
    copied = set[str]()
    for path in _entries(endpoints):
        if path.name.startswith(GONE):
            yield _Found(path, f"rest of a removed endpoint, {path.name}", None, _made(path))
        elif usable_name(path.name):
            copied |= {each.name for each in _entries(path / "environments")}
            yield from _of_endpoint(Store(endpoints, path.name), now)
    for path in _entries(root / "cache" / "environments"):
        if path.is_dir() and path.name[:DIGITS] not in copied:
            yield _Found(path, f"cached environment {path.name[:DIGITS]}", None, _made(path))
    for path in _entries(root / "cache" / "models"):
        if path.is_dir():
            yield _Found(path, f"download of a model that was not delivered, {path.name}", None, _made(path))


def _of_endpoint(store: Store, now: float) -> Iterator[_Found]:
    if not store.contents() and not store.is_foreign():
        yield _Found(store.path, f"empty folder of {store.name}", store.name, _made(store.path))
        return
    used = _used(store, now)
    if used is None:
        return
    for kind, word in (*_KINDS.items(), ("logs", "log")):
        for path in _entries(store.path / kind):
            if not _is_used(store, path, used):
                yield _Found(path, f"{word} {path.name} of {store.name}", store.name, _made(path))


def _used(store: Store, now: float) -> set[str] | None:
    """What an endpoint refers to: artifacts and secrets by their paths, revisions by their ids.

    None when all of it is to be let alone: claimed, being removed, not ours, or not understood.
    """
    try:
        if store.is_foreign():
            return None
        record, (desired, _) = store.read_record().record, store.read_desired()
    except DeployerError:
        return None
    if record is None or (desired is not None and desired.gone):
        return None
    if record.claim is not None and record.claim.expires > now:
        return None
    found = {*record.releases, *(f"secrets/{revision}" for revision in record.releases)}
    for release in record.releases.values():
        found |= {*artifacts_of(release), *_secrets(secret_numbers(release))}
    if desired is not None:
        found |= {*desired.revisions, *desired.needed(), *(f"secrets/{revision}" for revision in desired.revisions)}
        for wanted in desired.revisions.values():
            found |= _secrets(wanted.secrets)
    return found


def _secrets(numbers: dict[str, int]) -> set[str]:
    return {f"secrets/{name}.{number}" for name, number in numbers.items()}


def _is_used(store: Store, path: Path, used: set[str]) -> bool:
    if path.parent.name == "logs":
        key = slot_of(path)
        return key is None or key[0] in used
    return str(path.relative_to(store.path)) in used


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []


def _made(path: Path) -> float:
    try:
        return path.lstat().st_ctime
    except OSError:
        return float("inf")
