"""The connection to a cluster: objects as plain JSON, by the official client's own configuration, TLS and log-in.

The client's typed models are left alone: they cost time, and drop the fields that they do not know.
"""

from __future__ import annotations

import contextlib
import email.utils
import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from deployer.errors import SpecError, TargetUnavailable
from deployer.importing import library
from deployer.value import JSON
from deployer_kubernetes.config import KubernetesOptions
from deployer_kubernetes.errors import Refused, mapped, unreachable

__all__ = ["KINDS", "REQUEST", "Cluster", "Kind", "connect"]

REQUEST = "deployer.kubernetes.request"
"""The audit event of each change that is about to be asked for, so that a test can stop a process before it."""
TIMEOUT = 30.0
"""Seconds that the API server may take to answer."""
CONNECTING = 10.0
_PAGE = 500
_AGENT = "deployer"
_NAMESPACE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")


@dataclass(frozen=True)
class Kind:
    """A kind of object, and where it is asked for."""

    name: str
    api: str
    plural: str

    def path(self, namespace: str, name: str | None = None, part: str = "") -> str:
        """Of one object, or of all of the namespace; ``part`` is a subresource."""
        root = "/api/v1" if self.api == "v1" else f"/apis/{self.api}"
        path = f"{root}/namespaces/{quote(namespace, safe='')}/{self.plural}"
        if name is not None:
            path += f"/{quote(name, safe='')}"
        return f"{path}/{part}" if part else path


KINDS = {
    each.name: each
    for each in (
        Kind("ConfigMap", "v1", "configmaps"),
        Kind("Secret", "v1", "secrets"),
        Kind("Service", "v1", "services"),
        Kind("ServiceAccount", "v1", "serviceaccounts"),
        Kind("Pod", "v1", "pods"),
        Kind("Event", "v1", "events"),
        Kind("Deployment", "apps/v1", "deployments"),
        Kind("ReplicaSet", "apps/v1", "replicasets"),
        Kind("EndpointSlice", "discovery.k8s.io/v1", "endpointslices"),
        Kind("PodDisruptionBudget", "policy/v1", "poddisruptionbudgets"),
        Kind("NetworkPolicy", "networking.k8s.io/v1", "networkpolicies"),
        Kind("Ingress", "networking.k8s.io/v1", "ingresses"),
        Kind("HorizontalPodAutoscaler", "autoscaling/v2", "horizontalpodautoscalers"),
        Kind("HTTPRoute", "gateway.networking.k8s.io/v1", "httproutes"),
        Kind("ScaledObject", "keda.sh/v1alpha1", "scaledobjects"),
        Kind("InferenceService", "serving.kserve.io/v1beta1", "inferenceservices"),
    )
}


def connect(options: KubernetesOptions) -> Cluster:
    """The cluster that is meant: the options' kubeconfig and context, else KUBECONFIG's, else the pod's own account.

    Raises:
        SpecError: There is no such file or context, or no cluster is named at all.
    """
    kubernetes: Any = library("kubernetes")
    settings = kubernetes.client.Configuration()
    path = str(options.kubeconfig.expanduser()) if options.kubeconfig is not None else None
    try:
        kubernetes.config.load_kube_config(path, options.context, settings, persist_config=False)
        known, active = kubernetes.config.list_kube_config_contexts(path)
    except kubernetes.config.ConfigException as error:
        own = None if path or options.context else _own_account(kubernetes, settings)
        if own is None:
            raise SpecError(
                f"no cluster is named: {error}", where="kubeconfig",
                hint="kubectl config get-contexts lists what there is; set KUBECONFIG, or kubeconfig in deployer.toml",
            ) from error  # fmt: skip
        namespace = options.namespace or own
        return Cluster(kubernetes, settings, namespace, inside=namespace == own)
    meant = next((each for each in known if each["name"] == options.context), active)
    namespace = meant["context"].get("namespace") or "default"
    return Cluster(kubernetes, settings, options.namespace or namespace)


