"""A request as the double reads it, and who it is meant for: by its host, or on loopback by its path."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from deployer.testing.azureml.answers import Refusal

__all__ = ["ACR", "BLOB", "INFERENCE", "LOGIN", "MANAGEMENT", "TRACKING", "Asked", "Call", "is_real"]

MANAGEMENT = "management.azure.com"
LOGIN = "login.microsoftonline.com"
BLOB = ".blob.core.windows.net"
ACR = ".azurecr.io"
INFERENCE = ".inference.ml.azure.com"
TRACKING = ".api.azureml.ms"

_LOGIN_PATH = re.compile(r"/[^/]+/(oauth2/v2\.0/token|v2\.0/\.well-known/openid-configuration|discovery/instance)/?")


def is_real(host: str) -> bool:
    """Whether a request came to Azure's own name, through the proxy."""
    name = host.partition(":")[0].lower()
    return name in (MANAGEMENT, LOGIN) or name.endswith((BLOB, ACR, INFERENCE, TRACKING))


@dataclass(frozen=True)
class Call:
    """An HTTP request.

    Attributes:
        method: ``GET``.
        host: The ``Host`` header, with its port where it has one.
        target: Path and query as they were sent.
        headers: By name in lower case.
        body: All of it.
    """

    method: str
    host: str
    target: str
    headers: Mapping[str, str]
    body: bytes = b""

    @property
    def path(self) -> str:
        """The path, decoded."""
        return unquote(urlsplit(self.target).path)

    @property
    def query(self) -> dict[str, str]:
        """The query, decoded; of a key that is there more than once the last."""
        return dict(parse_qsl(urlsplit(self.target).query, keep_blank_values=True))

    @property
    def real(self) -> bool:
        """Whether it came to one of Azure's names."""
        return is_real(self.host)

    def document(self) -> dict[str, Any]:
        """The body as a JSON object; empty where there is none.

        Raises:
            Refusal: It is none; with ARM's code (documented: common deployment errors).
        """
        if not self.body:
            return {}
        try:
            found = json.loads(self.body)
        except ValueError as error:
            raise Refusal(
                400, "InvalidRequestContent", f"The request content was invalid and could not be deserialized: {error}"
            ) from error
        if not isinstance(found, dict):
            raise Refusal(400, "InvalidRequestContent", "The request content is not a JSON object.")
        return found

    def service(self, account: str) -> tuple[str, str]:
        """Who it is meant for, and the path that this one sees.

        Args:
            account: The storage account's name, for the path style (``/ACCOUNT/CONTAINER/BLOB``, as Azurite has it).

        Returns:
            ``arm``, ``identity``, ``blob``, ``registry``, ``scoring`` or ``admin``; and the path.
        """
        if self.path.startswith("/_double/"):
            return "admin", self.path
        return self._by_name() if self.real else self._by_path(account)

    def _by_name(self) -> tuple[str, str]:
        name, path = self.host.partition(":")[0].lower(), self.path
        if name.endswith(INFERENCE):
            return "scoring", f"/scoring/{name.partition('.')[0]}{path}"
        if name.endswith((BLOB, ACR)):
            return ("blob" if name.endswith(BLOB) else "registry"), path
        # The tracking server's host is let in, and its paths are told to be missing, by ARM.
        return ("identity" if name == LOGIN else "arm"), path

    def _by_path(self, account: str) -> tuple[str, str]:
        path = self.path
        if path.startswith("/scoring/"):
            return "scoring", path
        if path == f"/{account}" or path.startswith(f"/{account}/"):
            return "blob", path.removeprefix(f"/{account}") or "/"
        if path == "/v2" or path.startswith(("/v2/", "/oauth2/", "/acr/v1/")):
            return "registry", path
        return ("identity" if _LOGIN_PATH.fullmatch(path) else "arm"), path


@dataclass
class Asked:
    """A call with what is known of it.

    Attributes:
        call: The request.
        path: As its service sees it.
        names: The parts of the path by name: ``endpoint``, ``deployment``.
        principal: Who asks: an object id, or what it showed instead.
        version: The api-version, where it is of ARM.
        action: What a role must allow for it.
        allowed: The patterns of the rights that allowed it.
        outcome: What a fault lets the long-running operation end in; see `deployer.testing.azureml.faults`.
    """

    call: Call
    path: str
    names: Mapping[str, str] = field(default_factory=dict)
    principal: str = ""
    version: str = ""
    action: str = ""
    allowed: list[str] = field(default_factory=list)
    outcome: Any = None

    @property
    def base(self) -> str:
        """Where links of an answer of ARM begin."""
        return f"https://{self.call.host}"
