"""Printed commands arrive in sh, bash and zsh word by word as they were meant."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from deployer.cli.render.commands import again, command
from deployer.cli.render.curl import curl_line
from tests.unit.cli.shells import SHELLS, words_in

WORDS = (
    "iris",
    "models:/iris@champion",
    "rollout.steps=10,50,100",
    'env.A=it\'s "quoted" $HOME `id` \\ !x',
    "requirements.extra=pandas[excel]>=2,<3",
    "=equals",
    "~home",
    "*.yaml",
    "a b",
    "",
    "#comment",
    "{a,b}",
    "line\nbreak",
    "naïve",
    "a=~b",
    "x;rm -rf /",
)


@pytest.mark.parametrize("shell", SHELLS)
def test_every_word_arrives(shell: str, tmp_path: Path) -> None:
    assert words_in(shell, command("update", *WORDS), tmp_path) == ["update", *WORDS]


@pytest.mark.parametrize("shell", SHELLS)
def test_the_typed_command_can_be_typed_again(shell: str, tmp_path: Path) -> None:
    printed = again(["plan", *WORDS], verb="update", more=["--set", "a=b c"])
    assert words_in(shell, printed, tmp_path) == ["update", *WORDS, "--set", "a=b c"]


@pytest.mark.parametrize("shell", SHELLS)
def test_a_curl_line_sends_its_body_whole(shell: str, tmp_path: Path) -> None:
    body = '{"inputs": ["it\'s", "$x", "`y`", "\\\\"]}'
    line = curl_line("http://127.0.0.1:8321/", body, "KEY_A")
    found = words_in(shell, line, tmp_path, program="curl", variables={"KEY_A": "k e y"})
    assert found == [
        "-sS", "http://127.0.0.1:8321/invocations", "-H", "Content-Type: application/json", "-H", "X-API-Key: k e y",
        "-d", body,
    ]  # fmt: skip


def test_a_variable_that_is_no_variable_is_not_put_into_a_command() -> None:
    assert "X-API-Key" not in curl_line("http://h", "{}", 'A"; rm -rf ~; "')


def test_all_three_shells_are_tried_where_they_are() -> None:
    assert "sh" in SHELLS
    assert sys.platform == "win32" or all(shutil.which(shell) for shell in SHELLS)
    subprocess.run(["sh", "-c", "true"], check=True)
