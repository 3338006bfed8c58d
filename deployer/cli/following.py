"""Shows the lines that replicas write."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deployer.cli.patience import patiently
from deployer.cli.render.escape import escape
from deployer.cli.render.words import iso
from deployer.cli.wishes import learn_recorded
from deployer.errors import NotFound

if TYPE_CHECKING:
    from deployer.cli.session import Session
    from deployer.target import LogLine

__all__ = ["show_logs"]

_LINE_LIMIT = 4000


def show_logs(
    now: Session, name: str, target: str, *, revision: str | None, tail: int | None, since: float | None, follow: bool
) -> int:
    """Write lines to stdout until there are no more, or, when following, until Ctrl-C.

    Raises:
        NotFound: There is no such endpoint, or no such revision of it.
        SpecError: The target keeps no logs.
    """
    with patiently(now.screen, "ask", f"asking {target}"):
        status = now.deployer.status(name, target=target)
    learn_recorded(now, status.observed.record.spec if status.observed.record else None)
    known = [each.id for each in status.endpoint.revisions]
    if revision is not None and revision not in known:
        from deployer.nearest import did_you_mean

        raise NotFound(
            f"{name} runs no revision {revision}{did_you_mean(revision, known)}",
            hint=f"it runs {', '.join(known) or 'none'}; deployer history {name} names the others",
        )
    lines = now.deployer.logs(name, target=target, revision=revision, tail=tail, since=since, follow=follow)
    several = len(known) > 1 and revision is None
    count = 0
    try:
        for line in lines:
            count += 1
            _show(now, line, several=several)
    except KeyboardInterrupt:
        if not follow:
            raise
        return 0
    finally:
        close = getattr(lines, "close", None)
        if close is not None:
            close()
    if not count:
        now.screen.tell([f"{name} has written nothing{' in that time' if since is not None else ''}."])
    return 0


def _show(now: Session, line: LogLine, *, several: bool) -> None:
    if now.screen.documents:
        document = {"at": iso(line.at), "revision": line.revision, "replica": line.replica, "text": line.text}
        now.screen.event(document)
        return
    origin = " ".join(filter(None, [line.revision if several else "", line.replica]))
    prefix = f"{now.screen.paint_out(origin, 'dim')} | " if origin else ""
    now.screen.data(f"{prefix}{escape(line.text, _LINE_LIMIT)}")
