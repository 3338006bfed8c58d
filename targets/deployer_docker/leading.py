"""Has a gateway do what is wished: first its files say so, then it is led there step by step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from deployer.errors import TargetUnavailable
from deployer.gateway import Routing, changes
from deployer_docker.gateway import Gateway, Report

__all__ = ["Led", "lead", "rewrite"]

ROUNDS = 8
"""How many steps are taken within one verb; what has to wait is gone on with at the next look."""


@dataclass(frozen=True)
class Led:
    """How far a gateway was led.

    Attributes:
        report: What it said last.
        waits: Whether steps are left that have to wait for something.
    """

    report: Report
    waits: bool = False


def rewrite(gateway: Gateway, report: Report, routing: Routing, held: Callable[[], object]) -> Led:
    """Have it do what is wished.

    Args:
        gateway: Which.
        report: What it said last.
        routing: What is wished.
        held: Raises ClaimLost unless the claim holds; called before each change.
    """
    if routing != report.wished:
        held()
        gateway.write(routing, running=report.loaded is not None)
    report = replace(report, wished=routing)
    return lead(gateway, report, held) if report.loaded is not None else Led(report)


def lead(gateway: Gateway, report: Report, held: Callable[[], object]) -> Led:
    """Lead it to what its files say, as far as nothing has to wait.

    Args:
        gateway: Which.
        report: What it said last.
        held: Raises ClaimLost unless the claim holds; called before each change.

    Raises:
        TargetUnavailable: It does not answer, or refuses a change; transient.
    """
    complaints: list[str] = []
    for _ in range(ROUNDS):
        if report.loaded is None or report.wished is None:
            raise TargetUnavailable(report.trouble or "the gateway has lost its wish", transient=True)
        step = changes(report.loaded, report.wished)
        if not step.commands:
            return Led(report, bool(step.waits))
        held()
        complaints, report = gateway.send(step.commands)
    if complaints:
        raise TargetUnavailable(f"the gateway refuses a change: {complaints[0][:300]}", transient=True)
    return Led(report, waits=True)
