"""How a build reaches packages: the proxies, certificates and archive that a person named for everything else.

Source: Dockerfile reference, "Predefined ARGs" (not kept in the history); apt.conf(5), apt-transport-https(1).
"""

from __future__ import annotations

import hashlib
import ipaddress
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from urllib.parse import unquote, urlsplit

from deployer.errors import SpecError

__all__ = ["BuildNetwork"]

_URL = re.compile(r"[a-z][a-z0-9+.-]*://[^\s\"']+", re.IGNORECASE)
_LARGEST = 1 << 22


@dataclass(frozen=True)
class BuildNetwork:
    """How a build reaches packages.

    Args:
        proxies: ``http_proxy``, ``https_proxy`` and ``no_proxy``, as far as they are set.
        ca_bundle: PEM certificates to trust instead of the base's own, or None.
        apt_sources: A file as in ``/etc/apt/sources.list.d`` (``.list`` or ``.sources``) instead of the base's own.
    """

    proxies: Mapping[str, str] = field(default_factory=dict, repr=False)
    ca_bundle: Path | None = None
    apt_sources: Path | None = None

    @classmethod
    def of(
        cls, environ: Mapping[str, str], *, ca_bundle: Path | None = None, apt_sources: Path | None = None
    ) -> BuildNetwork:
        """As the client's variables and the spec say it.

        Args:
            environ: For proxies, and ``SSL_CERT_FILE`` or ``REQUESTS_CA_BUNDLE`` where the spec names no bundle.
            ca_bundle: The spec's.
            apt_sources: The spec's.

        Raises:
            SpecError: The sources are no such file, or carry a password.
        """
        said = {name.lower(): value for name, value in sorted(environ.items()) if value}
        proxies = {
            "http_proxy": said.get("http_proxy") or said.get("all_proxy"),
            "https_proxy": said.get("https_proxy") or said.get("all_proxy"),
            "no_proxy": said.get("no_proxy"),
        }
        named = environ.get("SSL_CERT_FILE") or environ.get("REQUESTS_CA_BUNDLE")
        if ca_bundle is None and named and Path(named).is_file():
            ca_bundle = Path(named)
        made = cls({name: value for name, value in proxies.items() if value}, ca_bundle, apt_sources)
        made._check()
        return made

    @cached_property
    def arguments(self) -> dict[str, str]:
        """The proxies as build arguments, in both of the ways in which programs read them."""
        return {spelling: value for name, value in self.proxies.items() for spelling in (name, name.upper())}

    @cached_property
    def mode(self) -> str | None:
        """``host`` when an address is the host's own loopback, which a build's own network does not reach."""
        found = [*(self.proxies.get(name, "") for name in ("http_proxy", "https_proxy")), *_URL.findall(self.apt_text)]
        return "host" if any(_is_loopback(each) for each in found) else None

    @cached_property
    def secrets(self) -> frozenset[str]:
        """What no text may hold: the passwords of proxies, as written and as meant."""
        found: set[str] = set()
        for name in ("http_proxy", "https_proxy"):
            user, colon, password = _user_info(self.proxies.get(name, "")).partition(":")
            if colon and password:
                found |= {f"{user}:{password}", password, unquote(password)}
        return frozenset(found)

    @cached_property
    def apt_text(self) -> str:
        """The archive's sources; empty for the base's own."""
        return self.apt_sources.read_text("utf-8") if self.apt_sources else ""

    @property
    def archive(self) -> str:
        """Names the archive by content: empty for the base's own."""
        return hashlib.sha256(self.apt_text.encode()).hexdigest() if self.apt_sources else ""

    def files(self) -> Iterator[tuple[str, bytes]]:
        """What apt reads, by name."""
        settings = [
            'Acquire::Languages "none";',
            'Acquire::Retries "2";',
            'Acquire::http::Timeout "30";',
            'Acquire::https::Timeout "30";',
            'APT::Update::Error-Mode "any";',
        ]
        if self.ca_bundle:
            settings.append('Acquire::https::CAInfo "/deployer-build/ca.pem";')
            yield "ca.pem", self.ca_bundle.read_bytes()
        if self.apt_sources:
            settings += ['Dir::Etc::SourceList "/dev/null";', 'Dir::Etc::SourceParts "/deployer-build/sources.d";']
            yield f"sources.d/deployer{self.apt_sources.suffix}", self.apt_text.encode()
        yield "apt.conf", "".join(f"{line}\n" for line in settings).encode()

    def _check(self) -> None:
        path, where = self.apt_sources, "image.apt_sources"
        if path is None:
            return
        if path.suffix not in {".list", ".sources"} or not path.is_file() or path.stat().st_size > _LARGEST:
            raise SpecError(
                f"{path} is no file of apt's sources", where=where, hint="as in /etc/apt/sources.list.d: NAME.list"
            )
        try:
            addresses = _URL.findall(self.apt_text)
        except UnicodeDecodeError:
            raise SpecError(f"{path} is no text", where=where, hint="as in /etc/apt/sources.list.d") from None
        if any(_user_info(each) for each in addresses):
            raise SpecError(
                f"{path} has a user or password in an address",
                where=where,
                hint="name an archive that this machine may read without one",
            )


def _user_info(url: str) -> str:
    found = re.match(r"(?:[a-z0-9+.-]+://)?([^/?#]*)@", url, re.IGNORECASE)
    return found[1] if found else ""


def _is_loopback(url: str) -> bool:
    try:
        host = urlsplit(url if "://" in url else f"http://{url}").hostname or ""
        return host == "localhost" or host.endswith(".localhost") or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
