"""The workspace's container registry: Azure's login in front of a real registry.

Documented: Azure/acr, docs/AAD-OAuth.md (exchange, token, the user of zeros); ACR roles and permissions (actions).
"""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit

from deployer.testing.azureml.answers import Answer, Refusal, told
from deployer.testing.azureml.identity import AUDIENCES
from deployer.testing.cloud import images

if TYPE_CHECKING:
    from deployer.testing.azureml.wire import Asked
    from deployer.testing.azureml.world import World

__all__ = ["NOBODY", "action", "authorize", "exchange", "forward", "ping", "token"]

NOBODY = "00000000-0000-0000-0000-000000000000"
"""The user's name of a refresh token."""

_LONG, _SHORT = 3 * 3600.0, 4500.0
_REGISTRY = "Microsoft.ContainerRegistry/registries/"


def action(method: str, what: str) -> str:
    """The action that a step of the registry's protocol needs."""
    if method in ("GET", "HEAD"):
        return f"{_REGISTRY}pull/read"
    return f"{_REGISTRY}artifacts/delete" if method == "DELETE" and what == "manifests" else f"{_REGISTRY}push/write"


def _host(world: World, asked: Asked) -> str:
    return world.login_server(asked.call)


def exchange(world: World, asked: Asked) -> Answer:
    """POST /oauth2/exchange: an Entra token for a refresh token of the registry."""
    form = dict(parse_qsl(asked.call.body.decode(errors="replace")))
    if form.get("grant_type") not in ("access_token", "access_token_refresh_token"):
        raise Refusal(400, "UNSUPPORTED", f"grant_type {form.get('grant_type')} is not supported")
    if form.get("service") != _host(world, asked):
        raise Refusal(400, "UNSUPPORTED", f"service {form.get('service')} is not this registry, {_host(world, asked)}")
    claims, now = world.tokens.read(form.get("access_token", "")), world.now()
    audiences = (*AUDIENCES["arm"], "https://containerregistry.azure.net")
    if claims is None or claims["exp"] <= now or claims["aud"] not in (*audiences, asked.base):
        raise Refusal(401, "UNAUTHORIZED", "authentication required, visit https://aka.ms/acr/authorization")
    minted = world.tokens.mint(
        _host(world, asked), now + _LONG, oid=claims["oid"], grant_type="refresh_token", version=1.0
    )
    return told({"refresh_token": minted})


def token(world: World, asked: Asked) -> Answer:
    """GET or POST /oauth2/token: a refresh token for an access token of a scope."""
    call = asked.call
    form = call.query if call.method == "GET" else dict(parse_qsl(call.body.decode(errors="replace")))
    given = form.get("refresh_token", "")
    kind, _, secret = call.headers.get("authorization", "").partition(" ")
    if kind.lower() == "basic":
        user, _, given = base64.b64decode(secret).decode(errors="replace").partition(":")
        if user != NOBODY:
            raise Refusal(401, "UNAUTHORIZED", "the admin user of the registry is disabled")
    claims, now = world.tokens.read(given), world.now()
    if claims is None or claims["exp"] <= now or claims["aud"] != _host(world, asked):
        raise Refusal(401, "UNAUTHORIZED", "authentication required, visit https://aka.ms/acr/authorization")
    access = []
    for scope in form.get("scope", "").split():
        kind, _, rest = scope.partition(":")
        name, _, verbs = rest.rpartition(":")
        allowed = [verb for verb in verbs.split(",") if verb == "*" or _may(world, verb, str(claims["oid"]), rest)]
        access.append({"type": kind, "name": name, "actions": allowed})
    minted = world.tokens.mint(
        _host(world, asked), now + _SHORT, oid=claims["oid"], grant_type="access_token", access=access
    )
    return told({"access_token": minted, "token": minted, "expires_in": int(_SHORT)})


