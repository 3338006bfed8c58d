"""An image's lock as a text to keep, read and compare; `parse_lock` gives the recipe back.

The image itself holds the text in a short form (`portable=True`), which names contents only: without the places that
the base and wheels came from, so that the image is the same wherever it was made, and without the model, so that new
weights are one new layer. The model's digest stands in the image's label, and both together are the lock again.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, get_args

from deployer.environment import Lock, LockedWheel
from deployer.environment.lock import LockedSource
from deployer.errors import SpecError
from deployer.image.recipe import BaseIdentity, Recipe, Weights
from deployer.nearest import did_you_mean
from deployer.spec.yaml_text import Parsed, Path, parse_documents

__all__ = ["lock_text", "parse_lock"]

_HEAD = "# What an image is made of, exactly. `deployer build --lock` writes it, and `--locked` builds it.\n"
_HINT = "write it anew: deployer build MODEL --lock FILE"
_DIGEST, _HEX = r"sha256:[0-9a-f]{64}", r"[0-9a-f]{64}"
_BASE = {
    "reference": r"[^\x00-\x1f\x7f]+",
    "manifest": _DIGEST,
    "digest": _DIGEST,
    "platform": r"linux/(amd64|arm64)",
    "python": r"(/[A-Za-z0-9._+-]+)+",
    "python_version": r"3\.\d+",
    "glibc": r"\d+\.\d+",
    "packages": r"[a-z0-9][a-z0-9.+-]*=[A-Za-z0-9.+:~-]+( [a-z0-9][a-z0-9.+-]*=[A-Za-z0-9.+:~-]+)*",
}
_WHEEL = {
    "name": r"[a-z0-9][a-z0-9-]*",
    "version": r"[A-Za-z0-9.!+_-]+",
    "file": r"[^\s#/\\]+\.whl",
    "sha256": _HEX,
    "size": r"\d+",
    "path": r"[^\s#\\]+\.whl",
}
_TOP = {
    "lock": "1",
    "wheel_platform": r"[a-z0-9_.-]+",
    "runtime": _HEX,
    "model": _HEX,
    "weights": "|".join(get_args(Weights)),
    "torch": r"[a-z0-9.]+",
    "bytecode": r"none|cpython-3\.\d+\.\d+\w*",
}
_SOURCE = {"file": r"[^\s#/\\]+", "sha256": _HEX}
_OPTIONAL = frozenset({"packages", "reference", "manifest", "size", "path", "model", "torch"})


def lock_text(recipe: Recipe, *, portable: bool = False) -> str:
    """The lock as YAML, one line for each fact.

    Args:
        recipe: What to write down.
        portable: Only what the image's content depends on, without the model.
    """
    return _HEAD + "".join(f"{line}\n" for line in _lines(recipe, portable=portable))


def parse_lock(text: str, *, where: str = "lock", model: str | None = None) -> Recipe:
    """Reads `lock_text` back.

    Args:
        text: The whole form, or that of an image.
        where: What it is called in errors.
        model: The model's digest, for the form of an image.

    Raises:
        SpecError: It is no lock; the error has the line.
    """
    documents = list(parse_documents(text, where))
    if len(documents) != 1 or not isinstance(documents[0].data, dict):
        raise SpecError("not the lock of an image", where=where, hint=_HINT)
    return _Reading(documents[0], where).recipe(model)


def _lines(recipe: Recipe, *, portable: bool) -> Iterator[str]:
    base, environment = recipe.base, recipe.environment
    yield "lock: 1"
    yield "base:"
    if not portable:
        yield f"  reference: {_text(base.reference)}"
        if base.manifest:
            yield f"  manifest: {base.manifest}"
    yield f"  digest: {base.digest}"
    yield f"  platform: {base.platform}"
    yield f"  python: {base.python}"
    yield f'  python_version: "{base.python_version}"'
    yield f'  glibc: "{base.glibc}"'
    if base.packages:
        yield f'  packages: "{" ".join(base.packages)}"'
    yield f"runtime: {_text(recipe.runtime)}"
    if not portable:
        yield f"model: {_text(recipe.model)}"
    yield f"weights: {recipe.weights}"
    yield f"bytecode: {recipe.bytecode}"
    yield f"wheel_platform: {environment.platform}"
    if environment.torch:
        yield f"torch: {_text(environment.torch)}"
    yield "wheels:" + ("" if environment.wheels else " []")
    for wheel in environment.wheels:
        yield from (f"  {line}" for line in _wheel_lines(wheel, portable=portable))


def _wheel_lines(wheel: LockedWheel, *, portable: bool) -> Iterator[str]:
    yield f"- name: {_text(wheel.name)}"
    yield f"  version: {_text(wheel.version)}"
    yield f"  file: {_text(wheel.filename)}"
    yield f"  sha256: {_text(wheel.sha256)}"
    if wheel.path is not None and not portable:
        yield f"  path: {_text(wheel.path)}"
    if wheel.size is not None and not portable:
        yield f"  size: {wheel.size}"
    if wheel.source is not None:
        yield "  source:"
        yield f"    file: {_text(wheel.source.filename)}"
        yield f"    sha256: {_text(wheel.source.sha256)}"
        yield "    built_with:" + ("" if wheel.source.built_with else " []")
        for each in wheel.source.built_with:
            yield from (f"      {line}" for line in _wheel_lines(each, portable=portable))


def _text(value: str) -> str:
    """As it is where YAML takes it for a text; else quoted."""
    if re.fullmatch(r"[A-Za-z][A-Za-z0-9._/+-]*(:[A-Za-z0-9._/@-]+)*", value) and value.lower() not in {
        "true", "false", "null", "yes", "no", "on", "off", "y", "n",
    }:  # fmt: skip
        return value
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


class _Reading:
    def __init__(self, document: Parsed, where: str) -> None:
        self._document = document
        self._where = where

    def recipe(self, model: str | None) -> Recipe:
        data: Mapping[str, Any] = self._document.data
        self._known((), data, {*_TOP, "base", "wheels"})
        base, wheels = data.get("base"), data.get("wheels")
        if not isinstance(base, dict) or not isinstance(wheels, list):
            raise self._error((), "the lock has no base, or no wheels")
        top = self._fields((), data, _TOP)
        self._known(("base",), base, set(_BASE))
        found = self._fields(("base",), base, _BASE)
        own = top.get("model") or model
        if own is None:
            raise self._error((), "the lock names no model; in an image its digest is a label")
        if not re.fullmatch(_HEX, own):
            raise SpecError(f"{own[:80]!r} is no digest of a model", where=self._where, hint=_HINT)
        return Recipe(
            base=BaseIdentity(
                reference=found.get("reference", found["digest"]),
                manifest=found.get("manifest"),
                digest=found["digest"],
                platform=found["platform"],
                python=found["python"],
                python_version=found["python_version"],
                glibc=found["glibc"],
                packages=tuple(found.get("packages", "").split()),
            ),
            environment=Lock(
                found["python_version"],
                top["wheel_platform"],
                tuple(self._wheels(("wheels",), wheels)),
                top.get("torch"),
            ),
            runtime=top["runtime"],
            model=own,
            weights="embed" if top["weights"] == "embed" else "mount",
            bytecode=top["bytecode"],
        )

    def _wheels(self, above: Path, wheels: list[Any]) -> Iterator[LockedWheel]:
        seen: set[str] = set()
        for index, each in enumerate(wheels):
            path: Path = (*above, index)
            if not isinstance(each, dict):
                raise self._error(path, "a wheel is a mapping of name, version, file and sha256")
            self._known(path, each, {*_WHEEL, "source"})
            found = self._fields(path, each, _WHEEL)
            if found["name"] in seen:
                raise self._error(path, f"{found['name']} is locked twice")
            seen.add(found["name"])
            inside = found.get("path")
            if inside is not None and (inside.startswith("/") or ".." in inside.split("/")):
                raise self._error((*path, "path"), f"{inside!r} leaves the model's folder")
            size = int(found["size"]) if "size" in found else None
            source = self._source((*path, "source"), each["source"]) if "source" in each else None
            yield LockedWheel(found["name"], found["version"], found["file"], found["sha256"], size, inside, source)

    def _source(self, path: Path, data: Any) -> LockedSource:
        if not isinstance(data, dict) or not isinstance(data.get("built_with"), list):
            raise self._error(path, "a source is a mapping of file, sha256 and built_with")
        self._known(path, data, {*_SOURCE, "built_with"})
        found = self._fields(path, data, _SOURCE)
        return LockedSource(
            found["file"], found["sha256"], tuple(self._wheels((*path, "built_with"), data["built_with"]))
        )

    def _fields(self, path: Path, data: Mapping[str, Any], wanted: Mapping[str, str]) -> dict[str, str]:
        found: dict[str, str] = {}
        for name, pattern in wanted.items():
            if name not in data:
                if name not in _OPTIONAL:
                    raise self._error(path, f"{name} is missing")
                continue
            text = self._written((*path, name), data[name])
            if text is None or not re.fullmatch(pattern, text, re.ASCII):
                raise self._error((*path, name), f"{name} cannot be {str(data[name])[:80]!r}")
            found[name] = text
        return found

    def _written(self, path: Path, value: Any) -> str | None:
        if isinstance(value, str):
            return value
        place = self._document.places.get(path)
        return place.text if place else None

    def _known(self, path: Path, data: Mapping[str, Any], names: set[str]) -> None:
        for name in data:
            if name not in names:
                raise self._error((*path, name), f"unknown field {name!r}{did_you_mean(name, names)}")

    def _error(self, path: Path, message: str) -> SpecError:
        place = self._document.places.get(path)
        where = f"{self._where}:{place.line}" if place else self._where
        return SpecError(message, where=where, hint=_HINT)
