"""Removing files: those of a retired revision, and in the end all of them, the record last."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from .files import make_folder, remove_tree, remove_tree_slowly
from .wish import DESIRED, RECORD, RECORD_LOCK, Wish, read_wish, record_lock, rewrite

__all__ = ["TRASH", "Removal", "used"]

TRASH = Path("trash")
"""Where what is to be removed lies until it is: a rename cannot end half-way."""


def used(revisions: dict[str, dict[str, Any]]) -> set[str]:
    """The artifacts that revisions run from, as paths in the endpoint's folder."""
    found = set()
    for wanted in revisions.values():
        python = Path(str(wanted.get("python", "")))
        found |= {str(Path(*python.parts[:2])), str(wanted.get("runtime")), str(wanted.get("model_folder"))}
    return found


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
            await rewrite(_take_off)
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
        """Remove everything, the record last, and then the folder; False when something could not be removed."""
        try:
            for path in [*Path().iterdir()]:
                if path.name not in (DESIRED.name, RECORD.name, RECORD_LOCK.name, "run"):
                    for _ in remove_tree_slowly(path):
                        await asyncio.sleep(0)
            async with record_lock(30.0):
                wish = read_wish()
                if wish is not None and not wish.gone:
                    return False
                for path in [*Path().iterdir()]:
                    if path.name not in (DESIRED.name, RECORD.name, RECORD_LOCK.name):
                        remove_tree(path)
                for path in (DESIRED, RECORD, RECORD_LOCK):
                    remove_tree(path)
                with contextlib.suppress(OSError):  # somebody makes an endpoint of that name again
                    Path.cwd().rmdir()
        except OSError as error:
            self.trouble = f"cannot be removed: {error}"
            return False
        return True


def _take_off(content: dict[str, Any]) -> bool:
    wanted = content.get("remove") or []
    kept = used(content.get("revisions") or {})
    if wanted:
        make_folder(TRASH)
    for name in wanted:
        path = Path(name)
        if name in kept or path.is_absolute() or ".." in path.parts:
            continue
        with contextlib.suppress(FileNotFoundError):
            path.rename(TRASH / f"{os.getpid()}-{'-'.join(path.parts)}")
    content["remove"] = []
    return bool(wanted)
