"""The parts of the model's own MLflow that are used, found once. Importing this module imports nothing of it.

The names are those of ``utils/proto_json_utils``, which has kept them from MLflow 2.9 to 3.17 (2.9.2, 2.20.4 and 3.17.2
were tried). MLflow 1 has another scoring protocol and is not served.
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
    """Import and answer them; slow the first time (about a second), so not on the event loop.

    Raises:
        RuntimeError: The MLflow that is installed is older than 2.0, whose scoring protocol is another.
    """
    codes = import_module("mlflow.protos.databricks_pb2")
    forms = import_module("mlflow.utils.proto_json_utils")
    if not hasattr(forms, "dataframe_from_parsed_json"):
        raise RuntimeError(
            f"MLflow {mlflow_version()} in the model's environment is too old to be served: 2.0 is needed"
        )
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
