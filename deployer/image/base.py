"""Base images: found, and looked into. Nothing of them is run.

What is in one is told from its layers, which are read once; it is remembered by the digest of its configuration.
"""

from __future__ import annotations

import hashlib
import io
import json
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, cast

from deployer.errors import BuildError, SpecError
from deployer.image.decompress import opened_plain
from deployer.image.engine_source import PLAIN_LAYER, EngineSource, Hashing, read_saved
from deployer.image.facts import Facts, facts_of, platform_of, require_fit
from deployer.image.layout import open_layout
from deployer.image.listing import Listing, read_listing, stacked
from deployer.image.manifest import base_layers, parsed, read_document
from deployer.image.reference import (
    ArchivePlace,
    EnginePlace,
    LayoutPlace,
    NamedPlace,
    Place,
    mirrored,
    name_of,
    parse_place,
)
from deployer.image.registry import RegistryClient, Transport
from deployer.image.registry_source import RegistrySource, resolve
from deployer.image.values import BaseImage, BaseLayer, BaseSource, ImageReference, exact_reference
from deployer.model.used import mark_used
from deployer.target import Credentials, Engine, HeldImage

__all__ = ["BasePlaces", "ReadyImage", "identify_image", "inspect_base", "repository_of"]

_FORM = 1
"""Of what is remembered; raised when it is told in another way."""


@dataclass
class BasePlaces:
    """Where base images are looked for.

    Args:
        cache: Folder on this host, for what is remembered and for layers of registries.
        engine: The target's, if it has one: a plain name is its image of that name first, as for ``docker run``.
        mirror: A registry, perhaps with a prefix, that is asked for Docker Hub's names.
        plain: Registries that plain http may be spoken to; loopback it always may.
        transport: How registries are spoken to: a CA of one's own is here.
        login: A registry -> a login for it; where that gives None, Docker's own.
    """

    cache: Path
    engine: Engine | None = None
    mirror: str | None = None
    plain: frozenset[str] = frozenset()
    transport: Transport = field(default_factory=Transport)
    login: Callable[[str], Callable[[], Credentials] | None] | None = None
    _clients: dict[str, RegistryClient] = field(default_factory=dict, repr=False)

    def client(self, registry: str) -> RegistryClient:
        """Of a registry; one, so that its tokens are kept."""
        if registry not in self._clients:
            given = self.login(registry) if self.login is not None else None
            plain = registry in self.plain
            self._clients[registry] = RegistryClient(registry, credentials=given, plain=plain, transport=self.transport)
        return self._clients[registry]


@dataclass(frozen=True)
class ReadyImage:
    """An image that is used as it is.

    Attributes:
        digest: Of its configuration.
        reference: To have exactly it: by its manifest's digest, or, in an engine, by its handle.
        config: What it runs as (``Env``, ``Entrypoint``, ``ExposedPorts``).
    """

    digest: str
    reference: str
    config: Mapping[str, Any]


@dataclass(frozen=True)
class _Found:
    """A base before anybody looked into it."""

    name: str
    config: bytes
    layers: tuple[BaseLayer, ...]
    source: BaseSource
    manifest: str | None = None
    listings: tuple[Listing, ...] | None = None


def _holder(place: Place, platform: str, places: BasePlaces) -> tuple[Engine, HeldImage] | None:
    """The engine that has the image, and the image; None when it is to be looked for elsewhere.

    Raises:
        SpecError: It must be of an engine, and there is none, or it has it for another platform.
        BuildError: The engine has it not.
    """
    if isinstance(place, NamedPlace):
        if places.engine is None:
            return None
        held = places.engine.find(name_of(place.reference))
        return (places.engine, held) if held is not None and held.platform == platform else None
    if not isinstance(place, EnginePlace):
        return None
    if places.engine is None:
        raise SpecError(
            "the target has no engine to take an image from", where=place.name, hint="name it as a registry has it"
        )
    held = places.engine.find(place.name)
    if held is None:
        raise BuildError("the engine has no such image", where=place.name, hint=f"docker pull {place.name}")
    if held.platform != platform:
        raise SpecError(
            f"the image is for {held.platform}, not for {platform}",
            where=place.name,
            hint=f"docker pull --platform {platform} {place.name}",
        )
    return places.engine, held


def inspect_base(reference: str, *, platform: str, python: str, places: BasePlaces) -> BaseImage:
    """Finds a base image and what a model needs to know of it.

    Args:
        reference: ``python:3.11-slim``, with ``@sha256:...`` exactly that, ``oci:FOLDER[:TAG]``,
            ``oci-archive:FILE[:TAG]`` or ``docker-daemon:NAME``.
        platform: ``linux/amd64`` or ``linux/arm64``.
        python: The minor that the model needs, ``3.11``.
        places: Where to look.

    Raises:
        SpecError: It is not for that platform, lacks that Python, or is not on glibc; says what would do.
        BuildError: There is no such image, it is refused, or it is damaged.
        TargetUnavailable: The registry or the engine does not answer.
    """
    return _looked_into(_found(reference, platform, places), reference, platform, python, places)


def identify_image(reference: str, *, platform: str, places: BasePlaces) -> ReadyImage:
    """Finds an image that is used as it is, and what exactly it is; nobody looks into its layers.

    Args:
        reference: As for `inspect_base`.
        platform: ``linux/amd64`` or ``linux/arm64``.
        places: Where to look.

    Raises:
        SpecError: It is not for that platform.
        BuildError: There is no such image, or it is refused.
        TargetUnavailable: The registry or the engine does not answer.
    """
    if there := _holder(parse_place(reference), platform, places):
        held = there[1]
        return ReadyImage(held.id, held.handle, held.config)
    found = _found(reference, platform, places)
    document = _document(found.config, found.name)
    _check_platform(document, platform, found.name)
    digest = f"sha256:{hashlib.sha256(found.config).hexdigest()}"
    exact = exact_reference(reference, found.manifest)
    return ReadyImage(digest, digest if found.manifest is None else exact, document.get("config") or {})


