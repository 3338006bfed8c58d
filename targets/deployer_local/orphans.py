"""What lies in the target's folder and is used by nothing any more."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from deployer.errors import DeployerError
from deployer.target import Orphan
from deployer_local.requests import DIGITS, artifacts_of, secret_numbers
from deployer_local.store import FILES, Store, told, usable_name
from deployer_local.supervisor.files import remove_tree
from deployer_local.supervisor.system import lock
from deployer_local.supervisor.worker import slot_of

__all__ = ["find", "remove"]

PARTIAL = ".partial"
"""How the name of a cached environment ends that is just being made."""
_KINDS = {"models": "model", "environments": "environment", "runtimes": "serving runtime", "secrets": "secret"}


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
            yield _orphan(root, each)


def remove(root: Path, orphan: Orphan, *, now: float, older_than: float) -> bool:
    """Look again, and remove it if it is still the same thing and still nobody's."""
    for each in _candidates(root, now):
        if now - each.since < older_than or _orphan(root, each, size=False).identity != orphan.identity:
            continue
        if each.endpoint is not None:
            return _remove_of(Store(root / "endpoints", each.endpoint), each, now)
        return _remove_cached(each.path)
    return False


def _remove_cached(path: Path) -> bool:
    """Unless somebody makes or copies it just now: who does, holds the lock beside it."""
    with told("remove it", path):
        descriptor = os.open(path.with_name(f"{path.name.removesuffix(PARTIAL)}.lock"), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            if not lock(descriptor):
                return False
            _put_away(path)
        finally:
            os.close(descriptor)
    return True


def _remove_of(store: Store, found: _Found, now: float) -> bool:
    """Under the endpoint's lock, and only if it is nobody's even then."""
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(store.locked())
        except DeployerError:
            return False
        if not any(each.path == found.path for each in _of_endpoint(store, now)):
            return False
        with told("remove it", found.path):
            if found.path == store.path:
                for name in store.contents() & FILES:
                    remove_tree(store.path / name)
                with contextlib.suppress(OSError):
                    store.path.rmdir()
            else:
                _put_away(found.path)
    return True


def _put_away(path: Path) -> None:
    beside = path.with_name(f".gone-{os.getpid()}-{path.name}")
    try:
        path.rename(beside)
    except FileNotFoundError:
        return
    except OSError:
        beside = path
    remove_tree(beside)


def _orphan(root: Path, found: _Found, *, size: bool = True) -> Orphan:
    try:
        stat = found.path.lstat()
        identity = f"{found.path.relative_to(root)}|{stat.st_dev}:{stat.st_ino}:{stat.st_ctime_ns}"
    except OSError:
        identity = str(found.path)
    bytes_ = _size(found.path) if size else None
    return Orphan(identity, found.what, bytes_, found.since, found.endpoint)


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
    used = set[str]()
    endpoints = root / "endpoints"
    for path in _entries(endpoints):
        if not usable_name(path.name):
            continue
        store = Store(endpoints, path.name)
        used |= {each.name for each in _entries(store.path / "environments")}
        with contextlib.suppress(DeployerError):
            yield from _of_endpoint(store, now)
    yield from _of_cache(root / "cache", used)


def _of_endpoint(store: Store, now: float) -> Iterator[_Found]:
    if store.is_foreign():
        return
    record, (desired, _) = store.read_record(), store.read_desired()
    names = store.contents()
    if record.record is None and desired is None:
        if not record.unreadable and not names - FILES:
            yield _Found(store.path, f"folder of {store.name}, with nothing in it", store.name, _made(store.path))
        return
    claim = record.record.claim if record.record else None
    if (claim is not None and claim.expires > now) or (desired is not None and desired.gone):
        return
    releases = record.record.releases.values() if record.record else ()
    referenced = {path for release in releases for path in artifacts_of(release)}
    for release in releases:
        referenced |= {f"secrets/{name}.{number}" for name, number in secret_numbers(release).items()}
    if desired is not None:
        referenced |= desired.needed() | {f"secrets/{revision}" for revision in desired.revisions}
        for wanted in desired.revisions.values():
            referenced |= {f"secrets/{name}.{number}" for name, number in wanted.secrets.items()}
    for kind, word in _KINDS.items():
        for path in _entries(store.path / kind):
            if f"{kind}/{path.name}" not in referenced:
                yield _Found(path, f"{word} {path.name} of {store.name}", store.name, _made(path))
    known = {*(desired.revisions if desired else ()), *(record.record.releases if record.record else ())}
    for path in _entries(store.path / "logs"):
        key = slot_of(path)
        if key is not None and key[0] not in known:
            yield _Found(path, f"log {path.name} of {store.name}", store.name, _made(path))


def _of_cache(cache: Path, used: set[str]) -> Iterator[_Found]:
    for path in _entries(cache / "environments"):
        if path.is_dir() and path.name[:DIGITS] not in used:
            yield _Found(path, f"cached environment {path.name[:DIGITS]}", None, _made(path))


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
