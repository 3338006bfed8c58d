"""Whoever stops a part of the shared cluster has it alone meanwhile: the tests of other workers and checkouts wait."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path


@contextmanager
def turn(folder: Path, *, alone: bool) -> Iterator[None]:
    """Have the cluster in the folder together with others, or alone.

    Nobody waits for ever: who comes later than somebody that wants it alone has it after them.
    """
    if sys.platform == "win32" or not (folder / "turns").exists():
        yield
        return
    import fcntl

    with ExitStack() as stack:
        door, room = (stack.enter_context((folder / name).open()) for name in ("door", "turns"))
        fcntl.flock(door, fcntl.LOCK_EX)
        fcntl.flock(room, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        fcntl.flock(door, fcntl.LOCK_UN)
        yield
