"""On a terminal: it asks where something is lost, moves, colours, and leaves the screen as it should be."""

from __future__ import annotations

import os
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import pytest

from deployer.testing.memory import MemoryPlace
from tests.e2e.commandline import DEPLOYER, MODELS, deployer, environment

if sys.platform == "win32":
    pytest.skip("pseudo-terminals are POSIX'", allow_module_level=True)

import fcntl
import pty
import struct
import termios

IRIS = str(MODELS / "iris")


class Terminal:
    """A command on a pseudo-terminal of 100 columns."""

    def __init__(self, words: tuple[str, ...], env: Mapping[str, str]) -> None:
        self.text = ""
        self._ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 100, 0, 0))
        given = {name: value for name, value in environment().items() if name != "CI"}
        self.process = subprocess.Popen(
            [DEPLOYER, *words], stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
            env={**given, "TERM": "xterm-256color", "COLUMNS": "100", **env},
        )  # fmt: skip
        os.close(theirs)

    def until(self, pattern: str) -> None:
        """Read until it is shown."""
        deadline = time.monotonic() + 60
        while not re.search(pattern, self.text):
            assert time.monotonic() < deadline, self.text
            self._read()

    def _read(self) -> bool:
        ready, _, _ = select.select([self._ours], [], [], 0.2)
        if not ready:
            return True
        try:
            data = os.read(self._ours, 65536)
        except OSError:  # the other end is closed
            return False
        self.text += data.decode(errors="replace")
        return bool(data)

    def types(self, text: str) -> None:
        os.write(self._ours, text.encode())

    def ended(self) -> int:
        """Read to the end; the exit code."""
        deadline = time.monotonic() + 60
        while self._read():
            if self.process.poll() is not None and not select.select([self._ours], [], [], 0.2)[0]:
                break
            assert time.monotonic() < deadline, self.text
        return self.process.wait(timeout=60)

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._ours)


@contextmanager
def on_a_terminal(*words: str, **env: str) -> Iterator[Terminal]:
    terminal = Terminal(words, env)
    try:
        yield terminal
    finally:
        terminal.close()


def test_delete_asks_and_no_is_the_answer_that_does_nothing(place: MemoryPlace) -> None:
    deployer("create", "iris", "--model", IRIS)
    with on_a_terminal("delete", "iris", NO_COLOR="1") as terminal:
        terminal.until(r"Delete iris on memory\? \[y/N\] ")
        assert "  - revision   r" in terminal.text
        assert "The model (" in terminal.text
        terminal.types("\n")
        assert terminal.ended() == 0
        assert terminal.text.endswith("Nothing was changed.\r\n")
    assert deployer("status", "iris").code == 0
    with on_a_terminal("delete", "iris", NO_COLOR="1") as terminal:
        terminal.until(r"\[y/N\] ")
        terminal.types("y\n")
        assert terminal.ended() == 0
        assert terminal.text.count("- endpoint ") == 1, "its plan is shown once"
        assert terminal.text.count("The model (") == 1
        assert "iris is deleted" in terminal.text
    assert deployer("status", "iris").code == 3


def test_a_protected_target_wants_the_name_typed(place: MemoryPlace) -> None:
    deployer("create", "iris", "--model", IRIS)
    with open("deployer.toml", "w") as file:  # noqa: PTH123 - the working folder is the test's own
        file.write("[targets.memory]\nprotected = true\n")
    with on_a_terminal("delete", "iris", NO_COLOR="1") as terminal:
        terminal.until("Type its name to go on: ")
        terminal.types("y\n")
        assert terminal.ended() == 0
    assert deployer("status", "iris").code == 0
    with on_a_terminal("delete", "iris", NO_COLOR="1") as terminal:
        terminal.until("Type its name to go on: ")
        terminal.types("iris\n")
        assert terminal.ended() == 0
    assert deployer("status", "iris").code == 3


def test_progress_moves_and_finished_steps_stay(place: MemoryPlace) -> None:
    slow = ["--set", "config.settle.start=1s"]
    with on_a_terminal("create", "iris", "--model", IRIS, *slow) as terminal:
        assert terminal.ended() == 0
        text = terminal.text
    assert "the model is loading, for " in text
    assert "\x1b[32m✓\x1b[0m" in text
    assert text.count("\x1b[?25l") == text.count("\x1b[?25h"), "the cursor is shown again"
    last = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text.replace("\r", "")).splitlines()[-1]
    assert re.fullmatch(r"iris is healthy at memory:iris \(\d\.\d s\)\.  Try:  deployer predict iris -i rows.csv", last)


def test_no_color_is_obeyed(place: MemoryPlace) -> None:
    with on_a_terminal("create", "iris", "--model", IRIS, NO_COLOR="1") as terminal:
        assert terminal.ended() == 0
        assert not re.search(r"\x1b\[[0-9;]*m", terminal.text)


def test_in_ci_nothing_moves_and_nobody_is_asked(place: MemoryPlace) -> None:
    with on_a_terminal("create", "iris", "--model", IRIS, CI="true", NO_COLOR="1") as terminal:
        assert terminal.ended() == 0
        assert "\x1b" not in terminal.text
    with on_a_terminal("delete", "iris", CI="true", NO_COLOR="1") as terminal:
        assert terminal.ended() == 2
        assert "say --yes" in terminal.text


def test_tables_keep_to_the_width(place: MemoryPlace) -> None:
    deployer("create", "a-name-that-is-as-long-as-it-can", "--model", IRIS)
    with on_a_terminal("list", NO_COLOR="1") as terminal:
        assert terminal.ended() == 0
        assert max(len(line) for line in terminal.text.splitlines()) <= 100
        assert "…" in terminal.text


def test_ctrl_c_at_the_question_changes_nothing(place: MemoryPlace) -> None:
    deployer("create", "iris", "--model", IRIS)
    with on_a_terminal("rollback", "iris", "--to", "rfffffff", NO_COLOR="1") as terminal:
        assert terminal.ended() == 3
    with on_a_terminal("delete", "iris", NO_COLOR="1") as terminal:
        terminal.until(r"\[y/N\] ")
        terminal.process.send_signal(signal.SIGINT)
        assert terminal.ended() == 130
        assert "interrupted: nothing was changed" in terminal.text
    assert deployer("status", "iris").code == 0


def test_ctrl_c_while_it_waits_leaves_the_terminal_well(place: MemoryPlace) -> None:
    with on_a_terminal("create", "iris", "--model", IRIS, "--set", "config.settle.start=1h") as terminal:
        terminal.until("the model is loading, for ")
        terminal.process.send_signal(signal.SIGINT)
        assert terminal.ended() == 130
        assert terminal.text.count("\x1b[?25l") == terminal.text.count("\x1b[?25h")
        assert "nothing of iris is left" in terminal.text
    assert deployer("status", "iris").code == 3
