"""Where ``mlflow-skinny`` is enough for a model that asks for ``mlflow``. Pure.

Full MLflow brings what a tracking server needs (Flask, SQLAlchemy, alembic, docker, graphene, matplotlib) and the
scientific packages that its flavors may want. To load a model and ask it, `mlflow.pyfunc` of the same version in
mlflow-skinny is the same code, and pandas and numpy are all that it misses. Tried for each loader in the table, with
models that full MLflow 2.22, 3.1 and 3.17 saved (tests/integration/environment/test_flavors.py). What is not in the
table, and every version that was not tried, keeps full MLflow.

MLflow brings scikit-learn, scipy, pyarrow and matplotlib along, so a model whose requirements were written by hand may
use them without naming them. A list that MLflow inferred names all that was imported; it shows by its pins.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from deployer.model.requirements import parse_requirements

if TYPE_CHECKING:
    from deployer.model.requirements import Requirement

__all__ = ["wants_full_mlflow", "with_skinny"]


@dataclass(frozen=True)
class _Loader:
    """What a loader's models must name.

    Args:
        packages: One of them is named.
        inferred: Whether the whole list must be one that MLflow inferred.
    """

    packages: frozenset[str]
    inferred: bool = True


_LOADERS = {
    "mlflow.sklearn": _Loader(frozenset({"scikit-learn"}), inferred=False),
    "mlflow.statsmodels": _Loader(frozenset({"statsmodels"}), inferred=False),
    "mlflow.xgboost": _Loader(frozenset({"xgboost", "xgboost-cpu"})),  # with scikit-learn or without
    "mlflow.lightgbm": _Loader(frozenset({"lightgbm"})),
    "mlflow.pyfunc.model": _Loader(frozenset({"cloudpickle"})),
}
_TRIED = ((2, 22), (3, 17))
"""The first and the last minor version that was tried; those between them are taken to be alike."""

_MISSED = ("numpy", "pandas<3")
"""What `mlflow.pyfunc` imports and mlflow-skinny does not require; MLflow up to 3.1 itself asks for pandas below 3."""

_SERVER_PARTS = re.compile(
    r"^\s*(?:import\s+mlflow\.(?:server|gateway|store|projects|recipes)\b"
    r"|from\s+mlflow\.(?:server|gateway|store|projects|recipes)\b"
    r"|from\s+mlflow\s+import\s+[^#\n]*\b(?:server|gateway|store|projects|recipes)\b)",
    re.MULTILINE,
)


def with_skinny(
    requirements: tuple[Requirement, ...], loader: str, *, extra: Iterable[Requirement] = (), code: Iterable[str] = ()
) -> tuple[Requirement, ...]:
    """The requirements with mlflow-skinny in the place of mlflow where that is enough; otherwise the same.

    Args:
        requirements: The model's own.
        loader: The module that loads it (``python_function.loader_module``), such as ``mlflow.sklearn``.
        extra: What the spec adds; naming mlflow there keeps it.
        code: The text of the Python files that the model brings along, as far as they are at hand.
    """
    known = _LOADERS.get(loader)
    names = {one.name for one in requirements}
    asked = [one for one in requirements if one.name == "mlflow"]
    if known is None or len(asked) != 1 or not _was_tried(asked[0]) or not names & known.packages:
        return requirements
    if any(one.name.startswith("mlflow") for one in extra) or any(map(wants_full_mlflow, code)):
        return requirements
    if known.inferred and not _is_inferred(requirements):
        return requirements
    skinny = replace(asked[0], name="mlflow-skinny", text=asked[0].text.replace("mlflow", "mlflow-skinny", 1))
    named = names | {one.name for one in extra}
    arrow = ("pyarrow",) if any(map(_keeps_text_in_arrow, requirements)) else ()
    missed = parse_requirements((*_MISSED, *arrow), where=asked[0].where)
    return (
        *(skinny if one is asked[0] else one for one in requirements),
        *(one for one in missed if one.name not in named),
    )


def _keeps_text_in_arrow(requirement: Requirement) -> bool:
    """Whether it is a pandas that keeps strings in Arrow's arrays where pyarrow is: a pickle of them needs it, too.

    MLflow brings pyarrow, and a list that it inferred does not name it. Source: pandas 3.0, what's new, "str" dtype.
    """
    return requirement.name == "pandas" and not re.match(r"[012]\.", requirement.pinned or "3.")


def wants_full_mlflow(code: str) -> bool:
    """Whether a Python file's text imports parts of MLflow that need more than mlflow-skinny requires."""
    return bool(_SERVER_PARTS.search(code))


def _was_tried(mlflow: Requirement) -> bool:
    found = re.match(r"(\d+)\.(\d+)\.", mlflow.pinned or "")
    plain = not (mlflow.extras or mlflow.wheel or mlflow.url or mlflow.hashes)
    return bool(found and plain and _TRIED[0] <= (int(found[1]), int(found[2])) <= _TRIED[1])


def _is_inferred(requirements: Iterable[Requirement]) -> bool:
    """Whether MLflow wrote the list: every line is pinned, and numpy, which each of these models imports, is there."""
    listed = tuple(requirements)
    return all(one.pinned for one in listed) and any(one.name == "numpy" for one in listed)
