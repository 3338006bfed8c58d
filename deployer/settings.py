"""Settings: named targets, the owner's word and defaults, from ``deployer.toml`` or ``[tool.deployer]``.

The nearest folder counts, from the working directory up to the root of the repository (the folder that holds ``.git``)
or of the file system, in which there is a ``deployer.toml`` or a ``pyproject.toml`` with ``[tool.deployer]``. Where
both are in that folder, both are read: a target, and each of ``owner``, ``target`` and ``defaults``, is taken whole
from ``deployer.toml`` if it is there, else from ``pyproject.toml``, so that nothing that somebody wrote is passed over.

::

    owner = "fraud-team"          # marks what is made; by default "default"
    target = "staging"            # where commands go without -t; by default "local"

    [defaults]                    # fields of a spec, below the spec file
    history_limit = 10

    [targets.staging]
    kind = "kubernetes"           # a back end; by default the target's own name
    context = "kind-staging"      # that back end's options
    defaults = {replicas = 2}     # above [defaults]
    protected = true
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from deployer.errors import NotFound, SpecError
from deployer.nearest import did_you_mean
from deployer.spec import DeploymentSpec, Document, Layer, validated
from deployer.spec.problems import spec_error, unknown_keys
from deployer.value import JSON

if TYPE_CHECKING:
    from pydantic import BaseModel

__all__ = [
    "DEFAULT_OWNER",
    "DEFAULT_TARGET",
    "HasOptions",
    "NamedTarget",
    "Settings",
    "validate_options",
]

DEFAULT_OWNER = "default"
DEFAULT_TARGET = "local"
"""The back end that is there without any set-up."""

_FILE, _PROJECT = "deployer.toml", "pyproject.toml"
_TOP = ("owner", "target", "defaults", "targets")
_OF_TARGET = ("kind", "protected", "defaults")
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9])?")
"""Also what a label's value may be on every target."""


class HasOptions(Protocol):
    """What is asked of a back end here: its name, and the model of its options."""

    @property
    def name(self) -> str:
        """The back end's name."""
        ...

    @property
    def options(self) -> type[BaseModel]:
        """Of a named target."""
        ...


@dataclass(frozen=True)
class NamedTarget:
    """A place where endpoints live, as it was configured.

    Attributes:
        name: What ``-t`` takes.
        kind: The back end.
        options: That back end's, not yet checked (`validate_options`).
        defaults: Fields of a spec.
        protected: Only registry URIs are deployed to it, and ``--yes`` needs ``--confirm NAME``.
        source: The file that it was read from; None for a back end that nothing is configured of.
        text: That file's text, to tell lines.
        table: The table's name in that file.
    """

    name: str
    kind: str
    options: Mapping[str, JSON] = field(default_factory=dict)
    defaults: Mapping[str, JSON] = field(default_factory=dict)
    protected: bool = False
    source: str | None = None
    text: str = field(default="", repr=False)
    table: str = ""

    def where(self, path: tuple[str | int, ...] = ()) -> str | None:
        """The file and, where it can be told, the line of an option."""
        return _where(self.source, self.text, (self.table, *path)) if self.source else None