def _may(world: World, verb: str, principal: str, scope: str) -> bool:
    """Whether a token may cover a verb: what no role allows is left out, and the step is then a 401 (recorded)."""
    needed = {"pull": "pull/read", "push": "push/write", "delete": "artifacts/delete"}.get(verb, "metadata/read")
    try:
        world.rights.check(f"{_REGISTRY}{needed}", data=False, principal=principal, scope=scope)
    except Refusal:
        return False
    return True


def authorize(world: World, asked: Asked) -> str:
    """Who asks, by an access token of the registry that covers the step.

    Raises:
        Refusal: 401 with the challenge that says where to get one.
    """
    host, method, name = _host(world, asked), asked.call.method, asked.names.get("repository", "")
    needed = "pull" if method in ("GET", "HEAD") else "delete" if method == "DELETE" else "push"
    kind, _, value = asked.call.headers.get("authorization", "").partition(" ")
    scope = f'scope="repository:{name}:{"pull" if needed == "pull" else f"pull,{needed}"}"' if name else ""
    challenge = f'Bearer realm="https://{host}/oauth2/token",service="{host}"' + (f",{scope}" if scope else "")
    refusal = Refusal(
        401,
        "UNAUTHORIZED",
        "authentication required, visit https://aka.ms/acr/authorization",
        headers={"Www-Authenticate": challenge, "Docker-Distribution-Api-Version": "registry/2.0"},
    )
    if kind.lower() == "basic":  # documented: docker login sends the refresh token as the user of zeros
        user, _, value = base64.b64decode(value).decode(errors="replace").partition(":")
        claims = world.tokens.read(value) if user == NOBODY else None
        if claims is None or claims["exp"] <= world.now() or claims["aud"] != host:
            raise refusal
        return str(claims["oid"])
    claims = world.tokens.read(value) if kind.lower() == "bearer" else None
    if claims is None or claims["exp"] <= world.now() or claims.get("grant_type") != "access_token":
        raise refusal
    allowed = [verb for each in claims["access"] if each["name"] == name for verb in each["actions"]]
    if name and needed not in allowed and "*" not in allowed:
        raise refusal
    return str(claims["oid"])


def ping(world: World, asked: Asked) -> Answer:
    """GET /v2/."""
    del world, asked
    return told({}, headers={"Docker-Distribution-Api-Version": "registry/2.0"})


def forward(world: World, asked: Asked) -> Answer:
    """All below /v2/: the registry behind does it.

    Raises:
        Refusal: There is no registry behind.
    """
    registry, call = world.options.registry, asked.call
    if registry is None:
        raise Refusal(503, "UNAVAILABLE", "the double has no registry behind it; start it with --registry")
    name, prefix = asked.names["repository"], registry.prefix
    path = asked.path.replace(f"/v2/{name}/", f"/v2/{prefix}{name}/", 1)
    query = re.sub(r"(^|&)from=", rf"\1from={prefix}", urlsplit(call.target).query)
    kept = ("content-type", "accept", "content-range", "range")
    sent = {key: call.headers[key] for key in kept if key in call.headers}
    target = f"{path}?{query}" if query else path
    status, headers, answered = images.send(registry, call.method, target, sent, call.body)
    if asked.names["what"] == "manifests" and status < 300:
        reference = asked.names["rest"].strip("/")
        if call.method == "PUT":
            digest = headers["docker-content-digest"]
            world.catalog.pushed(name, reference, digest, call.body, world.now())
        elif call.method == "DELETE":
            world.catalog.removed(name, reference)
    names = ("content-type", "docker-content-digest", "docker-distribution-api-version", "docker-upload-uuid", "range")
    about = {key.title(): value for key, value in headers.items() if key in names}
    if "location" in headers:
        where = urlsplit(headers["location"])
        about["Location"] = where.path.replace(f"/v2/{prefix}{name}/", f"/v2/{name}/", 1) + (
            f"?{where.query}" if where.query else ""
        )
    if call.method == "HEAD":
        return Answer(status, {**about, "Content-Length": headers.get("content-length", "0")})
    return Answer(status, about, answered)
