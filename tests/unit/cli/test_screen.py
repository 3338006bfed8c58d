"""Streams: data apart from words, colours only where they are wanted, broken pipes, consoles that know no signs."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest

from deployer.cli.screen import Form, OutputClosed, Screen
from deployer.cli.session import form_of


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Latin(io.TextIOWrapper):
    def __init__(self) -> None:
        super().__init__(io.BytesIO(), encoding="cp1252")


class Closed(io.StringIO):
    def write(self, _text: str) -> int:
        raise BrokenPipeError


def written(stream: Any) -> Any:
    return stream.getvalue()


def screen(**options: Any) -> Screen:
    given: dict[str, Any] = {"environ": {}, "out": io.StringIO(), "err": io.StringIO()}
    return Screen(**{**given, **options})


@pytest.mark.parametrize(
    ("environ", "coloured"),
    [({}, True), ({"NO_COLOR": "1"}, False), ({"NO_COLOR": ""}, True), ({"TERM": "dumb"}, False)],
)
def test_colour(environ: dict[str, str], coloured: bool) -> None:
    shown = screen(environ={"TERM": "xterm", **environ}, err=Terminal()).paint_err("x", "good")
    assert shown == ("\x1b[32mx\x1b[0m" if coloured else "x")


def test_no_colour_in_a_pipe_and_none_for_white_space() -> None:
    assert screen().paint_err("x", "good") == "x"
    assert screen(err=Terminal(), environ={"TERM": "xterm"}).paint_err("  ", "good") == "  "


@pytest.mark.parametrize(
    ("environ", "live"), [({}, True), ({"CI": "true"}, False), ({"TERM": "dumb"}, False), ({"NO_COLOR": "1"}, True)]
)
def test_progress_moves_on_a_terminal_only(environ: dict[str, str], live: bool) -> None:
    assert screen(environ=environ, err=Terminal()).live is live
    assert screen(environ=environ).live is False


def test_a_console_that_cannot_encode_the_marks_gets_others() -> None:
    err = Latin()
    shown = screen(err=err)
    assert (shown.marks.done, shown.marks.failed, shown.marks.dots) == ("*", "x", "...")
    shown.say("模 ✓")
    err.flush()
    assert written(err.buffer) == b"\\u6a21 \\u2713\n"


def test_secrets_are_in_neither_stream() -> None:
    shown = screen()
    shown.redact.learn(["hunter22"])
    shown.say("x hunter22")
    shown.document({"a": "hunter22"})
    shown.data("hunter22")
    assert "hunter22" not in written(shown.out) + written(shown.err)


def test_who_does_not_listen_is_told_nothing_more() -> None:
    shown = screen(err=Closed())
    shown.say("a")
    shown.say("b")


def test_a_reader_that_left_ends_the_output() -> None:
    shown = screen(out=Closed())
    with pytest.raises(OutputClosed):
        shown.data("a")
    shown.data("b")


def test_documents() -> None:
    as_yaml = screen(form=Form.YAML)
    as_yaml.document({"b": [1, None], "a": "x: y"})
    assert written(as_yaml.out) == "b:\n- 1\n- null\na: 'x: y'\n"
    as_json = screen(form=Form.JSON)
    as_json.document({"b": "ü"})
    assert json.loads(written(as_json.out)) == {"b": "ü"}


def test_quiet_leaves_out_what_may_be_left_out() -> None:
    shown = screen(quiet=True)
    shown.tell(["progress"])
    shown.say("error")
    assert written(shown.err) == "error\n"


@pytest.mark.parametrize(
    ("words", "form"),
    [
        (["list", "-o", "json"], Form.JSON),
        (["list", "-ojson"], Form.JSON),
        (["list", "--output=yaml"], Form.YAML),
        (["list", "--output", "markdown"], Form.MARKDOWN),
        (["list", "--", "-o", "json"], Form.TABLE),
        (["list", "-o"], Form.TABLE),
        (["predict", "x", "-o", "csv"], Form.TABLE),
        (["gc", "--older-than", "json"], Form.TABLE),
    ],
)
def test_the_form_is_known_before_the_words_are_parsed(words: list[str], form: Form) -> None:
    assert form_of(words) is form
