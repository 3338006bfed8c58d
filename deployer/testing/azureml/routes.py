"""Every operation that the double has: method, path, the action that a role must allow, and who does it.

Documented: Azure REST API reference of each provider; "Azure permissions for AI + machine learning", of Containers,
Storage and Monitor, for the actions.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from deployer.testing.azureml import (
    acr,
    acr_catalog,
    assets,
    deployments,
    endpoints,
    identity,
    monitor,
    operations,
    scoring,
    storage,
    subscription,
)
from deployer.testing.azureml.state import PROVIDER

if TYPE_CHECKING:
    from deployer.testing.azureml.answers import Answer
    from deployer.testing.azureml.wire import Asked
    from deployer.testing.azureml.world import World

__all__ = ["ROUTES", "Route", "find"]

_SUB = "/subscriptions/{subscription}"
_GROUP = f"{_SUB}/resourceGroups/{{group}}"
_WS = f"{_GROUP}/providers/{PROVIDER}/workspaces/{{workspace}}"
_EP = f"{_WS}/onlineEndpoints/{{endpoint}}"
_DP = f"{_EP}/deployments/{{deployment}}"
_KIND = f"{_WS}/{{kind:environments|models|codes|data}}/{{name}}"
_PLACE = f"{_SUB}/providers/{PROVIDER}/locations/{{location}}"
_SCALE = f"{_GROUP}/providers/Microsoft.Insights/autoscalesettings"

_ML = PROVIDER
_ONLINE = f"{_ML}/workspaces/onlineEndpoints"
_BLOB = "Microsoft.Storage/storageAccounts/blobServices/containers"


@dataclass(frozen=True)
class Route:
    """An operation.

    Attributes:
        operation: Its name, for faults and the journal.
        service: ``arm``, ``identity``, ``blob``, ``registry`` or ``scoring``.
        methods: The HTTP methods.
        path: The pattern of its path.
        work: Who does it.
        action: What a role must allow; ``{kind}`` and ``{verb}`` are filled in.
        data: Whether that is one of ``dataActions``.
        name: How the resource is called, of the path's parts.
        query: Query parameters that tell it from another of the same path.
    """

    operation: str
    service: str
    methods: tuple[str, ...]
    path: re.Pattern[str]
    work: Callable[[World, Asked], Answer]
    action: str = ""
    data: bool = False
    name: str = ""
    query: Mapping[str, str] = field(default_factory=dict)


def _pattern(template: str) -> re.Pattern[str]:
    parts = re.split(r"\{(\w+)(?::([^}]+))?\}", template)
    text = re.escape(parts[0])
    for name, kind, rest in zip(parts[1::3], parts[2::3], parts[3::3], strict=True):
        text += f"(?P<{name}>{kind or '[^/]+'})" + re.escape(rest)
    return re.compile(text + "/?", re.IGNORECASE)


def _arm(  # noqa: PLR0917 - a row of the table below
    operation: str, method: str, path: str, work: Callable[[World, Asked], Answer], action: str, name: str = ""
) -> Route:
    return Route(operation, "arm", (method,), _pattern(path), work, action, False, name)


_DEPLOYED = "{endpoint}/{deployment}"
_VERSION = "{name}:{version}"

ROUTES: tuple[Route, ...] = (
    _arm("GetEndpoint", "GET", _EP, endpoints.get, f"{_ONLINE}/read", "{endpoint}"),
    _arm("ListEndpoints", "GET", f"{_WS}/onlineEndpoints", endpoints.listed, f"{_ONLINE}/read"),
    _arm("PutEndpoint", "PUT", _EP, endpoints.put, f"{_ONLINE}/write", "{endpoint}"),
    _arm("PatchEndpoint", "PATCH", _EP, endpoints.patch, f"{_ONLINE}/write", "{endpoint}"),
    _arm("DeleteEndpoint", "DELETE", _EP, endpoints.delete, f"{_ONLINE}/delete", "{endpoint}"),
    _arm("ListKeys", "POST", f"{_EP}/listKeys", endpoints.keys, f"{_ONLINE}/listKeys/action", "{endpoint}"),
    _arm("RegenerateKeys", "POST", f"{_EP}/regenerateKeys", endpoints.regenerate,
         f"{_ONLINE}/regenerateKeys/action", "{endpoint}"),
    _arm("GetToken", "POST", f"{_EP}/token", endpoints.token, f"{_ONLINE}/token/action", "{endpoint}"),
    _arm("GetDeployment", "GET", _DP, deployments.get, f"{_ONLINE}/deployments/read", _DEPLOYED),
    _arm("ListDeployments", "GET", f"{_EP}/deployments", deployments.listed, f"{_ONLINE}/deployments/read",
         "{endpoint}"),
    _arm("PutDeployment", "PUT", _DP, deployments.put, f"{_ONLINE}/deployments/write", _DEPLOYED),
    _arm("PatchDeployment", "PATCH", _DP, deployments.patch, f"{_ONLINE}/deployments/write", _DEPLOYED),
    _arm("DeleteDeployment", "DELETE", _DP, deployments.delete, f"{_ONLINE}/deployments/delete", _DEPLOYED),
    _arm("GetLogs", "POST", f"{_DP}/getLogs", deployments.logs, f"{_ONLINE}/deployments/getLogs/action", _DEPLOYED),
    _arm("ListSkus", "GET", f"{_DP}/skus", deployments.skus, f"{_ONLINE}/deployments/skus/read", _DEPLOYED),
    _arm("GetAsset", "GET", f"{_KIND}/versions/{{version}}", assets.get, f"{_ML}/workspaces/{{kind}}/versions/read",
         _VERSION),
    _arm("PutAsset", "PUT", f"{_KIND}/versions/{{version}}", assets.put, f"{_ML}/workspaces/{{kind}}/versions/write",
         _VERSION),
    _arm("DeleteAsset", "DELETE", f"{_KIND}/versions/{{version}}", assets.delete,
         f"{_ML}/workspaces/{{kind}}/versions/delete", _VERSION),
    _arm("ListAssets", "GET", f"{_KIND}/versions", assets.listed, f"{_ML}/workspaces/{{kind}}/versions/read", "{name}"),
    _arm("GetAssetContainer", "GET", _KIND, assets.container, f"{_ML}/workspaces/{{kind}}/read", "{name}"),
    _arm("ListAssetContainers", "GET", f"{_WS}/{{kind:environments|models|codes|data}}", assets.containers,
         f"{_ML}/workspaces/{{kind}}/read"),
    _arm("GetWorkspace", "GET", _WS, subscription.workspace, f"{_ML}/workspaces/read", "{workspace}"),
    _arm("ListDatastores", "GET", f"{_WS}/datastores", subscription.datastores, f"{_ML}/workspaces/datastores/read"),
    _arm("GetDatastore", "GET", f"{_WS}/datastores/{{datastore}}", subscription.datastore,
         f"{_ML}/workspaces/datastores/read", "{datastore}"),
    _arm("ListDatastoreSecrets", "POST", f"{_WS}/datastores/{{datastore}}/listSecrets", subscription.datastore_secrets,
         f"{_ML}/workspaces/datastores/listSecrets/action", "{datastore}"),
    _arm("GetCompute", "GET", f"{_WS}/computes/{{compute}}", subscription.compute, f"{_ML}/workspaces/computes/read",
         "{compute}"),
    _arm("ListUsages", "GET", f"{_PLACE}/usages", subscription.usages, f"{_ML}/locations/usages/read"),
    _arm("ListVmSizes", "GET", f"{_PLACE}/vmSizes", subscription.sizes, f"{_ML}/locations/vmsizes/read"),
    _arm("GetOperationStatus", "GET", f"{_PLACE}/mfeOperationsStatus/{{operation}}", operations.status,
         f"{_ML}/locations/mfeOperationsStatus/read"),
    _arm("GetOperationResult", "GET", f"{_PLACE}/mfeOperationResults/{{operation}}", operations.result,
         f"{_ML}/locations/mfeOperationResults/read"),
    _arm("GetRegistry", "GET", f"{_GROUP}/providers/Microsoft.ContainerRegistry/registries/{{registry}}",
         subscription.registry, "Microsoft.ContainerRegistry/registries/read", "{registry}"),
    _arm("ListPermissions", "GET", "{scope:/subscriptions/.+}/providers/Microsoft.Authorization/permissions",
         subscription.permissions, "Microsoft.Authorization/permissions/read"),
    _arm("GetMetrics", "GET", "{scope:/subscriptions/.+}/providers/Microsoft.Insights/metrics", monitor.metrics,
         "Microsoft.Insights/metrics/read"),
    _arm("GetAutoscale", "GET", f"{_SCALE}/{{setting}}", monitor.get, "Microsoft.Insights/autoscalesettings/read",
         "{setting}"),
    _arm("ListAutoscale", "GET", _SCALE, monitor.listed, "Microsoft.Insights/autoscalesettings/read"),
    _arm("PutAutoscale", "PUT", f"{_SCALE}/{{setting}}", monitor.put, "Microsoft.Insights/autoscalesettings/write",
         "{setting}"),
    _arm("DeleteAutoscale", "DELETE", f"{_SCALE}/{{setting}}", monitor.delete,
         "Microsoft.Insights/autoscalesettings/delete", "{setting}"),
    _arm("GetProvider", "GET", f"{_SUB}/providers/{{provider}}", subscription.provider,
         "Microsoft.Resources/subscriptions/providers/read", "{provider}"),
    Route("GetMetadata", "arm", ("GET",), _pattern("/metadata/endpoints"), subscription.metadata),
    Route("Token", "identity", ("POST",), _pattern("/{tenant}/oauth2/v2.0/token"), identity.token),
    Route("OpenId", "identity", ("GET",), _pattern("/{tenant}/v2.0/.well-known/openid-configuration"),
          identity.discovery),
    Route("DiscoverInstance", "identity", ("GET",), _pattern("/{tenant}/discovery/instance"), identity.instances),
    Route("ListBlobs", "blob", ("GET",), _pattern("/{container}"), storage.listed, f"{_BLOB}/blobs/read", True, "",
          {"restype": "container", "comp": "list"}),
    Route("GetContainer", "blob", ("GET", "HEAD"), _pattern("/{container}"), storage.container, f"{_BLOB}/read", False,
          "{container}", {"restype": "container"}),
    Route("PutContainer", "blob", ("PUT",), _pattern("/{container}"), storage.make, f"{_BLOB}/write", False,
          "{container}", {"restype": "container"}),
    Route("GetBlob", "blob", ("GET",), _pattern("/{container}/{blob:.+}"), storage.read, f"{_BLOB}/blobs/read", True,
          "{blob}"),
    Route("HeadBlob", "blob", ("HEAD",), _pattern("/{container}/{blob:.+}"), storage.read, f"{_BLOB}/blobs/read", True,
          "{blob}"),
    Route("PutBlob", "blob", ("PUT",), _pattern("/{container}/{blob:.+}"), storage.put, f"{_BLOB}/blobs/write", True,
          "{blob}"),
    Route("DeleteBlob", "blob", ("DELETE",), _pattern("/{container}/{blob:.+}"), storage.delete,
          f"{_BLOB}/blobs/delete", True, "{blob}"),
    Route("ExchangeToken", "registry", ("POST",), _pattern("/oauth2/exchange"), acr.exchange),
    Route("RegistryToken", "registry", ("GET", "POST"), _pattern("/oauth2/token"), acr.token),
    Route("PingRegistry", "registry", ("GET",), _pattern("/v2"), acr.ping),
    Route("ListRepositories", "registry", ("GET",), _pattern("/acr/v1/_catalog"), acr_catalog.catalog),
    Route("ListManifests", "registry", ("GET",), _pattern("/acr/v1/{repository:.+}/_manifests"), acr_catalog.manifests,
          "", False, "{repository}"),
    Route("UseRegistry", "registry", ("GET", "HEAD", "POST", "PATCH", "PUT", "DELETE"),
          _pattern("/v2/{repository:.+}/{what:blobs/uploads|blobs|manifests|tags}{rest:(?:/.*)?}"), acr.forward, "acr",
          False, "{repository}"),
    Route("Score", "scoring", ("GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"),
          _pattern("/scoring/{endpoint}{path:/.*}"), scoring.score, scoring.ACTION, False, "{endpoint}"),
)  # fmt: skip
"""In the order in which they are tried."""


def find(service: str, method: str, path: str, query: Mapping[str, str]) -> tuple[Route, dict[str, str]] | None:
    """The operation of a request, with the parts of its path; None where there is none."""
    for route in ROUTES:
        if route.service != service or method not in route.methods:
            continue
        found = route.path.fullmatch(path)
        if found is not None and all(query.get(key) == value for key, value in route.query.items()):
            return route, {key: value or "" for key, value in found.groupdict().items()}
    return None
