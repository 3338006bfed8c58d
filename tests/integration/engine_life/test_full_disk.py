"""The engine's disk is full: said in a sentence, what serves serves on, and the same command converges later."""

from __future__ import annotations

import os
import subprocess

import pytest

from deployer.errors import TargetUnavailable
from deployer_docker.client import connect, engine_address
from deployer_docker.config import DockerOptions
from deployer_docker.engine import DockerEngine
from tests.conformance.images import image_on, layer_of
from tests.e2e.commandline import DEPLOYER, environment
from tests.engine.private import PrivateEngine
from tests.integration.docker.ready import Ready
from tests.integration.engine_life.asking import asked
from tests.plugins.docker import Image, Scope

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300), pytest.mark.xdist_group("engine-life")]


@pytest.mark.parametrize(
    "left", [*(pytest.param(each * 2**10, marks=pytest.mark.exhaustive) for each in (0, 24, 128)), 64 * 2**10]
)
def test_an_update_says_so_and_what_serves_serves_on(
    engine: PrivateEngine, ready: Ready, scope: Scope, left: int
) -> None:
    assert ready.apply("one").code == 0
    before = ready.status()
    with asked(before["url"], ready.folder / "question.json") as counted:
        with engine.full(but=left):
            failed = ready.apply("two")
            assert failed.code == 7, failed
            assert "disk is full" in failed.err, failed.err
            assert "deployer gc" in failed.err, failed.err
            assert "Traceback" not in failed.err
            during = ready.status()
            assert (during["revision"], during["url"]) == (before["revision"], before["url"])
            assert ready.ask()[0].startswith("one ")
        again = ready.apply("two")
        assert again.code == 0, again.err
    assert counted["failures"] == 0, counted
    assert ready.status()["phase"] == "healthy"
    assert ready.ask()[0].startswith("two ")
    assert "unchanged" in ready.apply("two").err
    names = [each.name for each in scope.left() if each.kind == "container"]
    assert len([each for each in names if each.startswith(f"{ready.name}--r")]) == 1
    assert len(names) == 2, names


def test_an_image_that_does_not_fit_is_told_and_leaves_nothing(
    engine: PrivateEngine, scope: Scope, base_image: Image
) -> None:
    api = connect(engine_address(DockerOptions(host=engine.url)))
    try:
        layer = layer_of({"opt/weights": os.urandom(64 * 2**20)})
        archive, _ = image_on(api.inspect_image(base_image.reference), [layer], {"Labels": {"of": scope.name}})
        free = engine.free()
        with engine.full(but=16 * 2**20), pytest.raises(TargetUnavailable, match="disk is full") as caught:
            DockerEngine(api).load([archive])
        assert not caught.value.transient
        assert "deployer gc" in str(caught.value.hint)
        assert abs(engine.free() - free) < 2**20
        DockerEngine(api).load([archive])
    finally:
        api.close()


def test_doctor_tells_a_disk_that_is_nearly_full(engine: PrivateEngine, ready: Ready) -> None:
    def room() -> tuple[int, str]:
        words = ["sh", "-c", 'cd "$1" && exec "$2" doctor', "sh", str(ready.folder), str(DEPLOYER)]
        done = subprocess.run(engine.inside(*words), env=environment(), capture_output=True, text=True, check=False)
        line = " ".join(done.stdout.split())
        return done.returncode, line

    assert "room on the engine's disk" in room()[1], room()
    with engine.full(but=300 * 10**6):
        code, line = room()
        assert (code, "0.3 GB free" in line) == (7, True), line
