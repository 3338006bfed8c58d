"""What the shell completes beside commands: targets and endpoint names. Nothing here fails or waits long."""

from __future__ import annotations

import os
from typing import Any

__all__ = ["complete_endpoint", "complete_target"]

_PATIENCE = 1.5
"""Seconds until a target that does not answer is completed without."""


def complete_target(incomplete: str) -> list[tuple[str, str]]:
    """Configured targets and back ends, with what they are."""
    try:
        from importlib.metadata import entry_points

        from deployer.settings import Settings

        named = {name: f"{target.kind}, configured" for name, target in Settings.load().targets.items()}
        kinds = {each.name: "back end" for each in entry_points(group="deployer.targets")}
    except Exception:
        return []
    return [(name, line) for name, line in {**kinds, **named}.items() if name.startswith(incomplete)]


def complete_endpoint(ctx: Any, incomplete: str) -> list[tuple[str, str]]:
    """Names of the endpoints on the target that is meant."""
    from concurrent.futures import ThreadPoolExecutor

    def ask() -> list[tuple[str, str]]:
        from deployer.client import Deployer

        deployer = Deployer()
        target = ctx.params.get("target") or deployer.settings.default_target
        found = deployer.list(target=target).endpoints
        return [(each.name, each.phase.value) for each in found if each.name.startswith(incomplete)]

    pool = ThreadPoolExecutor(max_workers=1)
    try:
        return pool.submit(ask).result(timeout=float(os.environ.get("DEPLOYER_CI_COMPLETION_PATIENCE") or _PATIENCE))
    except Exception:
        return []
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
