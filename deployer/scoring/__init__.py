"""The client side of MLflow's scoring protocol: files and frames in, predictions out.

Needs no pandas for CSV, JSON and NDJSON. Nothing is retried here, and no number is rounded on its way.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from deployer.scoring.frame import predict_data, predict_frame
from deployer.scoring.predict import Summary, predict_file, send_file
from deployer.scoring.source import Form
from deployer.scoring.wire import LIMIT, Answer, Sender

__all__ = [
    "LIMIT",
    "Answer",
    "Form",
    "Sender",
    "Summary",
    "column_types",
    "predict_data",
    "predict_file",
    "predict_frame",
    "send_file",
]


def column_types(inputs: str | Sequence[Mapping[str, Any]] | None) -> dict[str, str]:
    """The types of the named columns of a signature's ``inputs``, as an MLmodel file has them; empty for tensors."""
    found = json.loads(inputs) if isinstance(inputs, str) else inputs
    return {
        str(each["name"]): str(each["type"])
        for each in found or ()
        if "name" in each and isinstance(each.get("type"), str) and "tensor-spec" not in each
    }
