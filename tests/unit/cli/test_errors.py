"""Errors: what happened, where, the telling lines and what to type next, each said once."""

from __future__ import annotations

from deployer.cli.failing import located
from deployer.cli.render.errors import error_document, error_lines
from deployer.errors import DeploymentFailed, NotFound, SpecError
from tests.unit.cli.values import diagnosis

ADVICE = (
    "The model's requirements.txt does not list it. Log the model again with\n"
    'pip_requirements=[..., "category-encoders"], or try once with\n'
    "  deployer update iris --model models:/iris/5 --set requirements.extra=category-encoders"
)


def test_scene_three() -> None:
    told = "cannot load its model: No module named 'category_encoders'"
    failed = DeploymentFailed("the new revision cannot load its model", diagnosis=diagnosis(hint=ADVICE, summary=told))
    assert error_lines(failed) == [
        "error: the new revision cannot load its model (MISSING_DEPENDENCY)",
        "    ModuleNotFoundError: No module named 'category_encoders'",
        "      at code/features.py:7",
        "  The model's requirements.txt does not list it. Log the model again with",
        '  pip_requirements=[..., "category-encoders"], or try once with',
        "    deployer update iris --model models:/iris/5 --set requirements.extra=category-encoders",
    ]


def test_a_summary_that_was_not_told_is_told() -> None:
    lines = error_lines(DeploymentFailed("it failed", diagnosis=diagnosis(hint="log it again")))
    assert lines[:2] == ["error: it failed (MISSING_DEPENDENCY)", "  rb81f3d0 exited 1 after 1.8 s"]
    assert lines[-1] == "  log it again"


def test_where_and_hint() -> None:
    assert error_lines(SpecError("unknown key 'replica'", where="deployer.yaml:7", hint="did you mean replicas?")) == [
        "error: unknown key 'replica'",
        "  at deployer.yaml:7",
        "  did you mean replicas?",
    ]


def test_several_problems_keep_their_lines_and_a_command_is_never_broken() -> None:
    long = "deployer update iris " + "--set a.b=c " * 20
    lines = error_lines(SpecError("the spec has 2 problems\n  a: b\n  c: d", hint=long))
    assert lines[:3] == ["error: the spec has 2 problems", "    a: b", "    c: d"]
    assert lines[3] == f"  {long}"


def test_evidence_is_escaped_and_markup_means_nothing() -> None:
    bad = diagnosis(evidence=("[/foo] \x1b[31mred", "::error::x"), summary="[/bar]", hint="x\x1b[0m")
    lines = error_lines(DeploymentFailed("[bold]", diagnosis=bad))
    assert "    [/foo] \\x1b[31mred" in lines
    assert "    : :error::x" in lines
    assert not any("\x1b" in line for line in lines)


def test_the_document() -> None:
    assert error_document(NotFound("no such file", where="a.csv")) == {
        "code": 3,
        "kind": "NotFound",
        "message": "no such file",
        "where": "a.csv",
        "hint": None,
        "diagnosis": None,
    }


def test_commands_in_hints_say_the_target_where_it_is_needed() -> None:
    hint = "deployer wait iris goes on, deployer rollback iris goes back; deployer list; deployer status iris-2"
    assert located(hint, ["iris", "-t", "my target"]) == (
        "deployer wait iris -t 'my target' goes on, deployer rollback iris -t 'my target' goes back; "
        "deployer list; deployer status iris-2"
    )
    assert located(hint, ["iris"]) == hint
    assert located("deployer wait iris -t x", ["iris", "-t", "x"]) == "deployer wait iris -t x"
    assert located(None, ["iris", "-t", "x"]) is None
