"""A ready image (``image.use``), by the real command line: deployed, updated, taken back, and told why it fails."""

from __future__ import annotations

import pytest

from tests.integration.docker.ready import Ready
from tests.plugins.docker import Scope

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


def test_it_is_deployed_updated_and_taken_back(ready: Ready) -> None:
    made = ready.apply("one")
    assert made.code == 0, made.err
    first = ready.status()["revision"]
    assert ready.ask() == ("one 65532 None ['one'] x", first)
    assert "unchanged" in ready.apply("one").err
    updated = ready.apply("two")
    assert updated.code == 0, updated.err
    second = ready.status()["revision"]
    assert second != first
    assert ready.ask() == ("two 65532 None ['two'] x", second)
    back = ready.run("rollback", ready.name, "--yes")
    assert back.code == 0, back.err
    assert ready.ask() == ("one 65532 None ['one'] x", first)


@pytest.mark.exhaustive
def test_what_an_engine_that_was_killed_left_half_made_is_made_anew(ready: Ready, docker_scope: Scope) -> None:
    """It knows the container then, and not which address it was to have."""
    made = ready.apply("one")
    assert made.code == 0, made.err
    name = f"{ready.name}--{ready.status()['revision']}-1"
    engine = docker_scope.engine
    found = engine.ask("GET", f"/containers/{name}/json")
    engine.ask("DELETE", f"/containers/{name}?force=1")
    left = engine.ask("POST", f"/containers/create?name={name}", {**found["Config"], "HostConfig": found["HostConfig"]})
    again = ready.apply("one")
    assert again.code == 0, again.err
    assert engine.ask("GET", f"/containers/{name}/json")["Id"] != left["Id"]
    assert ready.ask()[0].startswith("one ")


def test_a_wrong_path_is_told_with_what_the_server_wrote(ready: Ready) -> None:
    made = ready.apply("one", ready="/nowhere")
    assert made.code == 6, made.err
    assert "(PROBE_TIMEOUT)" in made.err
    assert "GET /nowhere on port 9000" in made.err, made.err
    assert 'asked "GET /nowhere HTTP/1.1" 404' in made.err, made.err
    assert ready.run("status", ready.name).code == 3
