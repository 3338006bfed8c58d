"""From what was typed, files, environment and settings to the spec that is meant, and back to a command."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deployer.errors import SpecError
from deployer.spec import (
    DeploymentSpec,
    Document,
    Layer,
    build_spec,
    command_line_layer,
    document_layer,
    environment_layer,
    load_documents,
    patch_spec,
)

if TYPE_CHECKING:
    from pydantic import BaseModel

    from deployer.cli.session import Session
    from deployer.client import Patch

__all__ = [
    "DEFAULT_FILE",
    "Asked",
    "documents",
    "learn_recorded",
    "one_document",
    "patch_for",
    "spec_for",
    "target_of",
]

DEFAULT_FILE = "deployer.yaml"
_FILES_IN_SPEC = (("health", "request"), ("requirements", "ca_bundle"), ("requirements", "wheelhouse"),
                  ("image", "apt_sources"),
                  ("network", "tls", "cert"), ("network", "tls", "key"))  # fmt: skip
"""Fields beside ``model`` that name a file; relative ones are meant from the spec file's folder."""


@dataclass(frozen=True)
class Asked:
    """What was typed of a wish."""

    name: str | None = None
    model: str | None = None
    target: str | None = None
    files: tuple[str, ...] = ()
    sets: tuple[str, ...] = ()

    @classmethod
    def typed(
        cls, name: str | None, model: str | None, target: str | None, files: list[str] | None, sets: list[str] | None
    ) -> Asked:
        """As the parser hands it over."""
        return cls(name, model, target, tuple(files or ()), tuple(sets or ()))

    def words(self) -> list[str]:
        """The same, to be printed as part of a command."""
        words = [self.name] if self.name else []
        words += ["--model", self.model] if self.model else []
        words += [word for file in self.files for word in ("-f", file)]
        words += ["-t", self.target] if self.target else []
        return [*words, *(word for each in self.sets for word in ("--set", each))]

    @property
    def wants_default_file(self) -> bool:
        """Whether neither an endpoint nor a file was named, so that ``./deployer.yaml`` is meant."""
        return not self.files and not self.name and not self.model


def documents(asked: Asked) -> tuple[Document, ...]:
    """The specs of all files that are meant; none when everything was typed.

    Raises:
        SpecError: Nothing was named and there is no ``./deployer.yaml``; a file is no spec; a name stands there twice.
        NotFound: A file is not there.
    """
    files = asked.files
    if asked.wants_default_file:
        if not Path(DEFAULT_FILE).is_file():
            raise SpecError(
                f"nothing to do it with: no NAME, no --model, no -f, and no ./{DEFAULT_FILE} here",
                hint="deployer create NAME --model URI, or deployer init to begin with a file",
            )
        files = (DEFAULT_FILE,)
    return tuple(anchored(each) for file in files for each in load_documents(file))


def one_document(asked: Asked, verb: str) -> Document | None:
    """The one spec that ``create`` or ``update`` works on; None when everything was typed.

    Raises:
        SpecError: There are several, and NAME does not say which.
    """
    found = documents(asked)
    if len(found) < 2:
        return found[0] if found else None
    named = [each for each in found if each.data.get("name") == asked.name]
    if len(named) == 1:
        return named[0]
    names = ", ".join(str(each.data.get("name", "?")) for each in found)
    files = " ".join(f"-f {file}" for file in asked.files) or f"-f {DEFAULT_FILE}"
    raise SpecError(
        f"{verb} is about one endpoint, and there are {len(found)} here: {names}",
        hint=f"deployer apply {files} does all of them; deployer {verb} NAME {files} picks one",
    )


def anchored(document: Document) -> Document:
    """The document with its relative paths meant from the file's folder, as its writer saw them."""
    folder = Path(document.source).parent if document.source != "standard input" else Path()
    if folder == Path():
        return document
    data = _anchored_fields(document.data, folder)
    overrides = data.get("overrides")
    if isinstance(overrides, Mapping):
        data["overrides"] = {
            name: _anchored_fields(fields, folder) if isinstance(fields, Mapping) else fields
            for name, fields in overrides.items()
        }
    return replace(document, data=data)


