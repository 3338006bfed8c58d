"""MLflow's scoring protocol, the way in: the bytes of a request become what ``pyfunc.predict`` is called with.

The forms, their checks and their messages are those of MLflow 3.17's ``pyfunc/scoring_server``; the work on values is
done by the model's own MLflow (``utils/proto_json_utils``). What differs on purpose:

- a request without ``Content-Type`` is 415 (there: 500);
- messages never repeat the request's body (there: a body that is not JSON is sent back whole);
- a body that MLflow's parser fails on in a way that it does not foresee is 400 (there: 500, as text);
- parquet is understood whatever the model's MLflow (there: from 3.0 on).
"""

from __future__ import annotations

import inspect
import io
import json
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from .libraries import libraries

__all__ = ["CSV", "JSON", "PARQUET", "Call", "UnsupportedMediaType", "media_type", "parse"]

CSV = "text/csv"
JSON = "application/json"
PARQUET = "application/vnd.apache.parquet"
FORMS = ("dataframe_split", "dataframe_records", "instances", "inputs")
LLM_KEYS = ("messages", "prompt", "input")
ONE_FORM = (
    "The input must be a JSON dictionary with exactly one of the input fields"
    " {'dataframe_split', 'dataframe_records', 'instances', 'inputs'}"
)
CHANGED = (
    "IMPORTANT: The MLflow Model scoring protocol has changed in MLflow version 2.0. If you are"
    " seeing this error, you are likely using an outdated scoring request format. To resolve the"
    " error, either update your request format or adjust your MLflow Model's requirements file to"
    " specify an older version of MLflow (for example, change the 'mlflow' requirement specifier"
    " to 'mlflow==1.30.0'). If you are making a request using the MLflow client"
    " (e.g. via `mlflow.pyfunc.spark_udf()`), upgrade your MLflow client to a version >= 2.0 in"
    " order to use the new request format. For more information about the updated MLflow"
    " Model scoring protocol in MLflow 2.0, see"
    " https://mlflow.org/docs/latest/models.html#deploy-mlflow-models."
)


class UnsupportedMediaType(Exception):
    """The request's ``Content-Type`` is not one of the protocol's; answered with 415 and this text."""


@dataclass(frozen=True)
class Call:
    """What to call ``pyfunc.predict`` with.

    Attributes:
        data: The input.
        params: The parameters, as the request has them, or None.
        unwrapped: Whether the answer goes out as it is, without ``predictions`` around it (the forms of language
            models: ``messages``, ``prompt``, ``input``).
    """

    data: Any
    params: Any
    unwrapped: bool = False

    def ask(self, model: Any) -> Any:
        """Call ``predict``; models of an MLflow that knows no parameters (before 2.6) are asked without."""
        if _takes_params(model.__class__):
            return model.predict(self.data, params=self.params)
        return model.predict(self.data)


def media_type(content_type: str | None) -> str:
    """The media type of a ``Content-Type`` header.

    As MLflow has it, it is compared exactly and in lower case, and ``charset=utf-8`` is the only parameter.

    Raises:
        UnsupportedMediaType: With MLflow's text.
    """
    parts = [part.strip() for part in (content_type or "").split(";")]
    values = {key: value for key, _, value in (part.partition("=") for part in parts[1:])}
    if values.get("charset", "utf-8").lower() != "utf-8":
        raise UnsupportedMediaType("The scoring server only supports UTF-8")
    strange = sorted(set(values) - {"charset"})
    if strange:
        raise UnsupportedMediaType(f"Unrecognized content type parameters: {', '.join(strange)}. {CHANGED}")
    if parts[0] not in (CSV, JSON, PARQUET):
        raise UnsupportedMediaType(
            "This predictor only supports the following content types:"
            f" Types: {[CSV, JSON, PARQUET]}. Got '{content_type}'."
        )
    return parts[0]


