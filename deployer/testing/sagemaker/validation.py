"""Checks a request as the service does before it looks at it, by the service model that AWS ships in botocore.

botocore's own client checks only what is required, types and minima; not patterns, maxima or enums (recorded).
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from deployer.testing.sagemaker.answers import Refusal
from deployer.testing.sagemaker.shapes import model

__all__ = ["faults", "validate"]

_SHOWN = 5
_CLASSES = {"L": r"\w", "N": r"\d", "Z": r"\s", "ASCII": r"\x00-\x7f", "Print": r"\x20-\x7e", "Alnum": "a-zA-Z0-9"}
_KINDS: dict[str, tuple[type, ...]] = {
    "structure": (Mapping,),
    "map": (Mapping,),
    "list": (list,),
    "string": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "long": (int,),
    "float": (int, float),
    "double": (int, float),
}


def validate(operation: str, parameters: Mapping[str, Any], *, unknown: bool, runtime: bool = False) -> None:
    """Refuse what the service model does not allow.

    Args:
        operation: ``CreateModel``.
        parameters: Of the call.
        unknown: Whether a field that the model does not have is refused (guess ``unknown-fields-refused``).
        runtime: Whether it is one of SageMaker's runtime.

    Raises:
        Refusal: ``ValidationException``, ``N validation errors detected: ...`` as AWS words it;
            ``SerializationException`` where a value is of another type.
    """
    shape = model("sagemaker", "/endpoints/" if runtime else "").operation_model(operation).input_shape
    if shape is None:
        return
    found = list(faults(shape, parameters, unknown=unknown))
    if found:
        plural = "s" if len(found) > 1 else ""
        code = "ValidationError" if runtime else "ValidationException"
        raise Refusal(code, f"{len(found)} validation error{plural} detected: {'; '.join(found)}")


def faults(shape: Any, value: Any, path: str = "", *, unknown: bool = True) -> Iterator[str]:
    """What is wrong with a value, one sentence each, in the shape's order.

    Args:
        shape: A botocore shape.
        value: What was sent.
        path: Where it is, as AWS writes it: ``productionVariants.1.member.instanceType``.
        unknown: Whether unknown fields are wrong.

    Raises:
        Refusal: It is of another type than the shape's.
    """
    kinds = _KINDS.get(shape.type_name)
    if kinds is not None and (not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds)):
        raise Refusal("SerializationException", f"'{path}' is no {shape.type_name}")
    if shape.type_name == "structure":
        yield from _structure(shape, value, path, unknown=unknown)
    elif shape.type_name == "list":
        yield from _length(shape, value, path)
        for number, each in enumerate(value, 1):
            yield from faults(shape.member, each, f"{path}.{number}.member", unknown=unknown)
    elif shape.type_name == "map":
        yield from _length(shape, value, path)
        for key, each in value.items():
            yield from faults(shape.key, key, f"{path}.{key}.key", unknown=unknown)
            yield from faults(shape.value, each, f"{path}.{key}.value", unknown=unknown)
    elif shape.type_name == "string":
        yield from _text(shape, value, path)
    elif shape.type_name in ("integer", "long", "float", "double"):
        yield from _number(shape, value, path)


def _structure(shape: Any, value: Mapping[str, Any], path: str, *, unknown: bool) -> Iterator[str]:
    for name, member in shape.members.items():
        where = f"{path}.{name[:1].lower()}{name[1:]}".lstrip(".")
        if value.get(name) is not None:
            yield from faults(member, value[name], where, unknown=unknown)
        elif name in shape.required_members:
            yield f"Value null at '{where}' failed to satisfy constraint: Member must not be null"
    for name in sorted(set(value) - set(shape.members)) if unknown else ():
        yield f"Value at '{path}.{name}' failed to satisfy constraint: no such member".replace("'.", "'")


def _failed(value: Any, path: str, rule: str) -> str:
    return f"Value '{value}' at '{path}' failed to satisfy constraint: Member must {rule}"


def _length(shape: Any, value: Any, path: str) -> Iterator[str]:
    size, rules = len(value), shape.metadata
    if size < rules.get("min", 0):
        yield _failed(value, path, f"have length greater than or equal to {rules['min']}")
    if size > rules.get("max", math.inf):
        yield _failed(value, path, f"have length less than or equal to {rules['max']}")


def _text(shape: Any, value: str, path: str) -> Iterator[str]:
    rules = shape.metadata
    if rules.get("enum") and value not in rules["enum"]:
        shown = ", ".join(rules["enum"][:_SHOWN]) + (", ..." if len(rules["enum"]) > _SHOWN else "")
        yield _failed(value, path, f"satisfy enum value set: [{shown}]")
    yield from _length(shape, value, path)
    pattern = _compiled(rules["pattern"]) if rules.get("pattern") else None
    if pattern is not None and not pattern.fullmatch(value):
        yield _failed(value, path, f"satisfy regular expression pattern: {rules['pattern']}")


def _number(shape: Any, value: float, path: str) -> Iterator[str]:
    rules = shape.metadata
    if value < rules.get("min", -math.inf):
        yield _failed(value, path, f"have value greater than or equal to {rules['min']}")
    if value > rules.get("max", math.inf):
        yield _failed(value, path, f"have value less than or equal to {rules['max']}")


@cache
def _compiled(pattern: str) -> re.Pattern[str] | None:
    """A Java pattern in Python's words; None where Python has none for it."""
    known, inside = "", False
    for part in re.findall(r"\\p\{\w+\}|\\.|.", pattern, re.DOTALL):
        inside = (inside or part == "[") and part != "]"
        letters = _CLASSES.get(part[3:-1]) if part.startswith(r"\p{") else None
        known += part if letters is None else letters if inside else f"[{letters}]"
    try:
        return re.compile(known)
    except re.error:
        return None
