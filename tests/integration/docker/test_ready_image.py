"""A ready image (``image.use``), by the real command line: deployed, updated, taken back, and told why it fails."""

from __future__ import annotations

import pytest

from tests.integration.docker.ready import Ready

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


def test_a_wrong_path_is_told_with_what_the_server_wrote(ready: Ready) -> None:
    made = ready.apply("one", ready="/nowhere")
    assert made.code == 6, made.err
    assert "(PROBE_TIMEOUT)" in made.err
    assert "GET /nowhere on port 9000" in made.err, made.err
    assert 'asked "GET /nowhere HTTP/1.1" 404' in made.err, made.err
    assert ready.run("status", ready.name).code == 3
