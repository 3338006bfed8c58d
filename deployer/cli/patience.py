"""Says what is waited for while nothing else tells it: a plan that is made, a target that is asked."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from deployer.cli.render.layout import pad
from deployer.cli.render.words import seconds
from deployer.cli.screen import Screen

__all__ = ["patiently"]

_FIRST = 0.4
"""Seconds of silence before a terminal shows that something goes on."""
_EVERY = 10.0
"""Seconds between two lines where nothing moves."""


@contextmanager
def patiently(screen: Screen, step: str, words: str) -> Iterator[None]:
    """Around something that may take long.

    Args:
        screen: Where it is told; not at all when it is quiet.
        step: One word for it.
        words: What is done meanwhile.
    """
    if screen.quiet:
        yield
        return
    over = threading.Event()
    teller = threading.Thread(target=_tell, args=(screen, step, words, over), daemon=True)
    teller.start()
    try:
        yield
    finally:
        over.set()
        teller.join()


def _tell(screen: Screen, step: str, words: str, over: threading.Event) -> None:
    began = time.monotonic()
    live = screen.live
    if over.wait(_FIRST if live else _EVERY):
        return
    if live:
        with suppress(Exception):
            from deployer.cli.render.live import moving

            with moving(screen, lambda: _line(step, words, began)):
                over.wait()
        return
    while True:
        screen.say(f"    {_line(step, words, began)}")
        if over.wait(_EVERY):
            return


def _line(step: str, words: str, began: float) -> str:
    return f"{pad(step, 16)} {words}, for {seconds(time.monotonic() - began)}"
