"""What a revision uses and how it answers, in one line each. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from deployer.cli.render.escape import one_line
from deployer.cli.render.words import counted, size
from deployer.target import Figures
from deployer.value import JSON

__all__ = ["answered", "places", "used"]

_QUANTILES = ("mean", "p50", "p95", "p99")
_DIGEST = 19
"""Characters of an image's digest that are shown: ``sha256:`` and twelve digits, as engines do."""


def used(facts: Mapping[str, JSON], figures: Figures | None = None) -> str:
    """``0.12 cores, 212 MB of memory, image sha256:1c5aa6fb0c58``, as far as the target tells it.

    Args:
        facts: What was seen beside the revision's phase.
        figures: What was measured, which counts where both tell something.
    """
    cpu, memory, image = facts.get("cpu"), facts.get("memory"), facts.get("image")
    if figures is not None:
        cpu = cpu if figures.cpu is None else figures.cpu
        memory = memory if figures.memory is None else figures.memory
    scaled = facts.get("autoscaler")
    parts = [
        f"{cpu:.2f} cores" if _is_number(cpu) else "",
        f"{size(memory)} of memory" if _is_number(memory) else "",
        f"image {_short(image)}" if isinstance(image, str) and image else "",
        f"autoscaler {one_line(scaled)}" if isinstance(scaled, str) and scaled else "",
    ]
    return ", ".join(filter(None, parts))


def places(facts: Mapping[str, JSON]) -> list[str]:
    """``pod iris--r1a2b3c4-x7f2k on node1, ready``, one for each, where the target tells them."""
    pods = facts.get("pods")
    if not isinstance(pods, Mapping):
        return []
    return [one_line(f"pod {name} {words}", 200) for name, words in sorted(pods.items())]


def _is_number(value: JSON) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _short(image: str) -> str:
    name, at, found = image.rpartition("@")
    return one_line(f"{name}{at}{found[:_DIGEST] if found.startswith('sha256:') else found}", 200)


def answered(figures: Figures | None) -> str:
    """``412 requests in 5 m, 0 errors, p50 3 ms, p95 9 ms``; nothing when nothing is known."""
    if figures is None:
        return ""
    within = f" in {_span(figures.window)}" if figures.window else ""
    late = f" (counted up to {_span(figures.delay)} late)" if figures.delay >= 1 else ""
    if not figures.requests:
        return f"no requests{within}{late}"
    took = [f"{name} {_milliseconds(figures.latency[name])}" for name in _QUANTILES if name in figures.latency]
    errors = counted(figures.errors, "error")
    return ", ".join([f"{counted(figures.requests, 'request')}{within}", errors, *took]) + late


def _span(seconds: float) -> str:
    units = (("h", 3600.0), ("m", 60.0))
    return next((f"{seconds / length:.3g} {unit}" for unit, length in units if seconds >= length), f"{seconds:.0f} s")


def _milliseconds(seconds: float) -> str:
    value = seconds * 1000
    return f"{value:.0f} ms" if value >= 10 else f"{value:.2g} ms"
