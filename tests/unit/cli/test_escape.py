"""Text that somebody else wrote cannot move the cursor, command a CI runner, break markup or leak a secret."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployer.cli.render.escape import Redactor, escape, escape_lines, one_line


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain text", "plain text"),
        ("\x1b[2Jgone", "\\x1b[2Jgone"),
        ("a\rb\x07\x00", "a\\x0db\\x07\\x00"),
        ("\u202egnp.exe", "\\u202egnp.exe"),
        ("\u2028line", "\\u2028line"),
        ("a\tb", "a    b"),
        ("naïve 模型", "naïve 模型"),
        ("[/foo] [bold]x", "[/foo] [bold]x"),
        ("\ud800", "\\ud800"),
    ],
)
def test_what_a_terminal_would_obey_is_made_visible(text: str, shown: str) -> None:
    assert escape(text) == shown


@pytest.mark.parametrize(
    "command",
    [
        "::error file=a.py::boom",
        "  ::add-mask::x",
        "::set-output name=a::b",
        "##vso[task.setvariable variable=a]b",
        "x ##[group]name",
        "##teamcity[message text='x']",
        "## [error]",
    ],
)
def test_commands_to_a_ci_runner_lose_their_meaning(command: str) -> None:
    shown = escape(command)
    assert not shown.lstrip().startswith("::")
    assert "##" not in shown


def test_a_line_is_capped() -> None:
    assert escape("x" * 600) == "x" * 500 + " ..."


def test_of_many_lines_the_last_are_shown_and_the_rest_is_counted() -> None:
    shown = escape_lines([f"line {n}" for n in range(30)], most=3)
    assert shown == ["... 27 lines before", "line 27", "line 28", "line 29"]


def test_a_line_break_inside_evidence_begins_a_line_that_is_escaped_too() -> None:
    assert escape_lines(["first\n::error::x\r\nlast"]) == ["first", ": :error::x", "last"]


@given(st.text())
def test_whatever_comes_one_printable_line_goes_out(text: str) -> None:
    shown = one_line(text)
    assert len(shown.splitlines()) <= 1
    assert all(char.isprintable() for char in shown)
    assert not shown.startswith("::")


def test_secrets_are_replaced_in_text_and_in_documents_the_longest_first() -> None:
    redact = Redactor()
    redact.learn(["hunter22", "hunter22-long", "abc"])
    assert redact("x hunter22-long y hunter22 abc") == "x *** y *** abc"
    assert redact.document({"a": ["hunter22", 1, None], "hunter22": {"b": "q hunter22"}}) == {
        "a": ["***", 1, None],
        "hunter22": {"b": "q ***"},
    }


def test_each_line_of_a_secret_of_several_lines_is_secret() -> None:
    redact = Redactor()
    redact.learn(["-----BEGIN-----\nMIIabcd\n-----END-----"])
    assert redact("saw MIIabcd there") == "saw *** there"
