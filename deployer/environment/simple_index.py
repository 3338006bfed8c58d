"""A package index, asked by us: which files a name has, and one of them fetched and checked.

uv does this for wheels. For source distributions we do it, since uv would run their code to know them.
Sources: the "Simple repository API" specification (PEP 503, 629, 691, 700); proxies and netrc as the standard library
reads them.
"""

from __future__ import annotations

import contextlib
import hashlib
import html.parser
import json
import netrc
import os
import re
import ssl
import urllib.error
import urllib.request
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from email.message import Message
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import IO, Any, cast
from urllib.parse import unquote, urldefrag, urljoin, urlsplit

from deployer.environment.failures import explain_transport
from deployer.environment.indexes import plain, secrets_of
from deployer.environment.request import PackageSources
from deployer.environment.uv import redacted, scrubbed_environment
from deployer.errors import BuildError

__all__ = ["IndexFile", "SimpleIndex"]

_ACCEPT = "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.1"
_TIMEOUT = 60.0
_LARGEST_PAGE = 64 << 20
_PIECE = 1 << 20


@dataclass(frozen=True, slots=True)
class IndexFile:
    """A file of a project, as its index lists it.

    Args:
        filename: Its name.
        url: Where it is, without user and password; a ``file:`` URL in a wheelhouse.
        sha256: Hex, or None when the index does not say.
        requires_python: The Python versions it is for; empty for any.
        yanked: Whether its makers took it back.
    """

    filename: str
    url: str
    sha256: str | None = None
    requires_python: str = ""
    yanked: bool = False


class SimpleIndex:
    """The indexes of some sources, or their wheelhouse.

    Args:
        sources: Where to look, with which certificates and logins.
        environment: Names proxies, certificates and netrc; the process's own by default.
    """

    def __init__(self, sources: PackageSources, environment: Mapping[str, str] | None = None) -> None:
        self._sources = sources
        self._environment = dict(os.environ if environment is None else environment)
        self._opener: urllib.request.OpenerDirector | None = None

    def files(self, name: str) -> tuple[IndexFile, ...]:
        """What the first index that has a name lists for it; nothing when none has it.

        Args:
            name: Normalised.

        Raises:
            BuildError: An index cannot be reached, or refuses us.
        """
        if self._sources.wheelhouse:
            return tuple(_in_folder(self._sources.wheelhouse, name))
        for index in self._sources.indexes_for(name):
            with self._open(f"{plain(index).rstrip('/')}/{name}/", missing_ok=True) as answer:
                if answer is None:
                    continue
                return tuple(_listed(answer.read(_LARGEST_PAGE), answer.headers.get_content_type(), answer.url))
        return ()

    def fetch(self, file: IndexFile, into: Path, *, sha256: str | None = None) -> str:
        """Writes a file to a new path, and returns the SHA-256 in hex of what came.

        Args:
            file: From `files`.
            into: Where to write it.
            sha256: What it must have; by default what the index says.

        Raises:
            BuildError: It cannot be had, or is not what it should be.
            OSError: It cannot be written.
        """
        total = hashlib.sha256()
        with self._reading(file) as answer, into.open("xb") as target:
            try:
                while piece := answer.read(_PIECE):
                    total.update(piece)
                    target.write(piece)
            except (HTTPException, TimeoutError, ConnectionError) as error:
                raise self._unreachable(error, file.url) from None
        wanted = sha256 or file.sha256
        if wanted and total.hexdigest() != wanted:
            into.unlink()
            raise BuildError(
                f"{file.filename} is not the content that was asked for",
                where=plain(file.url),
                hint="the index serves other content under the same name; check it, or lock again with --upgrade",
            )
        return total.hexdigest()

    @contextlib.contextmanager
    def _reading(self, file: IndexFile) -> Iterator[IO[bytes]]:
        if self._sources.wheelhouse:
            with (self._sources.wheelhouse / file.filename).open("rb") as content:
                yield content
        else:
            with self._open(file.url) as answer:
                yield cast("IO[bytes]", answer)

    @contextlib.contextmanager
    def _open(self, url: str, *, missing_ok: bool = False) -> Iterator[HTTPResponse | None]:
        request = urllib.request.Request(  # noqa: S310 - check_indexes and _listed let http and https through alone
            url, headers={"Accept": _ACCEPT, "User-Agent": "deployer"}
        )
        login = self._login(url)
        if login:
            basic = b64encode(":".join(login).encode()).decode()
            request.add_unredirected_header("Authorization", f"Basic {basic}")
        try:
            answer = cast("HTTPResponse", self._connected().open(request, timeout=_TIMEOUT))
        except urllib.error.HTTPError as error:
            error.close()
            if missing_ok and error.code in (404, 410):
                yield None
                return
            raise self._unreachable(error, url) from None
        except (OSError, HTTPException) as error:
            raise self._unreachable(error, url) from None
        with answer:
            yield answer

    def _login(self, url: str) -> tuple[str, str] | None:
        known = (*self._sources.indexes, *(pin.url for pin in self._sources.pins))
        given = next((one for one in known if urlsplit(plain(one)).netloc == urlsplit(url).netloc), url)
        return self._sources.login_for(given) or _from_netrc(urlsplit(url).hostname or "", self._environment)

    def _connected(self) -> urllib.request.OpenerDirector:
        if self._opener is None:
            scrubbed = scrubbed_environment(self._sources, self._environment)
            context = ssl.create_default_context(
                cafile=scrubbed.get("SSL_CERT_FILE"), capath=scrubbed.get("SSL_CERT_DIR")
            )
            self._opener = urllib.request.build_opener(
                _Proxies(self._environment), urllib.request.HTTPSHandler(context=context), _Redirects()
            )
        return self._opener

    def _unreachable(self, error: Exception, url: str) -> BuildError:
        reason = getattr(error, "reason", None) or error
        said = redacted(f"{plain(url)}: {reason}", secrets_of(self._sources, self._environment))
        code = getattr(error, "code", None)
        return explain_transport(f"{said} ({code})" if code else said)


