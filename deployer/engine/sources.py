"""Where packages come from, as the spec says it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from deployer.errors import SpecError
from deployer.spec import DeploymentSpec
from deployer.target import EnvironmentSink

if TYPE_CHECKING:
    from deployer.environment import PackageSources

__all__ = ["cache_folder", "package_sources"]


def package_sources(spec: DeploymentSpec, model_root: Path | None) -> PackageSources:
    """The spec's ``requirements`` fields of client scope.

    Raises:
        SpecError: A file or folder that it names is not there.
    """
    from deployer.environment import PackageSources

    wanted = spec.requirements
    return PackageSources(
        index_url=wanted.index_url,
        extra_index_urls=wanted.extra_index_urls,
        wheelhouse=_there(wanted.wheelhouse, "requirements.wheelhouse"),
        ca_bundle=_there(wanted.ca_bundle, "requirements.ca_bundle"),
        trust=wanted.trust,
        model_root=model_root,
    )


def _there(text: str | None, field: str) -> Path | None:
    if text is None:
        return None
    path = Path(text).expanduser()
    if not path.exists():
        raise SpecError(f"there is no {path}", where=field)
    return path.resolve()


def cache_folder(sink: EnvironmentSink | None, environ: Mapping[str, str]) -> Path:
    """Where what was fetched is kept: the target's own cache on this host, else the user's."""
    if sink is not None:
        return sink.cache
    return Path(environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")) / "deployer"
