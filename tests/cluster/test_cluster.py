"""What the other tests take for granted of the cluster: pods, names, addresses, pulls, figures."""

from __future__ import annotations

import base64
import json
import socket
import subprocess
import threading
import time
import urllib.request
from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest

from tests.cluster.api import Cluster, Object, TookTooLong
from tests.cluster.control import Parts
from tests.cluster.kubeconfig import Refused
from tests.plugins.cluster import Namespace
from tests.plugins.docker import Image, ImageRegistry

pytestmark = pytest.mark.real("cluster")

PORT = 8080
ASKS = """
import socket, sys, time, urllib.request
until = time.monotonic() + 60
while True:  # CoreDNS hears of a new Service late, where the API server was away a moment ago
    try:
        socket.getaddrinfo(sys.argv[1], 80)
        break
    except socket.gaierror:
        if time.monotonic() > until:
            raise
        time.sleep(0.2)
print(urllib.request.urlopen(f"http://{sys.argv[1]}/hostname", timeout=10).read().decode())
"""
SERVE = ["python3", "-m", "http.server", str(PORT), "--directory", "/etc"]
SAFE = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "runAsNonRoot": True,
    "runAsUser": 65534,
    "seccompProfile": {"type": "RuntimeDefault"},
}


def pod(name: str, image: str, *command: str, **more: object) -> Object:
    """A pod that the restricted profile lets pass; it is ready when it serves, if it is to serve."""
    container: Object = {"name": "main", "image": image, "command": list(command) or SERVE, "securityContext": SAFE}
    container["resources"] = {"requests": {"cpu": "50m", "memory": "32Mi"}}
    if not command:
        container["readinessProbe"] = {"httpGet": {"path": "/hostname", "port": PORT}, "periodSeconds": 1}
    spec = {"containers": [container], "restartPolicy": "Never", **more}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": {"app": name}}, "spec": spec}


def service(name: str, **spec: object) -> Object:
    ports = [{"port": 80, "targetPort": PORT}]
    spec = {"selector": {"app": name}, "ports": ports, **spec}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": spec}


def is_ready(found: Object | None) -> bool:
    conditions = (found or {}).get("status", {}).get("conditions", [])
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)


def has_ended(found: Object | None) -> bool:
    return (found or {}).get("status", {}).get("phase") in {"Succeeded", "Failed"}


def output(namespace: Namespace, made: Object) -> str:
    """What a pod writes until it ends."""
    name = namespace.create(made)["metadata"]["name"]
    ended = namespace.wait_for("v1", "Pod", name, until=has_ended)
    assert ended is not None
    said = namespace.cluster.logs(name, namespace.name)
    assert ended["status"]["phase"] == "Succeeded", said
    return said.strip()


def get(url: str) -> str:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(url, timeout=10) as answer:
        return str(answer.read().decode()).strip()


def comes(url: str) -> str:
    """What is served there, once the node's rules are written."""
    deadline = time.monotonic() + 20
    while True:
        try:
            return get(url)
        except OSError:
            assert time.monotonic() < deadline, f"nothing is served at {url}"
            time.sleep(0.05)


@pytest.fixture
def served(namespace: Namespace, base_image: Image) -> Object:
    """A Service `web` with one pod that is ready; it says the pod's name at /hostname."""
    namespace.create(pod("web", base_image.reference))
    made = namespace.create(service("web", type="NodePort"))
    namespace.wait_for("v1", "Pod", "web", until=is_ready)
    return made


def test_a_service_answers_at_each_of_its_addresses(
    cluster: Cluster, namespace: Namespace, served: Object, base_image: Image
) -> None:
    assert comes(f"http://{served['spec']['clusterIP']}/hostname") == "web"
    address = cluster.connection.server.removeprefix("https://").split(":")[0]
    assert comes(f"http://{address}:{served['spec']['ports'][0]['nodePort']}/hostname") == "web"
    found = namespace.get("v1", "Pod", "web")
    assert found is not None
    assert get(f"http://{found['status']['podIP']}:{PORT}/hostname") == "web"
    assert cluster.behind("web", namespace.name, "80", "/hostname").strip() == b"web"
    with cluster.forwarded("svc/web", 80, namespace.name) as port:
        assert get(f"http://127.0.0.1:{port}/hostname") == "web"
    for name in ("web", f"web.{namespace.name}.svc.cluster.local"):
        asks = pod(f"asks-{name.split('.')[-1]}", base_image.reference, "python3", "-c", ASKS, name)
        assert output(namespace, asks) == "web"


