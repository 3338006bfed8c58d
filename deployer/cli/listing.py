"""Lists endpoints, of one target or of all."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from deployer.cli.failing import at_home
from deployer.cli.patience import patiently
from deployer.cli.render.documents import endpoint_document
from deployer.cli.render.escape import one_line
from deployer.cli.render.tables import listing_lines, listing_markdown
from deployer.cli.screen import Form
from deployer.client import Listing
from deployer.errors import NotFound, TargetUnavailable
from deployer.nearest import closest

if TYPE_CHECKING:
    from deployer.cli.session import Session

__all__ = ["show_list"]


def show_list(now: Session, name: str | None, target: str | None, *, everything: bool) -> int:
    """Write the list to stdout.

    Raises:
        NotFound: There is no endpoint of that name anywhere.
        TargetUnavailable: The one target that was asked for cannot be reached.
    """
    with patiently(now.screen, "ask", f"asking {target or 'all targets'}"):
        listing = now.deployer.list(target=target, everything=everything)
    listing = listing.model_copy(update={"endpoints": tuple(at_home(now, each) for each in listing.endpoints)})
    if target and listing.unreachable:
        first = listing.unreachable[0]
        raise TargetUnavailable(first.reason, hint=first.hint or f"deployer doctor -t {target}")
    if name is not None:
        listing = _only(name, listing)
    screen = now.screen
    if screen.documents:
        screen.document(
            {
                "endpoints": [endpoint_document(each) for each in listing.endpoints],
                "unreachable": [each.model_dump(mode="json") for each in listing.unreachable],
            }
        )
        return 0
    at = time.time()
    if screen.form is Form.MARKDOWN:
        lines = listing_markdown(listing, at)
    else:
        lines = listing_lines(listing, at, width=screen.width, paint=screen.paint_out, dots=screen.marks.dots)
    screen.data(*lines)
    if not listing.endpoints and not listing.unreachable:
        where = one_line(target) if target else "any target"
        screen.tell([f"There is no endpoint on {where} yet.  Begin:  deployer create NAME --model URI"])
    return 0


def _only(name: str, listing: Listing) -> Listing:
    found = tuple(each for each in listing.endpoints if each.name == name)
    if found or listing.unreachable:
        return Listing(endpoints=found, unreachable=listing.unreachable)
    near = closest(name, [each.name for each in listing.endpoints])
    raise NotFound(
        f"there is no endpoint {name}", hint=f"did you mean {near}? deployer list {near}" if near else "deployer list"
    )
