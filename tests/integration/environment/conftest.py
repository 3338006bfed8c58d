"""Fixtures: a package index on loopback, and a uv with a cache of its own."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

import pytest

from deployer.environment import EnvironmentRequest, PackageSources, Uv, host_platform
from deployer.model import parse_requirements
from tests.integration.environment.index import Index, serving
from tests.integration.environment.watching import Watched


@pytest.fixture
def index() -> Generator[Index, None, None]:
    with serving(Index()) as answering:
        yield answering


@pytest.fixture
def other() -> Generator[Index, None, None]:
    with serving(Index()) as answering:
        yield answering


@pytest.fixture
def uv(tmp_path: Path) -> Uv:
    return Uv.found(tmp_path / "cache" / "uv")


@pytest.fixture
def watched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Watched:
    return Watched(tmp_path, monkeypatch)


def request_of(
    *lines: str, sources: PackageSources, runtime: tuple[str, ...] = (), extra: tuple[str, ...] = ()
) -> EnvironmentRequest:
    """A request for the Python that runs the tests on this machine."""
    import sys

    return EnvironmentRequest(
        python=f"{sys.version_info[0]}.{sys.version_info[1]}",
        platform=host_platform(),
        requirements=parse_requirements(lines, where="model/requirements.txt:1", trust=sources.trust),
        runtime=parse_requirements(runtime, where="deployer"),
        extra=parse_requirements(extra, where="requirements.extra"),
        sources=sources,
    )
