"""One command in a process of its own, for tests that kill it: ``python -m tests.integration.engine.driver``.

Reads a JSON object from standard input: the store's folder, the verb, the model, and the time that a start takes.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from deployer import Deployer, DeploymentSpec
from deployer.settings import NamedTarget, Settings

__all__ = ["deployer_at", "run"]


def deployer_at(root: Path, by: str = "driver@test") -> Deployer:
    """A Deployer whose memory target is the store in that folder."""
    memory = NamedTarget(name="memory", kind="memory", options={"root": str(root)})
    return Deployer(settings=Settings(default_target="memory", targets={"memory": memory}), by=by)


def run(deployer: Deployer, job: dict[str, Any]) -> None:
    """Do what the job says."""
    settle = {"start": job["start"], "stop": "20ms"}
    spec = DeploymentSpec(name="iris", model=job["model"], target="memory", config={"settle": settle})
    if job["verb"] == "create":
        deployer.create(spec)
    else:
        deployer.update("iris", model=job["model"])


if __name__ == "__main__":
    asked = json.load(sys.stdin)
    run(deployer_at(Path(asked["root"]), "killed@test"), asked)
