"""Marks the tests that let endpoints live on a double of a cloud: they take most of the unit tests' time.

CI leaves them out where it runs the unit tests once more, as another user and on another Python.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

_FIXTURES = frozenset({"double", "driver", "kept_double", "living_on", "new_driver", "new_place", "parts", "place"})
_FOLDERS = (
    "tests/unit/sagemaker/",
    "tests/unit/azureml/",
    "tests/unit/testing/sagemaker/",
    "tests/unit/testing/azureml/",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark them ``double``, by the fixtures that they use."""
    for item in items:
        fixtures = set(getattr(item, "fixturenames", ()))
        if item.nodeid.startswith(_FOLDERS) and fixtures & _FIXTURES:
            item.add_marker("double")
