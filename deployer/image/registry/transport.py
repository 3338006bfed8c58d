"""HTTP as registries need it: retries, time limits, TLS with a CA of one's own, redirects that carry no credentials."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http.cookiejar import DefaultCookiePolicy
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

from deployer.errors import TargetUnavailable
from deployer.image.registry.refusals import Asked, reason_of, unreachable, untrusted

if TYPE_CHECKING:
    import requests
    from tenacity import RetryCallState

__all__ = ["AGAIN", "Transport", "is_loopback", "same_origin"]

AGAIN = frozenset({429, 500, 502, 503, 504})
"""Statuses after which the same request may succeed."""

_ATTEMPTS = 4
_CONNECT_SECONDS = 15.0
_READ_SECONDS = 120.0
"""Without a byte; a registry that checks a large blob's digest is silent for long."""
_LONGEST_WAIT = 30.0
_REDIRECTS = 5


class _Again(Exception):
    """A failure that may pass: carries the answer, or why there is none."""

    def __init__(self, answer: requests.Response | None, reason: str) -> None:
        super().__init__(reason)
        self.answer = answer
        self.reason = reason


@dataclass(frozen=True)
class _Request:
    method: str
    url: str
    headers: Mapping[str, str]
    data: Any
    params: tuple[tuple[str, str], ...]


@dataclass
class Transport:
    """Sends requests, from several threads at once.

    Args:
        ca_bundle: A file of certificates to trust instead of the usual ones.
        environ: For ``SSL_CERT_FILE`` and the like; proxies are requests' own affair.
        sleep: Waits a number of seconds between attempts.
    """

    ca_bundle: Path | None = None
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ, repr=False)
    sleep: Callable[[float], None] = field(default=time.sleep, repr=False)
    _local: threading.local = field(default_factory=threading.local, repr=False)
    _sessions: list[requests.Session] = field(default_factory=list, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def send(
        self,
        asked: Asked,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        data: Any = None,
        params: Sequence[tuple[str, str]] = (),
        attempts: int = _ATTEMPTS,
    ) -> requests.Response:
        """Sends a request; the answer's body is not read yet, and redirects of reads are followed.

        Args:
            asked: For errors.
            method: HTTP's.
            url: Without user info.
            headers: ``Authorization`` goes to the URL's own host only, not to where it redirects.
            data: Bytes, a form, or a file-like object that has a length.
            params: The query, names as often as wanted.
            attempts: 1 when a repetition would not do the same.

        Returns:
            The answer, whatever its status; of `AGAIN` only when the attempts are used up.

        Raises:
            TargetUnavailable: There is no answer, or no trusted one.
        """
        from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

        backoff = wait_random_exponential(multiplier=0.5, max=8)
        retrying = Retrying(
            retry=retry_if_exception_type(_Again),
            stop=stop_after_attempt(attempts),
            wait=lambda state: max(backoff(state), _asked_to_wait(state.outcome)),
            sleep=self.sleep,
            before_sleep=_close_answer,
            reraise=True,
        )
        try:
            return retrying(self._once, asked, _Request(method, url, dict(headers or {}), data, tuple(params)))
        except _Again as failure:
            if failure.answer is not None:
                return failure.answer
            raise unreachable(asked, failure.reason) from None

    def close(self) -> None:
        """Closes the connections."""
        with self._lock:
            for session in self._sessions:
                session.close()
            self._sessions.clear()
            self._local = threading.local()

    def _once(self, asked: Asked, wanted: _Request) -> requests.Response:
        import requests

        sent = {"Accept-Encoding": "identity", **wanted.headers}
        target, params = wanted.url, wanted.params
        for _ in range(_REDIRECTS):
            try:
                answer = self._session().request(
                    wanted.method,
                    target,
                    headers=sent,
                    data=wanted.data,
                    params=params,
                    stream=True,
                    allow_redirects=False,
                    timeout=(_CONNECT_SECONDS, _READ_SECONDS),
                    verify=self._trusted(asked),
                    auth=_as_it_is,
                )
            except requests.exceptions.SSLError as error:
                raise untrusted(asked, reason_of(error)) from None
            except (requests.exceptions.ProxyError, requests.exceptions.InvalidProxyURL) as error:
                raise _Again(None, f"the proxy fails, {reason_of(error)}") from None
            except (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError) as error:
                raise _Again(None, reason_of(error)) from None
            except requests.RequestException as error:
                raise unreachable(asked, reason_of(error)) from None
            if answer.status_code in AGAIN:
                raise _Again(answer, f"HTTP {answer.status_code}")
            if wanted.method not in {"GET", "HEAD"} or not answer.is_redirect:
                return answer
            onward = urljoin(target, answer.headers["Location"])
            answer.close()
            if urlsplit(target).scheme == "https" and urlsplit(onward).scheme != "https":
                raise TargetUnavailable(
                    f"{asked.host} redirects from https to plain http, which is not followed", where=asked.where
                )
            if not same_origin(target, onward):
                sent.pop("Authorization", None)
            target, params = onward, ()
        raise TargetUnavailable(f"{asked.host} redirects in a circle", where=asked.where)

    def _session(self) -> requests.Session:
        session: requests.Session | None = getattr(self._local, "session", None)
        if session is None:
            import requests

            session = requests.Session()
            session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
            session.headers["User-Agent"] = "mlflow-deployer"
            self._local.session = session
            with self._lock:
                self._sessions.append(session)
        return session

    def _trusted(self, asked: Asked) -> str | bool:
        names = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
        found = str(self.ca_bundle) if self.ca_bundle else next(filter(None, map(self.environ.get, names)), None)
        if found and not Path(found).exists():
            raise TargetUnavailable(
                f"there is no file of certificates {found}",
                where=asked.where,
                hint="correct ca_bundle or SSL_CERT_FILE",
            )
        return found or True


def same_origin(one: str, other: str) -> bool:
    """Whether two URLs are the same scheme, host and port."""
    return _origin(one) == _origin(other)


def is_loopback(registry: str) -> bool:
    """Whether a registry's host is this machine by name."""
    host = urlsplit(f"//{registry}").hostname or ""
    return host in {"localhost", "::1"} or (host.startswith("127.") and host.replace(".", "").isdigit())


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or {"https": 443, "http": 80}.get(parts.scheme)


def _as_it_is(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Keeps requests from putting the password of ``~/.netrc`` in the place of our header."""
    return request


def _close_answer(state: RetryCallState) -> None:
    failure = state.outcome.exception() if state.outcome else None
    if isinstance(failure, _Again) and failure.answer is not None:
        failure.answer.close()


def _asked_to_wait(outcome: Any) -> float:
    failure = outcome.exception() if outcome is not None else None
    answer = getattr(failure, "answer", None)
    stated = answer.headers.get("Retry-After", "") if answer is not None else ""
    return min(float(stated), _LONGEST_WAIT) if stated.isdigit() else 0.0
