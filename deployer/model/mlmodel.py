"""MLmodel, the file that makes a folder an MLflow model, read as data.

Source of the keys: MLflow 3.17.2, models/model.py (``Model.to_dict``) and pyfunc/__init__.py (``add_to_model``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from deployer.errors import SpecError
from deployer.model.documents import read_document
from deployer.model.filenames import check_name
from deployer.model.signature import Signature, parse_signature

__all__ = ["MLMODEL", "SERVING_EXAMPLE", "Flavor", "MLmodel", "parse_mlmodel"]

MLMODEL = "MLmodel"
SERVING_EXAMPLE = "serving_input_example.json"
"""How MLflow calls the example request beside a model (MLflow 3.17.2, models/utils)."""

_PYFUNC = "python_function"
_HINT = "log or save the model again with MLflow"
_PYFUNC_PATHS = ("data", "model_path", "python_model", "code", "model_code_path")
_FLAVOR_PATHS = ("pickled_model", "data", "model_path", "model_data")


@dataclass(frozen=True, slots=True)
class Flavor:
    """One flavor of a model.

    Args:
        name: MLflow's name, such as ``sklearn``.
        version: The version of its library that saved it, or None when MLmodel does not say.
    """

    name: str
    version: str | None = None

    def __str__(self) -> str:
        return f"{self.name} {self.version}" if self.version else self.name


@dataclass(frozen=True)
class MLmodel:
    """What MLmodel says.

    Args:
        flavors: Without ``python_function``, in MLmodel's order.
        loader: The module that loads it (``python_function.loader_module``).
        python: The full Python version that saved it, or None.
        mlflow_version: The MLflow that saved it, or None.
        signature: Inputs, outputs and params, or None.
        example_path: The request that MLflow saved as an example, relative to the model; None without one.
        model_id: MLflow 3's ``m-...``, or None.
        size: Bytes, as MLflow counted them, or None.
        named: Paths inside the model that must exist for it to load, with the key that names each.
    """

    flavors: tuple[Flavor, ...]
    loader: str
    python: str | None
    mlflow_version: str | None
    signature: Signature | None
    example_path: str | None
    model_id: str | None
    size: int | None
    named: Mapping[str, str]


def parse_mlmodel(text: str, *, where: str) -> MLmodel:
    """Reads MLmodel.

    Raises:
        SpecError: It is damaged, has no ``python_function`` flavor, or names a path outside the model.
    """
    document = read_document(text, where=where)
    flavors = document.get("flavors")
    if not isinstance(flavors, Mapping) or not flavors:
        raise SpecError("the model has no flavors", where=where, hint=_HINT)
    pyfunc = flavors.get(_PYFUNC)
    if not isinstance(pyfunc, Mapping):
        raise SpecError(
            f"the model has no {_PYFUNC} flavor, which serving needs; it has: {', '.join(sorted(map(str, flavors)))}",
            where=where,
            hint="log it with a flavor of MLflow that adds python_function, or wrap it with mlflow.pyfunc.log_model",
        )
    loader = pyfunc.get("loader_module")
    if not isinstance(loader, str) or not loader:
        raise SpecError(f"{_PYFUNC} names no loader_module", where=where, hint=_HINT)
    example = document.get("saved_input_example_info")
    size = document.get("model_size_bytes")
    named = dict(_named(flavors, where))
    example = example if isinstance(example, Mapping) else {}
    _path(example.get("artifact_path"), where)  # not read here; whoever asks MLflow for the example opens it
    example_path = _path(example.get("serving_input_path"), where)
    return MLmodel(
        flavors=tuple(_flavor(name, value) for name, value in flavors.items() if name != _PYFUNC),
        loader=loader,
        python=_version(pyfunc.get("python_version"), where),
        mlflow_version=_text(document.get("mlflow_version")),
        signature=parse_signature(document.get("signature"), where=where),
        example_path=example_path,
        model_id=_text(document.get("model_id")),
        size=size if isinstance(size, int) and not isinstance(size, bool) and size >= 0 else None,
        named=named,
    )


def _flavor(name: object, value: object) -> Flavor:
    if not isinstance(value, Mapping):
        return Flavor(str(name))
    short = str(name).replace("-", "_")
    keys = (f"{short}_version", "version", *(key for key in value if str(key).endswith("_version")))
    version = next((value[key] for key in keys if key in value and isinstance(value[key], str | int | float)), None)
    return Flavor(str(name), None if version is None else str(version))


def _named(flavors: Mapping[str, object], where: str) -> Iterator[tuple[str, str]]:
    """(path, key) for each file or folder that loading will open."""
    for name, value in flavors.items():
        if not isinstance(value, Mapping):
            continue
        for key in _PYFUNC_PATHS if name == _PYFUNC else _FLAVOR_PATHS:
            path = _path(value.get(key), where)
            if path:
                yield path, f"{name}.{key}"
    pyfunc = flavors.get(_PYFUNC)
    artifacts = pyfunc.get("artifacts") if isinstance(pyfunc, Mapping) else None
    for name, value in artifacts.items() if isinstance(artifacts, Mapping) else ():
        path = _path(value.get("path"), where) if isinstance(value, Mapping) else None
        if path:
            yield path, f"{_PYFUNC}.artifacts.{name}"


def _path(value: object, where: str) -> str | None:
    if not isinstance(value, str) or not value or value == ".":
        return None
    path = value.replace("\\", "/").rstrip("/").removeprefix("./")  # MLflow on Windows wrote backslashes
    check_name(path, where=where)
    return path


def _version(value: object, where: str) -> str | None:
    if value is None:
        return None
    text = "3.10" if value == 3.1 else str(value)  # unquoted, YAML reads 3.10 as the number 3.1
    if not re.fullmatch(r"3\.\d+(\.\d+)?([abrc+.]\w*)*", text):
        raise SpecError(f"python_version is {text!r}, which is no Python version", where=where, hint=_HINT)
    return text


def _text(value: object) -> str | None:
    return None if value is None else str(value)
