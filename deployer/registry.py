"""Finds back ends by the entry-point group ``deployer.targets``, and imports each one only when it is used.

A distribution of anybody's adds a back end by naming a `TargetKind` in its metadata::

    [project.entry-points."deployer.targets"]
    lambda = "deployer_lambda:kind"

One that cannot be used is never passed over in silence: it is a `Broken` in the list, and an error when it is asked
for.
"""

from __future__ import annotations

import importlib.machinery
import importlib.metadata
import importlib.util
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from deployer.errors import DeployerError, NotFound, SpecError
from deployer.nearest import did_you_mean
from deployer.target import Site, Target, TargetKind

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

    from deployer.settings import NamedTarget

__all__ = ["GROUP", "OURS", "Broken", "Registry"]

GROUP = "deployer.targets"

DISTRIBUTION = "mlflow-deployer"

OURS = ("local", "docker", "kubernetes", "sagemaker", "azureml", "spark")
"""The back ends that this project makes; a version may not have all of them yet."""

_LONGEST_REASON = 300


@dataclass(frozen=True)
class Broken:
    """A back end that is installed and cannot be used.

    Attributes:
        name: The back end's.
        distribution: What it came with.
        reason: A sentence.
        hint: What to type.
    """

    name: str
    distribution: str
    reason: str
    hint: str | None = None

    def error(self) -> SpecError:
        """What asking for it raises."""
        return SpecError(f"the target {self.name} cannot be used: {self.reason}", hint=self.hint)


class Registry:
    """The installed back ends.

    Args:
        entry_points: Where they are found; by default the installed distributions of this Python.
    """

    def __init__(self, entry_points: Callable[[], Iterable[EntryPoint]] | None = None) -> None:
        self._entry_points = entry_points or (lambda: importlib.metadata.entry_points(group=GROUP))
        self._loaded: dict[str, TargetKind | Broken] = {}

    @cached_property
    def _found(self) -> dict[str, tuple[EntryPoint, ...]]:
        found: dict[str, dict[tuple[str, str], EntryPoint]] = {}
        for each in self._entry_points():
            found.setdefault(each.name, {})[_distribution(each), each.value] = each
        return {name: tuple(found[name].values()) for name in sorted(found, key=_order)}

    def names(self) -> tuple[str, ...]:
        """Of all that are installed, broken ones too; ours first."""
        return tuple(self._found)

    def known(self) -> tuple[str, ...]:
        """`names`, and those of ours that this version has not: asking `kind` for one tells so."""
        return tuple(dict.fromkeys([*self.names(), *OURS]))

    def kind(self, name: str) -> TargetKind:
        """A back end by its name, without its SDK.

        Raises:
            NotFound: There is none of that name, or not in this version.
            SpecError: It is installed and cannot be used.
        """
        found = self._load(name)
        if isinstance(found, Broken):
            raise found.error()
        return found

    def all(self) -> tuple[TargetKind | Broken, ...]:
        """Every installed back end, imported without its SDK, or why it cannot be used."""
        return tuple(self._load(name) for name in self.names())

    def distribution(self, name: str) -> str:
        """What a back end came with: ``mlflow-deployer 0.1.0``; empty when there is none."""
        return " and ".join(_with_version(each) for each in self._found.get(name, ()))

    def missing(self, kind: TargetKind) -> tuple[str, ...]:
        """The modules that a back end needs and that are not installed; nothing is imported to tell."""
        return tuple(each for each in kind.requires if not _is_installed(each))

    def install_line(self, kind: TargetKind) -> str:
        """What to type so that a back end has all it needs."""
        distribution = next((_distribution(each) for each in self._found.get(kind.name, ())), DISTRIBUTION)
        if kind.extra:
            return f"pip install '{distribution}[{kind.extra}]'"
        return f"pip install {' '.join(each.partition('.')[0] for each in self.missing(kind)) or distribution}"

    def connect(self, named: NamedTarget, owner: str) -> Target:
        """The target of a named target; its SDK is imported now.

        Args:
            named: From the settings.
            owner: The team's word that marks what is made.

        Raises:
            NotFound: There is no such back end.
            SpecError: It cannot be used, something it needs is not installed, or an option is not well.
        """
        from deployer.settings import validate_options

        try:
            kind = self.kind(named.kind)
        except NotFound as error:
            raise NotFound(error.message, where=named.where(("kind",)), hint=error.hint) from None
        missing = self.missing(kind)
        if missing:
            raise self._not_installed(kind, ", ".join(missing))
        options = validate_options(kind, named)
        try:
            return kind.connect(options, Site(named.name, owner, _login))
        except ImportError as error:
            raise self._not_installed(kind, error.name or _one_line(error)) from error

    def _not_installed(self, kind: TargetKind, modules: str) -> SpecError:
        message = f"the target {kind.name} needs {modules}, which is not installed"
        return SpecError(message, hint=self.install_line(kind))

    def _load(self, name: str) -> TargetKind | Broken:
        if name not in self._loaded:
            self._loaded[name] = self._import(name)
        return self._loaded[name]

    def _import(self, name: str) -> TargetKind | Broken:
        found = self._found.get(name, ())
        if not found:
            raise self._unknown(name)
        if len(found) > 1:
            both = " and ".join(f"{_with_version(each)} ({each.value})" for each in found)
            others = [each for each in map(_distribution, found) if each != DISTRIBUTION]
            hint = f"pip uninstall {others[-1]}" if others else None
            reason = f"{both} name the same back end, and none is preferred"
            return Broken(name, " and ".join(map(_distribution, found)), reason, hint)
        return _loaded(found[0])

    def _unknown(self, name: str) -> DeployerError:
        if name in OURS:
            return NotFound(f"the target {name} is not in this version of {DISTRIBUTION}", hint=_LIST)
        return NotFound(f"there is no target {name!r}{did_you_mean(name, self.known())}", hint=_LIST)


