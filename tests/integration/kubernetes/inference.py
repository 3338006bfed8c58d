"""KServe's kinds in the cluster, its own models, and its controller in a namespace; see tests/cluster/kserve."""

from __future__ import annotations

import base64
import http.client
import json
import os
import socket
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.integration.kubernetes.beds import until

if TYPE_CHECKING:
    from tests.cluster.api import Cluster
    from tests.plugins.cluster import Namespace

__all__ = ["API", "KIND", "checked", "controller", "kserve_folder", "kserve_kinds", "tell"]

KSERVE = "DEPLOYER_TEST_KSERVE"
"""The folder that tests/cluster/kserve prints."""
API, KIND = "serving.kserve.io/v1beta1", "InferenceService"
_CRD, _NAMED = "apiextensions.k8s.io/v1", "inferenceservices.serving.kserve.io"
_ADMISSION = "admissionregistration.k8s.io/v1"
_MODELS = Path(__file__).with_name("kserve_models.py")


def kserve_folder(part: str) -> Path:
    """A part of what was made of KServe's module; the test is skipped where there is none."""
    folder = os.environ.get(KSERVE)
    if not folder or not (Path(folder) / part).exists():
        pytest.skip(f"no KServe: {KSERVE} not set, or without {part}; see tests/cluster/kserve")
    return Path(folder) / part


def checked(documents: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """InferenceServices as the kserve package's own models have them, which refuse what they do not know."""
    python = kserve_folder("models") / "bin" / "python"
    done = subprocess.run(
        [str(python), str(_MODELS)], input=json.dumps([*documents]), capture_output=True, text=True, timeout=120,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


@contextmanager
def kserve_kinds(cluster: Cluster, *parts: str) -> Iterator[bool]:
    """KServe's kinds are known meanwhile, by its own definitions: whether they were made for that, or were there.

    Args:
        cluster: Where.
        parts: What else of KServe's is needed where they are made; the test is skipped where it is not there.
    """
    found = cluster.get(_CRD, "CustomResourceDefinition", _NAMED)
    if found is not None and not found["metadata"].get("deletionTimestamp"):
        yield False
        return
    until(lambda: cluster.get(_CRD, "CustomResourceDefinition", _NAMED) is None, "it is still being removed")
    made, *_ = map(kserve_folder, ("crds", *parts))
    try:
        # On the server: what kubectl would note of so large objects is too long for an annotation.
        cluster.kubectl("apply", "--server-side", "-f", str(made))
        cluster.wait_for(_CRD, "CustomResourceDefinition", _NAMED, until=_is_established, seconds=30)
        yield True
    finally:
        cluster.kubectl("delete", "--ignore-not-found", "--timeout=60s", "-f", str(made))


def _is_established(found: Any) -> bool:
    said = ((found or {}).get("status") or {}).get("conditions") or ()
    return any(each["type"] == "Established" and each["status"] == "True" for each in said)


# Its controller.


@contextmanager
def controller(namespace: Namespace, host: str, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Have KServe's controller run on this machine, with the webhooks and the settings of its own manifests.

    It is no pod, since not every API server can reach one by a Service. Of its settings one differs: there is no Istio.
    Whoever does not say which mode is meant gets Knative's, by its own settings.

    Args:
        namespace: Where its settings are; nothing else is in it.
        host: The address at which the API server reaches this machine.
        folder: For what it writes.
    """
    ports = _free_ports(2)
    authority = _certificate(folder, host)
    for each in _settings():
        namespace.create(each)
    log = folder / "controller.log"
    words = [
        str(kserve_folder("kserve")), "--zap-encoder=console", "--metrics-addr=0", f"--webhook-port={ports[0]}",
        f"--health-probe-addr=127.0.0.1:{ports[1]}",
    ]  # fmt: skip
    environment = {
        "KUBECONFIG": os.environ["DEPLOYER_TEST_KUBECONFIG"], "POD_NAMESPACE": namespace.name, "TMPDIR": str(folder),
    }  # fmt: skip
    with ExitStack() as stack:
        written = stack.enter_context(log.open("wb"))
        process = subprocess.Popen(words, env=environment, stdout=written, stderr=subprocess.STDOUT)
        stack.callback(_end, process)
        until(lambda: _answers(process, ports[1], log), "KServe's controller is not ready")
        for each in _webhooks(namespace.name, f"https://{host}:{ports[0]}", authority):
            made = namespace.cluster.create(each)
            stack.callback(namespace.cluster.delete, made)
        yield process


def _free_ports(count: int) -> list[int]:
    held = [socket.create_server(("", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in held]
    for each in held:
        each.close()
    return ports


def _certificate(folder: Path, host: str) -> str:
    """What the API server knows its webhooks by; it lies where controller-runtime looks for it."""
    place = folder / "k8s-webhook-server" / "serving-certs"
    place.mkdir(parents=True)
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", f"/CN={host}"]
    named = ["-addext", f"subjectAltName=IP:{host}"]
    files = ["-keyout", str(place / "tls.key"), "-out", str(place / "tls.crt")]
    subprocess.run([*made, *named, *files], check=True, capture_output=True)
    return base64.b64encode((place / "tls.crt").read_bytes()).decode()


def tell(process: subprocess.Popen[bytes], word: str) -> None:
    """Send it a signal: ``STOP`` has it stand still, ``CONT`` go on."""
    subprocess.run(["kill", f"-{word}", str(process.pid)], check=False)


def _end(process: subprocess.Popen[bytes]) -> None:
    tell(process, "CONT")
    process.terminate()
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _answers(process: subprocess.Popen[bytes], port: int, log: Path) -> bool:
    assert process.poll() is None, log.read_text(encoding="utf-8", errors="replace")[-2000:]
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def _read(path: str) -> list[dict[str, Any]]:
    return [each for each in yaml.safe_load_all(kserve_folder(path).read_text(encoding="utf-8")) if each]


def _settings() -> Iterator[dict[str, Any]]:
    (found,) = _read("configmap/inferenceservice.yaml")
    settings = dict(found["data"])
    settings["ingress"] = json.dumps({**json.loads(settings["ingress"]), "disableIstioVirtualHost": True})
    yield {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "inferenceservice-config"}, "data": settings}


def _webhooks(name: str, url: str, authority: str) -> Iterator[dict[str, Any]]:
    """Those of InferenceServices and of the pods that come of them."""
    for found in _read("webhook/manifests.yaml"):
        if found["metadata"]["name"] != f"inferenceservice.{API.partition('/')[0]}":
            continue
        for each in found["webhooks"]:
            path = each["clientConfig"]["service"]["path"]
            each["clientConfig"] = {"url": f"{url}{path}", "caBundle": authority}
            each["admissionReviewVersions"] = ["v1", *each["admissionReviewVersions"]]
        meta = {"name": f"{name}.{found['metadata']['name']}"}
        yield {"apiVersion": _ADMISSION, "kind": found["kind"], "metadata": meta, "webhooks": found["webhooks"]}
