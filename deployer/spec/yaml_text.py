"""YAML text to data, with the place of every key.

Safe tags only. Of YAML 1.1's surprises none is left: ``yes``, ``no``, ``on`` and ``off`` are words, ``2026-01-01``
and ``12:30`` are texts, ``010`` is not eight, and of a number the text as it was written is kept, so that a version
``1.10`` stays one. Duplicate keys are an error; aliases may be used, but not to blow a small file up.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from deployer.errors import SpecError
from deployer.value import JSON

__all__ = ["LARGEST", "Parsed", "Path", "Place", "parse_documents"]

Path = tuple[str | int, ...]
"""Keys and list positions from the document down to a value."""

LARGEST = 4_000_000
"""Bytes of YAML that are read; a spec is some hundred lines."""
_MOST_NODES = 20_000
"""Values in one document after its aliases are followed."""
_DEEPEST = 50

_TAG = "tag:yaml.org,2002:"
_INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9]*)")
_FLOAT = re.compile(r"[-+]?(?:0|[1-9][0-9]*)(?:\.[0-9]*(?:[eE][-+]?[0-9]+)?|[eE][-+]?[0-9]+)|[-+]?\.[0-9]+")
_TRUE, _FALSE = ("true", "True", "TRUE"), ("false", "False", "FALSE")
_LONGEST_NUMBER = 100
"""Python refuses to read integers of thousands of digits; nobody means one."""


@dataclass(frozen=True)
class Place:
    """Where a value is written: line and column from 1, and a number's or truth value's text as it stands there."""

    line: int
    column: int
    text: str | None = None


@dataclass(frozen=True)
class Parsed:
    """One document's data and the places of all that is in it; the place of a mapping's value is its key's."""

    data: JSON
    places: Mapping[Path, Place]


class _Loader(yaml.SafeLoader):
    """Resolves only what JSON has, and ``<<``; every other plain scalar is a text."""

    yaml_implicit_resolvers = {}  # noqa: RUF012 - PyYAML's own way to say it


_Loader.add_implicit_resolver(f"{_TAG}bool", re.compile("^(?:" + "|".join(_TRUE + _FALSE) + ")$"), list("tTfF"))
_Loader.add_implicit_resolver(f"{_TAG}null", re.compile(r"^(?:~|null|Null|NULL|)$"), ["~", "n", "N", ""])
_Loader.add_implicit_resolver(f"{_TAG}int", re.compile(f"^(?:{_INTEGER.pattern})$"), list("-+0123456789"))
_Loader.add_implicit_resolver(f"{_TAG}float", re.compile(f"^(?:{_FLOAT.pattern})$"), list("-+.0123456789"))
_Loader.add_implicit_resolver(f"{_TAG}merge", re.compile(r"^<<$"), ["<"])


def parse_documents(text: str, source: str) -> Iterator[Parsed]:
    """The documents of a YAML text, empty ones left out.

    Args:
        text: The YAML.
        source: What the text is called in errors.

    Raises:
        SpecError: With ``source:line:column``: not YAML, a duplicate key, a tag that is not plain data, or a document
            that its aliases make too large.
    """
    try:
        for node in yaml.compose_all(text, _Loader):
            if not (isinstance(node, yaml.ScalarNode) and node.tag == f"{_TAG}null"):
                yield _Reading(source).document(node)
    except yaml.MarkedYAMLError as error:
        raise _not_yaml(error, source) from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        code = error.character if isinstance(error.character, int) else ord(error.character)
        raise SpecError(f"the character U+{code:04X} may not stand in YAML", where=f"{source}:{line}") from None
    except RecursionError:
        raise SpecError("nested too deeply for a spec", where=source) from None


def _not_yaml(error: yaml.MarkedYAMLError, source: str) -> SpecError:
    mark = error.problem_mark or error.context_mark
    where = f"{source}:{mark.line + 1}:{mark.column + 1}" if mark else source
    problem = " ".join(str(error.problem or error.context or error).split())
    problem = problem.replace("'<stream end>'", "the end of the text")
    if r"'\t'" in problem:
        return SpecError(
            "a tab stands here; YAML is indented with spaces", where=where, hint="replace the tab by spaces"
        )
    context = f" ({' '.join(error.context.split())})" if error.context and error.problem else ""
    return SpecError(f"not YAML: {problem}{context}", where=where)


