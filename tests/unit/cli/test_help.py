"""Help: quick, complete, and every example in it is parsed as it stands."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from typing import Any

import pytest
import typer

from deployer.cli.commands import COMMANDS, load, module_of
from deployer.cli.main import run
from deployer.cli.options import with_values

HEAVY = (
    "pydantic",
    "rich",
    "mlflow",
    "yaml",
    "deployer.client",
    "deployer.spec",
    "deployer.engine",
    "tomllib",
    "pandas",
)


@pytest.mark.parametrize("words", [["--help"], ["create", "--help"], ["--version"], ["list", "-h"]])
def test_nothing_heavy_is_imported_for_it(words: list[str]) -> None:
    script = (
        "import sys, json\n"
        "from deployer.cli.main import run\n"
        f"run({words!r})\n"
        "print(json.dumps(sorted(sys.modules)), file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True, timeout=60)
    modules = json.loads(done.stderr.splitlines()[-1])
    parsing = () if words[0].startswith("-") else ("pydantic",)  # Typer itself parses a command's options with it
    assert [name for name in HEAVY if name in modules and name not in parsing] == []
    if words == ["--help"]:
        assert [name for name, each in COMMANDS.items() if f"deployer.cli.{each.module or name}" in modules] == []


def test_help_takes_less_than_a_fifth_of_a_second_of_work() -> None:
    command, taken = [sys.executable, "-m", "deployer.cli.main", "--help"], []
    for _ in range(5):
        before = os.times()
        subprocess.run(command, check=True, capture_output=True, timeout=60)
        after = os.times()
        taken.append(after.children_user + after.children_system - before.children_user - before.children_system)
    assert min(taken) < 0.2


def test_every_command_is_listed_with_its_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--help"]) == 0
    text = capsys.readouterr().out
    for name, entry in COMMANDS.items():
        assert f"  {name}" in text
        assert entry.line in text


@pytest.mark.parametrize("name", list(COMMANDS))
def test_every_command_has_help_and_examples(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([name, "--help"]) == 0
    text = capsys.readouterr().out
    assert "Examples:" in text
    for example in module_of(name).EXAMPLES:
        assert f"\n    {example}\n" in text


EXAMPLES = [(name, example) for name in COMMANDS for example in module_of(name).EXAMPLES]


@pytest.mark.parametrize(("name", "example"), EXAMPLES)
def test_every_example_is_parsed(name: str, example: str) -> None:
    parsed = []
    for part in example.split("&&"):
        words = shlex.split(part.split("|")[-1].split(">")[0])
        assert words[0] == "deployer"
        arguments = with_values(words[1:])
        command: Any = load(arguments[0])
        context = command.make_context(arguments[0], arguments[1:])
        parsed.append((arguments[0], context.params))
    assert name in [each for each, _ in parsed]


@pytest.mark.parametrize(
    ("words", "result"),
    [
        (["update", "a", "--wait-lock"], ["update", "a", "--wait-lock=10m"]),
        (["update", "--wait-lock", "a"], ["update", "--wait-lock=10m", "a"]),
        (["update", "a", "--wait-lock", "30s"], ["update", "a", "--wait-lock", "30s"]),
        (["update", "a", "--wait-lock=2m"], ["update", "a", "--wait-lock=2m"]),
        (["update", "--", "--wait-lock"], ["update", "--", "--wait-lock"]),
    ],
)
def test_a_value_may_be_left_out(words: list[str], result: list[str]) -> None:
    assert with_values(words) == result


def test_options_that_mean_the_same_are_called_the_same_everywhere() -> None:
    spelled: dict[str, set[tuple[str, ...]]] = {}
    for name in COMMANDS:
        command: Any = load(name)
        for each in command.params:
            spelled.setdefault(each.name, set()).add(tuple(each.opts))
    same = ("target", "output", "quiet", "yes", "timeout", "wait_lock", "owner", "events", "dry_run", "sets")
    assert {name: len(spelled[name]) for name in same} == dict.fromkeys(same, 1)


def test_a_guard_is_put_around_what_a_command_does() -> None:
    seen = []

    def guard(function: Any) -> Any:
        seen.append(function.__module__)
        return lambda **_: 7

    command: Any = load("doctor", guard)
    with command.make_context("doctor", []) as context:
        assert command.invoke(context) == 7
    assert seen == ["deployer.cli.doctor"]
    assert typer.BadParameter.__bases__[0].__name__ == "UsageError"
