"""Retry of what may succeed when it is sent again: decided by the exception's type, under the injected clock."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import TypeVar

from deployer.engine.clock import Clock
from deployer.errors import TargetUnavailable

__all__ = ["PATIENCE", "patiently", "pause"]

PATIENCE = 60.0
"""Seconds after which a target that does not answer is given up."""

_T = TypeVar("_T")


def patiently(clock: Clock, call: Callable[[], _T], *, seconds: float = PATIENCE) -> _T:
    """The call's answer, asked again with growing, jittered pauses while the target is unavailable for the moment.

    Raises:
        TargetUnavailable: It was not transient, or lasted longer than ``seconds``.
    """
    from tenacity import RetryCallState, Retrying, retry_if_exception, wait_random_exponential

    began = clock.monotonic()

    def over(_state: RetryCallState) -> bool:
        return clock.monotonic() - began >= seconds

    retrying = Retrying(
        retry=retry_if_exception(lambda error: isinstance(error, TargetUnavailable) and error.transient),
        wait=wait_random_exponential(multiplier=0.2, max=5.0),
        stop=over,
        sleep=clock.sleep,
        reraise=True,
    )
    return retrying(call)


def pause(clock: Clock, seconds: float) -> None:
    """Sleep about so many seconds: those who began together do not ask together for ever."""
    clock.sleep(seconds * random.uniform(0.8, 1.2))  # noqa: S311 - no secret
