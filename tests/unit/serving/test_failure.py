from __future__ import annotations

from pathlib import Path

import pytest

from deployer.serving.failure import evidence, one_line


class Mute(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text")


def raised(source: str, file: str = "<test>") -> BaseException:
    with pytest.raises(BaseException) as caught:  # noqa: PT011 - each asks for another
        exec(compile(source, file, "exec"), {})
    return caught.value


def test_a_missing_module_behind_another_error() -> None:
    error = raised("try:\n    import not_here.at_all\nexcept ImportError as e:\n    raise ValueError('cannot') from e")
    found = evidence(error)
    assert (found["error_type"], found["error"], found["missing_module"]) == ("ValueError", "cannot", "not_here")


def test_where_in_the_model(tmp_path: Path) -> None:
    file = tmp_path / "code" / "features.py"
    error = raised("def f():\n    import not_here\nf()", str(file))
    assert evidence(error, str(tmp_path))["where"] == "code/features.py:2"
    assert evidence(error, str(tmp_path / "other"))["where"] is None


def test_what_is_long_is_cut() -> None:
    found = evidence(raised("def f(n):\n    g(n)\ndef g(n):\n    1 / n if n < 1 else f(n - 1)\nf(200)"))
    assert len(found["traceback"]) <= 80
    assert found["traceback"][-1] == "ZeroDivisionError: division by zero"
    assert len(evidence(ValueError("x" * 100_000))["error"]) == 4000


def test_texts_that_cannot_be_read_and_rings_of_causes() -> None:
    assert evidence(Mute())["error"] == "(its text cannot be read)"
    one, two = ValueError("one"), ValueError("two")
    one.__cause__, two.__cause__ = two, one
    assert evidence(one)["missing_module"] is None


def test_one_line() -> None:
    assert one_line(ValueError("a\n  b\x1b[31m")) == "ValueError: a b?[31m"
    assert one_line(KeyError()) == "KeyError"
    assert len(one_line(ValueError("x" * 9999))) == 500
