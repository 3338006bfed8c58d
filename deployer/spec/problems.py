"""What is wrong with a wish, in our words: one error for all of it, each problem with the place it was written at."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from deployer.errors import SpecError
from deployer.nearest import closest, did_you_mean
from deployer.spec.shape import Shape, dotted, fields_of, step_into, walk
from deployer.spec.yaml_text import Path
from deployer.value import JSON

__all__ = ["Problem", "Where", "problems_of", "spec_error", "unknown_keys", "validated"]

Model = TypeVar("Model", bound=BaseModel)

Where = Callable[[Path], str | None]
"""The place at which a field was written."""

_LIMITS = {
    "greater_than": ("more than", "gt"),
    "greater_than_equal": ("at least", "ge"),
    "less_than": ("less than", "lt"),
    "less_than_equal": ("at most", "le"),
    "multiple_of": ("a multiple of", "multiple_of"),
}
_LENGTHS = {"too_short": "no fewer than {min_length}", "too_long": "no more than {max_length}"}
_TEXT_LENGTHS = {"string_too_short": "at least {min_length}", "string_too_long": "at most {max_length}"}
_SECRET_ROOTS = frozenset({"secrets", "auth", "env"})
_SECRET_WORDS = ("token", "password", "secret", "key", "url", "credential")
_LONGEST_SHOWN = 60


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong: the field's path, and a sentence that names it."""

    path: Path
    sentence: str


def validated(
    model: type[Model], data: Mapping[str, JSON], where: Where, *, what: str = "the spec", prefix: Path = ()
) -> Model:
    """The data as the model.

    Args:
        model: What it is to be.
        data: What was given.
        where: The place of each field, asked with ``prefix`` before the field.
        what: How the whole is called when several things are wrong.
        prefix: Stands before each field's name: ``("config",)``.

    Raises:
        SpecError: One, with all problems.
    """
    try:
        return model.model_validate(dict(data))
    except ValidationError as error:
        found = problems_of(error, model, data, prefix)
    raise spec_error(found, where, what)


def spec_error(problems: Sequence[Problem], where: Where, what: str = "the spec") -> SpecError:
    """One error that tells them all."""
    if len(problems) == 1:
        return SpecError(problems[0].sentence, where=where(problems[0].path))
    lines = "\n".join(f"  {f'{place}: ' if (place := where(each.path)) else ''}{each.sentence}" for each in problems)
    return SpecError(f"{what} has {len(problems)} problems\n{lines}")


def problems_of(
    error: ValidationError, model: type[BaseModel], data: Mapping[str, JSON], prefix: Path = ()
) -> list[Problem]:
    """Pydantic's findings as ours: one for each field, unions told as one, no value of a secret repeated."""
    by_path: dict[Path, list[Mapping[str, Any]]] = {}
    for found in error.errors(include_url=False):
        by_path.setdefault(_place(found["loc"], found["type"], data), []).append(dict(found))
    return [
        Problem((*prefix, *path), sentence)
        for path, found in by_path.items()
        if not _explained_below(path, found, by_path)
        for sentence in _sentences((*prefix, *path), path, found, model)
    ]


def unknown_keys(data: Mapping[str, JSON], model: type[BaseModel], prefix: Path = ()) -> list[Problem]:
    """The keys that no field has, at any depth, for data that is only a part of a wish."""
    found = []
    for key, value in data.items():
        shape = walk(Shape(model=model), (key,))
        if shape is None:
            found.append(Problem((*prefix, key), _unknown((*prefix, key), (key,), model)))
        elif shape.model is not None and isinstance(value, Mapping):
            found.extend(unknown_keys(value, shape.model, (*prefix, key)))
    return found


def _place(loc: Sequence[str | int], kind: str, data: Any) -> Path:
    """The field's path: pydantic puts the names of union members and validators between the keys."""
    path: list[str | int] = []
    for index, step in enumerate(loc):
        found, below = step_into(data, step)
        if found:
            data = below
        elif not (index == len(loc) - 1 and kind == "missing"):
            continue
        path.append(step)
    return tuple(path)


