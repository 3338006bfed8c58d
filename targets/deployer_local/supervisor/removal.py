"""Removing files: those of a retired revision, and in the end all of them, the record last."""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Any

from .files import make_folder, remove_tree, remove_tree_slowly
from .versioned import is_version
from .wish import DESIRED, HERE, RECORD, Wish, rewrite

__all__ = ["GONE", "TRASH", "Removal", "listed", "put_away", "used"]

GONE = ".gone-"
"""How the name of an endpoint's folder begins when all that is left is to remove it."""
TRASH = Path("trash")
"""Where what is to be removed lies until it is: a rename cannot end half-way."""


def used(revisions: dict[str, dict[str, Any]]) -> set[str]:
    """What revisions run from and take, as paths from the endpoint's folder."""
    found = set()
    for revision, wanted in revisions.items():
        python = Path(str(wanted.get("python", "")))
        found |= {str(Path(*python.parts[:2])), str(wanted.get("runtime")), str(wanted.get("model_folder"))}
        found |= {f"secrets/{name}.{number}" for name, number in (wanted.get("secrets") or {}).items()}
        found.add(f"secrets/{revision}")
    return found


def listed(folder: Path, names: Iterable[str]) -> set[str]:
    """Entries of the list of what is to be removed, for those of the paths that are there: ``PATH@INODE``.

    With the inode, what is put there later under the same name is not meant.
    """
    found = set()
    for name in names:
        with contextlib.suppress(OSError):
            found.add(f"{name}@{(folder / name).lstat().st_ino}")
    return found


def put_away(folder: Path) -> None:
    """Rename what the wish's list names into ``trash/``, and empty the list.

    Whoever makes a revision need a path again takes it off the list by writing the wish, and so it is put back here if
    it was moved just then. Raises OSError.
    """
    moved: dict[str, Path] = {}

    def change(content: dict[str, Any]) -> bool:
        needed = used(content.get("revisions") or {})
        for name in [name for name in moved if name in needed]:
            with contextlib.suppress(OSError):  # it is there anew
                moved.pop(name).rename(folder / name)
        for entry in content.get("remove") or ():
            name, _, inode = str(entry).rpartition("@")
            if (
                name not in needed
                and name not in moved
                and not Path(name).is_absolute()
                and ".." not in Path(name).parts
            ):
                away = _move(folder, name, inode)
                moved.update({name: away} if away is not None else {})
        changed = bool(content.get("remove"))
        content["remove"] = []
        return changed

    rewrite(change, folder)


def _move(folder: Path, name: str, inode: str) -> Path | None:
    try:
        if str((folder / name).lstat().st_ino) != inode:
            return None
        make_folder(folder / TRASH, inside=folder)
        away = folder / TRASH / f"{uuid.uuid4().hex[:8]}-{name.replace('/', '-')}"
        (folder / name).rename(away)
    except FileNotFoundError:
        return None
    return away


class Removal:
    """Removes in the background; ``busy`` while it does, ``trouble`` when it could not."""

    def __init__(self) -> None:
        self.busy = False
        self.trouble = ""

    def sweep(self, wish: Wish, begin: Callable[[Awaitable[None]], object], wake: Callable[[], None]) -> None:
        """Begin to remove what the wish names, and what an earlier supervisor left half removed."""
        if not self.busy and (wish.remove or TRASH.exists()):
            self.busy = True
            begin(self._swept(wake))

    async def _swept(self, wake: Callable[[], None]) -> None:
        try:
            put_away(HERE)
            if TRASH.exists():
                for _ in remove_tree_slowly(TRASH):
                    await asyncio.sleep(0)
            self.trouble = ""
        except OSError as error:
            self.trouble = f"cannot remove what is not used any more: {error.strerror or error}"
        finally:
            self.busy = False
            wake()

    async def all(self) -> bool:
        """Remove everything; False when something could not be removed, and is to be tried again.

        The folder keeps the record and the wish to the last, and is then renamed, so that both are gone at once.
        """
        try:
            for path in [*Path().iterdir()]:
                if not is_version(path.name, DESIRED, RECORD) and path.name != "run":
                    for _ in remove_tree_slowly(path):
                        await asyncio.sleep(0)
            here = Path.cwd()
            gone = here.with_name(f"{GONE}{here.name}-{uuid.uuid4().hex[:8]}")
            here.rename(gone)
            remove_tree(gone)
        except OSError as error:
            self.trouble = f"cannot be removed: {error}"
            return False
        return True
