"""Whether everything that the target needs is there: who asks, the workspace, roles, registry, store, quota."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from deployer.errors import DeployerError
from deployer.spec import Resources
from deployer.target import Check
from deployer_azureml.acr import Acr
from deployer_azureml.client import Azure, told
from deployer_azureml.rights import DEPLOYING, Right, Scope
from deployer_azureml.sizes import Size, smallest
from deployer_azureml.tokens import claims_of
from deployer_azureml.workspace import Workspace, read_workspace

__all__ = ["allowed", "checks", "lacking", "quota_check", "who"]

_PROVIDERS = {
    "Microsoft.MachineLearningServices": "the workspace and its endpoints",
    "Microsoft.Insights": "figures, and replicas as a range",
}
_SHOWN = 6
_ROLES = "all that is needed: infra/azure"
_STORE_KEY = "Microsoft.MachineLearningServices/workspaces/datastores/listSecrets/action"


def checks(azure: Azure, acr: Acr, store: Callable[[], str]) -> Iterator[Check]:
    """Look, and change nothing. What hangs on credentials, or on the workspace, is not looked at without.

    Args:
        azure: The connection.
        acr: Its registry.
        store: Looks at where Records lie, and returns the container's address.
    """
    try:
        with told("log in"):
            principal = who(azure.token(azure.cloud.manager_scope))
    except DeployerError as error:
        yield Check("credentials of Azure", False, str(error), error.hint)
        return
    yield Check("credentials of Azure", True, principal)
    try:
        with told("read the workspace"):
            workspace = read_workspace(azure.ask("GET", azure.workspace))
    except DeployerError as error:
        yield Check("the workspace", False, str(error), error.hint)
        return
    yield from _workspace(workspace)
    yield from _guarded("providers", lambda: _providers(azure))
    places: list[str] = []
    yield from _guarded("the store", lambda: _store(store, places))
    yield from _guarded("the registry", lambda: _registry(acr))
    yield from _guarded("permissions", lambda: _permissions(azure, workspace, places))
    yield from _guarded("quota", lambda: _quota(azure, workspace))


def _guarded(what: str, look: Callable[[], Iterable[Check]]) -> Iterator[Check]:
    try:
        with told(f"look at {what}"):
            yield from look()
    except DeployerError as error:
        yield Check(what, False, str(error), error.hint)


def who(token: str) -> str:
    """Whom a token of Entra ID is of, by its own words: for people, and no proof of anything."""
    claims = claims_of(token)
    names = ("upn", "unique_name", "preferred_username", "appid", "oid")
    name = next((str(claims[each]) for each in names if claims.get(each)), "somebody")
    return f"{name} of the directory {claims['tid']}" if claims.get("tid") else name


def _workspace(workspace: Workspace) -> Iterator[Check]:
    network = {"internet": "whose network lets all out", "none": "whose network lets approved hosts out alone"}.get(
        workspace.egress, "without a managed network"
    )
    yield Check("the workspace", True, f"{workspace.name} in {workspace.location}, {network}")
    if workspace.egress and not workspace.provisioned:
        make = f"az ml workspace provision-network --name {workspace.name} --resource-group ..."
        yield Check("the managed network", False, "is not provisioned, and no deployment starts without it", make)


def _providers(azure: Azure) -> Iterator[Check]:
    for name, what in _PROVIDERS.items():
        about = azure.ask("GET", f"{azure.where.subscription_id}/providers/{name}") or {}
        state = str(about.get("registrationState") or "")
        fine = state.lower() == "registered"
        hint = None if fine else f"az provider register --namespace {name} --wait"
        yield Check(f"provider {name.removeprefix('Microsoft.')}", fine, f"{state or 'not told'} ({what})", hint)


def _store(store: Callable[[], str], places: list[str]) -> Iterator[Check]:
    where = store()
    places.append(where)
    yield Check("the store", True, f"records lie in {where}")


def _registry(acr: Acr) -> Iterator[Check]:
    login = acr.login_to(acr.host)
    if login is None:
        yield Check("the registry", None, f"{acr.host} is not Azure's: Docker's own login counts")
        return
    login()
    yield Check("the registry", True, f"{acr.host}/{acr.prefix.rstrip('/')}")


# Roles.


def allowed(permissions: Iterable[Mapping[str, Any]], action: str, *, data: bool) -> bool:
    """Whether one of the permissions that somebody has allows an action.

    By "Understand Azure role definitions": actions and dataActions with ``*``, less notActions and notDataActions of
    the same permission; capitals are not told apart.
    """
    kind, less = ("dataActions", "notDataActions") if data else ("actions", "notActions")
    return any(
        _matches(each.get(kind) or (), action) and not _matches(each.get(less) or (), action) for each in permissions
    )


def _matches(patterns: Sequence[str], action: str) -> bool:
    return any(
        re.fullmatch(re.escape(each).replace(r"\*", ".*"), action, re.IGNORECASE | re.DOTALL) for each in patterns
    )


def lacking(permissions: Sequence[Mapping[str, Any]], on: Scope) -> tuple[Right, ...]:
    """What of `DEPLOYING` is not allowed on one kind of thing."""
    return tuple(each for each in DEPLOYING if each.on is on and not allowed(permissions, each.action, data=each.data))


def _permissions(azure: Azure, workspace: Workspace, places: Sequence[str]) -> Iterator[Check]:
    """By what Azure says that whoever asks may do there, with roles of groups, and from above."""
    count, missing = 0, list[Right]()
    by_key, keyed = False, False
    for on, scope in _scopes(azure, workspace, places).items():
        have = [*azure.all(f"{scope}/providers/Microsoft.Authorization/permissions")]
        if on is Scope.WORKSPACE:
            by_key = allowed(have, _STORE_KEY, data=False)
        found = lacking(have, on)
        count += sum(each.on is on for each in DEPLOYING) - len(found)
        # Blobs can be read and written by the account's key as well, where the datastore has it.
        keyed = keyed or (on is Scope.STORE and by_key and bool(found))
        missing += [each for each in found if on is not Scope.STORE or not by_key]
    needed = [each for each in missing if each.always]
    if needed:
        yield Check("permissions", False, f"not allowed: {_told(needed)}", _ROLES)
    else:
        way = "; blobs are read and written by the datastore's key" if keyed else ""
        yield Check("permissions", True, f"{count} actions{way}")
    for each in missing:
        if not each.always:
            yield Check("permissions", None, f"not allowed, and needed for: {each.why}: {each.action}", _ROLES)


def _scopes(azure: Azure, workspace: Workspace, places: Sequence[str]) -> dict[Scope, str]:
    found = {Scope.WORKSPACE: workspace.id, Scope.GROUP: azure.group, Scope.SUBSCRIPTION: azure.where.subscription_id}
    if workspace.registry and azure.options.registry is None:
        found[Scope.REGISTRY] = workspace.registry
    account = workspace.store.rpartition("/")[2]
    for place in places:
        # Of a datastore of another account, its id is not known.
        if account and place.startswith(azure.cloud.account(account)):
            found[Scope.STORE] = f"{workspace.store}/blobServices/default/containers/{place.rpartition('/')[2]}"
    return found


def _told(rights: Sequence[Right]) -> str:
    text = ", ".join(each.action for each in rights[:_SHOWN])
    return text + (f" and {len(rights) - _SHOWN} more" if len(rights) > _SHOWN else "")


# Quota.


def _quota(azure: Azure, workspace: Workspace) -> Iterator[Check]:
    place = f"{azure.where.subscription_id}/providers/Microsoft.MachineLearningServices/locations/{workspace.location}"
    yield quota_check([*azure.all(f"{place}/usages")], smallest(Resources()))


def quota_check(usages: Sequence[Mapping[str, Any]], size: Size) -> Check:
    """Whether an endpoint of one instance, and its update, fit into the quota of cores.

    Args:
        usages: Of the region, as Azure tells them.
        size: What it runs on where the spec says nothing.
    """
    found = next(
        (each for each in usages if str((each.get("name") or {}).get("value")).lower() == size.quota.lower()), None
    )
    what = f"quota of {size.quota}"
    if found is None:
        return Check(what, None, f"Azure tells none of it in this region; {size} would need {size.needed(1)} cores")
    used, limit = int(found.get("currentValue") or 0), int(found.get("limit") or 0)
    ask = "ml.azure.com > Manage > Quota, or portal.azure.com > Quotas > Machine Learning"
    told_of = f"{used} of {limit} cores are used"
    needed = size.needed(1)
    if limit < needed:
        return Check(what, False, f"{told_of}, and one {size} takes {needed}", f"ask for {2 * needed}: {ask}")
    if limit - used < 2 * needed:
        hint = f"an update runs old and new at once, which takes {2 * needed}; ask for more: {ask}"
        return Check(what, None, f"{told_of}, and one {size} takes {needed}", hint)
    return Check(what, True, told_of)
