"""Secret values, as files of mode 0600: ``secrets/NAME.NUMBER``, and for each revision a folder of those it takes."""

from __future__ import annotations

import contextlib
import hmac
from collections.abc import Mapping
from pathlib import Path

from deployer.errors import BuildError
from deployer_local.store import Store, told
from deployer_local.supervisor.files import make_folder, remove_tree, write_whole

__all__ = ["give_secrets", "holds", "keep"]


def _file(store: Store, name: str, number: int) -> Path:
    return store.path / "secrets" / f"{name}.{number}"


def holds(store: Store, name: str, number: int, value: str) -> bool:
    """Whether the stored value is this one, compared in constant time."""
    try:
        stored = _file(store, name, number).read_bytes()
    except OSError:
        return False
    return hmac.compare_digest(stored, value.encode())


def keep(store: Store, values: Mapping[tuple[str, int], str]) -> None:
    """Store values. Raises TargetUnavailable."""
    with told("store the secrets", store.path / "secrets"):
        make_folder(store.path / "secrets", inside=store.path)
        for (name, number), value in values.items():
            write_whole(_file(store, name, number), value.encode())


def give_secrets(store: Store, revision: str, numbers: Mapping[str, int]) -> None:
    """Make the folder that a revision's workers read: ``NAME`` for each secret, the same file as ``NAME.NUMBER``.

    Raises:
        BuildError: A value is not stored.
    """
    folder = store.path / "secrets" / revision
    with told("give the revision its secrets", folder):
        for last in (False, False, True):
            try:
                _link(store, folder, numbers)
            except FileNotFoundError:  # an earlier wish to remove it was carried out at this moment
                if last:
                    raise
            else:
                return


def _link(store: Store, folder: Path, numbers: Mapping[str, int]) -> None:
    make_folder(folder, inside=store.path)
    for path in list(folder.iterdir()):
        if path.name not in numbers:
            remove_tree(path)
    for name, number in numbers.items():
        if not _file(store, name, number).exists():
            raise BuildError(
                f"the value of the secret {name} (number {number}) is not stored", where=store.name,
                hint=f"set its variable and run the command again: {name} is read from the environment",
            )  # fmt: skip
        beside = folder / f".{name}"
        with contextlib.suppress(FileNotFoundError):
            beside.unlink()
        beside.hardlink_to(_file(store, name, number))
        beside.replace(folder / name)