def parse(content_type: str | None, body: bytes, metadata: Any, schema: Any) -> Call:
    """Parse a request.

    Args:
        content_type: Its ``Content-Type`` header.
        body: Its body.
        metadata: ``PyFuncModel.metadata``.
        schema: The input schema of the model's signature, or None.

    Raises:
        UnsupportedMediaType: The content type is not the protocol's.
        MlflowException: The body is not.
    """
    kind = media_type(content_type)
    try:
        if kind == JSON:
            return _json_call(body, metadata, schema)
        return Call(_csv(body, schema) if kind == CSV else _parquet(body), None)
    except libraries().error:
        raise
    except Exception as error:
        raise _invalid(f"The request cannot be read as {kind}. Error: '{error}'") from error


@lru_cache(maxsize=4)
def _takes_params(kind: type) -> bool:
    return "params" in inspect.signature(kind.predict).parameters  # type: ignore[attr-defined]


def _json_call(body: bytes, metadata: Any, schema: Any) -> Call:
    request = _json_object(body)
    params: Any
    if any(key in request for key in LLM_KEYS):
        data, params = _llm_parts(request, metadata)
        return Call(data, params, unwrapped=True)
    data = {key: value for key, value in request.items() if key in FORMS}
    params = request.get("params")
    by_type_hint = getattr(metadata, "_is_signature_from_type_hint", None)
    if by_type_hint is not None and by_type_hint():
        if "inputs" not in data:
            raise libraries().error.invalid_parameter_value(
                "Request payload must be a dictionary with 'inputs' key when "
                f"the model contains a valid type hint. Found keys in payload: {data.keys()}."
            )
        return Call(data["inputs"], params)
    return Call(_data(data, schema), params)


def _json_object(body: bytes) -> dict[str, Any]:
    try:
        request = json.loads(body)
    except (json.JSONDecodeError, RecursionError) as error:
        raise _invalid(f"Ensure that input is a valid JSON formatted string. Error: '{error!r}'") from error
    except UnicodeDecodeError as error:  # its repr holds the whole body
        raise _invalid(f"Ensure that input is a valid JSON formatted string. Error: '{error}'") from error
    if isinstance(request, dict):
        return request
    if isinstance(request, list):
        raise _invalid(f"{ONE_FORM}. Received a list.")
    raise _invalid(f"{ONE_FORM}. Received unexpected input type '{type(request)}.")


def _llm_parts(request: dict[str, Any], metadata: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    schema = metadata.get_params_schema() if hasattr(metadata, "get_params_schema") else None
    known = {param.name for param in schema.params} if schema else set()
    data = {key: value for key, value in request.items() if key not in known}
    return data, {key: value for key, value in request.items() if key in known}


def _data(data: dict[str, Any], schema: Any) -> Any:
    lent = libraries()
    if len(data) != 1:
        raise lent.error(
            f"{ONE_FORM}. Received dictionary with input fields: {list(data)}. {CHANGED}", error_code=lent.bad_request
        )
    (form,) = data
    if form in ("instances", "inputs"):
        return lent.from_tensors(data, schema=schema)
    return lent.from_frame(data[form], pandas_orient=form[len("dataframe_") :], schema=schema)


def _csv(body: bytes, schema: Any) -> Any:
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _invalid(f"Ensure that input is a valid UTF-8 encoded string. Error: '{error}'") from error
    try:
        if schema is None:
            return libraries().pandas.read_csv(io.StringIO(text))
        types = dict(zip(schema.input_names(), schema.pandas_types()))  # noqa: B905 - as MLflow does
        return libraries().pandas.read_csv(io.StringIO(text), dtype=types)
    except Exception as error:
        raise _no_frame("CSV-formatted", "to_csv", error) from error


def _parquet(body: bytes) -> Any:
    try:
        return libraries().pandas.read_parquet(io.BytesIO(body))
    except Exception as error:
        raise _no_frame("Parquet", "to_parquet", error) from error


def _no_frame(form: str, writer: str, error: Exception) -> Exception:
    lent = libraries()
    failure: Exception = lent.error(
        f"Failed to parse input as a Pandas DataFrame. Ensure that the input is a valid {form} Pandas DataFrame"
        f" produced using the `pandas.DataFrame.{writer}()` method. Error: '{error}'",
        error_code=lent.bad_request,
    )
    return failure


def _invalid(message: str) -> Exception:
    lent = libraries()
    failure: Exception = lent.error(f"Invalid input. {message}", error_code=lent.bad_request)
    return failure
