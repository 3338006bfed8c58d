"""Requests to a pod from anywhere, by the API server's port-forward, as ``kubectl port-forward`` does it.

Unlike the API server's proxy it takes Authorization along and is no matter of a NetworkPolicy: the kubelet opens the
connection inside the pod.
"""

from __future__ import annotations

import http.client
import socket
from importlib import import_module
from typing import Any

from deployer.errors import TargetUnavailable
from deployer.target import Request, Response
from deployer_kubernetes.client import Cluster
from deployer_kubernetes.errors import Refused, mapped

__all__ = ["send", "send_to_pod"]


class _Over(http.client.HTTPConnection):
    """HTTP over a socket that is there."""

    def __init__(self, way: socket.socket, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._way = way

    def connect(self) -> None:
        self._way.settimeout(self.timeout)
        self.sock = self._way


def send_to_pod(cluster: Cluster, pod: str, port: int, request: Request) -> Response:
    """Send a request to a port of a pod.

    Raises:
        TargetUnavailable: Nobody answers; transient.
    """
    kubernetes: Any = import_module("kubernetes")
    stream: Any = import_module("kubernetes.stream")
    # A client of its own: the library changes the one that it forwards by.
    core = kubernetes.client.CoreV1Api(kubernetes.client.ApiClient(cluster.settings))
    try:
        forward = stream.portforward(
            core.connect_get_namespaced_pod_portforward, pod, cluster.namespace, ports=str(port)
        )
    except kubernetes.client.exceptions.ApiException as error:
        raise _refused(error, pod) from error
    except Exception as error:
        raise TargetUnavailable(f"cannot reach {pod}: {error}", transient=True, where=pod) from error
    try:
        answer = send(_Over(forward.socket(port), request.timeout), request, pod)
    except TargetUnavailable as error:
        said = forward.error(port)
        if said:
            raise TargetUnavailable(f"nothing answers: {said.strip()[:300]}", transient=True, where=pod) from error
        raise
    finally:
        forward.close()
    return answer


def _refused(error: Any, pod: str) -> Exception:
    """The API server does not forward: the handshake's status is only in the library's sentence."""
    said = str(error.reason or error)
    status = next((code for code in (401, 403, 404) if f"status {code}" in said or error.status == code), 503)
    if status == 403:
        said = 'cannot create resource "pods/portforward" in API group ""'
    return mapped(Refused(status, {"message": said}, said), f"forward to {pod}", pod)


def send(connection: http.client.HTTPConnection, request: Request, where: str) -> Response:
    """One exchange.

    Raises:
        TargetUnavailable: Nobody answers; transient.
    """
    try:
        connection.request(request.method, request.path, request.body or None, dict(request.headers))
        answer = connection.getresponse()
        body = answer.read()
    except (OSError, http.client.HTTPException) as error:
        said = "no answer in time" if isinstance(error, TimeoutError) else str(error) or type(error).__name__
        raise TargetUnavailable(f"nothing answers: {said}", transient=True, where=where) from error
    finally:
        connection.close()
    return Response(answer.status, body, {name.lower(): value for name, value in answer.getheaders()})
