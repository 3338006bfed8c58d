"""Mounted weights: the folder is compared with the digest that is wished before anything of it is loaded."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from deployer.model.digest import digest
from tests.integration.serving import zoo
from tests.integration.serving.conftest import Start
from tests.integration.serving.runtime import Runtime

LOADED = """
import os
def _load_pyfunc(path):
    with open(os.environ["LOADED"], "w"):
        pass
    class Model:
        def predict(self, data, params=None):
            return [1]
    return Model()
"""


def peak_memory(runtime: Runtime) -> int:
    """The most memory that the process had, in bytes."""
    lines = Path(f"/proc/{runtime.process.pid}/status").read_text().splitlines()
    return 1024 * int(next(line.split()[1] for line in lines if line.startswith("VmHWM")))


def test_the_wished_model_is_served(start: Start, saved: Callable[[str], Path]) -> None:
    own = digest(saved("linear"))
    runtime = start(saved("linear"), "--model-digest", own.sha256).ready()
    checked = runtime.event("model-checked")
    assert (checked["digest"], checked["files"], checked["bytes"]) == (own.sha256, own.count, own.bytes)
    assert [e["event"] for e in runtime.events if e["event"] in ("model-checked", "ready")] == [
        "model-checked",
        "ready",
    ]
    assert runtime.predict().status == 200


def test_another_model_is_refused_before_it_is_loaded(start: Start, tmp_path: Path) -> None:
    model = zoo.write(tmp_path / "model", LOADED)
    wished = digest(model).sha256
    (model / "code" / "added.py").write_text("")
    runtime = start(model, DEPLOYER_SERVING_MODEL_DIGEST=wished, LOADED=str(tmp_path / "loaded"))
    assert runtime.ended() == 1
    event = runtime.event("load-failed")
    assert event["error_type"] == "ModelDigestDiffers"
    assert wished in event["error"]
    assert digest(model).sha256 in event["error"]
    assert not (tmp_path / "loaded").exists()


def test_weights_that_were_not_mounted(start: Start, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    missing = start(tmp_path / "none", "--model-digest", "a" * 64)
    empty = start(tmp_path / "empty", "--model-digest", "a" * 64)
    assert missing.ended() == empty.ended() == 1
    assert missing.event("load-failed")["error_type"] == "FileNotFoundError"
    assert "0 files of 0 bytes" in empty.event("load-failed")["error"]


@pytest.mark.skipif(sys.platform != "linux", reason="a sparse file, and the memory that /proc tells")
def test_a_large_model_costs_no_memory_and_the_server_answers_meanwhile(start: Start, tmp_path: Path) -> None:
    """Weights of 1 TiB, a hole on the disk: the hashing does not come to its end before the server does."""
    model = zoo.write(tmp_path / "model", LOADED)
    with (model / "weights").open("wb") as file:
        file.truncate(1 << 40)
    runtime = start(model, "--model-digest", "a" * 64, LOADED=str(tmp_path / "loaded")).listening()
    assert runtime.ask("GET", "/live").status == 200
    assert json.loads(runtime.ask("GET", "/ready").body) == {"state": "loading"}
    progress = runtime.event("checking-model")
    assert (1 << 40) < progress["total"] < (1 << 40) + 10_000
    assert 100 * (1 << 20) < progress["bytes"] < progress["total"]
    assert peak_memory(runtime) < 100 * (1 << 20)
    runtime.terminate()
    assert runtime.ended() == 0, "it ends at once, in the middle"
    assert not (tmp_path / "loaded").exists()
