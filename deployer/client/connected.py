"""What every part of the Python API works with: settings, back ends, and the targets that were connected."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial

from deployer.engine.clock import Clock, SystemClock
from deployer.engine.holder import actor
from deployer.registry import Registry
from deployer.settings import NamedTarget, Settings
from deployer.target import Target, TargetKind

__all__ = ["Connected"]


class Connected:
    """Targets by name, each connected once, when it is first needed.

    Args:
        settings: Named targets and defaults; by default read from ``deployer.toml`` or ``pyproject.toml`` upwards from
            the working directory.
        registry: Where back ends are found; by default the installed entry points.
        owner: The team's word that marks what is made; by default the settings'.
        by: Who is written into the history; by default the person or the CI job.
        clock: Where time comes from.
    """

    def __init__(
        self,
        *,
        settings: Settings | None = None,
        registry: Registry | None = None,
        owner: str | None = None,
        by: str | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.settings = settings or Settings.load()
        self.registry = registry or Registry()
        self.owner = owner or self.settings.owner
        self.by = by or actor(os.environ)
        self.clock = clock or SystemClock()
        self._targets: dict[str, Target] = {}

    def _named(self, name: str) -> NamedTarget:
        return self.settings.target(name, self.registry.known())

    def _kind(self, name: str) -> TargetKind:
        return self.registry.kind(self._named(name).kind)

    def _target(self, name: str) -> Target:
        if name not in self._targets:
            self._targets[name] = self.registry.connect(self._named(name), self.owner)
        return self._targets[name]

    def _nearest(self, name: str, backend: Target, *, verb: str = "status") -> str:
        from deployer.nearest import closest

        near = closest(name, [each.name for each in backend.list()])
        return f"did you mean {near}? deployer {verb} {near}" if near else "deployer list"

    def _places(self, target: str | None) -> dict[str, Callable[[], Target]]:
        """The targets that are asked, each connected when it is needed."""
        return {name: partial(self._target, name) for name in ([target] if target else self.settings.target_names)}
