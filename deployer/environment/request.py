"""What an environment is wished to hold, and where its wheels may come from."""

from __future__ import annotations

from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from deployer.errors import SpecError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from deployer.environment.lock import BuiltWheel
    from deployer.environment.sdist import SourceDistribution
    from deployer.model.requirements import Requirement

__all__ = ["EnvironmentRequest", "IndexCredential", "IndexPin", "PackageSources"]

PYPI = "https://pypi.org/simple"


@dataclass(frozen=True)
class IndexCredential:
    """What one host's package index wants to know (HTTP basic authentication).

    Args:
        host: Such as ``pypi.example.com``, or with a port, which then must be the URL's.
        username: Sent as it is.
        password: None when the variable that it is taken from is not set; that is an error only where it is needed.
        variable: The variable's name, for that error.
    """

    host: str
    username: str
    password: str | None = field(repr=False)
    variable: str | None = None

    def fits(self, url: str) -> bool:
        """Whether it is meant for this address."""
        parts = urlsplit(url)
        named = {parts.hostname, f"{parts.hostname}:{parts.port or {'http': 80}.get(parts.scheme, 443)}"}
        return self.host.lower() in named

    @property
    def pair(self) -> tuple[str, str]:
        """User and password.

        Raises:
            SpecError: The variable is not set.
        """
        if self.password is None:
            raise SpecError(
                f"the variable {self.variable} is not set",
                where=f"requirements.credentials.{self.host}",
                hint=f"set {self.variable} to the password for {self.host}",
            )
        return self.username, self.password


@dataclass(frozen=True)
class IndexPin:
    """Names that are looked for on one index and nowhere else.

    Args:
        pattern: A name, or a pattern with ``*`` and ``?``; normalised (PEP 503).
        url: The index.
    """

    pattern: str
    url: str = field(repr=False)


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
        pins: Names that one index alone is asked for; the first that fits counts.
        credentials: For the hosts of indexes; a host that has none is looked up in ``~/.netrc`` or ``NETRC``.
    """

    index_url: str | None = field(default=None, repr=False)
    extra_index_urls: tuple[str, ...] = field(default=(), repr=False)
    wheelhouse: Path | None = None
    ca_bundle: Path | None = None
    trust: tuple[str, ...] = field(default=(), repr=False)
    model_root: Path | None = None
    pins: tuple[IndexPin, ...] = ()
    credentials: tuple[IndexCredential, ...] = ()

    @property
    def indexes(self) -> tuple[str, ...]:
        """The indexes for names that are not pinned, in the order in which they are asked."""
        return (*self.extra_index_urls, self.index_url or PYPI)

    @property
    def is_pypi(self) -> bool:
        """Whether nothing but PyPI itself was named, pins apart."""
        return self.wheelhouse is None and self.indexes in ((PYPI,), (f"{PYPI}/",))

    def pin_of(self, name: str) -> str | None:
        """The index that a name is pinned to.

        Args:
            name: Normalised.
        """
        return next((pin.url for pin in self.pins if fnmatchcase(name, pin.pattern)), None)

    def indexes_for(self, name: str) -> tuple[str, ...]:
        """The indexes that may be asked for a name, in that order; none when there is a wheelhouse."""
        pinned = self.pin_of(name)
        return () if self.wheelhouse else (pinned,) if pinned else self.indexes

    def login_for(self, url: str) -> tuple[str, str] | None:
        """User and password for an address, as the spec gives them or the URL carries them; None: see netrc.

        Raises:
            SpecError: The variable of the password is not set.
        """
        found = sorted((one for one in self.credentials if one.fits(url)), key=lambda one: ":" not in one.host)
        if found:
            return found[0].pair
        parts = urlsplit(url)
        if parts.username is None and parts.password is None:
            return None
        return unquote(parts.username or ""), unquote(parts.password or "")


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
        build: Normalised names that may be built from source here when no wheel of them fits
            (``requirements.build``): their code runs.
        compile: Makes a wheel of a source that cannot be built here because it must be compiled; None: nothing does.
        gpu: Whether it will run on a GPU: which build of PyTorch is wanted, for an environment that has it.
    """

    python: str
    platform: str
    requirements: tuple[Requirement, ...]
    runtime: tuple[Requirement, ...] = ()
    extra: tuple[Requirement, ...] = ()
    sources: PackageSources = field(default_factory=PackageSources)
    build: frozenset[str] = frozenset()
    gpu: bool = False
    compile: Callable[[SourceDistribution], BuiltWheel] | None = field(default=None, compare=False, repr=False)
