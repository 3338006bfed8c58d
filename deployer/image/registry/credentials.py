"""Docker's own credentials: ``config.json``, and the helper programs that it names.

Sources: Docker's documentation of ``docker login`` (credsStore, credHelpers, DOCKER_CONFIG) and the protocol of
docker-credential-helpers: the program is given the server on standard input and answers in JSON.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
import re
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from deployer.errors import TargetUnavailable
from deployer.image.reference import DOCKER_HUB

__all__ = ["DockerCredentials", "Login"]

_HUB_KEY = "https://index.docker.io/v1/"
"""How Docker names its Hub in ``config.json`` and to helpers."""

_TOKEN_USER = "<token>"  # noqa: S105 - the word by which a helper says that the secret is an identity token
_HELPER_SECONDS = 60.0


@dataclass(frozen=True)
class Login:
    """What a registry is shown.

    Attributes:
        username: With a password.
        password: With a username.
        identity_token: Instead of both: what an OAuth server gives access tokens for.
        registry_token: Instead of all: the access token itself.
    """

    username: str = ""
    password: str = field(default="", repr=False)
    identity_token: str | None = field(default=None, repr=False)
    registry_token: str | None = field(default=None, repr=False)


@dataclass
class DockerCredentials:
    """What Docker's configuration of this person knows.

    Args:
        environ: For ``DOCKER_CONFIG`` and the home folder.
        run: Starts a helper; as `subprocess.run`.

    Attributes:
        trouble: Why a helper that is configured could not be asked, in one line; for the hint when one is refused.
    """

    environ: Mapping[str, str] = field(default_factory=lambda: os.environ, repr=False)
    run: Callable[..., subprocess.CompletedProcess[str]] = field(default=subprocess.run, repr=False)
    trouble: str | None = None

    @property
    def file(self) -> Path:
        """Where they lie."""
        folder = self.environ.get("DOCKER_CONFIG")
        return Path(folder) / "config.json" if folder else Path("~/.docker/config.json").expanduser()

    def find(self, registry: str) -> Login | None:
        """The login for a registry; None when there is none, so that it is asked without.

        A helper that is missing or fails is no error here: many images need no login. `trouble` keeps the reason.

        Raises:
            TargetUnavailable: The configuration cannot be read.
        """
        settings = self._read()
        keys = _keys(registry)
        helpers = _mapping(settings.get("credHelpers"))
        helper = next((helpers[key] for key in keys if key in helpers), settings.get("credsStore"))
        if isinstance(helper, str) and helper and (login := self._ask(helper, keys[0])):
            return login
        entries = _mapping(settings.get("auths"))
        by_host = {_host(key): value for key, value in entries.items()}
        exact = next((entries[key] for key in keys if key in entries), by_host.get(_host(keys[0])))
        return self._inline(_mapping(exact), keys[0])

    def _read(self) -> Mapping[str, Any]:
        try:
            text = self.file.read_text("utf-8")
        except FileNotFoundError:
            return {}
        except (OSError, UnicodeDecodeError) as error:
            raise self._unreadable(str(error)) from None
        try:
            found = json.loads(text)
        except ValueError as error:
            raise self._unreadable(f"it is not JSON ({error})") from None
        return _mapping(found)

    def _unreadable(self, why: str) -> TargetUnavailable:
        return TargetUnavailable(
            f"Docker's configuration cannot be read: {why}",
            where=str(self.file),
            hint="repair it, or name another folder: DOCKER_CONFIG=FOLDER",
        )

    def _ask(self, helper: str, server: str) -> Login | None:
        program = f"docker-credential-{helper}"
        if not re.fullmatch(r"[A-Za-z0-9._-]+", helper):
            self.trouble = f"{helper!r} in {self.file} is no name of a credential helper"
            return None
        try:
            answer = self.run(
                [program, "get"],
                input=server,
                capture_output=True,
                text=True,
                timeout=_HELPER_SECONDS,
                check=False,
                env=dict(self.environ),
            )
        except FileNotFoundError:
            self.trouble = f"{program}, which {self.file} names, is not installed"
            return None
        except (OSError, subprocess.TimeoutExpired) as error:
            self.trouble = f"{program} did not answer ({type(error).__name__})"
            return None
        if answer.returncode:
            said = (answer.stdout.strip() or answer.stderr.strip()).splitlines()
            if said and "not found" in said[0]:
                return None
            self.trouble = f"{program} failed: {said[0][:200] if said else f'exit code {answer.returncode}'}"
            return None
        try:
            found = json.loads(answer.stdout)
            username, secret = str(found["Username"]), str(found["Secret"])
        except (ValueError, KeyError, TypeError):
            self.trouble = f"{program} answered what is not credentials"
            return None
        if not secret:
            return None
        return Login(identity_token=secret) if username == _TOKEN_USER else Login(username, secret)

    def _inline(self, entry: Mapping[str, Any], server: str) -> Login | None:
        if token := entry.get("registrytoken"):
            return Login(registry_token=str(token))
        username, password = str(entry.get("username") or ""), str(entry.get("password") or "")
        if encoded := entry.get("auth"):
            try:
                username, _, password = base64.b64decode(str(encoded), validate=True).decode().partition(":")
            except (binascii.Error, UnicodeDecodeError):
                self.trouble = f"what {self.file} has for {server} cannot be read"
                return None
            password = password.rstrip("\0")
        if token := entry.get("identitytoken"):
            return Login(username, identity_token=str(token))
        return Login(username, password) if username and password else None


def _keys(registry: str) -> tuple[str, ...]:
    """How a registry may be named, the way that helpers are asked by first."""
    if registry == DOCKER_HUB:
        return (_HUB_KEY, "docker.io", "index.docker.io", DOCKER_HUB)
    return (registry, f"https://{registry}", f"http://{registry}")


def _host(key: str) -> str:
    return re.sub(r"^https?://", "", key).partition("/")[0]


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
