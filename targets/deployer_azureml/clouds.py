"""Where Azure is: the public cloud, the sovereign ones, and others by their addresses. Pure."""

from __future__ import annotations

import re
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field

from deployer.errors import SpecError
from deployer.value import Value

__all__ = ["CLOUDS", "AnyCloud", "Cloud"]


def _address(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme != "https" or not parts.netloc or parts.username is not None or parts.query or parts.fragment:
        raise ValueError(f"{value!r} is no address such as https://management.azure.com, without user and query")
    return value.rstrip("/")


_ACCOUNT = "[a-z0-9]{3,24}"
"""Of storage accounts ("Storage account overview")."""

Address = Annotated[str, AfterValidator(_address)]


class Cloud(Value):
    """One cloud.

    The addresses are those of azure-ai-ml 1.35.2 (``_azure_environments``) and of "Azure Government" and "Azure in
    China" in Microsoft's documentation.
    """

    name: str = Field(default="AzureCloud", pattern=r"^[A-Za-z0-9-]{1,64}$", description="As the az command calls it.")
    manager: Address = Field(default="https://management.azure.com", description="Of Azure Resource Manager.")
    login: Address = Field(default="https://login.microsoftonline.com", description="Of Entra ID.")
    audience: str | None = Field(
        default=None, description="What tokens for the manager are asked for; by default its address."
    )
    scoring: str = Field(default="https://ml.azure.com", description="What tokens for endpoints are asked for.")
    blobs: str = Field(
        default="https://{account}.blob.core.windows.net",
        pattern=r"^https://[A-Za-z0-9.:/_-]*\{account\}[A-Za-z0-9.:/_-]*$",
        description="Where an account's blobs are.",
    )
    registries: str = Field(
        default="azurecr.io", pattern=r"^[a-z0-9.:-]+$", description="What the names of its registries end with."
    )
    ca_bundle: str | None = Field(
        default=None, description="PEM file of who is trusted there; by default REQUESTS_CA_BUNDLE's."
    )

    @property
    def manager_scope(self) -> str:
        """What a token for the manager is asked for."""
        return f"{self.audience or self.manager}/.default"

    @property
    def scoring_scope(self) -> str:
        """What a token for endpoints with ``auth_mode: aad_token`` is asked for."""
        return f"{self.scoring.rstrip('/')}/.default"

    def account(self, name: str) -> str:
        """Where a storage account's blobs are.

        Raises:
            SpecError: No account can have that name, so that a token would go to somebody else's address.
        """
        if not re.fullmatch(_ACCOUNT, name):
            raise SpecError(f"{name!r} is no name of a storage account", hint="az ml datastore list")
        return self.blobs.format(account=name).rstrip("/")

    def in_account(self, url: str) -> str | None:
        """What of an address lies below a storage account of this cloud; None for any other address."""
        before, after = (re.escape(each) for each in self.blobs.rstrip("/").split("{account}"))
        found = re.fullmatch(rf"{before}{_ACCOUNT}{after}/(?P<below>[^?#\\]+)", url)
        return found["below"] if found is not None else None


CLOUDS: dict[str, Cloud] = {
    "public": Cloud(),
    "us-government": Cloud(
        name="AzureUSGovernment", manager="https://management.usgovcloudapi.net",
        login="https://login.microsoftonline.us", scoring="https://ml.azure.us",
        blobs="https://{account}.blob.core.usgovcloudapi.net", registries="azurecr.us",
    ),
    "china": Cloud(
        name="AzureChinaCloud", manager="https://management.chinacloudapi.cn", login="https://login.chinacloudapi.cn",
        scoring="https://ml.azure.cn", blobs="https://{account}.blob.core.chinacloudapi.cn", registries="azurecr.cn",
    ),
}  # fmt: skip


def _by_name(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    known = next((each for word, each in CLOUDS.items() if value.lower() in (word, each.name.lower())), None)
    if known is None:
        raise ValueError(f"there is no cloud {value!r}; there are {', '.join(CLOUDS)}, or give its addresses")
    return known


AnyCloud = Annotated[Cloud, BeforeValidator(_by_name)]
"""One by its name, or its addresses; what is left out of them is the public cloud's."""