def _found(reference: str, platform: str, places: BasePlaces) -> _Found:
    place = parse_place(reference)
    if isinstance(place, LayoutPlace | ArchivePlace):
        folder = place.folder if isinstance(place, LayoutPlace) else place.file
        return _in_layout(reference, folder, place.tag, platform)
    if there := _holder(place, platform, places):
        name = place.name if isinstance(place, EnginePlace) else name_of(place.reference)
        return _held(*there, name, places.cache)
    if isinstance(place, NamedPlace):
        return _of_registry(place, platform, places)
    raise AssertionError(place)


def _of_registry(place: NamedPlace, platform: str, places: BasePlaces) -> _Found:
    name = name_of(place.reference)
    asked = mirrored(place.reference, places.mirror)
    client = places.client(asked.registry)
    at, manifest, config = resolve(client, asked, platform)
    layers = base_layers(manifest, _diff_ids(_document(config, name), name), name)
    source = RegistrySource(client, at, places.cache / "blobs")
    return _Found(name, config, layers, source, at.digest)


def _held(engine: Engine, held: HeldImage, name: str, cache: Path) -> _Found:
    layers = tuple(BaseLayer(each, PLAIN_LAYER) for each in held.diff_ids)
    source = EngineSource(engine, held.handle)
    known = _remembered(cache, held.id)
    if known is not None:
        return _Found(name, known[0], layers, source)
    config, listings = read_saved(engine, held)
    return _Found(name, config, layers, source, listings=listings)


def _in_layout(name: str, folder: Path, tag: str | None, platform: str) -> _Found:
    source = open_layout(folder)
    at = source.find(tag, platform)
    manifest = parsed(read_document(source.read(at), name), name)
    config = source.read(manifest.config)
    return _Found(
        name, config, base_layers(manifest, _diff_ids(_document(config, name), name), name), source, at.digest
    )


def _looked_into(found: _Found, reference: str, platform: str, python: str, places: BasePlaces) -> BaseImage:
    document = _document(found.config, found.name)
    digest = f"sha256:{hashlib.sha256(found.config).hexdigest()}"
    _check_platform(document, platform, found.name)
    known = _remembered(places.cache, digest)
    if known is None:
        listings = found.listings or tuple(_listing(found, layer) for layer in found.layers)
        facts = facts_of(stacked(listings), _search_path(document))
        _remember(places.cache, digest, found.config, facts)
    else:
        facts = known[1]
    path, glibc = require_fit(facts, name=found.name, python=python)
    return BaseImage(
        reference=reference,
        digest=digest,
        manifest=found.manifest,
        platform=platform,
        python=path,
        python_version=python,
        glibc=glibc,
        config=document,
        layers=found.layers,
        source=found.source,
    )


def _check_platform(document: Mapping[str, Any], platform: str, name: str) -> None:
    if platform_of(document) != platform:
        raise SpecError(
            f"the image is for {platform_of(document)}, not for {platform}",
            where=name,
            hint=f"image.platform={platform_of(document)}, or another image",
        )


def _listing(found: _Found, layer: BaseLayer) -> Listing:
    with found.source.open_layer(layer) as blob, opened_plain(blob, found.name) as plain:
        hashing = Hashing(plain)
        listing = read_listing(cast("BinaryIO", io.BufferedReader(hashing, 1 << 18)), found.name)
        while hashing.read(1 << 18):
            pass
    if hashing.digest != layer.diff_id:
        raise BuildError(
            f"a layer is not what the image's configuration says: {layer.diff_id}", where=found.name, hint="try again"
        )
    return listing


def _document(config: bytes, name: str) -> Mapping[str, Any]:
    return read_document(config, name)


def _diff_ids(document: Mapping[str, Any], name: str) -> Sequence[str]:
    found = (document.get("rootfs") or {}).get("diff_ids")
    if not isinstance(found, list) or not all(isinstance(each, str) for each in found):
        raise BuildError("the image's configuration names no layers: it is not one that runs", where=name)
    return found


def _search_path(document: Mapping[str, Any]) -> list[str]:
    settings = (document.get("config") or {}).get("Env") or []
    found = next((each.partition("=")[2] for each in settings if each.startswith("PATH=")), "")
    return [folder for folder in found.split(":") if folder]


def _memory(cache: Path, digest: str) -> Path:
    return cache / "bases" / f"{digest.partition(':')[2]}.json"


def _remembered(cache: Path, digest: str) -> tuple[bytes, Facts] | None:
    try:
        found = json.loads(_memory(cache, digest).read_text("utf-8"))
        config = str(found["config"]).encode()
        if found["form"] != _FORM or f"sha256:{hashlib.sha256(config).hexdigest()}" != digest:
            return None
        facts = Facts(**found["facts"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    mark_used(_memory(cache, digest))
    return config, facts


def _remember(cache: Path, digest: str, config: bytes, facts: Facts) -> None:
    path = _memory(cache, digest)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    partial.write_text(json.dumps({"form": _FORM, "config": config.decode(), "facts": asdict(facts)}), "utf-8")
    partial.replace(path)


def repository_of(base: BaseImage) -> ImageReference | None:
    """The repository that the base came from, when it came from a registry."""
    return base.source.reference if isinstance(base.source, RegistrySource) else None