class _Proxies(urllib.request.ProxyHandler):
    """Proxies by the variables of an environment, with its NO_PROXY."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        said = {name.lower(): value for name, value in sorted(environment.items()) if value}
        found = {scheme: said.get(f"{scheme}_proxy") or said.get("all_proxy") for scheme in ("http", "https")}
        super().__init__({scheme: url for scheme, url in found.items() if url})
        self._without = said.get("no_proxy", "")

    def proxy_open(self, req: urllib.request.Request, proxy: str, type: str) -> Any:  # noqa: A002 - the library's name
        passed: Callable[..., bool] = urllib.request.proxy_bypass_environment  # type: ignore[attr-defined]
        if req.host and passed(req.host, {"no": self._without}):
            return None
        return super().proxy_open(req, proxy, type)


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows to https and http alone, and from https to https alone; the login stays behind."""

    def redirect_request(  # noqa: PLR0917 - as the library calls it
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: Message, newurl: str
    ) -> urllib.request.Request | None:
        schemes = ("https",) if req.type == "https" else ("http", "https")
        if urlsplit(newurl).scheme not in schemes:
            raise urllib.error.URLError("it leads away from https")
        return super().redirect_request(req, fp, code, msg, headers, newurl)  # type: ignore[arg-type]


class _Page(html.parser.HTMLParser):
    """The links of a project's page."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self.base = url
        self.files: list[IndexFile] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = dict(attrs)
        if tag == "base" and said.get("href"):
            self.base = urljoin(self.base, said["href"])
        if tag != "a" or not said.get("href"):
            return
        url, fragment = urldefrag(urljoin(self.base, said["href"] or ""))
        found = re.search(r"sha256=([0-9a-f]{64})", fragment)
        name = unquote(urlsplit(url).path).rpartition("/")[2]
        python = said.get("data-requires-python") or ""
        self.files.append(IndexFile(name, url, found[1] if found else None, python, "data-yanked" in said))


def _listed(body: bytes, kind: str, url: str) -> Iterator[IndexFile]:
    """The files of a page in either of its forms; a page may not name files of this machine."""
    for file in _read(body, kind, url):
        if urlsplit(file.url).scheme in ("http", "https"):
            yield file


def _read(body: bytes, kind: str, url: str) -> Iterator[IndexFile]:
    if not kind.endswith("+json"):
        page = _Page(url)
        page.feed(body.decode("utf-8", "replace"))
        yield from page.files
        return
    try:
        for file in json.loads(body)["files"]:
            sha256 = file.get("hashes", {}).get("sha256")
            place = urljoin(url, str(file["url"]))
            needs = str(file.get("requires-python") or "")
            yield IndexFile(str(file["filename"]), place, sha256, needs, bool(file.get("yanked")))
    except (ValueError, TypeError, KeyError, AttributeError):
        raise BuildError("the package index's answer cannot be read", where=plain(url)) from None


def _in_folder(folder: Path, name: str) -> Iterator[IndexFile]:
    from packaging.utils import canonicalize_name

    for path in sorted(folder.iterdir()):
        parts = path.name.split("-")
        stems = {str(canonicalize_name("-".join(parts[:count]))) for count in range(1, len(parts))}
        if name in stems and path.is_file():
            yield IndexFile(path.name, path.resolve().as_uri(), hashlib.sha256(path.read_bytes()).hexdigest())


def _from_netrc(host: str, environment: Mapping[str, str]) -> tuple[str, str] | None:
    place = environment.get("NETRC")
    paths = [Path(place)] if place else [Path(environment.get("HOME", "~")).expanduser() / name for name in _NETRC]
    for path in paths:
        try:
            found = netrc.netrc(path).authenticators(host)
        except (OSError, netrc.NetrcParseError):
            continue
        if found:
            return found[0], found[2]
    return None


_NETRC = (".netrc", "_netrc")
