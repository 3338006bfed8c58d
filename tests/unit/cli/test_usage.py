"""Slips in what was typed: exit code 2, and the nearest right word."""

from __future__ import annotations

import json

import pytest

from deployer.cli.main import run


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["crate"], "error: there is no command 'crate' (did you mean create?)\n  deployer --help\n"),
        (["xyzzy"], "error: there is no command 'xyzzy'\n  deployer --help\n"),
        (
            ["create", "--modle", "x"],
            "error: there is no option --modle (did you mean --model?)\n  deployer create --help\n",
        ),
        (["delete"], "error: missing: 'NAME'\n  deployer delete --help\n"),
        (["list", "-o", "xml"], "error: '--output' / '-o': 'xml' is not one of 'table', 'json', 'yaml', 'markdown'\n"),
        (["list", "a", "b"], "error: more words than expected: b\n  deployer list --help\n"),
        (
            ["wait", "iris", "--timeout", "soon"],
            "error: '--timeout': 'soon' is not a duration such as 30s, 10m or 1h30m\n",
        ),
        (["predict", "iris"], "error: missing: '--input' / '-i'\n  deployer predict --help\n"),
        (["logs", "iris", "--tail", "many"], "error: '--tail' / '-n': this is no whole number"),
        (["logs", "iris", "--tail", "-1"], "error: '--tail' / '-n': it should be greater than or equal to 0"),
        (["create", "--set"], "error: option '--set' requires an argument"),
    ],
)
def test_slips(words: list[str], text: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(words) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith(text)


def test_in_json_a_slip_is_one_document(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["list", "-ojson", "--everythin"]) == 2
    document = json.loads(capsys.readouterr().out)
    assert document["error"]["code"] == 2
    assert document["error"]["kind"] == "SpecError"
    assert "--everythin" in document["error"]["message"]
