"""Removing files: those of a retired revision, and in the end all of them, the record last."""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from .files import make_folder, remove_tree, remove_tree_slowly
from .versioned import is_version
from .wish import DESIRED, RECORD, Wish, rewrite

__all__ = ["GONE", "TRASH", "Removal", "used"]

GONE = ".gone-"
"""How the name of an endpoint's folder begins when all that is left is to remove it."""
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
            rewrite(_take_off)
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
            path.rename(TRASH / f"{uuid.uuid4().hex[:8]}-{'-'.join(path.parts)}")
    content["remove"] = []
    return bool(wanted)
