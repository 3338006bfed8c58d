"""Figures that tests measure, for people to read: ``reports/NAME.json`` in the checkout."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from tests.e2e.commandline import REPOSITORY
from tests.e2e.kept import locked


def report(name: str, scene: str, figures: Mapping[str, Any]) -> None:
    """Put a scene's figures in place of those of an earlier run."""
    path = REPOSITORY / "reports" / f"{name}.json"
    path.parent.mkdir(exist_ok=True)
    with locked(path.with_suffix(".lock")):
        told = json.loads(path.read_text()) if path.exists() else {}
        told[scene] = dict(figures)
        path.write_text(json.dumps(told, indent=2, sort_keys=True) + "\n")
