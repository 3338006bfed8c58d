"""The workspace's container registry: where an endpoint's images are pushed, and the login, which is Entra ID's.

A token of Entra's is exchanged for one of the registry's, which is the password of a user of zeros ("Azure/acr:
AAD-OAuth"), as ``az acr login`` does it; it lasts three hours. No admin user and no password is needed. A token is sent
to registries of Azure alone.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Any
from urllib.parse import urlencode

from deployer.endpoint import Code
from deployer.errors import SpecError, TargetUnavailable
from deployer.target import Credentials, RegistryPlace
from deployer_azureml.client import Answer, Azure, told
from deployer_azureml.errors import Refused, refused_of
from deployer_azureml.names import workspace_word
from deployer_azureml.tokens import claims_of
from deployer_azureml.workspace import read_workspace

__all__ = ["NOBODY", "Acr"]

NOBODY = "00000000-0000-0000-0000-000000000000"
"""The user whose password is a token."""
_FORM = {"Content-Type": "application/x-www-form-urlencoded"}
_PUSH = "Microsoft.ContainerRegistry/registries/push/write"
_PAGE = 100
_NEXT = re.compile(r"<(?P<path>/acr/[^>]+)>\s*;\s*rel=\"?next")
_OWN_SCOPE = "https://containerregistry.azure.net/.default"
"""Of registries that take no tokens of the manager ("Disable authentication as ARM")."""


class Acr:
    """The registry of one workspace.

    Args:
        azure: The connection.
    """

    def __init__(self, azure: Azure) -> None:
        self._azure = azure
        self._told: str | None = None
        """The login server, once Azure told it."""

    @property
    def prefix(self) -> str:
        """What the repositories of a workspace begin with, and no other's: several may share a registry."""
        word = workspace_word(self._azure.where.workspace, self._azure.workspace)
        return f"{self._azure.options.repository}/{word}/"

    def name(self, endpoint: str) -> str:
        """The repository of an endpoint's images; the registry makes it with the first that is pushed."""
        return f"{self.prefix}{endpoint}"

    def place(self, endpoint: str) -> RegistryPlace:
        """Where they are pushed; to a registry that is not Azure's by Docker's own login.

        Raises:
            SpecError: The workspace has no registry, and none is named.
            TargetUnavailable: Azure does not answer, or does not let us ask.
        """
        repository = f"{self.host}/{self.name(endpoint)}"
        azures = self.login_to(self.host) is not None
        return RegistryPlace(repository, (lambda: self.login_to_push(endpoint)) if azures else None)

    @cached_property
    def host(self) -> str:
        """The login server: ``team.azurecr.io``."""
        named = self._azure.options.registry
        return named if named is not None else self._of_workspace

    @cached_property
    def _of_workspace(self) -> str:
        azure = self._azure
        with told("find the workspace's registry", azure.where.workspace):
            registry = read_workspace(azure.ask("GET", azure.workspace)).registry
            if not registry:
                raise SpecError(
                    f"the workspace {azure.where.workspace} has no container registry yet", where="registry",
                    hint="az ml workspace update --name ... --container-registry ID --update-dependent-resources; or "
                    "registry in deployer.toml",
                )  # fmt: skip
            self._told = str(azure.ask("GET", registry)["properties"]["loginServer"]).lower()
            return self._told

    def login_to(self, registry: str) -> Callable[[], Credentials] | None:
        """How images of a registry are read and written; None where it is not Azure's."""
        return (lambda: self.login(registry)) if self._is_azures(registry) else None

    def login(self, registry: str) -> Credentials:
        """A login to one of Azure's registries, for what the one who asks may do there.

        Raises:
            TargetUnavailable: It does not answer, or does not know who asks.
        """
        with told(f"log in to {registry}", registry):
            try:
                return Credentials(NOBODY, self._exchanged(registry, self._azure.cloud.manager_scope))
            except Refused as refused:
                if refused.status != 401:
                    raise
            return Credentials(NOBODY, self._exchanged(registry, _OWN_SCOPE))

    def login_to_push(self, endpoint: str) -> Credentials:
        """The same, to push an endpoint's images. The registry leaves out what is not allowed, and does not say so.

        Raises:
            TargetUnavailable: It does not answer, or does not let us push.
        """
        login, name = self.login(self.host), self.name(endpoint)
        with told(f"log in to {self.host}", self.host):
            token = self._access(f"repository:{name}:pull,push", login)
        claims = claims_of(token)
        access: list[Any] = claims.get("access") or []
        if claims and not any({"push", "*"} & set(each.get("actions") or ()) for each in access):
            raise TargetUnavailable(
                f"cannot push to {self.host}/{name}: {_PUSH} is not allowed ({Code.PERMISSION})", where=self.host,
                hint="the role AcrPush on the registry: az role assignment create --role AcrPush --assignee ... "
                "--scope ...; all that is needed: infra/azure",
            )  # fmt: skip
        return login

    def _exchanged(self, registry: str, scope: str) -> str:
        form = {"grant_type": "access_token", "service": registry, "access_token": self._azure.token(scope)}
        if self._azure.options.tenant is not None:
            form["tenant"] = self._azure.options.tenant
        answer = self._azure.send("POST", f"https://{registry}/oauth2/exchange", urlencode(form).encode(), _FORM)
        if not answer.good:
            raise refused_of(answer.status, answer.body, f"log in to {registry}")
        found = json.loads(answer.body).get("refresh_token")
        if not found:
            raise TargetUnavailable("the registry gives no token", where=registry)
        return str(found)

    # Its own documents: what lies there since when, which the registry's standard has no word for.

    def ask(self, method: str, path: str, scope: str) -> Answer:
        """Make one request to the workspace's registry.

        Args:
            method: Of HTTP.
            path: ``/acr/v1/_catalog``.
            scope: What may be done: ``repository:NAME:metadata_read``.

        Raises:
            Refused: It answers with an error.
        """
        token = self._access(scope, self.login(self.host))
        answer = self._azure.send(method, f"https://{self.host}{path}", None, {"Authorization": f"Bearer {token}"})
        if not answer.good:
            raise refused_of(answer.status, answer.body, f"{method} {path}")
        return answer

    def all(self, path: str, name: str, scope: str) -> Iterator[Any]:
        """What a listing tells, page by page, to the end.

        Args:
            path: Of the listing.
            name: Of the list in each page.
            scope: As `ask`.
        """
        following: str | None = f"{path}?n={_PAGE}"
        while following:
            answer = self.ask("GET", following, scope)
            yield from json.loads(answer.body).get(name) or ()
            link = _NEXT.search(answer.headers.get("link", ""))
            following = link["path"] if link is not None else None

    def _access(self, scope: str, login: Credentials) -> str:
        """A token of the registry's for one thing; it lasts longer than what is done with it here."""
        form = {
            "grant_type": "refresh_token",
            "service": self.host,
            "scope": scope,
            "refresh_token": login.password,
        }
        answer = self._azure.send("POST", f"https://{self.host}/oauth2/token", urlencode(form).encode(), _FORM)
        if not answer.good:
            raise refused_of(answer.status, answer.body, f"log in to {self.host}")
        return str(json.loads(answer.body)["access_token"])

    def _is_azures(self, registry: str) -> bool:
        """By its name; or it is the one that Azure told of, which may be called otherwise in a cloud of one's own."""
        return registry.endswith(f".{self._azure.cloud.registries}") or registry == self._told
