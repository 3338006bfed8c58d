"""A command's time, its words when it fails, and a Dockerfile's instructions told from the classic builder's output."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from bench.contest.running import Failed, Ran, clean_environment, run, steps


def test_a_command_that_fails_says_its_last_lines(tmp_path: Path) -> None:
    with pytest.raises(Failed, match=r"(?s)ended with 3.*told.*reason"):
        run(
            [sys.executable, "-c", "import sys; print('told'); print('reason', file=sys.stderr); sys.exit(3)"],
            clean_environment(),
            tmp_path,
        )


def test_bytecode_may_be_written(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PYTHONDONTWRITEBYTECODE", "DEPLOYER_TARGET", "PIP_FIND_LINKS", "UV_OFFLINE", "XDG_CACHE_HOME"):
        monkeypatch.setenv(name, "1")
    assert set(clean_environment(MORE="2")) & {"PYTHONDONTWRITEBYTECODE", "DEPLOYER_TARGET", "UV_OFFLINE", "MORE"} == {
        "MORE"
    }


def test_an_instruction_lasts_until_the_next_or_the_end() -> None:
    lines = ((1.0, "Step 1/2 : FROM base"), (2.0, "noise"), (4.0, "Step 2/2 : RUN pip install x"), (9.0, "done"))
    assert steps(Ran(10.0, "", lines)) == [("FROM base", 3.0), ("RUN pip install x", 6.0)]
    assert steps(Ran(10.0, "", ())) == []
