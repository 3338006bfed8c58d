"""Entra: tokens for an application with its secret, discovery for the libraries that ask for it first, and who is who.

Documented: Microsoft identity platform, client credentials flow; AADSTS error codes.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from deployer.testing.azureml.answers import Answer, Refusal, told

if TYPE_CHECKING:
    from deployer.testing.azureml.wire import Asked
    from deployer.testing.azureml.world import World

__all__ = ["AUDIENCES", "bearer", "discovery", "instances", "mint", "object_id", "token"]

AUDIENCES = {
    "arm": ("https://management.azure.com", "https://management.core.windows.net"),
    "ml": ("https://ml.azure.com",),
    "blob": ("https://storage.azure.com",),
}
"""Whom tokens are for, by service (documented)."""


def object_id(client: str) -> str:
    """The object id of an application's service principal: of the double's own choice, the same every time."""
    return str(uuid.uuid5(uuid.NAMESPACE_OID, client))


def mint(world: World, scope: str, seconds: float | None = None) -> tuple[str, float]:
    """A token of the double's application for a scope, and when it ends."""
    options, audience = world.options, scope.partition(" ")[0].removesuffix(".default").rstrip("/")
    until = world.now() + (options.durations.token if seconds is None else seconds)
    minted = world.tokens.mint(
        audience,
        until,
        tid=options.tenant,
        oid=object_id(options.client),
        appid=options.client,
        iss=f"https://sts.windows.net/{options.tenant}/",
    )
    return minted, until


def token(world: World, asked: Asked) -> Answer:
    """The token endpoint."""
    form = dict(parse_qsl(asked.call.body.decode(errors="replace")))
    options, tenant = world.options, asked.names["tenant"]
    if tenant.lower() not in (options.tenant, "common", "organizations"):
        raise Refusal(
            400,
            "invalid_request",
            f"AADSTS90002: Tenant '{tenant}' not found. Check to make sure you have the "
            "correct tenant ID and are signing into the correct cloud.",
        )
    if form.get("grant_type") != "client_credentials":
        raise Refusal(
            400,
            "unsupported_grant_type",
            f"AADSTS70003: The app requested an unsupported grant type '{form.get('grant_type', '')}'.",
        )
    if form.get("client_id") != options.client:
        raise Refusal(
            400,
            "unauthorized_client",
            f"AADSTS700016: Application with identifier '{form.get('client_id', '')}' was not found in the directory.",
        )
    if form.get("client_secret") != options.secret:
        raise Refusal(
            401,
            "invalid_client",
            "AADSTS7000215: Invalid client secret provided. Ensure the secret being sent in the "
            f"request is the client secret value, not the client secret ID, for app '{options.client}'.",
        )
    if not form.get("scope", "").endswith("/.default"):
        raise Refusal(
            400,
            "invalid_scope",
            f"AADSTS1002012: The provided value for scope {form.get('scope', '')} is not valid. Client credential "
            "flows must have a scope value with /.default suffixed to the resource identifier (application ID URI).",
        )
    minted, until = mint(world, form["scope"])
    left = int(until - world.now())
    return told({"token_type": "Bearer", "expires_in": left, "ext_expires_in": left, "access_token": minted})


def discovery(world: World, asked: Asked) -> Answer:
    """The OpenID configuration."""
    tenant = asked.names["tenant"]
    base = f"{asked.base}/{tenant}"
    return told(
        {
            "token_endpoint": f"{base}/oauth2/v2.0/token",
            "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
            "device_authorization_endpoint": f"{base}/oauth2/v2.0/devicecode",
            "issuer": f"{asked.base}/{world.options.tenant}/v2.0",
            "jwks_uri": f"{base}/discovery/v2.0/keys",
            "response_types_supported": ["code"],
            "subject_types_supported": ["pairwise"],
            "id_token_signing_alg_values_supported": ["RS256"],
        }
    )


def instances(world: World, asked: Asked) -> Answer:
    """Which names the login service has; msal asks before it trusts one."""
    del world
    names = ["login.microsoftonline.com", "login.windows.net"]
    return told(
        {
            "tenant_discovery_endpoint": f"{asked.base}/common/v2.0/.well-known/openid-configuration",
            "api-version": "1.1",
            "metadata": [{"preferred_network": names[0], "preferred_cache": names[1], "aliases": names}],
        }
    )


def bearer(world: World, asked: Asked, service: str) -> str:
    """Who asks, by its access token; an object id.

    Args:
        world: The double.
        asked: The call.
        service: A key of `AUDIENCES`.

    Raises:
        Refusal: 401, in ARM's words (recorded in many public issues).
    """
    kind, _, value = asked.call.headers.get("authorization", "").partition(" ")
    challenge = {"WWW-Authenticate": f'Bearer authorization_uri="https://login.windows.net/{world.options.tenant}"'}
    if kind.lower() != "bearer" or not value:
        raise Refusal(
            401,
            "AuthenticationFailed",
            "Authentication failed. The 'Authorization' header is missing.",
            headers=challenge,
        )
    claims = world.tokens.read(value)
    if claims is None:
        raise Refusal(401, "InvalidAuthenticationToken", "The access token is invalid.", headers=challenge)
    if claims["exp"] <= world.now():
        raise Refusal(
            401,
            "ExpiredAuthenticationToken",
            "The access token expiry UTC time is earlier than current UTC time.",
            headers=challenge,
        )
    if claims["aud"] not in AUDIENCES[service] and not (service == "arm" and claims["aud"] == asked.base):
        wanted = ",".join(f"{each}/" for each in AUDIENCES[service])
        raise Refusal(
            401,
            "InvalidAuthenticationTokenAudience",
            f"The access token has been obtained for wrong audience or resource '{claims['aud']}'. It should exactly "
            f"match with one of the allowed audiences '{wanted}'.",
            headers=challenge,
        )
    return str(claims["oid"])