class _Reading:
    """One document on its way from nodes to data."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.places: dict[Path, Place] = {}
        self.nodes = 0
        self.open: set[int] = set()

    def document(self, node: yaml.Node) -> Parsed:
        self.places[()] = _place(node)
        return Parsed(self.value(node, ()), self.places)

    def value(self, node: yaml.Node, path: Path) -> JSON:
        self.nodes += 1
        if self.nodes > _MOST_NODES:
            raise self.error("the document is too large for a spec, or its aliases make it so", node)
        if isinstance(node, yaml.ScalarNode):
            return self.scalar(node, path)
        if id(node) in self.open:
            raise self.error("an alias refers to what it stands in", node)
        if len(path) >= _DEEPEST:
            raise self.error("nested too deeply for a spec", node)
        self.open.add(id(node))
        try:
            if isinstance(node, yaml.SequenceNode):
                return self.sequence(node, path)
            return self.mapping(node, path)
        finally:
            self.open.discard(id(node))

    def sequence(self, node: yaml.SequenceNode, path: Path) -> list[JSON]:
        self.plain(node, "seq")
        values = []
        for index, each in enumerate(node.value):
            self.places[(*path, index)] = _place(each)
            values.append(self.value(each, (*path, index)))
        return values

    def mapping(self, node: yaml.Node, path: Path) -> dict[str, JSON]:
        self.plain(node, "map")
        own: dict[str, tuple[yaml.Node, yaml.Node]] = {}
        merged: list[yaml.Node] = []
        for key_node, value_node in node.value:
            if key_node.tag == f"{_TAG}merge":
                merged.extend(value_node.value if isinstance(value_node, yaml.SequenceNode) else [value_node])
                continue
            key = self.key(key_node)
            if key in own:
                first = own[key][0].start_mark.line + 1
                raise self.error(f"the key {key!r} is given twice, first in line {first}", key_node)
            own[key] = (key_node, value_node)
        values: dict[str, JSON] = {}
        for each in reversed(merged):
            values.update(self.merged(each, path))
        for key, (key_node, value_node) in own.items():
            self.forget((*path, key))
            self.places[(*path, key)] = _place(key_node)
            values[key] = self.value(value_node, (*path, key))
        return values

    def merged(self, node: yaml.Node, path: Path) -> dict[str, JSON]:
        if not isinstance(node, yaml.MappingNode):
            raise self.error("'<<' takes a mapping, or a list of mappings", node)
        found = self.value(node, path)
        return found if isinstance(found, dict) else {}

    def forget(self, path: Path) -> None:
        for known in [each for each in self.places if each[: len(path)] == path] if path in self.places else ():
            del self.places[known]

    def key(self, node: yaml.Node) -> str:
        if not isinstance(node, yaml.ScalarNode):
            raise self.error("a key is one word, not a list or a mapping", node)
        if not node.value:
            raise self.error("a key is missing before the colon", node)
        return str(node.value)

    def scalar(self, node: yaml.ScalarNode, path: Path) -> JSON:
        tag, text = node.tag.removeprefix(_TAG), str(node.value)
        if tag == "str" or len(text) > _LONGEST_NUMBER:
            return text
        if tag not in _SCALARS:
            raise self.error(f"the tag {node.tag!r} is not plain data", node)
        value = _SCALARS[tag](text)
        if value is _refuse:
            raise self.error(f"the value is not of the kind that its tag !!{tag} says", node)
        place = self.places.get(path, _place(node))
        if value is not None:
            self.places[path] = Place(place.line, place.column, text)
        return value

    def plain(self, node: yaml.Node, kind: str) -> None:
        if node.tag != f"{_TAG}{kind}":
            raise self.error(f"the tag {node.tag!r} is not plain data", node)

    def error(self, message: str, node: yaml.Node) -> SpecError:
        return SpecError(message, where=f"{self.source}:{node.start_mark.line + 1}:{node.start_mark.column + 1}")


def _place(node: yaml.Node) -> Place:
    return Place(node.start_mark.line + 1, node.start_mark.column + 1)


def _refuse(_text: str) -> Any:
    return _refuse


def _integer(text: str) -> Any:
    return int(text) if _INTEGER.fullmatch(text) else _refuse


def _float(text: str) -> Any:
    return float(text) if _INTEGER.fullmatch(text) or _FLOAT.fullmatch(text) else _refuse


def _truth(text: str) -> Any:
    return True if text in _TRUE else False if text in _FALSE else _refuse


_SCALARS: Mapping[str, Callable[[str], Any]] = {
    "int": _integer,
    "float": _float,
    "bool": _truth,
    "null": lambda _text: None,
}
