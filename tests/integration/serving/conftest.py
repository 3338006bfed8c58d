"""Fixtures: saved models, a copied-out runtime, and processes that end with the test."""

from __future__ import annotations

from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.serving import zoo
from tests.integration.serving.runtime import Runtime, copy_out

Start = Callable[..., Runtime]


@pytest.fixture(scope="session")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Answers the folder of a model of the zoo, saved the first time it is asked for."""
    root = tmp_path_factory.mktemp("zoo")
    done: dict[str, Path] = {}

    def model(name: str) -> Path:
        if name not in done:
            done[name] = zoo.save(name, root / f"of-{name}")
        return done[name]

    return model


@pytest.fixture(scope="session")
def code(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_out(tmp_path_factory.mktemp("runtime"))


def _starter(code: Path, folder: Callable[[], Path], started: list[Runtime]) -> Start:
    def start(
        model: Path | str, *options: str, port: bool = True, private: bool = False, **environment: str
    ) -> Runtime:
        place = folder()
        given: list[Any] = ["--host", "127.0.0.1", "--revision", "r0000001"]
        if port:
            given += ["--port", "0"]
        if private:
            given += ["--uds", str(place / "http"), "--control", str(place / "ctl")]
        runtime = Runtime(code, model, place, *given, *options, **environment)
        started.append(runtime)
        return runtime

    return start


@pytest.fixture
def start(code: Path, tmp_path: Path) -> Generator[Start, None, None]:
    """Starts a runtime that is killed with the test: ``start(model, *options, port=, private=, **environment)``."""
    started: list[Runtime] = []
    yield _starter(code, lambda: tmp_path / f"s{len(started)}", started)
    for runtime in started:
        runtime.kill()


@pytest.fixture(scope="session")
def shared(code: Path, tmp_path_factory: pytest.TempPathFactory) -> Generator[Start, None, None]:
    """The same for runtimes that several tests share."""
    started: list[Runtime] = []
    yield _starter(code, lambda: tmp_path_factory.mktemp("shared"), started)
    for runtime in started:
        runtime.kill()


@pytest.fixture(scope="session")
def linear(shared: Start, saved: Callable[[str], Path]) -> Runtime:
    """Serves ``linear`` on a port, a private socket and a control socket."""
    return shared(saved("linear"), "--max-body", "100000", private=True).ready()


@pytest.fixture(scope="session")
def outputs(shared: Start, saved: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Runtime:
    """Serves ``outputs`` with a secret."""
    secrets = tmp_path_factory.mktemp("secrets")
    (secrets / "API_TOKEN").write_text("tok-5e7a9c\n")
    return shared(saved("outputs"), "--secrets", str(secrets), "--timeout", "20").ready()
