"""Shows what nothing refers to any more, and removes it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deployer.cli.carrying import answer
from deployer.cli.render.commands import again
from deployer.cli.render.escape import one_line
from deployer.cli.render.layout import Column, markdown_table, table
from deployer.cli.render.words import counted, size
from deployer.cli.screen import Form
from deployer.errors import SpecError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from deployer.cli.session import Session
    from deployer.client import Removal

__all__ = ["collect"]

_COLUMNS = (Column("TARGET"), Column("WHAT", yields=1), Column("SIZE", right=True), Column(""))


def collect(now: Session, target: str | None, *, dry_run: bool, ages: Mapping[str, float], yes: bool) -> int:
    """Write what there is, or what was done, to stdout; returns the exit code.

    Args:
        now: The settings.
        target: One target only.
        dry_run: Only tell.
        ages: ``older_than`` and ``cache_older_than`` of `Deployer.gc`, in seconds.
        yes: Do not ask.

    Raises:
        SpecError: Something would be removed, and nobody can be asked.
        TargetUnavailable: A target could not be asked.
    """
    found = now.deployer.gc(target, remove=False, **ages)
    if found and not dry_run:
        if not yes:
            _ask_first(now)
            _show(now, found, done=False)
            wanted = answer(now.screen, f"Remove {counted(_number(found), 'thing')}? [y/N] ").lower() in ("y", "yes")
            if not wanted:
                now.screen.say("Nothing was removed.")
                return 0
        found = now.deployer.gc(target, remove=True, **ages)
    if now.screen.documents:
        now.screen.document({"found": [each.model_dump(mode="json") for each in found], "removed": not dry_run})
    elif not found:
        now.screen.tell(["Nothing to remove: all that is there is referred to, claimed, or too young."])
    elif yes or dry_run:
        _show(now, found, done=not dry_run)
    if found and not dry_run:
        gone = [each for each in found if each.removed]
        freed = sum(each.size or 0 for each in gone)
        now.screen.tell([f"{counted(_number(gone), 'thing')} removed" + (f", {size(freed)} freed." if freed else ".")])
    return 0


def _number(found: Sequence[Removal]) -> int:
    return sum(each.count for each in found)


def _ask_first(now: Session) -> None:
    if not now.screen.interactive:
        raise SpecError("not a terminal, so nobody can be asked: say --yes", hint=again(now.typed, more=["--yes"]))


def _show(now: Session, found: Sequence[Removal], *, done: bool) -> None:
    screen = now.screen
    rows = [
        [
            each.target,
            one_line(each.what),
            size(each.size),
            ("removed" if each.removed else "in use again") if done else "",
        ]
        for each in found
    ]
    if screen.form is Form.MARKDOWN:
        screen.data(*markdown_table(_COLUMNS, rows))
    else:
        screen.data(*table(_COLUMNS, rows, width=screen.width, paint=screen.paint_out, dots=screen.marks.dots))
