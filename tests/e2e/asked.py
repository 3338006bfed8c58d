"""Run with a model's own interpreter: what ``mlflow.pyfunc`` answers in that very process, as JSON.

    python asked.py MODEL REQUEST.json

A request has ``columns`` (name -> values) or ``tensor`` and ``dtype``, and may have ``params``.
"""

from __future__ import annotations

import json
import sys
import warnings
from importlib import import_module
from pathlib import Path
from typing import Any

warnings.filterwarnings("ignore")

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402


def plain(answer: Any) -> Any:
    """Tables as records, everything else as the lists and scalars that JSON has."""
    if isinstance(answer, pd.DataFrame):
        return answer.to_dict(orient="records")
    if isinstance(answer, (pd.Series, np.ndarray)):
        return answer.tolist()
    return answer


def main(model: str, request: str) -> None:
    """Load, ask, print."""
    pyfunc: Any = import_module("mlflow.pyfunc")
    asked = json.loads(Path(request).read_text())
    tensor = "tensor" in asked
    data: Any = np.array(asked["tensor"], dtype=asked["dtype"]) if tensor else pd.DataFrame(asked["columns"])
    params = {"params": asked["params"]} if asked.get("params") else {}
    print(json.dumps(plain(pyfunc.load_model(model).predict(data, **params))))


if __name__ == "__main__":
    main(*sys.argv[1:])