def _explained_below(path: Path, found: Sequence[Mapping[str, Any]], every: Iterable[Path]) -> bool:
    """Whether these only say that a value is not of another member of a union, while one below says what is wrong."""
    mistyped = all(_is_mistyped(each["type"]) for each in found)
    return mistyped and any(len(each) > len(path) and each[: len(path)] == path for each in every)


def _is_mistyped(kind: str) -> bool:
    return kind.endswith(("_type", "_parsing", "literal_error", "enum", "_from_float", "is_instance_of"))


def _sentences(name: Path, path: Path, found: Sequence[Mapping[str, Any]], model: type[BaseModel]) -> list[str]:
    telling = [each for each in found if not _is_mistyped(each["type"])]
    if not telling:
        return [_mistyped(name, path, found[0], model)]
    return list(dict.fromkeys(_sentence(name, path, each, model) for each in telling))


def _sentence(name: Path, path: Path, found: Mapping[str, Any], model: type[BaseModel]) -> str:
    kind, context = str(found["type"]), found.get("ctx", {})
    field = _dotted(name)
    if kind == "extra_forbidden":
        return _unknown(name, path, model)
    if kind == "missing":
        return f"{field} is missing"
    if kind == "value_error":
        said = str(context.get("error", found["msg"]))
        return f"{field}: {said}" if field else said
    given = _not_given(name, found["input"])
    if kind in _LIMITS:
        words, key = _LIMITS[kind]
        return f"{field} must be {words} {_number(context[key])}{given}"
    if kind in _LENGTHS:
        return f"{field} must list {_LENGTHS[kind].format(**context)}, not {context['actual_length']}"
    if kind in _TEXT_LENGTHS:
        return f"{field} must have {_TEXT_LENGTHS[kind].format(**context)} characters"
    if kind == "string_pattern_mismatch":
        return f"{field} must match {context['pattern']}{given}"
    said = str(found["msg"])
    return f"{field}: {said[:1].lower()}{said[1:]}"


def _mistyped(name: Path, path: Path, found: Mapping[str, Any], model: type[BaseModel]) -> str:
    shape = walk(Shape(model=model), path) or Shape(anything=True)
    given = found["input"]
    expected = shape.expected()
    if found["type"] == "literal_error" and not shape.literals:
        expected = str(found["ctx"]["expected"])
    near = did_you_mean(given, shape.literals) if isinstance(given, str) else ""
    return f"{_dotted(name) or 'the spec'} must be {expected}{_not_given(name, given)}{near}"


def _unknown(name: Path, path: Path, model: type[BaseModel]) -> str:
    around = walk(Shape(model=model), path[:-1])
    siblings = list(fields_of(around.model)) if around and around.model else []
    key, before = str(path[-1]), _dotted(name[: len(name) - len(path)])
    near = closest(key, siblings)
    guess = f" (did you mean {_dotted((*name[:-1], near))!r}?)" if near else ""
    if not guess:
        elsewhere: dict[str, str] = {}
        for each in dotted(model, f"{before}." if before else ""):
            elsewhere.setdefault(each.rpartition(".")[2], each)
        guess = f" (did you mean {elsewhere[key]!r}?)" if key in elsewhere else ""
    return f"unknown key {_dotted(name)!r}{guess}"


def _dotted(path: Path) -> str:
    return "".join(f"[{each}]" if isinstance(each, int) else f".{each}" for each in path).lstrip(".")


def _number(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _not_given(name: Path, value: Any) -> str:
    """``, not 'abc'``; nothing where the value may be a secret."""
    words = [str(each).lower() for each in name]
    if (words and words[0] in _SECRET_ROOTS) or any(secret in each for each in words for secret in _SECRET_WORDS):
        return ""
    if value is None:
        return ", not empty"
    if isinstance(value, bool):
        return f", not {str(value).lower()}"
    if isinstance(value, Mapping):
        return ", not a mapping"
    if isinstance(value, list | tuple | set):
        return ", not a list"
    shown = repr(value) if isinstance(value, str) else _number(value)
    return f", not {shown if len(shown) <= _LONGEST_SHOWN else shown[:_LONGEST_SHOWN] + '…'}"
