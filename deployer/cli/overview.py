"""``deployer`` alone: the five commands that matter, and where one is now."""

from __future__ import annotations

import time

from deployer.cli.failing import at_home
from deployer.cli.render.tables import listing_lines
from deployer.cli.render.words import joined
from deployer.cli.session import session
from deployer.endpoint import Phase
from deployer.errors import DeployerError

__all__ = ["FIVE", "overview"]

FIVE = (
    ("deployer create NAME --model URI", "make an endpoint from a packaged MLflow model"),
    ("deployer predict NAME -i FILE", "send it rows"),
    ("deployer update NAME --model URI", "release another model; the old one serves until it is healthy"),
    ("deployer status NAME", "is it well, and if not, why"),
    ("deployer delete NAME", "remove it"),
)


def overview() -> int:
    """Write both to stdout; a target that cannot be asked does not matter here."""
    now = session()
    screen = now.screen
    screen.data(*(f"  {command:<34}{screen.paint_out(line, 'dim')}" for command, line in FIVE))
    screen.data("", "All commands:  deployer --help", "")
    try:
        listing = now.deployer.list()
        listing = listing.model_copy(update={"endpoints": tuple(at_home(now, each) for each in listing.endpoints)})
    except DeployerError as error:
        screen.data(f"What runs cannot be told: {error}")
        return 0
    if listing.endpoints or listing.unreachable:
        lines = listing_lines(
            listing, time.time(), width=screen.width, paint=screen.paint_out, dots=screen.marks.dots
        )  # fmt: skip
        screen.data(*lines)
    unwell = [each for each in listing.endpoints if each.phase in (Phase.FAILED, Phase.DEGRADED)]
    if not listing.endpoints:
        screen.data("Nothing runs yet.")
    elif unwell:
        names = joined([each.name for each in unwell])
        look = "deployer status " + " ".join(now.address(unwell[0].name, unwell[0].target))
        screen.data("", f"{screen.paint_out('Not well:', 'warn')} {names}.  Look:  {look}")
    else:
        count = len(listing.endpoints)
        screen.data("", f"All {count} are well." if count > 1 else f"{listing.endpoints[0].name} is well.")
    return 0
