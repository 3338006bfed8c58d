"""Programs that we run end when we do, so that a killed command's do not write on beside those of the next command."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["ending_with_us"]

_PR_SET_PDEATHSIG = 1


def ending_with_us() -> Callable[[], None] | None:
    """For ``preexec_fn``: the child is killed when the thread that starts it ends; None where no system does that.

    Source: Linux, prctl(2), ``PR_SET_PDEATHSIG``.
    """
    if sys.platform != "linux":
        return None
    prctl, parent = ctypes.CDLL(None).prctl, os.getpid()

    def tie() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it was killed before the tie held
            os._exit(1)

    return tie
