"""A container that somebody started by hand, by the real command line: told, taken over as it runs, updated."""

from __future__ import annotations

import json
import subprocess
import urllib.request
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.e2e.commandline import written

if TYPE_CHECKING:
    from tests.integration.docker.ready import Ready

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

ROUTES = "config.routes={port: 9000, ready: /health, invocations: /v1/answer}"


def docker(*words: str) -> str:
    return subprocess.run(["docker", *words], capture_output=True, text=True, check=True).stdout.strip()


@pytest.fixture
def theirs(ready: Ready) -> Iterator[Ready]:
    """A container of the endpoint's name, with a port of its own."""
    docker(
        "run", "-d", "--name", ready.name, "-p", "127.0.0.1::9000", "--memory", "256m", "--env", "GREETING=hello",
        "--env", "API_TOKEN=abcdefghijklmnop", ready.images["one"], "one", "--api-key", "letmein-letmein",
    )  # fmt: skip
    yield ready
    subprocess.run(["docker", "rm", "-f", ready.name], capture_output=True, check=False)


def started(name: str) -> list[str]:
    return docker("inspect", "-f", "{{.Id}} {{.State.StartedAt}} {{.State.Pid}}", name).split()


def own_answer(name: str) -> str:
    """What it answers at the port that it was started with."""
    port = docker("port", name, "9000/tcp").rpartition(":")[2]
    asked = urllib.request.Request(f"http://127.0.0.1:{port}/v1/answer", b"x")
    with urllib.request.urlopen(asked, timeout=20) as answer:
        return str(answer.read().decode())


def test_it_is_told_taken_over_and_updated(theirs: Ready) -> None:
    name, before = theirs.name, started(theirs.name)
    listed = theirs.run("list", "--all")
    assert name in listed.out
    told = theirs.run("import", name)
    assert told.code == 0, told.err
    assert f"use: {theirs.images['one']}" in told.out
    assert "GREETING: hello" in told.out
    assert "abcdefghijklmnop" not in told.out + told.err
    assert "letmein" not in told.out + told.err
    assert "config.command is not told" in told.out
    assert "env.API_TOKEN is not told" in told.out
    assert "config.routes is not told" in told.out
    file = written(told, theirs.folder / "theirs.yaml")

    missing = theirs.run("apply", "-f", file, "--adopt")
    assert (missing.code, "where is the ready image's server asked?" in missing.err) == (2, True)
    wish = ("-f", file, "--set", ROUTES, "--set", "health.request=question.json", "--set", "health.consecutive=2")
    taken = theirs.run("apply", *wish, "--adopt", "-o", "json")
    assert taken.code == 0, taken.err
    assert json.loads(taken.out)["ending"] == "adopted"
    first = theirs.status()
    assert (first["phase"], first["managed"]) == ("healthy", True)
    assert theirs.ask()[1] == first["revision"]
    assert theirs.ask()[0].startswith("one 0 ")
    assert started(name) == before
    assert own_answer(name).startswith("one")
    assert theirs.run("apply", *wish, "--adopt").told == f"{name} is unchanged: revision R1 is healthy (N s)."

    updated = theirs.run("apply", *wish, "--set", f"image.use={theirs.images['two']}", "--yes")
    assert updated.code == 0, updated.err
    assert theirs.ask()[0].startswith("two 65532 ")
    assert docker("ps", "-aq", "--filter", f"name=^{name}$") == ""
    assert docker("volume", "ls", "-q", "--filter", f"name={name}--adopted") == ""

    back = theirs.run("rollback", name, "--yes")
    assert back.code == 0, back.err
    assert theirs.ask() == ("one 65532 None ['one'] x", first["revision"])
    assert [each["verb"] for each in json.loads(theirs.run("history", name, "-o", "json").out)["history"]] == [
        "rollback", "apply", "adopt",
    ]  # fmt: skip


def test_deleted_it_is_gone_with_all_that_was_made(theirs: Ready) -> None:
    file = written(theirs.run("import", theirs.name), theirs.folder / "theirs.yaml")
    wish = ("-f", file, "--set", ROUTES, "--set", "health.request=question.json")
    refused = theirs.run("delete", theirs.name, "--yes")
    assert (refused.code, "deployer did not make" in refused.err) == (4, True), refused.err
    port = docker("port", theirs.name, "9000/tcp").rpartition(":")[2]
    taken = theirs.run("apply", *wish, "--set", f"config.port={port}", "--adopt")
    assert (taken.code, f"port {port} is the container's own" in taken.err) == (4, True), taken.err
    assert docker("volume", "ls", "-q", "--filter", f"name={theirs.name}--") == ""
    assert theirs.run("apply", *wish, "--adopt").code == 0
    deleted = theirs.run("delete", theirs.name, "--yes")
    assert deleted.code == 0, deleted.err
    for what in (("ps", "-aq"), ("volume", "ls", "-q"), ("network", "ls", "-q")):
        assert docker(*what, "--filter", f"name={theirs.name}") == ""


def test_one_that_cannot_join_a_network_is_refused_in_a_sentence(ready: Ready) -> None:
    docker("create", "--name", ready.name, "--network", "host", ready.images["one"])
    try:
        told = ready.run("import", ready.name)
        assert (told.code, "--network host" in told.err) == (4, True), told.err
    finally:
        docker("rm", "-f", ready.name)
