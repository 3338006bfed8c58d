"""The loaded model, answering the bytes of a request with the bytes of an answer."""

from __future__ import annotations

import gc
import json
import os
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .answers import Answer, NotWritable, encode, error_answer, mlflow_error, model_error, text_answer
from .failure import one_line
from .libraries import libraries
from .parity import difference, header_text
from .plain import plain_answer
from .protocol import JSON, UnsupportedMediaType, parse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["Scorer", "load", "packaged_example"]

EXAMPLE = "serving_input_example.json"


class Scorer:
    """A model that answers requests; safe to use from several threads as far as the model is.

    Args:
        model: A ``PyFuncModel``.
        tolerance: What a verification allows, see :func:`parity.difference`.
        redacted: Replaces known secrets in texts that are sent.
    """

    def __init__(self, model: Any, tolerance: float, redacted: Callable[[str], str] = str) -> None:
        self._model = model
        self._schema = model.metadata.get_input_schema()
        self._tolerance = tolerance
        self._redacted = redacted

    def answer(self, content_type: str | None, body: bytes, verify: bool = False) -> Answer:
        """Answer a request to ``/invocations``; never raises an ``Exception``.

        Args:
            content_type: The request's ``Content-Type``, None if it has none.
            body: The request's body.
            verify: Compare the answer with a plain pyfunc call's and say so in ``Deployer-Parity`` (``equal`` or
                ``differs``) and ``Deployer-Parity-Detail`` (the first difference). Answers that are no 200 are not
                compared.
        """
        lent = libraries()
        try:
            call = parse(content_type, body, self._model.metadata, self._schema)
        except UnsupportedMediaType as error:
            return text_answer(415, str(error))
        except lent.error as error:
            return mlflow_error(error, redacted=self._redacted)
        try:
            raw = call.ask(self._model)
        except lent.error as error:
            return mlflow_error(error, "Failed to predict data. \nError: ", self._redacted)
        except BaseException as error:  # SystemExit of model code is an answer too, not the server's end
            return model_error(error, self._redacted(one_line(error)))
        try:
            encoded = encode(raw, call.unwrapped)
        except NotWritable as error:
            message = self._redacted(f"The model's answer cannot be written as JSON: {error}")
            return error_answer(500, "INTERNAL_ERROR", message, cause=error)
        return Answer(200, encoded, headers=self._parity(content_type, body, encoded) if verify else ())

    def _parity(self, content_type: str | None, body: bytes, encoded: bytes) -> tuple[tuple[bytes, bytes], ...]:
        try:
            plain = plain_answer(self._model, content_type, body)
            found = difference(json.loads(encoded), plain, self._tolerance)
        except Exception as error:
            found = f"the plain pyfunc call raised {one_line(error)}"
        if found is None:
            return ((b"deployer-parity", b"equal"),)
        detail = header_text(self._redacted(found))
        return ((b"deployer-parity", b"differs"), (b"deployer-parity-detail", detail.encode("ascii")))


def load(folder: str, tolerance: float, redacted: Callable[[str], str]) -> Scorer:
    """Load a packaged model with its own MLflow.

    ``SERVING_MODEL_CONFIG`` and the mark of a serving environment are as in MLflow's own server.

    Raises:
        Exception: Whatever importing, loading or the model's own code raises.
    """
    options = {}
    if os.environ.get("SERVING_MODEL_CONFIG"):
        options["model_config"] = json.loads(os.environ["SERVING_MODEL_CONFIG"])
    with _no_collection():
        pyfunc = import_module("mlflow.pyfunc")
    model = pyfunc.load_model(folder, **options)
    os.environ["_MLFLOW_IS_IN_SERVING_ENVIRONMENT"] = "true"
    libraries()
    return Scorer(model, tolerance, redacted)


@contextmanager
def _no_collection() -> Iterator[None]:
    """Imports make a million objects and hardly a cycle: a tenth of their time would go into looking for some."""
    wanted = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if wanted:
            gc.enable()


def packaged_example(folder: str, file: str | None) -> tuple[str, bytes] | None:
    """The request to answer before being ready, as content type and body: of ``file``, else the model's own, else None.

    Raises:
        OSError: ``file`` cannot be read.
    """
    path = Path(file) if file else Path(folder, EXAMPLE)
    if file is None and not path.is_file():
        return None
    return JSON, path.read_bytes()
