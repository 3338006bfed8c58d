"""What a packaged model says about itself, without its weights: flavors, signature, Python, requirements."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from deployer.errors import SpecError
from deployer.model.dependencies import CONDA, PYTHON_ENV, REQUIREMENTS, Dependencies, read_dependencies
from deployer.model.documents import read_bounded
from deployer.model.mlmodel import MLMODEL, SERVING_EXAMPLE, Flavor, MLmodel, parse_mlmodel
from deployer.model.requirements import RawRequirement, requirements_digest
from deployer.model.tree import files_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from deployer.model.signature import Signature

__all__ = ["DESCRIPTION_FILES", "PackagedModel", "describe", "describe_folder", "is_listed"]

DESCRIPTION_FILES = (MLMODEL, REQUIREMENTS, PYTHON_ENV, CONDA)
"""The files that `PackagedModel` is made of."""


@dataclass(frozen=True)
class PackagedModel:
    """A model as its files describe it.

    Args:
        flavors: Library flavors with versions, ``python_function`` left out.
        loader: The module that loads it.
        python: The Python minor that it needs, such as ``3.11``.
        python_full: The Python that saved it, such as ``3.11.7``.
        mlflow_version: The MLflow that saved it, or None.
        signature: Inputs, outputs and params, or None.
        example_path: The saved example request (a body for /invocations), relative to the model, or None.
        requirements: Raw requirement lines with their places; `deployer.model.parse_requirements` judges them.
        requirements_digest: SHA-256 in hex over those lines and the Python minor.
        model_id: MLflow 3's ``m-...``, or None.
        size: Bytes, counted here for a folder, as MLflow counted them otherwise; None when nobody did.
        conda_only: Conda packages that pip does not list, though a requirements file is there: worth a warning.
        example: The example request itself, when it was asked for.
    """

    flavors: tuple[Flavor, ...]
    loader: str
    python: str
    python_full: str
    mlflow_version: str | None
    signature: Signature | None
    example_path: str | None
    requirements: tuple[RawRequirement, ...]
    requirements_digest: str
    model_id: str | None
    size: int | None
    conda_only: tuple[str, ...] = ()
    example: bytes | None = field(default=None, repr=False)

    @property
    def summary(self) -> str:
        """One line for people: ``sklearn, python 3.11, 5 requirements, 4 columns -> 1 long``."""
        flavor = ", ".join(found.name for found in self.flavors) or "pyfunc"
        count = len(self.requirements)
        wanted = f"{count} requirement" if count == 1 else f"{count} requirements"
        shape = self.signature.summary if self.signature else "no signature"
        return f"{flavor}, python {self.python}, {wanted}, {shape}"


def describe_folder(root: Path, *, example: bool = False) -> PackagedModel:
    """Reads a model's description where it lies.

    Raises:
        NotFound: There is no such folder.
        SpecError: It is not a model, a damaged one, or one that holds what may not ship.
    """
    entries = files_of(root)
    paths = [entry.path for entry in entries]
    return describe(
        root,
        root=str(root),
        present={path.partition("/")[0] for path in paths},
        exists=lambda named: is_listed(named, paths),
        size=sum(entry.size for entry in entries),
        example=example,
    )


def is_listed(named: str, paths: Iterable[str]) -> bool:
    """Whether ``named`` is a file, a folder, or what several files' names start with (Paddle saves ``model.*``)."""
    return any(path == named or path.startswith((f"{named}/", f"{named}.")) for path in paths)


def describe(
    folder: Path,
    *,
    root: str,
    present: Iterable[str],
    exists: Callable[[str], bool],
    size: int | None = None,
    example: bool = False,
) -> PackagedModel:
    """Makes a model's description from its small files.

    Args:
        folder: Where the files of `DESCRIPTION_FILES` that the model has lie.
        root: How errors name the model.
        present: The names at the model's root.
        exists: Whether the model has a file or folder that MLmodel names.
        size: Bytes of the model, when they were counted.
        example: Whether to read the example request too.

    Raises:
        SpecError: It is not a model, or a damaged one: the error says what and where.
    """

    def where(name: str) -> str:
        return f"{root.rstrip('/')}/{name}"

    names = set(present)
    if MLMODEL not in names:
        raise SpecError("not a packaged MLflow model: it has no MLmodel file", where=root, hint=_what_is_there(names))
    said = parse_mlmodel(read_bounded(folder / MLMODEL, where=where(MLMODEL)), where=where(MLMODEL))
    _check_named(said, exists, where(MLMODEL))

    def read(name: str) -> str | None:
        return read_bounded(folder / name, where=where(name)) if name in names else None

    asked = read_dependencies(read, where)
    python = said.python or asked.python
    return PackagedModel(
        flavors=said.flavors,
        loader=said.loader,
        python=_minor(python, where(MLMODEL)),
        python_full=str(python),
        mlflow_version=said.mlflow_version,
        signature=said.signature,
        example_path=_example_path(said, names),
        requirements=asked.lines,
        requirements_digest=_digest(asked, _minor(python, where(MLMODEL))),
        model_id=said.model_id,
        size=said.size if size is None else size,
        conda_only=asked.conda_only,
        example=_example(folder, _example_path(said, names), where) if example else None,
    )


def _what_is_there(names: set[str]) -> str:
    shown = ", ".join(sorted(ascii(name)[1:-1] for name in names)[:6])
    return f"name the folder that holds MLmodel; this one holds {shown or 'nothing'}"


def _check_named(said: MLmodel, exists: Callable[[str], bool], where: str) -> None:
    paths = dict(said.named)
    if said.example_path:
        paths.setdefault(said.example_path, "saved_input_example_info.serving_input_path")
    for path, key in paths.items():
        if not exists(path):
            raise SpecError(
                f"the model is incomplete: {path!a}, which {key} names, is missing",
                where=where,
                hint="copy or log the whole model folder again",
            )


def _minor(python: str | None, where: str) -> str:
    match = re.match(r"3\.\d+", python or "")
    if not match:
        raise SpecError(
            "the model does not say which Python it needs: python_function.python_version is missing",
            where=where,
            hint="log or save the model again with MLflow",
        )
    return match[0]


def _digest(asked: Dependencies, python: str) -> str:
    return requirements_digest((RawRequirement(f"python {python}", ""), *asked.lines))


def _example_path(said: MLmodel, names: Iterable[str]) -> str | None:
    """The example that MLmodel names, else the file of MLflow's name for it, which the serving runtime answers too."""
    return said.example_path or (SERVING_EXAMPLE if SERVING_EXAMPLE in names else None)


def _example(folder: Path, path: str | None, where: Callable[[str], str]) -> bytes | None:
    return None if path is None else read_bounded(folder / path, where=where(path)).encode()
