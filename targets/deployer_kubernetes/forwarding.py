"""Requests to a pod from anywhere, by the API server's port-forward, as ``kubectl port-forward`` does it.

Unlike the API server's proxy it takes Authorization along and is no matter of a NetworkPolicy: the kubelet opens the
connection inside the pod.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from functools import cache
from typing import Any

from deployer.errors import TargetUnavailable
from deployer.importing import library
from deployer.target import Request, Response
from deployer.target.exchange import OverSocket, exchange
from deployer_kubernetes.client import Cluster
from deployer_kubernetes.errors import Refused, mapped, missing_right

__all__ = ["Unsent", "forwarded", "send_to_pod"]


class Unsent(TargetUnavailable):
    """There is no way to a pod, so that nothing was sent, and another one may be asked; transient."""


def send_to_pod(cluster: Cluster, pod: str, port: int, request: Request) -> Response:
    """Send a request to a port of a pod.

    Raises:
        TargetUnavailable: Nobody answers; transient.
    """

    def opened(seconds: float) -> socket.socket:
        way.settimeout(seconds)
        return way

    with forwarded(cluster, pod, port) as way:
        return exchange(OverSocket(opened, request.timeout), request, pod)


@contextlib.contextmanager
def forwarded(cluster: Cluster, pod: str, port: int) -> Iterator[socket.socket]:
    """A connection to a port of a pod, also to one that listens on its loopback alone.

    Raises:
        Unsent: There is no way to it.
        TargetUnavailable: What was sent over it got no answer; transient.
    """
    kubernetes: Any = library("kubernetes")
    stream: Any = library("kubernetes.stream")
    # A client of its own: the library changes the one that it forwards by.
    core = kubernetes.client.CoreV1Api(kubernetes.client.ApiClient(cluster.settings))
    _guard()
    try:
        forward = stream.portforward(
            core.connect_get_namespaced_pod_portforward, pod, cluster.namespace, ports=str(port)
        )
    except kubernetes.client.exceptions.ApiException as error:
        raise _refused(error, pod) from error
    except Exception as error:
        raise Unsent(f"cannot reach {pod}: {error}", transient=True, where=pod) from error
    try:
        yield forward.socket(port)
    except TargetUnavailable as error:
        said = forward.error(port)  # the kubelet's, when it could not connect inside the pod
        if said:
            raise TargetUnavailable(f"nothing answers: {said.strip()[:300]}", transient=True, where=pod) from error
        raise
    finally:
        forward.close()


@cache
def _guard() -> None:
    """Have the library's thread end quietly, and its reader see the end, when the way breaks while it writes.

    Without that it dies with a traceback on stderr, and whoever reads waits for his time-out.
    """
    forward: Any = library("kubernetes.stream.ws_client").PortForward
    plain = forward._proxy  # noqa: SLF001 - the library has no other place for it

    def guarded(self: Any) -> None:
        try:
            plain(self)
        except Exception:  # whatever it was, there is nobody in that thread to tell
            for port in self.local_ports.values():
                port.python.close()

    forward._proxy = guarded  # noqa: SLF001


def _refused(error: Any, pod: str) -> Exception:
    """The API server does not forward: the handshake's status is only in the library's sentence."""
    said = str(error.reason or error).replace('\\"', '"')  # the answer's body is in it as Python would write it
    status = next((code for code in (401, 403, 404) if f"status {code}" in said or error.status == code), 503)
    if status == 404:  # it went since it was looked for
        return Unsent(f"{pod} is gone", transient=True, where=pod)
    if status == 403 and missing_right(said) is None:
        said = 'cannot create resource "pods/portforward" in API group ""'
    return mapped(Refused(status, {"message": said}, said), f"forward to {pod}", pod)
