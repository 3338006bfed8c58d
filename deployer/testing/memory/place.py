"""Steering the store behind memory targets, for tests: its clock, its failures, and what is not ours."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, get_args

from deployer.errors import DeployerError
from deployer.testing.memory.wire import Wire

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from deployer.value import JSON

__all__ = ["Fault", "FaultKind", "FaultPlan", "MemoryPlace"]

FaultKind = Literal["timeout", "throttled", "server-error", "permission", "lost", "half", "stale"]
"""``timeout``, ``throttled``, ``server-error`` (transient) and ``permission`` (not): nothing was done. ``lost``: done,
and the answer is lost. ``half``: only the first of several things is done, and the answer is lost. ``stale``: `observe`
and `list` answer as of when the fault was set."""


@dataclass(frozen=True)
class Fault:
    """A failure of one verb.

    Attributes:
        verb: Which requests fail, ``stage``.
        kind: How.
        skip: How many of them go well first.
        times: How many fail then.
    """

    verb: str
    kind: FaultKind
    skip: int = 0
    times: int = 1


class FaultPlan:
    """Faults, consumed as requests are sent; ``stale`` needs the store and is refused here.

    Args:
        faults: In the order in which they are looked through.

    Raises:
        ValueError: One of them is ``stale`` or not a kind of fault.
    """

    def __init__(self, faults: Iterable[Fault] = ()) -> None:
        self._left = [fault for fault in faults if fault.times > 0]
        for fault in self._left:
            if fault.kind == "stale" or fault.kind not in get_args(FaultKind):
                raise ValueError(f"{fault.kind} cannot be the fault of one connection; see MemoryPlace.inject")

    def next(self, verb: str) -> FaultKind | None:
        """How the next request of this verb fails; None when it does not."""
        for index, fault in enumerate(self._left):
            if fault.verb != verb:
                continue
            if fault.skip:
                self._left[index] = replace(fault, skip=fault.skip - 1)
                continue
            if fault.times == 1:
                del self._left[index]
            else:
                self._left[index] = replace(fault, times=fault.times - 1)
            return fault.kind
        return None


class MemoryPlace:
    """One store, started when it is first asked; a context manager that stops it.

    Args:
        root: Its folder, the memory target's option ``root``.
        idle: Seconds without a request after which an empty store ends by itself.
    """

    def __init__(self, root: Path, *, idle: float = 600.0) -> None:
        self.root = root
        self._wire = Wire(root, idle)

    def __enter__(self) -> MemoryPlace:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _ask(self, word: str, **arguments: Any) -> Any:
        answer = self._wire.ask(f"place_{word}", arguments)
        if "refused" in answer:
            raise DeployerError(answer["refused"]["message"])
        return answer["value"]

    def start(self) -> int:
        """Start the store when there is none; its pid."""
        return int(self._ask("ping"))

    def stop(self) -> None:
        """Stop the store; all that was in it is gone. Returns when its socket is gone."""
        if self._wire.runs():
            self._ask("stop")
            self._wire.await_end()

    def advance(self, seconds: float) -> float:
        """Move the store's clock forward; its new time."""
        return float(self._ask("advance", seconds=seconds))

    def inject(self, verb: str, kind: FaultKind, *, skip: int = 0, times: int = 1) -> None:
        """Let requests of a verb fail, whoever sends them (see `Fault`)."""
        self._ask("inject", verb=verb, kind=kind, skip=skip, times=times)

    def put_foreign(
        self, endpoint: str, facts: Mapping[str, JSON] | None = None, runs: Mapping[str, JSON] | None = None
    ) -> None:
        """Put an endpoint there that carries no marks of ours.

        Args:
            endpoint: Its name.
            facts: Fields of `Endpoint`, as it is observed.
            runs: What can be told of it: ``model``, ``env``, ``replicas``, ``config``.
        """
        self._ask("put_foreign", endpoint=endpoint, facts=dict(facts or {}), runs=dict(runs or {}))

    def foreign(self, endpoint: str) -> dict[str, JSON] | None:
        """The facts of a foreign endpoint as they are now; None when it is gone."""
        found: dict[str, JSON] | None = self._ask("foreign", endpoint=endpoint)
        return found

    def remove_foreign(self, endpoint: str) -> None:
        """Take a foreign endpoint away."""
        self._ask("remove_foreign", endpoint=endpoint)

    def lose_record(self, endpoint: str) -> None:
        """Remove the Record alone, as somebody might who cleans up."""
        self._ask("lose_record", endpoint=endpoint)

    def answered(self, endpoint: str) -> dict[str, int]:
        """Revision -> how many requests it has answered since the endpoint was made."""
        found: dict[str, int] = self._ask("answered", endpoint=endpoint)
        return found

    def save(self) -> str:
        """All that is in the store, to be put there again with `load`."""
        return str(self._ask("save"))

    def load(self, saved: str) -> None:
        """Put there what was saved, instead of what is there; injected failures are forgotten."""
        self._ask("load", saved=saved)

    def holdings(self) -> dict[str, JSON]:
        """All that is in the store, by name: for telling that nothing was left behind."""
        found: dict[str, JSON] = self._ask("holdings")
        return found
