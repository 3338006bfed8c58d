"""The layers of a wish, laid over one another: command line, environment, spec file, defaults."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from deployer.errors import SpecError
from deployer.nearest import closest, did_you_mean
from deployer.spec.assign import Unknown, find_field, parse_set, read_text
from deployer.spec.load import Document
from deployer.spec.model import DeploymentSpec
from deployer.spec.problems import Problem, spec_error, unknown_keys, validated
from deployer.spec.shape import Shape, dotted, fields_of, step_into
from deployer.spec.yaml_text import Path
from deployer.value import JSON

if TYPE_CHECKING:
    from pydantic import BaseModel

__all__ = [
    "Layer",
    "Merged",
    "Provenance",
    "build_spec",
    "command_line_layer",
    "document_layer",
    "environment_layer",
    "merge_layers",
    "patch_spec",
]

_PREFIX = "DEPLOYER_"
_NOT_FIELDS = frozenset({"TARGET", "OWNER"})
"""Read by the settings."""
_RESERVED = ("TEST_", "SERVING_", "CI_")
_CASE_IS_KEPT = ("env", "secrets")
_WHOLE = ("secrets",)
"""Mappings whose values replace one another as a whole: half of one reference and half of another is none."""

_OF_BUILT: tuple[tuple[str, ...], ...] = (
    ("model",), ("requirements",), ("image", "base"), ("image", "packages"), ("image", "apt_sources"),
    ("image", "weights"),
)  # fmt: skip
_OF_READY: tuple[tuple[str, ...], ...] = (("image", "use"),)

_A_SLIP = 0.8
"""How near an override's name must be to the target's to count as a slip and not as another place's name."""


@dataclass(frozen=True)
class Layer:
    """One source of fields.

    Attributes:
        name: ``command line``, ``environment``, the file, ``target staging``.
        data: Only the fields that it gives; None unsets what lighter layers give.
        places: The place at which each was said; one that is not there has the nearest place around it.
        texts: Numbers and truth values as they were written.
    """

    name: str
    data: Mapping[str, JSON]
    places: Mapping[Path, str] = field(default_factory=dict, repr=False)
    texts: Mapping[Path, str] = field(default_factory=dict, repr=False)

    def where(self, path: Path) -> str:
        """The place of a field, of the nearest around it, or of the first inside it."""
        around = [self.places[path[:n]] for n in range(len(path), -1, -1) if path[:n] in self.places]
        inside = [place for each, place in self.places.items() if each[: len(path)] == path]
        return (*around, *inside, self.name)[0]

    def gives(self, path: Path) -> bool:
        """Whether the field is said here."""
        found, data = _get(self.data, path)
        return found and data is not None


@dataclass(frozen=True)
class Provenance:
    """Which layer each field of a merged wish came from."""

    layers: tuple[Layer, ...]

    def layer(self, path: Path) -> Layer | None:
        """The weightiest layer that gives the field, or None when it is a built-in default."""
        return next((each for each in self.layers if each.gives(path)), None)

    def where(self, path: Path) -> str | None:
        """The place of a field, or of the nearest one around it; of the whole wish: the file's."""
        for length in range(len(path), 0, -1):
            layer = self.layer(path[:length])
            if layer is not None:
                return layer.where(path[:length])
        return next((each.places[()] for each in self.layers if () in each.places), None)

    def text(self, path: Path) -> str | None:
        """A number or truth value as it was written."""
        layer = self.layer(path)
        return layer.texts.get(path) if layer else None


class Merged(NamedTuple):
    """The layers as one, and where each field is from."""

    data: dict[str, JSON]
    provenance: Provenance


def merge_layers(layers: Sequence[Layer]) -> Merged:
    """Lay the layers over one another, the weightiest first.

    Mappings merge key by key, everything else (lists too) is replaced, a secret's reference as a whole. None unsets a
    field: it has its built-in default then, whatever lighter layers say. A ready image leaves out what lighter layers
    say of a built one, such as a target's default base; a model leaves out their ready image.
    """
    merged: dict[str, JSON] = {}
    for layer in reversed(layers):
        out = _OF_BUILT if layer.gives(("image", "use")) else _OF_READY if layer.gives(("model",)) else ()
        for path in out:
            merged = _left_out(merged, path)
        merged = _laid_over(merged, layer.data, ())
    return Merged(_without_nulls(merged), Provenance(tuple(layers)))


def _laid_over(base: Mapping[str, JSON], over: Mapping[str, JSON], path: Path) -> dict[str, JSON]:
    result = dict(base)
    for key, value in over.items():
        below = result.get(key)
        if isinstance(value, Mapping) and path[:1] != _WHOLE:
            result[key] = _laid_over(below if isinstance(below, Mapping) else {}, value, (*path, key))
        else:
            result[key] = value
    return result


