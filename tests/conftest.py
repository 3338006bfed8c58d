"""What every test stands on: a home of its own, no network, no process left behind, nothing skipped that CI needs."""

from __future__ import annotations

pytest_plugins = ["tests.plugins.isolation", "tests.plugins.processes", "tests.plugins.required"]
