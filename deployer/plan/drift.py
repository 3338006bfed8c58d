"""How what is there differs from what was wished. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from deployer.endpoint import Observed, Phase, Traffic
from deployer.plan.values import Wish
from deployer.value import JSON

__all__ = ["drift"]


def drift(
    wish: Wish, observed: Observed, recorded: Mapping[str, JSON], traffic: Traffic, *, undone: str | None = None
) -> str:
    """Why what is there is not what was wished, or nothing.

    Args:
        wish: The wish, of the revision that is served already.
        observed: What is there.
        recorded: The recorded spec.
        traffic: The recorded one.
        undone: A revision that goes anyway.
    """
    live = observed.endpoint
    if live is None:
        return "nothing of it runs"
    revision = live.find(wish.release.revision)
    if revision is None:
        return f"{wish.release.revision} does not run"
    if not live.traffic.same_as(traffic):
        return f"traffic is {live.traffic}"
    if live.phase is not Phase.HEALTHY:
        return live.detail or revision.detail or f"is {live.phase}"
    staying = [each.id for each in live.revisions if each.phase is not Phase.STOPPING]
    others = [each for each in staying if each not in (revision.id, undone)]
    if others:
        return f"{', '.join(others)} should not run"
    return next(_moved_settings(wish.spec, recorded, live.settings), "")


def _moved_settings(
    wish: Mapping[str, JSON], recorded: Mapping[str, JSON], settings: Mapping[str, JSON]
) -> Iterator[str]:
    """Endpoint-scope fields that were wished and recorded, and are something else on the target."""
    for path, found in settings.items():
        value, before = _at(wish, path), _at(recorded, path)
        if value is not None and value == before and value != found:
            yield f"{path} is {found}"


def _at(wish: Mapping[str, JSON], path: str) -> JSON:
    found: JSON = wish
    for name in path.split("."):
        found = found.get(name) if isinstance(found, Mapping) else None
    return found
