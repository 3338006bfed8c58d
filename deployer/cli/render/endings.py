"""The last sentence of a command: what is now, and what to type next. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from deployer.cli.render.commands import command
from deployer.cli.render.escape import one_line
from deployer.cli.render.words import seconds
from deployer.endpoint import Endpoint, Observed, Phase
from deployer.engine.outcome import Ending, Outcome

__all__ = ["after_failure", "after_interrupt", "ending_line"]


def ending_line(outcome: Outcome, address: Sequence[str]) -> str:
    """One sentence.

    Args:
        outcome: How the command ended.
        address: How the endpoint is named on a command line: its name, and ``-t TARGET`` where that is needed.
    """
    name, took = outcome.plan.endpoint, seconds(outcome.seconds)
    endpoint = outcome.endpoint
    if outcome.ending is Ending.DELETED or endpoint is None:
        return f"{name} is deleted ({took})."
    if outcome.ending is Ending.PENDING:
        revision = outcome.plan.wish.release.revision if outcome.plan.wish else "the new revision"
        serving = f"; {_serving(endpoint)} serves meanwhile" if endpoint.traffic else ""
        return f"{name} is pending: {revision} is staged{serving} ({took}).  Then:  {command('wait', *address)}"
    if outcome.ending is Ending.UNCHANGED:
        return f"{name} is unchanged: {_unchanged(endpoint)} ({took})."
    at = f" at {one_line(endpoint.url)}" if endpoint.url else ""
    phase = endpoint.phase.value
    if outcome.ending is Ending.CREATED:
        return f"{name} is {phase}{at} ({took}).  Try:  {command('predict', *address, '-i', 'rows.csv')}"
    if outcome.ending is Ending.ADOPTED:
        return f"{name} is adopted: {_serving(endpoint)} runs on, {phase}{at} ({took})."
    if outcome.ending is Ending.ROLLED_BACK:
        return f"{name} is back at {_serving(endpoint)}, {phase}{at} ({took})."
    return f"{name} is {phase}{at} ({took})."


def _serving(endpoint: Endpoint) -> str:
    return endpoint.traffic.served[0] if endpoint.traffic else "nothing"


def _unchanged(endpoint: Endpoint) -> str:
    if endpoint.revision is None:
        return endpoint.detail or endpoint.phase.value
    phase = endpoint.phase if endpoint.phase is not Phase.HEALTHY else endpoint.revision.phase
    return f"revision {endpoint.revision.id} is {phase.value}"


def after_failure(
    name: str, endpoint: Endpoint | None, observed: Observed | None, failed: str | None, address: Sequence[str]
) -> list[str]:
    """What is there after a command that failed, as it was observed afterwards.

    Args:
        name: Of the endpoint.
        endpoint: As it is now; None when nothing of it is left.
        observed: With its Record.
        failed: The revision that was not healthy.
        address: How the endpoint is named on a command line.
    """
    if endpoint is None or observed is None:
        return [f"Nothing of {name} is left."]
    lines = []
    others = [(revision, share) for revision, share in endpoint.traffic.items() if revision != failed]
    if others:
        told = ", ".join(f"{revision}: {share} % of traffic" for revision, share in others)
        lines.append(f"{name} still serves {told}.")
    elif not endpoint.traffic:
        lines.append(f"{name} serves nothing.")
    if failed and endpoint.find(failed) is None:
        record = observed.record
        told_of = record is not None and any(entry.revision == failed for entry in record.history)
        left = "only its entry in the history is left" if told_of else "nothing is left"
        if record is not None and failed in record.releases and _was_released(observed, failed):
            left = "its artifacts are kept, as they were, for a rollback"
        lines.append(f"Of {failed} {left}.")
    kept = _kept(failed, observed, address) if failed and endpoint.find(failed) is not None else []
    return [" ".join(lines), *kept] if lines else kept


def _kept(failed: str, observed: Observed, address: Sequence[str]) -> list[str]:
    """How to look at a failed revision that was kept for that, and how to be rid of it."""
    record = observed.record
    if record is None or record.rollout is None or record.rollout.revision != failed or record.rollout.moved:
        return []
    gone = "delete" if record.rollout.before.spec is None else "rollback"
    return [
        f"{failed} is kept as it failed. To look at it, and to be rid of it:",
        f"  {command('logs', *address, '--revision', failed)}",
        f"  {command(gone, *address)}",
    ]


def _was_released(observed: Observed, revision: str) -> bool:
    history = observed.record.history if observed.record else ()
    return any(entry.revision == revision and entry.result.value == "released" for entry in history)


def after_interrupt(
    name: str, endpoint: Endpoint | None, observed: Observed | None, address: Sequence[str], again: str
) -> list[str]:
    """How to go on after Ctrl-C, by what is there now.

    Args:
        name: Of the endpoint.
        endpoint: As it is now; None when nothing of it is left.
        observed: With its Record.
        address: How the endpoint is named on a command line.
        again: The command that was interrupted.
    """
    if endpoint is None or observed is None:
        return [f"Interrupted. Nothing of {name} is left; to begin again:", f"  {again}"]
    rollout = observed.record.rollout if observed.record else None
    if rollout is None:
        serving = f"{name} serves {_serving(endpoint)} as before" if endpoint.traffic else f"{name} serves nothing"
        return [f"Interrupted, and what was begun is undone: {serving}. To begin again:", f"  {again}"]
    if rollout.verb == "delete":
        return [f"Interrupted: {name} is half deleted. To go on:", f"  {again}"]
    shares = ", ".join(f"{percent} % to {revision}" for revision, percent in endpoint.traffic.items()) or "none"
    return [
        f"Interrupted: the {rollout.verb} of {name} to {rollout.revision} is under way, and nobody is watching it now",
        f"(traffic: {shares}). To go on, or to go back:",
        f"  {command('wait', *address)}",
        f"  {command('rollback', *address)}",
    ]