def _anchored_fields(data: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    result = dict(data)
    model = result.get("model")
    if isinstance(model, str) and _is_relative_path(model):
        result["model"] = os.path.normpath(folder / model)
    for path in _FILES_IN_SPEC:
        _anchor(result, path, folder)
    return result


def _anchor(data: dict[str, Any], path: Sequence[str], folder: Path) -> None:
    for step in path[:-1]:
        inner = data.get(step)
        if not isinstance(inner, Mapping):
            return
        data[step] = data = dict(inner)
    value = data.get(path[-1])
    if isinstance(value, str) and value and not Path(value).expanduser().is_absolute():
        data[path[-1]] = os.path.normpath(folder / value)


def _is_relative_path(text: str) -> bool:
    from deployer.model import Kind
    from deployer.model.uri import parse_uri

    try:
        return parse_uri(text).kind is Kind.PATH and ":" not in text and not Path(text).is_absolute()
    except SpecError:
        return False


def target_of(now: Session, asked: Asked, document: Document | None = None) -> str:
    """The target that is meant, looked up so that a slip is told before anything else.

    Raises:
        NotFound: There is none of that name.
    """
    said = asked.target or next((s.partition("=")[2] for s in reversed(asked.sets) if s.startswith("target=")), None)
    name = now.settings.meant(said or None, document)
    return now.place(name).name


def _layers(now: Session, asked: Asked, document: Document | None, target: str) -> tuple[list[Layer], type[BaseModel]]:
    """Command line and file, the weightiest first, and the model of the target's options."""
    config = now.registry.kind(now.place(target).kind).config
    typed = command_line_layer(
        {"name": asked.name, "model": asked.model, "target": target}, asked.sets, config_model=config
    )
    layers = [typed]
    if document is not None:
        known = (*now.settings.targets, *now.registry.known())
        layers.append(document_layer(document, target, known_targets=known))
    return layers, config


def spec_for(now: Session, asked: Asked, document: Document | None = None) -> DeploymentSpec:
    """The whole wish: command line over environment over file over the settings' defaults.

    Raises:
        SpecError: Something in it is not usable, with its place.
    """
    target = target_of(now, asked, document)
    layers, config = _layers(now, asked, document, target)
    environment, warnings = environment_layer(_fields_of(os.environ), config_model=config)
    now.screen.tell(f"  {now.screen.paint_err('!', 'warn')} {each}" for each in warnings)
    said = [layers[0], environment, *layers[1:], *now.settings.default_layers(target)]
    for field, typed in (("name", "NAME"), ("model", "--model URI")):
        ready = field == "model" and any(each.gives(("image", "use")) for each in said)
        if not ready and not any(each.gives((field,)) for each in said):
            raise _missing(field, typed, asked, document)
    spec = build_spec(said, config_model=config)
    _learn_secrets(now, spec)
    return spec


def _missing(field: str, typed: str, asked: Asked, document: Document | None) -> SpecError:
    if document is not None:
        return SpecError(
            f"{field} is missing", where=document.where(), hint=f"write {field}: ... there, or give {typed}"
        )
    example = f"deployer create {asked.name or 'NAME'} --model {asked.model or 'URI'}"
    return SpecError(f"{field} is missing", hint=example)


def patch_for(now: Session, asked: Asked, document: Document | None, target: str) -> Patch:
    """What ``update`` lays over the recorded wish: command line and file, and nothing else.

    Raises:
        SpecError: Something in them is not usable.
    """
    layers, config = _layers(now, asked, document, target)

    def patch(recorded: dict[str, Any]) -> DeploymentSpec:
        spec = patch_spec(recorded, layers, config_model=config)
        _learn_secrets(now, spec)
        return spec

    return patch


def _fields_of(environ: Mapping[str, str]) -> dict[str, str]:
    from deployer.cli.session import TRACEBACK

    return {name: value for name, value in environ.items() if name != TRACEBACK}


def _learn_secrets(now: Session, spec: DeploymentSpec) -> None:
    now.screen.redact.learn(secret_values(spec, os.environ))


def secret_values(spec: DeploymentSpec, environ: Mapping[str, str]) -> Iterator[str]:
    """The values that the spec refers to in this environment; they are never shown."""
    references = [*spec.secrets.values(), *spec.auth.api_keys]
    return (environ[each.env] for each in references if each.env and environ.get(each.env))


def learn_recorded(now: Session, *recorded: Mapping[str, Any] | None) -> None:
    """Keep the secrets of recorded wishes out of what is shown; a Record of another version may be no spec any more."""
    for wish in recorded:
        with suppress(ValueError):
            if wish:
                now.screen.redact.learn(secret_values(DeploymentSpec(**wish), os.environ))
