"""Where packages come from, as the spec says it."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from deployer.errors import SpecError
from deployer.spec import DeploymentSpec
from deployer.target import EnvironmentSink, ImageSink

if TYPE_CHECKING:
    from deployer.environment import PackageSources

__all__ = ["buildable", "ca_bundle", "cache_folder", "package_sources"]


def package_sources(
    spec: DeploymentSpec, model_root: Path | None, environ: Mapping[str, str] | None = None
) -> PackageSources:
    """The spec's ``requirements`` fields of client scope.

    Args:
        spec: The wish.
        model_root: The model's folder, for wheels that it brings along.
        environ: Where passwords of indexes are; the process's own variables by default. One that is not set is an
            error only when its index is asked.

    Raises:
        SpecError: A file or folder that it names is not there.
    """
    from deployer.environment import IndexCredential, IndexPin, PackageSources

    wanted = spec.requirements
    known = os.environ if environ is None else environ
    return PackageSources(
        index_url=wanted.index_url,
        extra_index_urls=wanted.extra_index_urls,
        wheelhouse=_there(wanted.wheelhouse, "requirements.wheelhouse"),
        ca_bundle=ca_bundle(spec),
        trust=wanted.trust,
        model_root=model_root,
        pins=tuple(IndexPin(_normalised(pattern), url) for pattern, url in wanted.pin.items()),
        credentials=tuple(
            IndexCredential(host, login.username, known.get(login.password.env or "") or None, login.password.env)
            for host, login in wanted.credentials.items()
        ),
    )


def buildable(spec: DeploymentSpec) -> frozenset[str]:
    """The normalised names that the spec lets be built from source."""
    return frozenset(map(_normalised, spec.requirements.build))


def _normalised(name: str) -> str:
    """As PEP 503 has it; signs of a pattern stay."""
    return re.sub(r"[-_.]+", "-", name).lower()


def ca_bundle(spec: DeploymentSpec) -> Path | None:
    """The certificates that the spec names, or None for the environment's."""
    return _there(spec.requirements.ca_bundle, "requirements.ca_bundle")


def _there(text: str | None, field: str) -> Path | None:
    if text is None:
        return None
    path = Path(text).expanduser()
    if not path.exists():
        raise SpecError(f"there is no {path}", where=field)
    return path.resolve()


def cache_folder(sink: EnvironmentSink | ImageSink | None, environ: Mapping[str, str]) -> Path:
    """Where what was fetched is kept: the target's own cache on this host, else the user's."""
    if sink is not None:
        return sink.cache
    return Path(environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")) / "deployer"
