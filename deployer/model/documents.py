"""YAML documents of a model, read as data within bounds.

A model is somebody else's file: tags make no Python objects, and neither size, depth nor aliases ("billion laughs")
can make us slow or large. Only PyYAML's safe constructor is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from deployer.errors import SpecError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["LARGEST_DOCUMENT", "read_bounded", "read_document"]

LARGEST_DOCUMENT = 8 << 20
"""Bytes of MLmodel or of a requirements file; the largest that MLflow writes (a wide signature) is far below."""

_DEEPEST = 64
_MOST_ALIASES = 64
_MOST_NODES = 200_000
_HINT = "log or save the model again with MLflow"


def read_bounded(path: Path, *, where: str) -> str:
    """A small text file of a model.

    Raises:
        SpecError: It is too large, cannot be read, or is not UTF-8.
    """
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST_DOCUMENT + 1)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise SpecError(f"cannot be read: {reason}", where=where, hint="check the model's permissions") from None
    if len(content) > LARGEST_DOCUMENT:
        raise SpecError(f"larger than {LARGEST_DOCUMENT >> 20} MB, which no model's description is", where=where)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise SpecError(f"not UTF-8 text (byte {error.start})", where=where, hint=_HINT) from None


def read_document(text: str, *, where: str) -> Mapping[str, object]:
    """A YAML mapping, parsed without making anything but plain values.

    Raises:
        SpecError: It is not YAML, not a mapping, or too deep or too entangled to be a model's.
    """
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        _check_events(yaml, loader, text, where)
        value = yaml.load(text, Loader=loader)  # noqa: S506 - one of the two safe loaders
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f"{where}:{mark.line + 1}" if mark else where
        problem = getattr(error, "problem", None) or "it cannot be parsed"
        raise SpecError(f"not valid YAML: {problem}", where=place, hint=_HINT) from None
    except (ValueError, RecursionError) as error:
        raise SpecError(f"not valid YAML: {error}", where=where, hint=_HINT) from None
    if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
        raise SpecError("not a YAML mapping", where=where, hint=_HINT)
    return value


def _check_events(yaml: object, loader: object, text: str, where: str) -> None:
    """Walks the flat stream of events, which costs no more than the text is long, before anything is built."""
    from yaml.events import AliasEvent, CollectionEndEvent, CollectionStartEvent, NodeEvent, ScalarEvent

    depth = aliases = nodes = 0
    for event in yaml.parse(text, Loader=loader):  # type: ignore[attr-defined]
        if isinstance(event, CollectionStartEvent):
            depth += 1
        elif isinstance(event, CollectionEndEvent):
            depth -= 1
        elif isinstance(event, AliasEvent):
            aliases += 1
        elif isinstance(event, ScalarEvent) and event.value == "<<" and event.implicit[0]:
            aliases = _MOST_ALIASES + 1  # a merge multiplies what it refers to
        nodes += isinstance(event, NodeEvent)
        if depth > _DEEPEST or aliases > _MOST_ALIASES or nodes > _MOST_NODES:
            what = "deep" if depth > _DEEPEST else "entangled" if aliases > _MOST_ALIASES else "large"
            raise SpecError(f"too {what} a YAML document for a model's description", where=where, hint=_HINT)