def test_commands_run_in_a_pod_and_its_logs_are_read(cluster: Cluster, namespace: Namespace, served: Object) -> None:
    assert cluster.kubectl("exec", "-n", namespace.name, "web", "--", "id", "-u").strip() == "65534"
    cluster.behind(served["metadata"]["name"], namespace.name, "80", "/hostname")
    assert "GET /hostname" in cluster.kubectl("logs", "-n", namespace.name, "web")


def test_a_pod_speaks_to_the_api_server_as_its_account(namespace: Namespace, base_image: Image) -> None:
    code = (
        "import ssl, urllib.request as r\n"
        "at = '/var/run/secrets/kubernetes.io/serviceaccount/'\n"
        "said = {'Authorization': 'Bearer ' + open(at + 'token').read()}\n"
        "asked = r.Request('https://kubernetes.default.svc/version', headers=said)\n"
        "print(r.urlopen(asked, context=ssl.create_default_context(cafile=at + 'ca.crt')).status)\n"
    )
    assert output(namespace, pod("asks", base_image.reference, "python3", "-c", code)) == "200"


def test_a_pod_reaches_this_machine_and_nothing_beyond(
    namespace: Namespace, base_image: Image, cluster_host: str
) -> None:
    with socket.create_server((cluster_host, 0)) as server:
        code = (
            "import socket\n"
            f"socket.create_connection(('{cluster_host}', {server.getsockname()[1]}), 10)\n"
            "try: socket.create_connection(('198.51.100.1', 80), 5)\n"
            "except OSError as error: print(error)\n"
        )
        said = output(namespace, pod("asks", base_image.reference, "python3", "-c", code))
    assert "unreachable" in said


def test_a_pod_that_runs_as_root_is_refused(namespace: Namespace, base_image: Image) -> None:
    made = pod("root", base_image.reference)
    made["spec"]["containers"][0]["securityContext"] = {"runAsUser": 0}
    with pytest.raises(Refused, match="violates PodSecurity") as refused:
        namespace.create(made)
    assert refused.value.status == 403
    assert namespace.all("v1", "Pod") == []


def test_what_happens_to_an_image_that_is_not_there_is_told(
    namespace: Namespace, image_registry: ImageRegistry
) -> None:
    namespace.create(pod("lost", f"{image_registry.plain}/nobody/nothing:1"))

    def is_told(found: Object | None) -> bool:
        states = (found or {}).get("status", {}).get("containerStatuses", [])
        return any(each["state"].get("waiting", {}).get("reason") == "ErrImagePull" for each in states)

    namespace.wait_for("v1", "Pod", "lost", until=is_told)
    messages = [each["message"] for each in namespace.cluster.events(namespace.name, "lost")]
    assert any("nobody/nothing:1" in each and "not found" in each for each in messages), messages
    with pytest.raises(TookTooLong, match="nobody/nothing:1"):
        namespace.wait_for("v1", "Pod", "lost", until=is_ready, seconds=1)


def test_a_registry_with_a_password_wants_a_pull_secret(
    namespace: Namespace, image_registry: ImageRegistry, base_image: Image
) -> None:
    reference = f"{image_registry.tls}/{namespace.name}/python:1"
    login = f"{image_registry.user}:{image_registry.password}"
    words = ["--src-tls-verify=false", "--dest-tls-verify=false", "--dest-creds", login]
    copy = ["skopeo", "copy", "--quiet", *words, f"docker://{base_image.reference}", f"docker://{reference}"]
    subprocess.run(copy, check=True, timeout=120)

    def is_refused(found: Object | None) -> bool:
        states = (found or {}).get("status", {}).get("containerStatuses", [])
        return any("401" in each["state"].get("waiting", {}).get("message", "") for each in states)

    namespace.create(pod("without", reference))
    namespace.wait_for("v1", "Pod", "without", until=is_refused)
    auth = base64.b64encode(login.encode()).decode()
    config = json.dumps({"auths": {image_registry.tls: {"auth": auth}}})
    secret: Object = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "pull"}}
    namespace.create(secret | {"type": "kubernetes.io/dockerconfigjson", "stringData": {".dockerconfigjson": config}})
    namespace.create(pod("with", reference, imagePullSecrets=[{"name": "pull"}]))
    namespace.wait_for("v1", "Pod", "with", until=is_ready)


