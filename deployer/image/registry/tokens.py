"""What is put into ``Authorization``: Basic, or a bearer token from the server that the registry names.

Source: distribution's "Token Authentication Specification" and "OAuth2 Token Authentication".
"""

from __future__ import annotations

import base64
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from deployer.errors import TargetUnavailable
from deployer.image.registry.challenge import Challenge
from deployer.image.registry.credentials import Login
from deployer.image.registry.refusals import Asked, refused
from deployer.image.registry.transport import Transport

if TYPE_CHECKING:
    import requests

__all__ = ["Authority", "scope"]

_SHORTEST = 60.0
"""How long a token holds, in seconds, when its server does not say: the specification's default."""
_EARLY = 10.0
_LARGEST = 1 << 20


def scope(repository: str, *, push: bool = False) -> str:
    """What is asked for of a repository."""
    return f"repository:{repository}:{'pull,push' if push else 'pull'}"


@dataclass(frozen=True)
class _Token:
    header: str = field(repr=False)
    until: float


@dataclass
class Authority:
    """Answers one registry's challenges, and remembers the tokens while they hold. For several threads.

    Args:
        login: Asked when the registry wants credentials, and again when it refuses them; None is nobody in particular.
        transport: For the token's server.
        plain: Whether the registry itself is spoken to without TLS, so that its token server may be too.
        now: Seconds that only rise.
    """

    login: Callable[[], Login | None]
    transport: Transport
    plain: bool = False
    now: Callable[[], float] = field(default=time.monotonic, repr=False)
    _tokens: dict[tuple[str, ...], _Token] = field(default_factory=dict, repr=False)
    _basic: str | None = field(default=None, repr=False)
    _login: Login | None = field(default=None, repr=False)
    _asked: bool = False
    _lock: threading.RLock = field(default_factory=threading.RLock, repr=False)

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must not appear in any text."""
        known = self._login
        encoded = _basic(known).partition(" ")[2] if known and known.username else ""
        words = (known.password, known.identity_token, known.registry_token, encoded) if known else ()
        tokens = tuple(token.header.partition(" ")[2] for token in tuple(self._tokens.values()))
        return (*filter(None, words), *tokens)

    @property
    def with_login(self) -> bool:
        """Whether credentials were shown."""
        return self._login is not None

    def header(self, scopes: tuple[str, ...]) -> str | None:
        """What to send at first, if something is known that holds."""
        with self._lock:
            token = self._tokens.get(scopes)
            if token and token.until > self.now():
                return token.header
            return self._basic

    def answer(
        self, asked: Asked, challenges: tuple[Challenge, ...], scopes: tuple[str, ...], used: str | None
    ) -> str | None:
        """What to send after a refusal with 401.

        Args:
            asked: For errors.
            challenges: What the registry offers.
            scopes: What we want to do.
            used: What it was sent; it is forgotten.

        Returns:
            A header, or None when there is nothing (else) to show.

        Raises:
            BuildError: Or
            TargetUnavailable: The token's server refuses or does not answer.
        """
        with self._lock:
            known = self.header(scopes)
            if known is not None and known != used:  # another thread was faster
                return known
            for challenge in challenges:
                if challenge.scheme == "bearer":
                    return self._bearer(asked, challenge, scopes, again=used is not None)
            if any(challenge.scheme == "basic" for challenge in challenges):
                return self._with_password(again=used is not None)
            return None

    def _current(self, *, again: bool) -> Login | None:
        if again or not self._asked:
            self._login, self._asked = self.login(), True
        return self._login

    def _with_password(self, *, again: bool) -> str | None:
        before = self._basic
        login = self._current(again=again)
        self._basic = _basic(login) if login and login.username else None
        return self._basic if self._basic != before else None

    def _bearer(self, asked: Asked, challenge: Challenge, scopes: tuple[str, ...], *, again: bool) -> str | None:
        login = self._current(again=again)
        if login and login.registry_token:
            return None if again else self._keep(scopes, login.registry_token, float("inf"))
        answer = self._ask(asked, challenge, scopes, login)
        if answer.status_code == 401 and login and not again and (login := self._current(again=True)):
            answer.close()
            answer = self._ask(asked, challenge, scopes, login)
        body = answer.raw.read(_LARGEST, decode_content=True) if answer.raw else b""
        answer.close()
        if answer.status_code != 200:
            raise refused(asked, answer.status_code, body, with_login=login is not None, secrets=self.secrets)
        token, seconds = _read(body)
        if not token:
            raise TargetUnavailable(
                f"the token server of {asked.host} answered without a token", where=asked.where, hint="try again"
            )
        return self._keep(scopes, token, max(seconds, _SHORTEST))

    def _ask(
        self, asked: Asked, challenge: Challenge, scopes: tuple[str, ...], login: Login | None
    ) -> requests.Response:
        realm = challenge.parameters.get("realm", "")
        secure = urlsplit(realm).scheme == "https"
        if not (secure or (self.plain and urlsplit(realm).scheme == "http")):
            raise TargetUnavailable(
                f"{asked.host} wants credentials sent to a place without TLS, which is not done", where=asked.where
            )
        wanted = list(dict.fromkeys([*scopes, *challenge.parameters.get("scope", "").split()]))
        service = [("service", challenge.parameters["service"])] if "service" in challenge.parameters else []
        if login and login.identity_token:
            form = {
                "grant_type": "refresh_token",
                "refresh_token": login.identity_token,
                "client_id": "mlflow-deployer",
            }
            return self.transport.send(asked, "POST", realm, data={**form, **dict(service), "scope": " ".join(wanted)})
        headers = {"Authorization": _basic(login)} if login else {}
        query = [*service, *(("scope", each) for each in wanted)]
        return self.transport.send(asked, "GET", realm, params=query, headers=headers)

    def _keep(self, scopes: tuple[str, ...], token: str, seconds: float) -> str:
        self._tokens[scopes] = _Token(f"Bearer {token}", self.now() + seconds - _EARLY)
        return self._tokens[scopes].header


def _basic(login: Login) -> str:
    return "Basic " + base64.b64encode(f"{login.username}:{login.password}".encode()).decode()


def _read(body: bytes) -> tuple[str, float]:
    import json

    try:
        found = json.loads(body)
        token = found.get("token") or found.get("access_token") or ""
        return str(token), float(found.get("expires_in") or 0)
    except (ValueError, TypeError, AttributeError):
        return "", 0.0
