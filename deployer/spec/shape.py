"""What a field takes, read from its annotation: the ground for reading text, for messages and for did-you-mean."""

from __future__ import annotations

import types
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel

__all__ = ["Shape", "dotted", "fields_of", "shape_of", "step_into", "walk"]

_WORDS = {int: "a whole number", float: "a number", bool: "true or false", str: "a text"}
_LISTS = (tuple, list, set, frozenset, Sequence)
_MAPPINGS = (dict, Mapping)


@dataclass(frozen=True)
class Shape:
    """What a field takes.

    Attributes:
        model: A group of fields.
        values: Of a mapping with free keys, what each value takes.
        item: Of a list, what each item takes.
        literals: Words that it takes.
        scalars: Of int, float, bool and str.
        anything: Any JSON value.
    """

    model: type[BaseModel] | None = None
    values: Shape | None = None
    item: Shape | None = None
    literals: tuple[str, ...] = ()
    scalars: frozenset[type] = frozenset()
    anything: bool = False

    @property
    def only_text(self) -> bool:
        """Whether a scalar here is a text, whatever it looks like."""
        return str in self.scalars and not self.anything and not self.scalars & {int, float, bool}

    def expected(self) -> str:
        """For a message: ``a whole number, or a group of min, max, metric, value``."""
        parts = [_WORDS[each] for each in (int, float, bool, str) if each in self.scalars]
        if self.literals:
            parts.append(f"one of {', '.join(self.literals)}" if len(self.literals) > 1 else self.literals[0])
        if self.item is not None:
            parts.append("a list")
        if self.model is not None:
            parts.append(f"a group of {', '.join(self.model.model_fields)}")
        if self.values is not None:
            parts.append("a mapping")
        return ", or ".join(parts) or "something else"


def shape_of(annotation: Any) -> Shape:
    """What a field with this annotation takes; None is not told apart, as it unsets a field."""
    if annotation is Any or annotation is object:
        return Shape(anything=True)
    if isinstance(annotation, type) and get_origin(annotation) is None:
        return _of_class(annotation)
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return shape_of(arguments[0])
    if origin in (Union, types.UnionType):
        return _union([shape_of(each) for each in arguments if each is not types.NoneType])
    if origin is Literal:
        words = tuple(each for each in arguments if isinstance(each, str))
        return Shape(literals=words, scalars=frozenset(type(each) for each in arguments if not isinstance(each, str)))
    if origin in _LISTS:
        return Shape(item=shape_of(arguments[0]) if arguments else Shape(anything=True))
    if origin in _MAPPINGS:
        return Shape(values=shape_of(arguments[1]))
    return Shape(anything=True)


def _of_class(kind: type) -> Shape:
    if issubclass(kind, BaseModel):
        return Shape(model=kind)
    if issubclass(kind, Enum):
        return Shape(literals=tuple(str(each.value) for each in kind))
    if kind in _WORDS:
        return Shape(scalars=frozenset({kind}))
    if kind in _LISTS:
        return Shape(item=Shape(anything=True))
    if kind in _MAPPINGS:
        return Shape(values=Shape(anything=True))
    return Shape(scalars=frozenset({str}))  # a path, an address, a date: read from text by pydantic


def _union(shapes: list[Shape]) -> Shape:
    found = Shape()
    for each in shapes:
        found = replace(
            found,
            model=found.model or each.model,
            values=found.values or each.values,
            item=found.item or each.item,
            literals=(*found.literals, *each.literals),
            scalars=found.scalars | each.scalars,
            anything=found.anything or each.anything,
        )
    return found


def fields_of(model: type[BaseModel]) -> dict[str, Shape]:
    """The fields of a group by the names that a user writes."""
    return {info.alias or name: shape_of(info.annotation) for name, info in model.model_fields.items()}


def walk(shape: Shape, path: Sequence[str | int]) -> Shape | None:
    """What is taken further down; None where nothing of that name is."""
    for step in path:
        if shape.model is not None and isinstance(step, str):
            found = fields_of(shape.model).get(step)
        elif isinstance(step, int):
            found = shape.item
        else:
            found = shape.values
        if found is None:
            return Shape(anything=True) if shape.anything else None
        shape = found
    return shape


def step_into(data: Any, step: str | int) -> tuple[bool, Any]:
    """Whether data has that key or position, and what is there."""
    if isinstance(data, Mapping):
        return step in data, data.get(step)
    if isinstance(data, list | tuple) and isinstance(step, int) and 0 <= step < len(data):
        return True, data[step]
    return False, None


def dotted(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    """Every field with the groups around it: ``rollout.steps``."""
    for name, shape in fields_of(model).items():
        yield f"{prefix}{name}"
        if shape.model is not None:
            yield from dotted(shape.model, f"{prefix}{name}.")