_LIST = "deployer targets"


def _login(reference: str) -> tuple[str, Mapping[str, str]]:
    """Docker's own login for an image's registry, looked for when it is asked for."""
    from deployer.image.logins import docker_login

    return docker_login(reference)


def _loaded(entry: EntryPoint) -> TargetKind | Broken:
    distribution = _distribution(entry)
    try:
        found = entry.load()
    except ModuleNotFoundError as error:
        if error.name and f"{entry.module}.".startswith(f"{error.name}."):
            reason = f"{distribution} names {entry.value}, and there is no module {error.name}"
        else:
            reason = f"{entry.module} of {distribution} needs {error.name or _one_line(error)}, which is not installed"
        return Broken(entry.name, distribution, reason, _reinstall(distribution))
    except AttributeError as error:
        reason = f"{distribution} names {entry.value}, which cannot be read: {_one_line(error)}"
        return Broken(entry.name, distribution, reason, _reinstall(distribution))
    except Exception as error:  # whatever a foreign module raises, it is one line in a list
        said = f"{type(error).__name__}: {_one_line(error)}"
        reason = f"{entry.value} of {distribution} fails when it is imported: {said}"
        return Broken(entry.name, distribution, reason, _reinstall(distribution))
    if not isinstance(found, TargetKind):
        reason = f"{entry.value} of {distribution} is a {type(found).__name__}, not a TargetKind"
        return Broken(entry.name, distribution, reason)
    if found.name != entry.name:
        reason = f"{entry.value} of {distribution} calls itself {found.name!r}, not {entry.name!r}"
        return Broken(entry.name, distribution, reason)
    return found


def _reinstall(distribution: str) -> str:
    return f"pip install --force-reinstall {distribution}"


def _distribution(entry: EntryPoint) -> str:
    return entry.dist.name if entry.dist is not None else "an unknown distribution"


def _with_version(entry: EntryPoint) -> str:
    return f"{entry.dist.name} {entry.dist.version}" if entry.dist is not None else _distribution(entry)


def _one_line(error: BaseException) -> str:
    text = " ".join("".join(c if c.isprintable() else " " for c in str(error)).split())
    return text[:_LONGEST_REASON] + ("…" if len(text) > _LONGEST_REASON else "")


def _order(name: str) -> tuple[int, str]:
    return (OURS.index(name) if name in OURS else len(OURS), name)


def _is_installed(module: str) -> bool:
    """Whether a module is there; `importlib.util.find_spec` alone would import the packages around it."""
    first, *inner = module.split(".")
    try:
        spec = importlib.util.find_spec(first)
        name = first
        for each in inner:
            if spec is None or spec.submodule_search_locations is None:
                return False
            name = f"{name}.{each}"
            spec = importlib.machinery.PathFinder.find_spec(name, list(spec.submodule_search_locations))
    except (ImportError, ValueError):
        return False
    return spec is not None
