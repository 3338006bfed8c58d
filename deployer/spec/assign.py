"""One value said by text: ``--set rollout.steps=10,50,100`` and ``DEPLOYER_REPLICAS=3``, read as the field takes it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from deployer.errors import SpecError
from deployer.nearest import closest
from deployer.spec.model import DeploymentSpec
from deployer.spec.shape import Shape, dotted, fields_of
from deployer.spec.yaml_text import parse_documents
from deployer.value import JSON

if TYPE_CHECKING:
    from pydantic import BaseModel

__all__ = ["Assignment", "Unknown", "find_field", "parse_set", "read_text", "split_list", "unknown_key"]

_SPECIFIER = re.compile(r"\s*(?:[<>=!~]=|[<>]|===)")
"""What goes on after a comma inside a requirement: ``pandas>=2,<3``."""

_NULLS = ("~", "null", "Null", "NULL")


class Assignment(NamedTuple):
    """Where a value goes, and the value; None unsets the field."""

    path: tuple[str, ...]
    value: JSON


class Unknown(LookupError):
    """No such field.

    Attributes:
        key: The name that is not known, with what stands before it: ``rollout.step``.
        near: The dotted field that was likely meant.
    """

    def __init__(self, key: str, near: str | None) -> None:
        super().__init__(key)
        self.key = key
        self.near = near


def parse_set(
    text: str, model: type[BaseModel] = DeploymentSpec, config_model: type[BaseModel] | None = None
) -> Assignment:
    """The field and the value of ``KEY=VALUE``.

    A text field takes the value as it stands, a list is split by commas (not those inside brackets, quotes, or a
    version specifier), a number or truth value is read as YAML reads it, and ``[...]`` or ``{...}`` is YAML in flow
    style where a list, a group or a mapping is taken. Nothing after the ``=`` unsets the field; ``""`` is the empty
    text.

    Args:
        text: What was typed after ``--set``.
        model: Of the whole spec.
        config_model: Of the target's ``config``; without it ``config.*`` is taken as it comes.

    Raises:
        SpecError: No ``=``, an unknown key, or a value that cannot be read; never with the value of a secret in it.
    """
    key, equals, value = text.partition("=")
    key = key.strip()
    where = f"--set {key}"
    if not equals or not key:
        raise SpecError("--set takes KEY=VALUE", where=f"--set {key}", hint="for example --set replicas=3")
    try:
        path, shape = find_field(key.split("."), model, config_model)
    except Unknown as unknown:
        raise unknown_key(unknown, where, config_model) from None
    return Assignment(path, read_text(value, shape, path, where))


def unknown_key(unknown: Unknown, where: str, config_model: type[BaseModel] | None = None) -> SpecError:
    """The error for a field that is not there."""
    near = f" (did you mean {unknown.near!r}?)" if unknown.near else ""
    options = f"; the target's own options are {', '.join(fields_of(config_model))}" if config_model else ""
    hint = f"config takes what the target takes{options}" if unknown.key.startswith("config.") else None
    return SpecError(f"unknown key {unknown.key!r}{near}", where=where, hint=hint)


def find_field(
    steps: Sequence[str], model: type[BaseModel] = DeploymentSpec, config_model: type[BaseModel] | None = None
) -> tuple[tuple[str, ...], Shape]:
    """The path of a dotted field and what it takes; dots in a label's name belong to the name.

    Raises:
        Unknown: There is none.
    """
    shape, path = Shape(model=model), ()  # type: tuple[Shape, tuple[str, ...]]
    rest = list(steps)
    while rest:
        step = rest[0]
        if not step:
            raise Unknown(".".join(steps), None)
        if shape.model is not None and step in (fields := fields_of(shape.model)):
            path, shape, rest = (*path, step), fields[step], rest[1:]
            if path == ("config",) and config_model is not None:
                shape = Shape(model=config_model)
        elif shape.values is not None:
            nested = shape.values.model is not None or shape.values.anything or shape.values.values is not None
            taken = [step] if nested else rest
            path, shape, rest = (*path, ".".join(taken)), shape.values, rest[len(taken) :]
        elif shape.anything:
            path, rest = (*path, *rest), []
        else:
            raise Unknown(".".join([*path, step]), _near([*path, *rest], model, config_model))
    return path, shape


def _near(steps: Sequence[str], model: type[BaseModel], config_model: type[BaseModel] | None) -> str | None:
    known = [*dotted(model), *(dotted(config_model, "config.") if config_model else ())]
    by_last: dict[str, str] = {}
    for each in known:
        by_last.setdefault(each.rpartition(".")[2], each)
    if steps[-1] in by_last:
        return by_last[steps[-1]]
    siblings = [each for each in known if each.rpartition(".")[0] == ".".join(steps[:-1])]
    last = closest(steps[-1], [each.rpartition(".")[2] for each in siblings])
    if last:
        return ".".join([*steps[:-1], last])
    whole = closest(".".join(steps), known)
    if whole:
        return whole
    elsewhere = closest(steps[-1], by_last)
    return by_last[elsewhere] if elsewhere else None


def read_text(text: str, shape: Shape, path: Sequence[str], where: str) -> JSON:
    """A text as a value that the field takes; whether it is a good one is the model's to say.

    Raises:
        SpecError: A group of fields was given one value, or the YAML in it is broken.
    """
    if not text:
        return None
    if text in ('""', "''") and str in shape.scalars:
        return ""
    if text[0] in "[{" and (shape.anything or shape.item or shape.values or shape.model):
        return _flow(text, where)
    if text in shape.literals or (str in shape.scalars and shape.item is None):
        return text
    if shape.item is not None:
        if shape.item.model is not None:
            example = ", ".join(f"{each}: ..." for each in list(fields_of(shape.item.model))[:1])
            raise SpecError(
                f"{'.'.join(path)} is a list of groups, not of texts",
                where=where,
                hint=f"--set '{'.'.join(path)}=[{{{example}}}]'",
            )
        parts = split_list(text)
        if str in shape.scalars and len(parts) == 1:
            return text
        return [read_text(each, shape.item, path, where) for each in parts]
    if shape.scalars or shape.literals or shape.anything:
        return _scalar(text, where)
    raise _takes_no_value(shape, path, where)


def _takes_no_value(shape: Shape, path: Sequence[str], where: str) -> SpecError:
    name = ".".join(path)
    if path and path[0] == "secrets":
        variable = path[1] if len(path) > 1 else "API_TOKEN"
        return SpecError(
            "a secret is given by reference, never by its value",
            where=where,
            hint=f"--set secrets.{variable}.env=VARIABLE",
        )
    inner = [f"{name}.{each}" for each in fields_of(shape.model)] if shape.model else [f"{name}.KEY"]
    return SpecError(f"{name} is a group and takes no value of its own", where=where, hint=f"set {' or '.join(inner)}")


def _scalar(text: str, where: str) -> JSON:
    if text[0] in "\"'":
        return _flow(text, where)
    if not re.fullmatch(r"[-+.0-9a-zA-Z~]+", text):
        return text
    if text in _NULLS:
        return None
    try:
        found = list(parse_documents(text, where))
    except SpecError:
        return text
    value = found[0].data if found else text
    return value if isinstance(value, int | float | str) else text


def _flow(text: str, where: str) -> JSON:
    try:
        found = list(parse_documents(text, where))
    except SpecError as error:
        raise SpecError(f"the value is not YAML: {error.message.removeprefix('not YAML: ')}", where=where) from None
    return found[0].data if len(found) == 1 else text


def split_list(text: str) -> list[str]:
    """The items between commas; those in brackets or quotes and those before a version specifier do not divide."""
    parts: list[str] = []
    depth, quote, start = 0, "", 0
    for index, char in enumerate(text):
        if quote:
            quote = "" if char == quote else quote
        elif char in "\"'":
            quote = char
        elif char in "([{":
            depth += 1
        elif char in ")]}":
            depth -= 1
        elif char == "," and depth <= 0 and not _SPECIFIER.match(text, index + 1):
            parts.append(text[start:index])
            start = index + 1
    parts.append(text[start:])
    return [each.strip() for each in parts if each.strip()]
