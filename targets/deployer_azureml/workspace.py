"""What a workspace gives: where it is, its store and registry, and what its network lets out. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from deployer.spec import DeploymentSpec

__all__ = ["Workspace", "read_workspace", "unmet_network"]

_CLOSE = "az ml workspace update --managed-network allow_only_approved_outbound"
_OUT = {"disabled": "", "allowinternetoutbound": "internet", "allowonlyapprovedoutbound": "none"}


@dataclass(frozen=True)
class Workspace:
    """A workspace.

    Attributes:
        id: Of Azure Resource Manager.
        store: The id of its storage account.
        registry: The id of its container registry; "" until something made one.
        egress: What its managed network lets out: ``internet``, ``none`` but for `approved`; "" where it has no such
            network, so that everything is let out.
        approved: Hosts that are let out.
        provisioned: Whether that network is there.
        public: Whether it can be reached from outside its private endpoints.
    """

    id: str
    location: str
    store: str = ""
    registry: str = ""
    egress: str = ""
    approved: frozenset[str] = frozenset()
    provisioned: bool = False
    public: bool = True

    @property
    def name(self) -> str:
        """Its name."""
        return self.id.rpartition("/")[2]


def read_workspace(document: Mapping[str, Any]) -> Workspace:
    """From its document."""
    told: Mapping[str, Any] = document.get("properties") or {}
    network: Mapping[str, Any] = told.get("managedNetwork") or {}
    rules: Mapping[str, Any] = network.get("outboundRules") or {}
    hosts = {
        str(each.get("destination")).lower()
        for each in rules.values()
        if str(each.get("type")).upper() == "FQDN" and str(each.get("status") or "Active") == "Active"
    }
    return Workspace(
        id=str(document["id"]),
        location=str(document.get("location") or ""),
        store=str(told.get("storageAccount") or ""),
        registry=str(told.get("containerRegistry") or ""),
        egress=_OUT.get(str(network.get("isolationMode") or "Disabled").lower(), ""),
        approved=frozenset(hosts),
        provisioned=str((network.get("status") or {}).get("status") or "").lower() == "active",
        public=str(told.get("publicNetworkAccess") or "Enabled").lower() != "disabled",
    )


def unmet_network(spec: DeploymentSpec, workspace: Workspace, *, kubernetes: bool = False) -> Iterator[tuple[str, str]]:
    """What of ``network.egress`` the workspace does not give, each as (dotted field, sentence).

    Azure knows one network for all deployments of a workspace ("Network isolation with managed online endpoints"); what
    each deployment could be told beside it (egressPublicNetworkAccess) is the legacy way, and does not go with it. On a
    Kubernetes compute the network is the cluster's, of which Azure tells nothing.
    """
    wish = spec.network.egress
    if wish == "internet":
        if workspace.egress == "none" and not kubernetes:
            yield (
                "network.egress",
                f"the network of {workspace.name} lets only approved hosts out; name them, or say none",
            )
        return
    if kubernetes:
        yield "network.egress", "what leaves a Kubernetes compute is its cluster's to say; say internet"
        return
    if workspace.egress != "none":
        yield (
            "network.egress",
            f"replicas there reach the network: --set network.egress=internet says so; {_CLOSE} closes it",
        )
        return
    for host in wish if not isinstance(wish, str) else ():
        if host.lower() not in workspace.approved:
            make = f"az ml workspace outbound-rule set --type fqdn --destination {host} --rule NAME"
            yield "network.egress", f"the network of {workspace.name} does not let {host} out; {make}"
