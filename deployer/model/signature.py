"""A model's signature as MLmodel writes it: column or tensor specifications of inputs, outputs and params.

Source of the form: MLflow 3.17.2, types/schema.py (``Schema.to_json``, ``ParamSchema.to_json``): a JSON string in
each of ``signature.inputs``, ``.outputs`` and ``.params``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from deployer.errors import SpecError

__all__ = ["Field", "Param", "Signature", "parse_signature"]

_TYPES_SHOWN_DEEP = 4


@dataclass(frozen=True, slots=True)
class Field:
    """One column, or one tensor, of an input or output.

    Args:
        name: None when the columns have no names.
        type: MLflow's word (``double``, ``long``, ``string``, ``array<double>``, ``object``), or a tensor's dtype.
        required: False when it may be left out.
        shape: A tensor's shape, -1 for any length; None for a column.
    """

    name: str | None
    type: str
    required: bool = True
    shape: tuple[int, ...] | None = None


@dataclass(frozen=True, slots=True)
class Param:
    """One inference parameter.

    Args:
        name: Its name.
        type: MLflow's word.
        default: Its value when a request does not give it, as JSON has it.
        shape: None for a scalar.
    """

    name: str
    type: str
    default: object = None
    shape: tuple[int, ...] | None = None


@dataclass(frozen=True, slots=True)
class Signature:
    """What a model takes and gives; None where the model does not say.

    Args:
        inputs: Columns or tensors taken.
        outputs: Columns or tensors given.
        params: Inference parameters.
    """

    inputs: tuple[Field, ...] | None = None
    outputs: tuple[Field, ...] | None = None
    params: tuple[Param, ...] = ()

    @property
    def summary(self) -> str:
        """One line for people: ``4 columns -> 1 long``, ``tensor float64[?, 4] -> tensor float64[?]``."""
        if self.inputs is None and self.outputs is None:
            return "no signature" + self._params_shown
        return f"{_shown(self.inputs)} -> {_shown(self.outputs)}{self._params_shown}"

    @property
    def _params_shown(self) -> str:
        return f", {_counted(len(self.params), 'param')}" if self.params else ""


def parse_signature(value: object, *, where: str) -> Signature | None:
    """Reads MLmodel's ``signature``; None when there is none.

    Raises:
        SpecError: It is damaged.
    """
    if value is None:
        return None
    if not isinstance(value, Mapping):
        raise _damaged("it is not a mapping", where)
    inputs, outputs, params = (_listed(value.get(part), part, where) for part in ("inputs", "outputs", "params"))
    return Signature(
        None if inputs is None else tuple(_field(item, "inputs", where) for item in inputs),
        None if outputs is None else tuple(_field(item, "outputs", where) for item in outputs),
        tuple(_param(item, where) for item in params or ()),
    )


def _listed(value: object, part: str, where: str) -> list[object] | None:
    if value is None:
        return None
    if not isinstance(value, str):
        raise _damaged(f"{part} is not a JSON string", where)
    try:
        parsed = json.loads(value)
    except (ValueError, RecursionError):
        raise _damaged(f"{part} is not JSON", where) from None
    if parsed is None:
        return None
    if not isinstance(parsed, list):
        raise _damaged(f"{part} is not a list", where)
    return parsed


def _field(item: object, part: str, where: str) -> Field:
    if not isinstance(item, Mapping):
        raise _damaged(f"an item of {part} is not a mapping", where)
    name = item.get("name")
    tensor = item.get("tensor-spec")
    if isinstance(tensor, Mapping):
        return Field(_name(name), str(tensor.get("dtype", "?")), True, _shape(tensor.get("shape"), part, where))
    required = item.get("required", not item.get("optional", False))
    return Field(_name(name), _type(item, 0), bool(required))


def _param(item: object, where: str) -> Param:
    if not isinstance(item, Mapping) or not isinstance(item.get("name"), str):
        raise _damaged("an item of params has no name", where)
    shape = item.get("shape")
    return Param(
        item["name"],
        str(item.get("type") or item.get("dtype") or "?"),
        item.get("default"),
        None if shape is None else _shape(shape, "params", where),
    )


def _name(value: object) -> str | None:
    return None if value is None else str(value)


def _shape(value: object, part: str, where: str) -> tuple[int, ...]:
    if not isinstance(value, list) or not all(isinstance(length, int) for length in value):
        raise _damaged(f"a shape in {part} is not a list of numbers", where)
    return tuple(value)


def _type(item: Mapping[str, object], depth: int) -> str:
    kind = str(item.get("type", "?"))
    inner = item.get("items") if kind == "array" else item.get("values") if kind == "map" else None
    if isinstance(inner, Mapping) and depth < _TYPES_SHOWN_DEEP:
        return f"{kind}<{_type(inner, depth + 1)}>"
    return kind


def _shown(fields: tuple[Field, ...] | None) -> str:
    if fields is None:
        return "anything"
    if not fields:
        return "nothing"
    tensors = [field for field in fields if field.shape is not None]
    if len(tensors) == 1 == len(fields):
        lengths = ", ".join("?" if length < 0 else str(length) for length in tensors[0].shape or ())
        return f"tensor {tensors[0].type}[{lengths}]"
    if tensors:
        return _counted(len(fields), "tensor")
    if len(fields) == 1 and fields[0].name is None:
        return f"1 {fields[0].type}"
    return _counted(len(fields), "column")


def _counted(count: int, word: str) -> str:
    return f"{count} {word}" if count == 1 else f"{count} {word}s"


def _damaged(reason: str, where: str) -> SpecError:
    return SpecError(
        f"the model's signature is damaged: {reason}", where=where, hint="log the model again with its signature"
    )
