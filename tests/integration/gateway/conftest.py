"""Fixtures: replicas, and a gateway before them; without HAProxy the tests are skipped."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.gateway.replica import Replicas
from tests.integration.gateway.running import Running


@pytest.fixture(scope="session")
def haproxy() -> None:
    if shutil.which("haproxy") is None:
        pytest.skip("no haproxy on this machine (Debian: apt-get install haproxy)")


@pytest.fixture
def replicas(haproxy: None) -> Iterator[Replicas]:
    replicas = Replicas()
    yield replicas
    replicas.close()


@pytest.fixture
def make_gateway(haproxy: None, tmp_path: Path) -> Iterator[Callable[..., Running]]:
    made: list[Running] = []

    def make(**options: Any) -> Running:
        folder = tmp_path / str(len(made))
        folder.mkdir()
        made.append(Running(folder, **options))
        return made[-1]

    yield make
    for gateway in made:
        gateway.close()


@pytest.fixture
def gateway(make_gateway: Callable[..., Running]) -> Running:
    return make_gateway()
