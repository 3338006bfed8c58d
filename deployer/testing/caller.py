"""A client that calls an endpoint all the while, to tell that no request is lost."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from deployer.errors import DeployerError

if TYPE_CHECKING:
    from deployer.target import Request, Target

__all__ = ["Caller"]


class Caller:
    """Calls in a closed loop as long as the ``with`` block runs, once more after its end, and keeps the count.

    Args:
        target: A connection that nobody else uses meanwhile.
        name: The endpoint; it must serve when the block begins.
        request: What is sent; 200 is the answer that counts as one.
        pause: Seconds between an answer and the next request.
    """

    def __init__(self, target: Target, name: str, request: Request, *, pause: float = 0.002) -> None:
        self._target = target
        self._request = request
        self._name = name
        self._pause = pause
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._call, name=f"caller of {name}", daemon=True)
        self.answered: dict[str | None, int] = {}
        self.lost: list[str] = []
        self.last: str | None = None

    def __enter__(self) -> Caller:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()

    def _call(self) -> None:
        while True:
            ending = self._end.is_set()
            try:
                answer = self._target.invoke(self._name, self._request)
            except DeployerError as error:
                self.lost.append(str(error))
            else:
                self.last = answer.revision
                self.answered[self.last] = self.answered.get(self.last, 0) + 1
                if answer.status != 200:
                    self.lost.append(f"{answer.status} {answer.body[:200]!r}")
            if ending:
                return
            self._end.wait(self._pause)

    @property
    def total(self) -> int:
        """How many requests were answered."""
        return sum(self.answered.values())

    def problem(self, revisions: set[str]) -> str | None:
        """What went wrong, in a sentence; None when all requests were answered, and by these revisions only."""
        if self.lost:
            return f"{len(self.lost)} requests were lost, {self.total} answered: {self.lost[:3]}"
        if not self.total:
            return "no request was answered"
        others = set(self.answered) - revisions
        return f"answers came from {sorted(map(str, others))}" if others else None
