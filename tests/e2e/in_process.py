"""The other side of a comparison: a plain ``mlflow.pyfunc`` call with the endpoint's own interpreter."""

from __future__ import annotations

import csv
import json
import subprocess
from pathlib import Path
from typing import Any

ASKED = Path(__file__).with_name("asked.py")


def in_process(python: Path, model: Path, request: dict[str, Any], folder: Path) -> Any:
    """What the model answers to a request, without any server; see `asked`."""
    path = folder / "asked.json"
    path.write_text(json.dumps(request))
    done = subprocess.run(
        [str(python), str(ASKED), str(model), str(path)], capture_output=True, text=True, check=False, cwd=folder,
        env={"PATH": "/usr/bin:/bin", "HOME": str(folder), "GIT_PYTHON_REFRESH": "quiet"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def columns_of(rows: Path) -> dict[str, list[float]]:
    """A CSV file of numbers, by column."""
    with rows.open(newline="") as file:
        lines = list(csv.DictReader(file))
    return {name: [float(line[name]) for line in lines] for name in lines[0]}
