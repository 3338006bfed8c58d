"""Deletes an endpoint, after it has said what goes and what stays."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deployer.cli.patience import patiently
from deployer.cli.releasing import Terms, release
from deployer.cli.render.escape import one_line
from deployer.cli.render.words import shorter
from deployer.errors import NotFound

if TYPE_CHECKING:
    from deployer.cli.session import Session
    from deployer.plan import Plan

__all__ = ["remove"]


def remove(now: Session, name: str, target: str, terms: Terms, *, missing_ok: bool) -> int:
    """Delete it; returns the exit code.

    Raises:
        NotFound: It is not there, and that is not as well.
    """
    try:
        with patiently(now.screen, "ask", f"asking {target}"):
            plan = now.deployer.plan_delete(name, target=target)
    except NotFound as error:
        if missing_ok:
            now.screen.tell([f"{name} is not there: nothing to delete."])
            if now.screen.documents:
                now.screen.document(
                    {"endpoint": None, "name": name, "target": target, "ending": "unchanged", "changed": False}
                )
            return 0
        raise _nearer(now, error, name, target) from None
    return release(now, plan, terms, question=f"Delete {name} on {target}?", leaves=_what_stays(now, plan))


def _what_stays(now: Session, plan: Plan) -> str:
    spec = plan.before.spec or {}
    model = spec.get("model")
    of_it = f" ({one_line(shorter(str(model)))})" if model else ""
    kind = now.registry.kind(now.place(plan.target).kind)
    more = f"{kind.outlives} and " if kind.outlives else ""
    return f"The model{of_it} stays where it is; so do {more}packages in the cache, until: deployer gc"


def _nearer(now: Session, error: NotFound, name: str, target: str) -> NotFound:
    from deployer.nearest import closest

    try:
        near = closest(name, [each.name for each in now.deployer.list(target=target).endpoints])
    except Exception:
        return error
    if near is None:
        return error
    hint = f"did you mean {near}? deployer delete {' '.join(now.address(near, target))}"
    return NotFound(error.message, where=error.where, hint=hint)