def _left_out(data: Mapping[str, JSON], path: tuple[str, ...]) -> dict[str, JSON]:
    first, *rest = path
    below = data.get(first)
    if rest and isinstance(below, Mapping):
        return {**data, first: _left_out(below, tuple(rest))}
    return {key: value for key, value in data.items() if key != first or rest}


def _without_nulls(data: Mapping[str, JSON]) -> dict[str, JSON]:
    return {k: _without_nulls(v) if isinstance(v, Mapping) else v for k, v in data.items() if v is not None}


def _get(data: Any, path: Path) -> tuple[bool, Any]:
    for step in path:
        found, data = step_into(data, step)
        if not found:
            return False, None
    return True, data


def build_spec(layers: Sequence[Layer], *, config_model: type[BaseModel] | None = None) -> DeploymentSpec:
    """The wish that the layers make together, the weightiest first.

    Args:
        layers: As `merge_layers`.
        config_model: Of the target's ``config``; when given, ``config`` is checked by it, and kept without what equals
            its defaults, so that equal wishes are equal.

    Raises:
        SpecError: One, with every problem and its place.
    """
    data, provenance = merge_layers(layers)
    data = _as_written(data, Shape(model=DeploymentSpec), (), provenance)
    config = data.get("config", {})
    failures: list[SpecError] = []
    if config_model is not None and isinstance(config, Mapping):
        config = _as_written(config, Shape(model=config_model), ("config",), provenance)
        try:
            valid = validated(config_model, config, provenance.where, prefix=("config",))
            data["config"] = valid.model_dump(mode="json", exclude_defaults=True, by_alias=True)
        except SpecError as error:
            failures.append(error)
    try:
        spec = validated(DeploymentSpec, data, provenance.where)
    except SpecError as error:
        failures.insert(0, error)
    else:
        if not failures:
            return spec
    raise _joined(failures)


def _joined(failures: Sequence[SpecError]) -> SpecError:
    """One error of one for the spec and one for its ``config``."""
    if len(failures) == 1:
        return failures[0]
    lines: list[str] = []
    for each in failures:
        lines.extend([f"  {each}"] if "\n" not in each.message else each.message.splitlines()[1:])
    return SpecError("\n".join([f"the spec has {len(lines)} problems", *lines]))


def patch_spec(
    recorded: Mapping[str, JSON], layers: Sequence[Layer], *, config_model: type[BaseModel] | None = None
) -> DeploymentSpec:
    """The recorded wish with the command line and ``-f`` laid over it: what ``update`` wishes.

    Args:
        recorded: `DeploymentSpec.wish` from the Record.
        layers: The weightiest first.
        config_model: As `build_spec`.

    Raises:
        SpecError: As `build_spec`.
    """
    return build_spec((*layers, Layer("the recorded spec", recorded)), config_model=config_model)


def _as_written(data: Mapping[str, JSON], shape: Shape, path: Path, provenance: Provenance) -> dict[str, JSON]:
    """Where a text is taken, numbers and truth values become the text that was written."""
    return {key: _text(value, _below(shape, key), (*path, key), provenance) for key, value in data.items()}


def _below(shape: Shape | None, key: str) -> Shape | None:
    if shape is None:
        return None
    return fields_of(shape.model).get(key) if shape.model is not None else shape.values


def _text(value: JSON, shape: Shape | None, path: Path, provenance: Provenance) -> JSON:
    if shape is None:
        return value
    if isinstance(value, Mapping):
        return _as_written(value, shape, path, provenance)
    if isinstance(value, list):
        return [_text(each, shape.item, (*path, index), provenance) for index, each in enumerate(value)]
    a_truth_for_a_number = isinstance(value, bool) and bool(shape.scalars & {int, float}) and bool not in shape.scalars
    if isinstance(value, int | float) and (shape.only_text or a_truth_for_a_number):
        return provenance.text(path) or (str(value).lower() if isinstance(value, bool) else str(value))
    return value


def command_line_layer(
    options: Mapping[str, JSON] | None = None,
    sets: Sequence[str] = (),
    *,
    config_model: type[BaseModel] | None = None,
    places: Mapping[str, str] | None = None,
) -> Layer:
    """What was typed.

    Args:
        options: Fields that have an option of their own: ``{"model": ...}``; those that are None were not typed.
        sets: The texts after ``--set``; the last one wins, also over an option.
        config_model: Of the target's ``config``.
        places: How a field's option is called, by default ``--FIELD``, and NAME for the name.

    Raises:
        SpecError: A ``--set`` that cannot be read, or names no field.
    """
    data: dict[str, JSON] = {}
    said: dict[Path, str] = {}
    for key, value in (options or {}).items():
        if value is not None:
            data[key] = value
            said[(key,)] = (places or {}).get(key) or ("NAME" if key == "name" else f"--{key.replace('_', '-')}")
    for text in sets:
        path, value = parse_set(text, config_model=config_model)
        _put(data, path, value)
        said[path] = f"--set {'.'.join(path)}"
    return Layer("the command line", data, said)


