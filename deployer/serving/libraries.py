"""The parts of the model's own MLflow that are used, found once. Importing this module imports nothing of it.

The names are those of MLflow 2.20 to 3.17, whose ``utils/proto_json_utils`` has kept them all that time.
``pyfunc.scoring_server`` is not used for parsing: in MLflow 2 importing it needs Flask, which mlflow-skinny has not.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module, metadata
from typing import Any

__all__ = ["Libraries", "libraries", "mlflow_version"]


@dataclass(frozen=True)
class Libraries:
    """What MLflow, pandas and protobuf lend.

    Attributes:
        error: ``MlflowException``.
        bad_request: The error code of a request that is not understood.
        internal: The error code of a failure of ours or the model's.
        invalid: The error code of a value that does not fit.
        from_frame: ``dataframe_from_parsed_json(value, pandas_orient, schema)``.
        from_tensors: ``parse_tf_serving_input(value, schema)``.
        jsonable: ``_get_jsonable_obj(answer)``.
        encoder: ``NumpyEncoder``.
        pandas: The module.
    """

    error: Any
    bad_request: int
    internal: int
    invalid: int
    from_frame: Any
    from_tensors: Any
    jsonable: Any
    encoder: Any
    pandas: Any


@lru_cache(maxsize=1)
def libraries() -> Libraries:
    """Import and answer them; slow the first time (about a second), so not on the event loop."""
    codes = import_module("mlflow.protos.databricks_pb2")
    forms = import_module("mlflow.utils.proto_json_utils")
    return Libraries(
        error=import_module("mlflow.exceptions").MlflowException,
        bad_request=codes.BAD_REQUEST,
        internal=codes.INTERNAL_ERROR,
        invalid=codes.INVALID_PARAMETER_VALUE,
        from_frame=forms.dataframe_from_parsed_json,
        from_tensors=forms.parse_tf_serving_input,
        jsonable=forms._get_jsonable_obj,  # noqa: SLF001 - there is no public one
        encoder=forms.NumpyEncoder,
        pandas=import_module("pandas"),
    )


@lru_cache(maxsize=1)
def mlflow_version() -> str:
    """The version of the MLflow that is installed, read without importing it; ``unknown`` if there is none."""
    for name in ("mlflow", "mlflow-skinny"):
        with suppress(metadata.PackageNotFoundError):
            return metadata.version(name)
    return "unknown"