def _own_account(kubernetes: Any, settings: Any) -> str | None:
    """The namespace of the pod that this runs in, whose account is used; None outside a cluster."""
    try:
        kubernetes.config.load_incluster_config(client_configuration=settings)
        return _NAMESPACE.read_text(encoding="utf-8").strip()
    except (kubernetes.config.ConfigException, OSError):
        return None


class Cluster:
    """One namespace of a cluster.

    Args:
        kubernetes: The official client's package.
        settings: Its ``Configuration``, filled in.
        namespace: Of all that is asked for.
        inside: Whether this process runs in a pod of that namespace, so that Services are reached by their names, and
            a NetworkPolicy that lets the namespace's own pods in lets this in.
    """

    def __init__(self, kubernetes: Any, settings: Any, namespace: str, *, inside: bool = False) -> None:
        self.inside = inside
        self.patience = TIMEOUT
        self._kubernetes = kubernetes
        self.settings = settings
        self.api = kubernetes.client.ApiClient(settings)
        self.namespace = namespace
        self.address: str = settings.host
        self._pool: Any = self.api.rest_client.pool_manager

    # One request.

    def ask(
        self,
        method: str,
        path: str,
        *,
        body: JSON = None,
        query: Mapping[str, Any] | None = None,
        content: str = "application/json",
    ) -> Any:
        """The decoded answer.

        Raises:
            Refused: It is no success.
            TargetUnavailable: The API server does not answer.
        """
        with contextlib.closing(self.open(method, path, body=body, query=query, content=content)) as response:
            with self._reached(f"hear from {self.address}"):
                data = response.read()
            return json.loads(data) if data else None

    def open(
        self,
        method: str,
        path: str,
        *,
        body: JSON = None,
        query: Mapping[str, Any] | None = None,
        content: str = "application/json",
        silence: float | None = None,
    ) -> Any:
        """The answer as it begins: urllib3's response, which the caller closes.

        Args:
            method: Of HTTP.
            path: From the API server's root.
            body: Sent as JSON.
            query: Of the URL.
            content: Of the body.
            silence: Seconds between two signs of life; by default `patience`.

        Raises:
            Refused: It is no success.
            TargetUnavailable: The API server does not answer.
        """
        if method != "GET":
            sys.audit(REQUEST, f"{method} {_words(path)}")
        url = f"{self.address}{path}" + (f"?{urlencode(query)}" if query else "")
        timeout = self._timeout(self.patience if silence is None else silence)
        with self._reached(f"reach {self.address}"):
            response = self._pool.request(
                method, url, body=None if body is None else json.dumps(body).encode(),
                headers={**self.headers(), "Content-Type": content, "Accept": "application/json"},
                timeout=timeout, retries=False, preload_content=False, redirect=False,
            )  # fmt: skip
            if response.status >= 400:
                data = response.read()
                response.release_conn()
                raise Refused(response.status, _status_of(data), data.decode("utf-8", "replace")[:600])
        return response

    def headers(self) -> dict[str, str]:
        """Who asks; a log-in that has run out is renewed by the way."""
        found = {"User-Agent": _AGENT}
        # The client keeps it under one name or the other, by its version.
        token = self.settings.get_api_key_with_prefix("BearerToken", alias="authorization")
        known = token or self.settings.get_basic_auth_token()
        if known:
            found["Authorization"] = str(known)
        return found

    def _timeout(self, silence: float) -> Any:
        return library("urllib3").Timeout(connect=CONNECTING, read=silence)

    @contextlib.contextmanager
    def _reached(self, doing: str) -> Iterator[None]:
        http: Any = library("urllib3").exceptions.HTTPError
        try:
            yield
        except (http, OSError) as error:
            raise unreachable(error, doing, self.address) from error

    def now(self) -> float:
        """The API server's clock, by the second, from its answer."""
        with self.told("tell its time"), contextlib.closing(self.open("GET", "/version")) as response:
            date = response.headers.get("Date")
            response.read()
        if not date:
            raise TargetUnavailable("the API server does not tell its time", where=self.address)
        return email.utils.parsedate_to_datetime(date).timestamp()

    # Objects.

    def get(self, kind: str, name: str) -> Any | None:
        """One object, or None."""
        return self._or_none(kind, name, lambda path: self.ask("GET", path), f"tell {kind} {name}")

    def all(self, kind: str, labels: str = "", fields: str = "") -> tuple[list[Any], str]:
        """The objects with these labels, and the version of that list, to watch from."""
        query: dict[str, Any] = {"limit": _PAGE}
        if labels:
            query["labelSelector"] = labels
        if fields:
            query["fieldSelector"] = fields
        found: list[Any] = []
        with self.told(f"list {KINDS[kind].plural}"):
            while True:
                page = self.ask("GET", KINDS[kind].path(self.namespace), query=query)
                # A list does not say of each what it is.
                found += ({"apiVersion": KINDS[kind].api, "kind": kind, **each} for each in page.get("items") or ())
                onward = page["metadata"].get("continue")
                if not onward:
                    return found, str(page["metadata"].get("resourceVersion") or "")
                query["continue"] = onward

    def create(self, kind: str, document: Mapping[str, JSON], manager: str) -> Any:
        """A new object.

        Raises:
            Refused: Also when there is one of that name.
        """
        query = {"fieldManager": manager, "fieldValidation": "Strict"}
        return self.ask("POST", KINDS[kind].path(self.namespace), body=document, query=query)

    def apply(self, kind: str, name: str, document: Mapping[str, JSON], manager: str, *, force: bool = False) -> Any:
        """Server-side apply.

        Raises:
            Refused: Also when another manager has a field that would change.
        """
        query = {"fieldManager": manager, "fieldValidation": "Strict", "force": "true" if force else "false"}
        path = KINDS[kind].path(self.namespace, name)
        return self.ask("PATCH", path, body=document, query=query, content="application/apply-patch+yaml")

    def patch(self, kind: str, name: str, operations: list[Mapping[str, JSON]], manager: str) -> Any:
        """JSON patch."""
        path = KINDS[kind].path(self.namespace, name)
        return self.ask(
            "PATCH", path, body=operations, query={"fieldManager": manager}, content="application/json-patch+json"
        )

    def replace(self, kind: str, name: str, document: Mapping[str, JSON], manager: str) -> Any:
        """Write an object over the version that it names."""
        path = KINDS[kind].path(self.namespace, name)
        return self.ask("PUT", path, body=document, query={"fieldManager": manager, "fieldValidation": "Strict"})

    def delete(self, kind: str, thing: Mapping[str, Any], *, last: bool = False) -> None:
        """Remove exactly this object and what it made; nothing happens where it is gone already.

        Args:
            kind: Its kind.
            thing: It.
            last: Whether it stays until all that it made is gone.
        """
        name, uid = thing["metadata"]["name"], thing["metadata"]["uid"]
        body = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "propagationPolicy": "Foreground" if last else "Background",
            "preconditions": {"uid": uid},
        }
        with self.told(f"remove {kind} {name}", name):
            try:
                self.ask("DELETE", KINDS[kind].path(self.namespace, name), body=body)
            except Refused as refused:
                if refused.status not in (404, 409):  # gone, or another one of that name by now
                    raise

    def _or_none(self, kind: str, name: str, ask: Any, doing: str) -> Any | None:
        with self.told(doing, name):
            try:
                return ask(KINDS[kind].path(self.namespace, name))
            except Refused as refused:
                if refused.status == 404:
                    return None
                raise

    @contextlib.contextmanager
    def told(self, doing: str, where: str | None = None) -> Iterator[None]:
        """Turn what the API server refuses into one of our errors."""
        try:
            yield
        except Refused as refused:
            raise mapped(refused, doing, where) from refused


def _status_of(data: bytes) -> Mapping[str, Any]:
    try:
        found = json.loads(data)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _words(path: str) -> str:
    """``deployments iris--r1234567`` of a path, for whoever stops a process there."""
    _, _, rest = path.partition("/namespaces/")
    return " ".join(rest.split("/")[1:]) or path