@dataclass(frozen=True)
class Settings:
    """What is configured for this working directory, and what the environment says instead.

    Attributes:
        owner: The team's word.
        default_target: Where commands go without ``-t``: ``DEPLOYER_TARGET``, else the file's ``target``, else local.
        targets: The configured ones, by name.
        defaults: Fields of a spec for every target.
        environment_target: ``DEPLOYER_TARGET``, which outweighs a spec file's ``target``.
        sources: The files that were read.
    """

    owner: str = DEFAULT_OWNER
    default_target: str = DEFAULT_TARGET
    targets: Mapping[str, NamedTarget] = field(default_factory=dict)
    defaults: Mapping[str, JSON] = field(default_factory=dict)
    environment_target: str | None = None
    sources: tuple[str, ...] = ()
    defaults_layer: Layer = field(default=Layer("built-in", {}), repr=False)

    @classmethod
    def load(cls, start: Path | None = None, environ: Mapping[str, str] | None = None) -> Settings:
        """Read the nearest files.

        Args:
            start: The folder to begin at; by default the working directory.
            environ: By default the process's; `DEPLOYER_TARGET` and `DEPLOYER_OWNER` are read.

        Raises:
            SpecError: A file is not TOML, or says what it may not say; with file and line.
        """
        variables = os.environ if environ is None else environ
        read = _find(start or Path.cwd())
        owner = next((each.data["owner"] for each in read if "owner" in each.data), DEFAULT_OWNER)
        target = next((each.data["target"] for each in read if "target" in each.data), DEFAULT_TARGET)
        targets: dict[str, NamedTarget] = {}
        for each in reversed(read):
            targets.update(each.named_targets())
        layer = next((each.defaults_layer() for each in read if "defaults" in each.data), Layer("built-in", {}))
        said = variables.get("DEPLOYER_OWNER")
        if said and not _NAME.fullmatch(said):
            raise SpecError(_no_owner(said), where="DEPLOYER_OWNER")
        return cls(
            owner=said or owner,
            default_target=variables.get("DEPLOYER_TARGET") or target,
            targets=targets,
            defaults=layer.data,
            environment_target=variables.get("DEPLOYER_TARGET") or None,
            sources=tuple(each.source for each in read),
            defaults_layer=layer,
        )

    @property
    def target_names(self) -> tuple[str, ...]:
        """Every place that ``list`` without ``-t`` asks: local, the configured ones, and the default one."""
        return tuple(dict.fromkeys([DEFAULT_TARGET, *self.targets, self.default_target]))

    def meant(self, option: str | None, document: Document | None = None) -> str:
        """The target that is meant: ``-t``, else `DEPLOYER_TARGET`, else the spec file's, else the default one.

        Raises:
            SpecError: The spec file's ``target`` is not a name.
        """
        of_file = document.data.get("target") if document else None
        if of_file is not None and not isinstance(of_file, str):
            where = document.where(("target",)) if document else None
            raise SpecError("target must be the name of a back end or of a named target", where=where)
        return option or self.environment_target or of_file or self.default_target

    def target(self, name: str, kinds: Collection[str] | None = None) -> NamedTarget:
        """A target by its name: a configured one, or a back end as it is.

        Args:
            name: What was asked for.
            kinds: The names of the back ends; without them a name that is not configured is taken for a back end.

        Raises:
            NotFound: It is neither.
        """
        found = self.targets.get(name)
        if found is None and kinds is not None and name not in kinds:
            known = [*self.targets, *kinds]
            near = did_you_mean(name, known)
            configured = f"configured are {', '.join(self.targets)}; " if self.targets else ""
            raise NotFound(
                f"there is no target {name!r}{near}",
                where=next(iter(self.sources), None),
                hint=f"{configured}deployer targets lists them all",
            )
        return found or NamedTarget(name=name, kind=name)

    def default_layers(self, target: str) -> tuple[Layer, ...]:
        """The defaults that a spec for this target stands on: its own, then those for all."""
        found = self.targets.get(target)
        own = [_layer(f"target {target}", found.defaults, found)] if found and found.defaults else []
        return (*own, *([self.defaults_layer] if self.defaults else []))


def validate_options(kind: HasOptions, named: NamedTarget) -> BaseModel:
    """The options of a named target as its back end's model.

    Raises:
        SpecError: With the file and line: an unknown option, or one that is not well.
    """
    return validated(kind.options, named.options, named.where, what=f"target {named.name}")


@dataclass(frozen=True)
class _File:
    """One file, its settings and its text."""

    source: str
    data: Mapping[str, Any]
    text: str
    prefix: str

    def where(self, *keys: str | int) -> str:
        return _where(self.source, self.text, (self.prefix, *keys))

    def check(self) -> None:
        for key in self.data:
            if key not in _TOP:
                raise SpecError(f"unknown key {key!r}{did_you_mean(key, _TOP)}", where=self.where(key))
        for key in ("owner", "target"):
            value = self.data.get(key, DEFAULT_OWNER)
            if not isinstance(value, str) or not _NAME.fullmatch(value):
                said = _no_owner(value) if key == "owner" else f"{value!r} is not a target's name"
                raise SpecError(said, where=self.where(key))
        for key in ("defaults", "targets"):
            if not isinstance(self.data.get(key, {}), Mapping):
                raise SpecError(f"{key} must be a table", where=self.where(key))
        self.check_fields(self.data.get("defaults", {}), "defaults")
        for name, table in self.data.get("targets", {}).items():
            self.check_target(name, table)

    def check_target(self, name: str, table: Any) -> None:
        at = ("targets", name)
        if not _NAME.fullmatch(name):
            raise SpecError(f"{name!r} is not a target's name: letters, digits, - and _", where=self.where(*at))
        if not isinstance(table, Mapping):
            raise SpecError(f"targets.{name} must be a table", where=self.where(*at))
        for key, kind, words in (("kind", str, "a back end's name"), ("protected", bool, "true or false")):
            if key in table and not isinstance(table[key], kind):
                raise SpecError(f"targets.{name}.{key} must be {words}", where=self.where(*at, key))
        if not isinstance(table.get("defaults", {}), Mapping):
            raise SpecError(f"targets.{name}.defaults must be a table", where=self.where(*at, "defaults"))
        self.check_fields(table.get("defaults", {}), *at, "defaults")

    def check_fields(self, fields: Mapping[str, Any], *at: str) -> None:
        problems = unknown_keys(fields, DeploymentSpec, at)
        if problems:
            raise spec_error(problems, lambda path: self.where(*path), self.source)
        for key in ("name", "target", "apiVersion"):
            if key in fields:
                raise SpecError(f"{key} has no default", where=self.where(*at, key))

    def named_targets(self) -> dict[str, NamedTarget]:
        return {
            name: NamedTarget(
                name=name,
                kind=table.get("kind", name),
                options={k: v for k, v in table.items() if k not in _OF_TARGET},
                defaults=table.get("defaults", {}),
                protected=table.get("protected", False),
                source=self.source,
                text=self.text,
                table=".".join(each for each in (self.prefix, "targets", name) if each),
            )
            for name, table in self.data.get("targets", {}).items()
        }

    def defaults_layer(self) -> Layer:
        whole = NamedTarget("", "", source=self.source, text=self.text, table=self.prefix)
        return _layer(self.source, self.data["defaults"], whole)


