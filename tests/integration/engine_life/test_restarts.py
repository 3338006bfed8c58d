"""The engine stops, dies or loses its power: endpoints come back by themselves, and commands say why."""

from __future__ import annotations

import json
import subprocess
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.e2e.commandline import DEPLOYER, Done, environment
from tests.e2e.local_home import eventually
from tests.engine.private import PrivateEngine
from tests.integration.docker.ready import Ready

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300), pytest.mark.xdist_group("engine-life")]


def _stopped(engine: PrivateEngine) -> None:
    engine.stop()
    engine.start()


def _killed(engine: PrivateEngine) -> None:
    engine.kill()
    engine.start()


FATES: dict[str, Callable[[PrivateEngine], None]] = {
    "stopped and started": _stopped,
    "killed and started": _killed,
    "power lost and back": PrivateEngine.reboot,
}


def answer_at(url: str) -> tuple[str, str | None] | None:
    """What is answered there and by which revision; None while nobody does."""
    asked = urllib.request.Request(f"{url}/invocations", b"x")
    try:
        with urllib.request.urlopen(asked, timeout=5) as answer:
            return answer.read().decode(), answer.headers["Deployer-Revision"]
    except OSError:
        return None


def lasting(status: dict[str, Any]) -> dict[str, Any]:
    """What of a status must not change when the engine is started anew."""
    assert status["phase"] == "healthy", status
    revisions = [(each["id"], each["phase"], each.get("share"), each.get("ready")) for each in status["revisions"]]
    return {**{key: status[key] for key in ("name", "url", "revision")}, "revisions": revisions}


@pytest.mark.exhaustive(
    "test_an_endpoint_comes_back_by_itself[stopped and started]",
    "test_an_endpoint_comes_back_by_itself[killed and started]",
)
@pytest.mark.parametrize("fate", [*FATES])
def test_an_endpoint_comes_back_by_itself(engine: PrivateEngine, ready: Ready, fate: str) -> None:
    for version in ("one", "two"):
        made = ready.apply(version)
        assert made.code == 0, made.err
    before, answer = ready.status(), ready.ask()
    FATES[fate](engine)
    eventually(lambda: answer_at(before["url"]) == answer, "the endpoint answers again as it did", 60)
    assert lasting(ready.status()) == lasting(before)
    again = ready.apply("two")
    assert (again.code, "unchanged" in again.err) == (0, True), again.err
    back = ready.run("rollback", ready.name, "--yes")
    assert back.code == 0, back.err
    assert ready.ask()[0].startswith("one ")


def test_commands_say_that_the_engine_does_not_answer_and_nothing_is_lost(engine: PrivateEngine, ready: Ready) -> None:
    assert ready.apply("one").code == 0
    before = ready.status()
    engine.stop()
    commands: list[Callable[[], Done]] = [
        lambda: ready.run("status", ready.name),
        lambda: ready.run("predict", ready.name, "-i", "question.json"),
        lambda: ready.apply("two"),
        lambda: ready.run("rollback", ready.name, "--yes"),
        lambda: ready.run("delete", ready.name, "--yes"),
        lambda: ready.run("logs", ready.name),
    ]
    for command in commands:
        done = command()
        assert done.code == 7, done
        assert "Traceback" not in done.err
        told = [line for line in done.err.splitlines() if line.strip()]
        assert "no engine listens there" in done.err, done.err
        assert len(told) <= 4, done.err
    listed = ready.run("list")
    assert "engine: not reachable: " in listed.out + listed.err, listed
    engine.start()
    eventually(lambda: answer_at(before["url"]), "the endpoint answers again", 60)
    assert lasting(ready.status()) == lasting(before)


@pytest.fixture
def updating(engine: PrivateEngine, ready: Ready) -> Iterator[subprocess.Popen[str]]:
    """An update that is just about to have its new replica verified."""
    assert ready.apply("one").code == 0
    text = (ready.folder / "spec.yaml").read_text()
    (ready.folder / "spec.yaml").write_text(text.replace(ready.images["one"], ready.images["two"]))
    process = subprocess.Popen(
        [DEPLOYER, "apply", "-f", "spec.yaml", "--yes"], cwd=ready.folder, stdout=subprocess.PIPE,
        env=environment({"XDG_CACHE_HOME": str(ready.folder / "cache")}), stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        eventually(lambda: process.poll() is not None or len(replicas(engine, ready)) == 2, "the new replica is made")
        assert process.poll() is None, process.communicate()
        yield process
    finally:
        process.kill()
        process.communicate()


def replicas(engine: PrivateEngine, ready: Ready) -> list[str]:
    names = [name for each in engine.containers() for name in each["Names"]]
    return [each for each in names if each.startswith(f"/{ready.name}--r")]


def test_an_update_that_the_engine_died_under_ends_clearly_and_goes_on_later(
    engine: PrivateEngine, ready: Ready, updating: subprocess.Popen[str]
) -> None:
    engine.kill()
    _, told = updating.communicate(timeout=250)
    assert updating.returncode == 7, told
    assert "Traceback" not in told
    engine.on()
    # The host that came back has another network.
    with engine.entered():
        url = ready.status()["url"]
        eventually(lambda: answer_at(url), "what served before serves again", 60)
        again = ready.apply("two")
        assert again.code == 0, again.err
        assert ready.ask()[0].startswith("two ")
        assert lasting(ready.status())
        assert len(replicas(engine, ready)) == 1
        assert "unchanged" in ready.apply("two").err


def test_an_update_goes_on_when_the_engine_comes_back_meanwhile(
    engine: PrivateEngine, ready: Ready, updating: subprocess.Popen[str]
) -> None:
    _killed(engine)
    _, told = updating.communicate(timeout=250)
    assert updating.returncode == 0, told
    assert ready.ask()[0].startswith("two ")
    assert lasting(ready.status())
    assert len(replicas(engine, ready)) == 1


def test_json_of_an_engine_that_is_away_is_an_error_with_its_code(engine: PrivateEngine, ready: Ready) -> None:
    engine.stop()
    done = ready.run("status", ready.name, "-o", "json")
    error = json.loads(done.out)["error"]
    assert (done.code, error["code"], error["kind"]) == (7, 7, "TargetUnavailable")
    assert error["hint"]
