"""A credential for azure-core's clients, which asks the double; without a line of azure-identity."""

from __future__ import annotations

import json
import ssl
import urllib.parse
import urllib.request
from collections.abc import Mapping
from typing import NamedTuple

from deployer.testing.azureml.tokens import claims_of

__all__ = ["DoubleCredential", "Token"]


class Token(NamedTuple):
    """An access token, as azure-core wants it."""

    token: str
    expires_on: int


class DoubleCredential:
    """Asks for tokens as an application does: ``POST /TENANT/oauth2/v2.0/token``.

    Args:
        environment: `deployer.testing.azureml.double.Double.environment`.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = dict(environment)
        self._context = ssl.create_default_context(cafile=environment["REQUESTS_CA_BUNDLE"])

    def get_token(self, *scopes: str, **options: object) -> Token:
        """A token for scopes.

        Raises:
            urllib.error.HTTPError: It is refused.
        """
        del options
        about = self._environment
        form = {
            "grant_type": "client_credentials",
            "client_id": about["AZURE_CLIENT_ID"],
            "client_secret": about["AZURE_CLIENT_SECRET"],
            "scope": " ".join(scopes),
        }
        url = f"{about['AZURE_AUTHORITY_HOST']}/{about['AZURE_TENANT_ID']}/oauth2/v2.0/token"
        request = urllib.request.Request(url, urllib.parse.urlencode(form).encode(), method="POST")  # noqa: S310
        opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=self._context)
        )
        with opener.open(request, timeout=30) as response:
            said = json.load(response)
        return Token(said["access_token"], int((claims_of(said["access_token"]) or {})["exp"]))