def _no_owner(value: object) -> str:
    return f"{value!r} is not an owner: one word of letters, digits, - and _, at most 63"


def _layer(name: str, fields: Mapping[str, JSON], at: NamedTarget) -> Layer:
    places = {path: at.where(("defaults", *path)) or name for path in _paths(fields)}
    return Layer(name, fields, places)


def _paths(fields: Mapping[str, JSON], path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    found: list[tuple[str | int, ...]] = []
    for key, value in fields.items():
        found.append((*path, key))
        if isinstance(value, Mapping):
            found.extend(_paths(value, (*path, key)))
    return found


def _find(start: Path) -> list[_File]:
    """The files of the nearest folder that has one, ``deployer.toml`` first."""
    folder = start.absolute()
    for each in (folder, *folder.parents):
        found = [file for file in (_read(each / _FILE, ""), _read(each / _PROJECT, "tool.deployer")) if file]
        if found:
            return found
        if (each / ".git").exists():
            break
    return []


def _read(path: Path, prefix: str) -> _File | None:
    try:
        raw = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return None
    except OSError as error:
        raise SpecError(f"cannot be read: {(error.strerror or 'unknown reason').lower()}", where=str(path)) from None
    if prefix and b"deployer" not in raw:
        return None  # somebody else's project file, which may be broken in its own way
    source = _shown(path)
    try:
        text = raw.decode("utf-8-sig")
        data = tomllib.loads(text)
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise SpecError("not UTF-8", where=f"{source}:{line}") from None
    except tomllib.TOMLDecodeError as error:
        raise _not_toml(error, source, raw.count(b"\n") + 1) from None
    for key in prefix.split(".") if prefix else ():
        inner = data.get(key)
        if not isinstance(inner, dict):
            return None
        data = inner
    file = _File(source, data, text, prefix)
    file.check()
    return file


def _shown(path: Path) -> str:
    """Relative to the working directory where it lies in it, as the user would say it."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def _not_toml(error: tomllib.TOMLDecodeError, source: str, last: int) -> SpecError:
    said = str(error)
    found = re.search(r" \(at (?:line (\d+), column (\d+)|end of document)\)$", said)
    message = said[: found.start()] if found else said
    where = f"{source}:{found[1]}:{found[2]}" if found and found[1] else f"{source}:{last}"
    return SpecError(f"not TOML: {message[:1].lower()}{message[1:]}", where=where)


def _where(source: str, text: str, keys: tuple[str | int, ...]) -> str:
    """``deployer.toml:7``: tomllib tells no places, so the table's header and the key are looked for in the text."""
    path = [*_keys(str(keys[0])), *(str(each) for each in keys[1:])]
    best, line = 0, 0
    table: list[str] = []
    for number, each in enumerate(text.splitlines(), start=1):
        header = re.match(r"\s*\[\[?\s*([^\[\]]+?)\s*\]\]?\s*(?:#.*)?$", each)
        if header:
            table = _keys(header[1])
        key = None if header else re.match(r"\s*([A-Za-z0-9_\-.\"' ]+?)\s*=", each)
        here = [*table, *_keys(key[1])] if key else table if header else []
        if best < len(here) <= len(path) and here == path[: len(here)]:
            best, line = len(here), number
    return f"{source}:{line}" if line else source


def _keys(dotted: str) -> list[str]:
    return [each.strip().strip("\"'") for each in re.findall(r"\"[^\"]*\"|'[^']*'|[^.]+", dotted)]