def _put(data: dict[str, JSON], path: Sequence[str], value: JSON) -> None:
    for step in path[:-1]:
        below = data.get(step)
        data[step] = below = dict(below) if isinstance(below, Mapping) else {}
        data = below
    data[path[-1]] = value


def environment_layer(
    environ: Mapping[str, str], *, config_model: type[BaseModel] | None = None
) -> tuple[Layer, tuple[str, ...]]:
    """What ``DEPLOYER_*`` variables say, two underscores for a field inside a group; and sentences on unknown ones.

    ``DEPLOYER_REPLICAS``, ``DEPLOYER_HEALTH__TIMEOUT``, ``DEPLOYER_ENV__LOG_LEVEL``; inside ``env`` and ``secrets`` the
    name is taken as it stands, elsewhere in lower case. An empty variable says nothing. `DEPLOYER_TARGET` and
    `DEPLOYER_OWNER` are the settings', ``DEPLOYER_TEST_``, ``DEPLOYER_SERVING_`` and ``DEPLOYER_CI_`` not for users.

    Raises:
        SpecError: A value that cannot be read.
    """
    data: dict[str, JSON] = {}
    said: dict[Path, str] = {}
    warnings: list[str] = []
    for variable in sorted(environ):
        rest = variable.removeprefix(_PREFIX)
        if rest == variable or rest in _NOT_FIELDS or rest.startswith(_RESERVED) or not environ[variable]:
            continue
        steps = _steps(rest)
        try:
            path, shape = find_field(steps, config_model=config_model)
        except Unknown:
            names = [f"{_PREFIX}{each.upper().replace('.', '__')}" for each in dotted(DeploymentSpec)]
            warnings.append(f"{variable} is no variable of deployer and was ignored{did_you_mean(variable, names)}")
            continue
        _put(data, path, read_text(environ[variable], shape, path, variable))
        said[path] = variable
    return Layer("the environment", data, said), tuple(warnings)


def _steps(rest: str) -> list[str]:
    first, *inner = rest.split("__")
    field_name = first.lower()
    return [field_name, *([*inner] if field_name in _CASE_IS_KEPT and len(inner) == 1 else _inner(field_name, inner))]


def _inner(field_name: str, inner: list[str]) -> list[str]:
    if field_name in _CASE_IS_KEPT and inner:
        return [inner[0], *(each.lower() for each in inner[1:])]
    return [each.lower() for each in inner]


def document_layer(document: Document, target: str | None = None, *, known_targets: Collection[str] = ()) -> Layer:
    """A spec file's fields, with its overrides for the target that is meant laid over them.

    Args:
        document: The file's.
        target: The name of the target that is meant.
        known_targets: Other targets' names. One that ``overrides`` names and that is not among these may be another
            place's; but where it looks like a slip for the target that is meant, it is an error.

    Raises:
        SpecError: ``overrides`` is not a mapping of mappings, has a key that no field has, or seems to misspell the
            target.
    """
    data = dict(document.data)
    places: dict[Path, str] = {path: document.where(path) for path in document.places}
    texts = {path: place.text for path, place in document.places.items() if place.text is not None}
    overrides = data.pop("overrides", None)
    if overrides is None:
        return Layer(document.source, data, places, texts)
    _check_overrides(overrides, target, known_targets, document)
    mine = overrides.get(target) or {}
    prefix: Path = ("overrides", target or "")
    moved = [path for path in document.places if path[:2] == prefix and len(path) > len(prefix)]
    for path in moved:
        places[path[2:]] = document.where(path)
        texts.pop(path[2:], None)
    texts.update({path[2:]: text for path in moved if (text := document.text_of(path)) is not None})
    return Layer(document.source, _laid_over(data, mine, ()), places, texts)


def _check_overrides(overrides: JSON, target: str | None, known: Collection[str], document: Document) -> None:
    if not isinstance(overrides, Mapping):
        raise SpecError(
            "overrides must be a mapping from a target's name to fields", where=document.where(("overrides",))
        )
    problems: list[Problem] = []
    for name, fields in overrides.items():
        path: Path = ("overrides", name)
        if not isinstance(fields, Mapping | None):
            problems.append(Problem(path, f"overrides.{name} must be a mapping of fields"))
            continue
        problems.extend(unknown_keys(fields or {}, DeploymentSpec, path))
        if fields and "target" in fields:
            problems.append(Problem((*path, "target"), f"overrides.{name} may not change the target that it is for"))
    if problems:
        raise spec_error(problems, document.where)
    if target and target not in overrides:
        near = closest(target, [name for name in overrides if name not in known], similar=_A_SLIP)
        if near is not None:
            raise SpecError(
                f"overrides has no {target!r}, but {near!r}, which is no target's name",
                where=document.where(("overrides", near)),
                hint=f"write {target}, or name a target {near} in deployer.toml",
            )
