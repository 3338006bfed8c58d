"""Some cases run when they are asked for, as the whole crash matrix does.

``@pytest.mark.exhaustive`` marks what asks once more, in another way and on something slow, what another test asks; on
a class that inherits its tests it names those that are meant. ``DEPLOYER_TEST_EVERY_CASE=1`` runs them, too. They are
not among the tests that CI must have run.
"""

from __future__ import annotations

import os

import pytest

EVERY_CASE_VARIABLE = "DEPLOYER_TEST_EVERY_CASE"


def is_exhaustive(item: pytest.Item) -> bool:
    """Whether a test runs when it is asked for alone: each that is marked, or is named by its class's marker."""
    names = {item.name.partition("@")[0], getattr(item, "originalname", item.name)}
    return any(not marker.args or names & set(marker.args) for marker in item.iter_markers("exhaustive"))


@pytest.hookimpl(trylast=True)  # when all marks are there, and those that CI must have run are noted
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave them out."""
    if os.environ.get(EVERY_CASE_VARIABLE):
        return
    left_out = [item for item in items if is_exhaustive(item)]
    if left_out:
        items[:] = [item for item in items if not is_exhaustive(item)]
        config.hook.pytest_deselected(items=left_out)
