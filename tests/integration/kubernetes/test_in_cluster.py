"""The command line in a pod, with that pod's account and no kubeconfig: what a pipeline inside the cluster does."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.integration.kubernetes.bay import Bay, left_of
from tests.integration.kubernetes.images import PORT
from tests.integration.kubernetes.installed import installed_image
from tests.integration.kubernetes.rights import kubeconfig_for, role
from tests.plugins.docker import Image

pytestmark = [pytest.mark.slow, pytest.mark.real("cluster"), pytest.mark.timeout(300)]

SCRIPT = """\
import contextlib, json, socket, subprocess, sys, threading
def pump(source, sink):
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
def serve(listener, there):
    while True:
        here = listener.accept()[0]
        way = socket.create_connection(there)
        threading.Thread(target=pump, args=(here, way), daemon=True).start()
        threading.Thread(target=pump, args=(way, here), daemon=True).start()
port, there, commands = int(sys.argv[1]), sys.argv[2].rsplit(":", 1), json.loads(sys.argv[3])
listener = socket.create_server(("127.0.0.1", port))
threading.Thread(target=serve, args=(listener, (there[0], int(there[1]))), daemon=True).start()
for name, text in json.loads(sys.argv[4]).items():
    with open(f"/tmp/{name}", "w") as file:
        file.write(text)
for words in commands:
    done = subprocess.run([sys.executable, "/opt/command.py", *words], capture_output=True, text=True)
    print(json.dumps({"words": words, "code": done.returncode, "out": done.stdout, "err": done.stderr}), flush=True)
"""
"""Reaches the registry under the name that the node has for it, and runs commands of deployer, each told as a line."""
SAFE = {
    "allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}, "runAsNonRoot": True, "runAsUser": 65534,
    "seccompProfile": {"type": "RuntimeDefault"}, "readOnlyRootFilesystem": True,
}  # fmt: skip


@contextmanager
def lent(host: str, registry: str) -> Iterator[str]:
    """A registry on loopback, reached at an address of this machine that pods have a way to."""
    name, _, port = registry.rpartition(":")

    def pump(source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)

    def serve() -> None:
        with contextlib.suppress(OSError):  # the listener is closed
            while True:
                here = listener.accept()[0]
                way = socket.create_connection((name, int(port)), 10)
                for pair in ((here, way), (way, here)):
                    threading.Thread(target=pump, args=pair, daemon=True).start()

    with socket.create_server((host, 0)) as listener:
        threading.Thread(target=serve, daemon=True).start()
        yield f"{host}:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)


def job(image: str, account: str, *arguments: str) -> dict[str, Any]:
    container = {
        "name": "deployer", "image": image, "args": [*arguments], "securityContext": SAFE,
        "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],
    }  # fmt: skip
    pod = {
        "serviceAccountName": account, "restartPolicy": "Never", "containers": [container],
        "volumes": [{"name": "tmp", "emptyDir": {}}],
    }  # fmt: skip
    template = {"metadata": {"labels": {"app": "release"}}, "spec": pod}
    spec = {"backoffLimit": 0, "template": template}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "release"}, "spec": spec}


def has_ended(found: Any) -> bool:
    conditions = (found or {}).get("status", {}).get("conditions") or ()
    return any(each["type"] in ("Complete", "Failed") and each["status"] == "True" for each in conditions)


def test_a_whole_life_from_inside_by_the_pod_s_own_account(
    bay: Bay, base_image: Image, cluster_host: str, tmp_path: Any
) -> None:
    account = kubeconfig_for(bay.namespace, role()["rules"], tmp_path).stem
    registry = base_image.reference.partition("/")[0]
    wish = {
        "name": "iris", "target": "kubernetes", "image": {"use": bay.images.good},
        "resources": {"cpu": 0.02, "memory": "64Mi"},
        "health": {"request": "/tmp/question.json", "timeout": "60s", "consecutive": 2},
        "config": {
            "command": ["well", "one"], "pre_stop": "1s", "drain": "2s", "probes": {"period": "1s"},
            "routes": {"port": PORT, "ready": "/health", "invocations": "/v1/answer"},
        },
    }  # fmt: skip
    files = {"iris.yaml": json.dumps(wish), "question.json": '"how?"', "rows.json": '{"inputs": "how?"}'}
    commands = [
        ["doctor", "-t", "kubernetes", "-o", "json"],
        ["create", "-f", "/tmp/iris.yaml", "-o", "json"],
        ["predict", "iris", "-t", "kubernetes", "-i", "/tmp/rows.json"],
        ["status", "iris", "-t", "kubernetes", "-o", "json"],
        ["logs", "iris", "-t", "kubernetes"],
        ["delete", "iris", "-t", "kubernetes", "--yes"],
        ["list", "-t", "kubernetes", "-o", "json"],
    ]
    image = installed_image(base_image, SCRIPT)
    with lent(cluster_host, registry) as there:
        given = (registry.rpartition(":")[2], there, json.dumps(commands), json.dumps(files))
        bay.namespace.create(job(image, account, *given))
        bay.namespace.wait_for("batch/v1", "Job", "release", until=has_ended, seconds=240)
    (pod,) = [each for each in bay.namespace.all("v1", "Pod") if each["metadata"]["labels"].get("app") == "release"]
    lines = bay.namespace.cluster.logs(pod["metadata"]["name"], bay.namespace.name).splitlines()
    told = {each["words"][0]: each for each in map(json.loads, lines)}
    print("\n".join(f"{name}: {each['code']}\n{each['out']}{each['err']}" for name, each in told.items()))
    assert [name for name, each in told.items() if each["code"]] == []
    assert {"doctor", "create", "predict", "status", "logs", "delete", "list"} == set(told)
    status = json.loads(told["status"]["out"])
    assert json.loads(told["predict"]["out"])["told"] == ["one"]
    assert f"iris.{bay.namespace.name}.svc" in json.dumps(status)
    assert '"healthy"' in json.dumps(status)
    assert json.loads(told["list"]["out"])["endpoints"] == []
    assert left_of(bay.namespace, "iris") == []
