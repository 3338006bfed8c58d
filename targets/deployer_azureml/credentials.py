"""Who asks: azure-identity's DefaultAzureCredential, in the cloud and directory that are meant.

So a service principal in ``AZURE_CLIENT_ID`` and the like, a workload's or machine's identity, ``az login``, and what
else that knows. What it logs while it tries them is no news for a person who reads errors.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from typing import Any
from urllib.parse import urlsplit

from deployer.importing import library
from deployer_azureml.clouds import CLOUDS, Cloud
from deployer_azureml.config import AzureMLOptions

__all__ = ["Credentials"]

_EARLY = 300.0
"""Seconds before its end from which on a token is not used any more."""


class Credentials:
    """A credential as azure-core's policies want it, whose tokens are kept.

    Args:
        options: Which directory, which identity, which cloud.
    """

    def __init__(self, options: AzureMLOptions) -> None:
        self._options = options
        self._lock = threading.RLock()
        self._found: Any = None
        self._tokens: dict[tuple[str, str], Any] = {}

    def token(self, scope: str) -> str:
        """A token for a scope.

        Raises:
            azure.core.exceptions.ClientAuthenticationError: Nobody is found, or Entra ID does not know them.
        """
        return str(self.get_token(scope).token)

    def get_token(self, *scopes: str, **options: Any) -> Any:
        """As azure-core's ``TokenCredential``; one at a time, since some of its ways start a program."""
        key = " ".join(scopes), str(options.get("claims") or "")
        with self._lock:
            known = self._tokens.get(key)
            if known is None or known.expires_on - time.time() < _EARLY:
                if self._options.tenant is not None:
                    options.setdefault("tenant_id", self._options.tenant)
                known = self._credential.get_token(*scopes, **options)
                self._tokens[key] = known
            return known

    def forget(self, scope: str) -> None:
        """Ask anew: a token was refused; by a new credential, since the library keeps tokens, too."""
        with self._lock:
            self._found = None
            for key in [key for key in self._tokens if key[0] == scope]:
                del self._tokens[key]

    @property
    def _credential(self) -> Any:
        if self._found is None:
            self._found = _made(self._options)
        return self._found


def _made(options: AzureMLOptions) -> Any:
    for name in ("azure", "msal"):
        logging.getLogger(name).addHandler(logging.NullHandler())
    cloud = options.cloud
    more: dict[str, Any] = {}
    login = os.environ.get("AZURE_AUTHORITY_HOST") if cloud.login == Cloud().login else None
    if login is None:
        login = more["authority"] = cloud.login
    if not _is_known(login):  # msal would ask the public cloud whether it may trust that
        more["disable_instance_discovery"] = True
    if options.tenant is not None:
        more["additionally_allowed_tenants"] = [options.tenant]
    if options.identity is not None:
        more["managed_identity_client_id"] = options.identity
    if cloud.ca_bundle is not None:
        more["connection_verify"] = cloud.ca_bundle
    return library("azure.identity").DefaultAzureCredential(**more)


def _is_known(login: str) -> bool:
    host = urlsplit(login if "//" in login else f"//{login}").netloc
    return host in {urlsplit(each.login).netloc for each in CLOUDS.values()}
