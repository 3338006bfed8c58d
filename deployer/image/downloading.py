"""Files over http: hashed as they come, gone on with when the connection breaks.

Proxies and ``~/.netrc`` are requests' own affair. Certificates are trusted as uv is told to trust them.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_exponential

from deployer.environment.indexes import plain, secrets_of
from deployer.environment.uv import redacted, scrubbed_environment
from deployer.errors import BuildError, TargetUnavailable

if TYPE_CHECKING:
    from deployer.environment import PackageSources
    from deployer.model.progress import Meter

__all__ = ["Download"]

_CHUNK = 1 << 18
_TIMEOUT = (15.0, 60.0)
"""Seconds to connect, and between two pieces."""
_ATTEMPTS = 5
_PASSING = (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError)


class _Busy(Exception):
    """The server asks to come again."""


class Download:
    """A few connections that are kept open.

    Args:
        sources: Says what certificates to trust.
        meter: Told bytes, and stops the work.
        pause: Seconds before the second attempt; doubled for each further one.
    """

    def __init__(self, sources: PackageSources, meter: Meter, *, pause: float = 0.5) -> None:
        self._meter = meter
        self._pause = pause
        self._session = requests.Session()
        self._session.mount("https://", HTTPAdapter(pool_maxsize=16))
        self._session.mount("http://", HTTPAdapter(pool_maxsize=16))
        trusted = scrubbed_environment(sources)
        self._verify: str | bool = trusted.get("SSL_CERT_FILE") or trusted.get("SSL_CERT_DIR") or True
        self._sources = sources

    def __enter__(self) -> Download:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._session.close()

    def fetch(self, url: str, into: Path) -> str:
        """Fetches into a new file; gives its SHA-256 in hex.

        Raises:
            BuildError: There is no such file, or it is not given to us.
            TargetUnavailable: The server does not answer.
        """
        total = hashlib.sha256()
        try:
            with into.open("xb", buffering=0) as file:
                for attempt in Retrying(
                    stop=stop_after_attempt(_ATTEMPTS),
                    wait=wait_exponential(self._pause, max=20.0),
                    retry=retry_if_exception(_is_passing),
                    reraise=True,
                ):
                    with attempt:
                        done = file.tell()
                        with self._answer(url, done) as answer:
                            if done and answer.status_code != 206:
                                file.seek(0)
                                file.truncate()
                                total = hashlib.sha256()
                            for piece in answer.iter_content(_CHUNK):
                                total.update(piece)
                                file.write(piece)
                                self._meter.advance(len(piece))
        except requests.exceptions.SSLError as error:
            raise BuildError(
                f"the package index's certificate cannot be verified: {self._reason(error)}",
                where=_shown(url),
                hint="name your authority's certificates: --set requirements.ca_bundle=/path/to/ca.pem",
            ) from None
        except (*_PASSING, _Busy) as error:
            raise TargetUnavailable(
                f"the package index does not answer: {self._reason(error)}",
                transient=True,
                where=_shown(url),
                hint="check the network and proxy, or name a mirror by requirements.index_url",
            ) from None
        except requests.RequestException as error:
            raise BuildError(f"a wheel cannot be fetched: {self._reason(error)}", where=_shown(url)) from None
        return total.hexdigest()

    def _login(self, url: str) -> tuple[str, str] | None:
        """What the spec says for that server, or for an index that lies on it; else requests asks ``~/.netrc``."""
        known = (*self._sources.indexes, *(pin.url for pin in self._sources.pins))
        index = next((each for each in known if urlsplit(plain(each)).netloc == urlsplit(url).netloc), url)
        return self._sources.login_for(index)

    def _reason(self, error: Exception) -> str:
        """The innermost cause, in one line: those around it repeat the address."""
        inner: BaseException = error
        while inner.args and isinstance(inner.args[0], BaseException):
            inner = inner.args[0]
        inner = getattr(inner, "reason", None) or inner
        text = " ".join(str(inner).split()) or type(inner).__name__
        return redacted(text, secrets_of(self._sources))[:200]

    def _answer(self, url: str, done: int) -> requests.Response:
        headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={done}-"} if done else {})
        login = self._login(url)
        answer = self._session.get(url, headers=headers, stream=True, timeout=_TIMEOUT, verify=self._verify, auth=login)
        if answer.ok:
            return answer
        answer.close()
        if answer.status_code in {408, 429} or answer.status_code >= 500:
            raise _Busy(f"{answer.status_code} {answer.reason}")
        if answer.status_code in {401, 403, 407}:
            raise BuildError(
                f"the package index wants credentials: {answer.status_code} {answer.reason}",
                where=_shown(url),
                hint="put them into ~/.netrc for that host",
            )
        raise BuildError(
            f"the package index has the wheel no more: {answer.status_code} {answer.reason}",
            where=_shown(url),
            hint="lock again with --upgrade",
        )


def _is_passing(error: BaseException) -> bool:
    return isinstance(error, (*_PASSING, _Busy)) and not isinstance(error, requests.exceptions.SSLError)


def _shown(url: str) -> str:
    """An address without what may be secret in it: some indexes sign theirs."""
    return redacted(url.partition("?")[0].partition("#")[0])