def test_the_gateway_api_takes_routes(namespace: Namespace) -> None:
    route: Object = {"apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute", "metadata": {"name": "route"}}
    backends = [{"name": "one", "port": 80, "weight": 9}, {"name": "two", "port": 80, "weight": 1}]
    namespace.create(route | {"spec": {"rules": [{"backendRefs": backends}]}})
    with pytest.raises(Refused, match="weight"):
        namespace.create(
            route | {"metadata": {"name": "wrong"}, "spec": {"rules": [{"backendRefs": [{"name": "a", "weight": -1}]}]}}
        )


def test_objects_are_seen_as_kubectl_shows_them(cluster: Cluster, namespace: Namespace) -> None:
    made = json.dumps({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}, "data": {"a": "1"}})
    apply = ("apply", "-n", namespace.name, "-f", "-")
    assert "created (server dry run)" in cluster.kubectl(*apply, "--dry-run=server", given=made)
    assert namespace.get("v1", "ConfigMap", "c") is None
    assert "configmap/c created" in cluster.kubectl(*apply, given=made)
    changed = made.replace('"1"', '"2"')
    assert '+  a: "2"' in cluster.kubectl("diff", "-n", namespace.name, "-f", "-", given=changed, code=1)


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_an_autoscaler_reads_real_figures(cluster: Cluster, namespace: Namespace, base_image: Image) -> None:
    labels = {"app": "busy"}
    template = pod("busy", base_image.reference, "python3", "-c", "while True: pass")
    template["spec"]["restartPolicy"] = "Always"
    template["spec"]["containers"][0]["resources"]["limits"] = {"cpu": "150m", "memory": "64Mi"}
    spec: Object = {"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}}}
    spec["template"]["spec"] = template["spec"]
    namespace.create({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "busy"}, "spec": spec})
    target = {"type": "Utilization", "averageUtilization": 50}
    hpa: Object = {"minReplicas": 1, "maxReplicas": 2}
    hpa["scaleTargetRef"] = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "busy"}
    hpa["metrics"] = [{"type": "Resource", "resource": {"name": "cpu", "target": target}}]
    kind = ("autoscaling/v2", "HorizontalPodAutoscaler")
    namespace.create({"apiVersion": kind[0], "kind": kind[1], "metadata": {"name": "busy"}, "spec": hpa})
    namespace.wait_for(*kind, "busy", seconds=120, until=lambda found: found and wanted(found) == 2)
    namespace.wait_for(
        "apps/v1", "Deployment", "busy", until=lambda found: found and found["status"].get("readyReplicas") == 2
    )
    used = cluster.ask("GET", f"/apis/metrics.k8s.io/v1beta1/namespaces/{namespace.name}/pods")["items"]
    assert [each["containers"][0]["name"] for each in used]
    assert "busy-" in cluster.kubectl("top", "pods", "-n", namespace.name)


def wanted(autoscaler: Object) -> int:
    return int(autoscaler.get("status", {}).get("desiredReplicas", 0))


def test_pods_serve_while_the_api_server_is_started_again(
    cluster: Cluster, namespace: Namespace, served: Object, cluster_parts: Parts
) -> None:
    url = f"http://{served['spec']['clusterIP']}/hostname"
    comes(url)
    answers: list[str] = []
    enough = threading.Event()

    def ask() -> None:
        while not enough.is_set():
            try:
                answers.append(get(url))
            except OSError as error:
                answers.append(str(error))
            enough.wait(0.02)

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        with cluster_parts.without("kube-apiserver"):
            with pytest.raises(OSError, match="refused"):
                cluster.fetch("/readyz", timeout=5)
            before = len(answers)
            while len(answers) < before + 10:
                time.sleep(0.02)
        found = namespace.wait_for("v1", "Pod", "web", until=is_ready)
        assert found is not None
        assert found["status"]["containerStatuses"][0]["restartCount"] == 0
        # What writes again, not only answers.
        namespace.create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "after"}})
    finally:
        enough.set()
        asking.join()
    assert set(answers) == {"web"}


def test_a_namespace_goes_with_all_that_is_in_it(
    cluster: Cluster, new_namespace: Callable[..., AbstractContextManager[Namespace]], base_image: Image
) -> None:
    with new_namespace(team="a") as made:
        found = cluster.get("v1", "Namespace", made.name)
        assert found is not None
        assert found["metadata"]["labels"]["team"] == "a"
        made.create(pod("web", base_image.reference))
        made.wait_for("v1", "Pod", "web", until=is_ready)
    assert made.all("v1", "Pod") == []
    made.gone()
    assert cluster.get("v1", "Namespace", made.name) is None
