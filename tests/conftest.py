"""What every test stands on: a home of its own, no network, no process left behind, nothing skipped that CI needs."""

from __future__ import annotations

import os

from hypothesis import settings

# Nothing is written into the checkout, and a slow machine is no failure.
examples = int(os.environ.get("DEPLOYER_TEST_EXAMPLES", "100"))
settings.register_profile("deployer", database=None, deadline=None, derandomize=False, max_examples=examples)
settings.load_profile("deployer")

pytest_plugins = [
    "tests.plugins.isolation",  # before those that import it
    "tests.plugins.aws",
    "tests.plugins.azure",
    "tests.plugins.cases",
    "tests.plugins.docker",
    "tests.plugins.cluster",
    "tests.plugins.doubles",
    "tests.plugins.processes",
    "tests.plugins.required",
    "tests.plugins.tracking",
]
