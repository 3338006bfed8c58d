"""How soon the Kubernetes target knows that a pod is ready, after the API server does.

A pod of an endpoint is removed again and again. A watch of its own notes when the API server tells that the next one is
ready, and a loop of `watch` and `observe`, as the engine waits, when the target tells it. Ends with 1 when the median
is above the goal.

    --rounds                     by default 15
    DEPLOYER_TEST_KUBECONFIG     the cluster, else KUBECONFIG; its account may make namespaces
    DEPLOYER_TEST_BASE_IMAGE     an image with python3, that its nodes can pull
"""

from __future__ import annotations

import argparse
import os
import secrets
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from deployer import Deployer, DeploymentSpec
from deployer.registry import Registry
from deployer.settings import NamedTarget, Settings
from deployer.target import Target, Watches

NAME = "bench"
GOAL = 0.250
"""Seconds, of the median."""
SERVER = """
import http.server
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.send_header("Content-Length", "2"); self.end_headers(); self.wfile.write(b"{}")
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"])); self.do_GET()
http.server.ThreadingHTTPServer(("0.0.0.0", 9000), Handler).serve_forever()
"""


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Measure how soon readiness is known.")
    parser.add_argument("--rounds", type=int, default=15, help="by default 15")
    asked = parser.parse_args(arguments)
    config = os.environ.get("DEPLOYER_TEST_KUBECONFIG") or os.environ.get("KUBECONFIG")
    image = os.environ.get("DEPLOYER_TEST_BASE_IMAGE")
    if not config or not image:
        print("kubernetes: not measured, since no cluster and base image are named")
        return 0
    client = import_module("kubernetes.config").new_client_from_config(config)
    core = import_module("kubernetes.client").CoreV1Api(client)
    namespace = f"bench-{secrets.token_hex(3)}"
    core.create_namespace({"metadata": {"name": namespace}})
    try:
        named = NamedTarget("k8s", "kubernetes", {"kubeconfig": config, "namespace": namespace})
        delays = _measured(core, named, image, asked.rounds)
    finally:
        core.delete_namespace(namespace)
    median = statistics.median(delays)
    told = ", ".join(f"{each * 1000:.0f}" for each in sorted(delays))
    print(f"ready known {median * 1000:.0f} ms after the API server told it (median of {len(delays)}; all: {told} ms)")
    return 0 if median <= GOAL else 1


def _measured(core: Any, named: NamedTarget, image: str, rounds: int) -> list[float]:
    deployer = Deployer(settings=Settings(default_target=named.name, targets={named.name: named}))
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        question = Path(folder) / "question.json"
        question.write_text("{}")
        spec = DeploymentSpec.model_validate(
            {
                "name": NAME, "target": named.name, "image": {"use": image}, "health": {"request": str(question)},
                "resources": {"cpu": 0.02, "memory": "64Mi"},
                "config": {
                    "command": ["python3", "-c", SERVER], "pre_stop": "1s", "probes": {"period": "1s"},
                    "routes": {"port": 9000, "ready": "/", "invocations": "/"},
                },
            }
        )  # fmt: skip
        try:
            revision = deployer.create(spec).revision
            assert revision is not None
            target = Registry().connect(named, "default")
            return [_round(core, target, str(named.options["namespace"]), revision.id) for _ in range(rounds)]
        finally:
            deployer.delete(NAME, missing_ok=True)


def _round(core: Any, target: Target, namespace: str, revision: str) -> float:
    """Seconds between the API server's word and the target's."""
    labels = f"deployer.io/revision={revision}"
    before = [each.metadata.name for each in core.list_namespaced_pod(namespace, label_selector=labels).items]
    known: list[float] = []

    def watch() -> None:
        asked = {"label_selector": labels, "timeout_seconds": 60}
        for event in import_module("kubernetes.watch").Watch().stream(core.list_namespaced_pod, namespace, **asked):
            pod = event["object"]
            conditions = {each.type: each.status for each in pod.status.conditions or ()}
            if pod.metadata.name not in before and conditions.get("Ready") == "True":
                known.append(time.monotonic())
                return

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    for name in before:
        core.delete_namespaced_pod(name, namespace, grace_period_seconds=0)
    lost, until = False, time.monotonic() + 60
    while time.monotonic() < until:
        if isinstance(target, Watches):
            target.watch(NAME, 5.0)
        seen = target.observe(NAME)
        found = seen.find(revision) if seen is not None else None
        ready = found is not None and found.ready == 1
        told = time.monotonic()
        lost = lost or not ready
        if lost and ready:
            thread.join(10)
            return max(0.0, told - known[0])
    raise SystemExit(f"not measured: no pod of {revision} got ready")


if __name__ == "__main__":
    sys.exit(main())
