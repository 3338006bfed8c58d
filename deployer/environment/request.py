"""What an environment is wished to hold, and where its wheels may come from."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from deployer.model.requirements import Requirement

__all__ = ["EnvironmentRequest", "PackageSources"]

PYPI = "https://pypi.org/simple"


@dataclass(frozen=True)
class PackageSources:
    """Where wheels come from. Not part of a lock: the same wheels may come from elsewhere.

    Args:
        index_url: The package index; None for PyPI.
        extra_index_urls: Asked before ``index_url``, in order; the first index that has a name gives all its versions,
            so that a public package cannot take a private one's place (uv's ``first-index``).
        wheelhouse: A folder of wheels. When given, nothing else is asked and there is no network.
        ca_bundle: PEM certificates to trust; None for SSL_CERT_FILE, then REQUESTS_CA_BUNDLE, of the environment.
        trust: URLs of wheels that a requirement may name.
        model_root: The model's folder, for wheels that it brings along.
    """

    index_url: str | None = field(default=None, repr=False)
    extra_index_urls: tuple[str, ...] = field(default=(), repr=False)
    wheelhouse: Path | None = None
    ca_bundle: Path | None = None
    trust: tuple[str, ...] = field(default=(), repr=False)
    model_root: Path | None = None

    @property
    def indexes(self) -> tuple[str, ...]:
        """The indexes in the order in which they are asked."""
        return (*self.extra_index_urls, self.index_url or PYPI)


@dataclass(frozen=True)
class EnvironmentRequest:
    """An environment to lock.

    Args:
        python: A minor version, such as ``3.11``.
        platform: uv's word, such as ``x86_64-manylinux_2_28``; `host_platform` gives this machine's.
        requirements: The model's own.
        runtime: What the serving runtime needs, wide; the model's pins win.
        extra: What the spec adds (``requirements.extra``).
        sources: Where wheels come from.
    """

    python: str
    platform: str
    requirements: tuple[Requirement, ...]
    runtime: tuple[Requirement, ...] = ()
    extra: tuple[Requirement, ...] = ()
    sources: PackageSources = field(default_factory=PackageSources)
