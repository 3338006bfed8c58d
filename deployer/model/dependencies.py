"""The Python packages that a packaged model asks for, from whichever of its three files says so.

MLflow writes requirements.txt, python_env.yaml and conda.yaml beside MLmodel (MLflow 3.17.2, utils/environment.py).
requirements.txt leads, as in MLflow's own virtualenv; then the list of python_env.yaml; then the pip section of
conda.yaml, for models that have nothing else.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from deployer.errors import SpecError
from deployer.model.documents import read_document
from deployer.model.requirements import RawRequirement, read_lines

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["CONDA", "PYTHON_ENV", "REQUIREMENTS", "Dependencies", "read_dependencies"]

REQUIREMENTS = "requirements.txt"
PYTHON_ENV = "python_env.yaml"
CONDA = "conda.yaml"

_NOT_PACKAGES = frozenset({"python", "pip", "setuptools", "wheel"})
_SPLIT = re.compile(r"[\s=<>!~;\[]")


@dataclass(frozen=True, slots=True)
class Dependencies:
    """What a model asks for.

    Args:
        lines: Requirement lines with their places, not yet judged.
        python: The full Python version that python_env.yaml or conda.yaml names, or None.
        conda_only: Conda packages that no pip requirement lists. Empty unless there is a requirements file: without
            one they are an error.
    """

    lines: tuple[RawRequirement, ...]
    python: str | None
    conda_only: tuple[str, ...] = ()


def read_dependencies(read: Callable[[str], str | None], where: Callable[[str], str]) -> Dependencies:
    """Reads a model's requirements.

    Args:
        read: The text of one of the three files, or None when the model does not have it.
        where: How an error names one of the files.

    Raises:
        SpecError: A file is damaged, none is there, or conda packages are named that pip does not list.
    """
    pip, env, conda = read(REQUIREMENTS), read(PYTHON_ENV), read(CONDA)
    env_python, env_lines = _python_env(env, where(PYTHON_ENV)) if env is not None else (None, None)
    conda_python, conda_lines, packages = _conda(conda, where(CONDA)) if conda is not None else (None, (), ())
    python = env_python or conda_python
    if pip is not None:
        lines = read_lines(pip, where(REQUIREMENTS))
    elif env_lines is not None:
        lines = env_lines
    elif conda is not None:
        _refuse_conda_only(_unlisted(packages, conda_lines), where(CONDA))
        return Dependencies(conda_lines, python)
    else:
        raise SpecError(
            f"the model says nothing about its packages: neither {REQUIREMENTS} nor {PYTHON_ENV} nor {CONDA} is there",
            where=where(REQUIREMENTS),
            hint="log or save the model again with MLflow, which writes all three",
        )
    return Dependencies(lines, python, _unlisted(packages, lines))


def _python_env(text: str, where: str) -> tuple[str | None, tuple[RawRequirement, ...] | None]:
    """Python's version, and the dependencies unless they are left to requirements.txt."""
    document = read_document(text, where=where)
    python, dependencies = document.get("python"), document.get("dependencies")
    lines = tuple(RawRequirement(item, where) for item in _strings(dependencies, "dependencies", where))
    named = tuple(line for line in lines if not re.fullmatch(rf"-r\s+{re.escape(REQUIREMENTS)}", line.text))
    return _python_text(python), named if len(named) == len(lines) and lines else None


def _conda(text: str, where: str) -> tuple[str | None, tuple[RawRequirement, ...], tuple[str, ...]]:
    """Python's version, the pip section, and the names of the other packages."""
    dependencies = read_document(text, where=where).get("dependencies") or []
    if not isinstance(dependencies, list):
        raise SpecError("dependencies is not a list", where=where, hint="log the model again with its conda_env")
    numbers = _pip_lines(text)
    python, names = None, []
    lines: list[RawRequirement] = []
    for item in dependencies:
        if isinstance(item, dict):
            pip = _strings(item.get("pip"), "pip", where)
            lines += [RawRequirement(line, f"{where}:{numbers[line]}" if line in numbers else where) for line in pip]
        elif isinstance(item, str):
            name = _SPLIT.split(item.rpartition("::")[2].strip(), maxsplit=1)[0].lower()
            names.append(name)
            version = re.search(r"=+\s*(3\.\d+(?:\.\d+)?)", item)
            python = version[1] if name == "python" and version else python
    return python, tuple(lines), tuple(names)


def _pip_lines(text: str) -> dict[str, int]:
    """Line numbers of the plain items of a YAML list, so that an error can name them."""
    items = (line.strip() for line in text.splitlines())
    return {item[2:].strip(" '\""): number for number, item in enumerate(items, start=1) if item.startswith("- ")}


def _strings(value: object, key: str, where: str) -> list[str]:
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise SpecError(f"{key} is not a list of requirements", where=where, hint="log the model again with MLflow")
    return [item.strip() for item in value if item.strip()]


def _python_text(value: object) -> str | None:
    if value is None:
        return None
    return "3.10" if value == 3.1 else str(value)


def _unlisted(packages: tuple[str, ...], lines: tuple[RawRequirement, ...]) -> tuple[str, ...]:
    listed = {_canonical(_SPLIT.split(line.text, maxsplit=1)[0]) for line in lines}
    return tuple(sorted({name for name in packages if name not in _NOT_PACKAGES and _canonical(name) not in listed}))


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _refuse_conda_only(names: tuple[str, ...], where: str) -> None:
    if names:
        raise SpecError(
            f"the model takes {', '.join(names)} from conda, and its pip section does not list "
            f"{'it' if len(names) == 1 else 'them'}",
            where=where,
            hint="name the same as Python packages: --set requirements.extra="
            + ",".join(names)
            + "; what no wheel has belongs into image.packages",
        )
