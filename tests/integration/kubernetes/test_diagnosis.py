"""Each way in which a revision fails on a cluster, provoked for real: told soon, with its code, and nothing is left."""

from __future__ import annotations

import base64
import json
import os
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from deployer.endpoint import Code
from deployer.errors import SpecError, TargetUnavailable
from deployer.value import JSON
from tests.cluster.kubeconfig import Refused
from tests.e2e.commandline import deployer
from tests.e2e.kept import kept_folder
from tests.e2e.tiny import TIMES, write_tiny
from tests.integration.kubernetes.bay import Bay, deployer_on
from tests.integration.kubernetes.rights import kubeconfig_for, without
from tests.plugins.docker import Image, ImageRegistry

pytestmark = [pytest.mark.slow, pytest.mark.real("cluster"), pytest.mark.timeout(180)]


@pytest.fixture
def served(shared: Bay) -> str:
    """The revision that serves, and has to be left alone."""
    return shared.serve()


# Its image.


def test_an_image_that_is_not_there(shared: Bay, served: str) -> None:
    registry = shared.images.good.partition("/")[0]
    ended = shared.told(shared.patched(f"{registry}/nobody/nothing:1"), Code.IMAGE_PULL, "ErrImagePull")
    assert "no such image" in ended.diagnosis.summary
    assert f"{registry}/nobody/nothing:1" in ended.diagnosis.summary
    shared.untouched(served)


def test_a_registry_that_is_down(shared: Bay, served: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and nobody listens there
        name = f"localhost:{taken.getsockname()[1]}/ml/iris:1"
        ended = shared.told(shared.patched(name), Code.IMAGE_PULL, "ErrImagePull")
    assert "does not reach the registry" in ended.diagnosis.summary
    shared.untouched(served)


def test_an_image_whose_name_is_none(shared: Bay, served: str) -> None:
    ended = shared.told(shared.patched("ML/Iris:1"), Code.IMAGE_PULL, "InvalidImageName")
    assert "no image's name" in ended.diagnosis.summary
    shared.untouched(served)


@pytest.fixture
def behind_a_password(
    image_registry: ImageRegistry, base_image: Image, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> str:
    """An image that this client may pull, and the nodes may not."""
    reference = f"{image_registry.tls}/deployer-test/python:behind-a-password"
    login = f"{image_registry.user}:{image_registry.password}"
    words = ["--src-tls-verify=false", "--dest-tls-verify=false", "--dest-creds", login]
    copy = ["skopeo", "copy", "--quiet", *words, f"docker://{base_image.reference}", f"docker://{reference}"]
    subprocess.run(copy, check=True, timeout=120)
    known = {"auths": {image_registry.tls: {"auth": base64.b64encode(login.encode()).decode()}}}
    (tmp_path / "config.json").write_text(json.dumps(known))
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    monkeypatch.setenv("SSL_CERT_FILE", str(image_registry.ca))
    return reference


def test_a_registry_that_lets_the_client_in_and_not_the_node(
    shared: Bay, served: str, behind_a_password: str, image_registry: ImageRegistry
) -> None:
    reference = behind_a_password
    ended = shared.told(shared.wish("well", image={"use": reference}), Code.IMAGE_PULL, "ErrImagePull")
    assert "does not let the node in" in ended.diagnosis.summary
    assert "config.pull_secrets" in (ended.diagnosis.hint or "")
    assert image_registry.password not in str(ended.diagnosis)
    shared.untouched(served)


def test_an_image_for_another_processor(shared: Bay, served: str) -> None:
    shared.told(shared.patched(shared.images.foreign), Code.IMAGE_ARCHITECTURE, "ErrImagePull")
    shared.untouched(served)


def test_an_image_that_only_says_that_it_is_for_this_one(shared: Bay, served: str) -> None:
    shared.told(shared.wish("well", image={"use": shared.images.strange}), Code.IMAGE_ARCHITECTURE, "terminated:")
    shared.untouched(served)


def test_a_program_that_is_not_there(shared: Bay, served: str) -> None:
    ended = shared.told(
        shared.wish("well", image={"use": shared.images.bare}), Code.IMAGE_MANIFEST, "terminated:|RunContainerError"
    )
    assert "/opt/none" in " ".join(ended.diagnosis.evidence)
    shared.untouched(served)


# What runs.


def test_a_program_that_crashes(shared: Bay, served: str) -> None:
    ended = shared.told(shared.wish("exit"), Code.CRASH_LOOP, "terminated: Error")
    assert "exited 3" in ended.diagnosis.summary
    assert ended.diagnosis.evidence[0] == "cannot open /data/features.bin"
    shared.untouched(served)


@pytest.mark.parametrize("memory", [64, 1], ids=["to-run", "to-start"])
def test_too_little_memory(shared: Bay, served: str, memory: int) -> None:
    wish = shared.wish("eat", resources={"cpu": 0.02, "memory": memory * 2**20})
    ended = shared.told(wish, Code.OUT_OF_MEMORY, "terminated:|FailedCreatePodSandBox")
    assert "resources.memory" in (ended.diagnosis.hint or "")
    shared.untouched(served)


def test_a_secret_that_nobody_made(shared: Bay, served: str) -> None:
    volume = {"name": "more", "secret": {"secretName": "nobody"}}
    container = {"name": "server", "volumeMounts": [{"name": "more", "mountPath": "/more"}]}
    patch: JSON = {"Deployment": {"spec": {"template": {"spec": {"volumes": [volume], "containers": [container]}}}}}
    ended = shared.told(shared.wish("well", config={"patches": patch}), Code.UNKNOWN, "FailedMount")
    assert 'secret "nobody" not found' in ended.diagnosis.summary
    shared.untouched(served)


def test_one_that_never_says_that_it_is_ready(shared: Bay, served: str) -> None:
    # It has the time that it was given; that it failed is told as soon as that is over.
    ended = shared.told(shared.wish("deaf"), Code.PROBE_TIMEOUT, "Startup probe failed", timeout=8.0)
    said = "\n".join(ended.diagnosis.evidence)
    assert "it must answer 200 to GET /health on port 9000" in said
    assert "statuscode: 404" in said
    assert "GET /health HTTP/1.1" in said
    shared.untouched(served)


SETTINGS = """\
[targets.kubernetes]
kind = "kubernetes"
kubeconfig = "{kubeconfig}"
namespace = "{namespace}"
"""


def test_the_command_line_tells_it_in_the_shape_that_all_targets_have(shared: Bay, served: str, tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    kubeconfig = os.environ["DEPLOYER_TEST_KUBECONFIG"]
    text = SETTINGS.format(kubeconfig=kubeconfig, namespace=shared.namespace.name)
    (tmp_path / "deployer.toml").write_text(text)
    (tmp_path / "iris.json").write_text(json.dumps(shared.wish("exit").wish()))
    words = ("apply", "-f", "iris.json", "-t", "kubernetes", "--yes", "--retry", "-o", "json")
    done = deployer(*words, cwd=tmp_path)
    assert done.code == 6, done.err
    assert "error: the new revision does not stay up (CRASH_LOOP)" in done.err
    assert "    cannot open /data/features.bin\n" in done.err
    assert f"iris still serves {served}: 100 % of traffic" in done.err
    assert "Traceback" not in done.err
    diagnosis = json.loads(done.out)["error"]["diagnosis"]
    assert diagnosis["code"] == "CRASH_LOOP"
    assert diagnosis["evidence"][0] == "cannot open /data/features.bin"
    shared.untouched(served)


# Where it is to run.


def test_more_than_any_node_has(shared: Bay, served: str) -> None:
    ended = shared.told(shared.wish("well", resources={"cpu": 64}), Code.UNSCHEDULABLE, "PodScheduled False")
    assert "Insufficient cpu" in ended.diagnosis.summary
    assert "resources.cpu" in (ended.diagnosis.hint or "")
    shared.untouched(served)


def test_a_node_that_nobody_has(shared: Bay, served: str) -> None:
    wish = shared.wish("well", config={"node_selector": {"disk": "fast"}})
    ended = shared.told(wish, Code.UNSCHEDULABLE, "PodScheduled False")
    assert "config.node_selector" in (ended.diagnosis.hint or "")
    shared.untouched(served)


# Whether it may.


def test_a_quota_for_pods(bay: Bay) -> None:
    served = bay.serve()
    bay.namespace.create(
        {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "team"}, "spec": {"hard": {"pods": "1"}}}
    )
    ended = bay.told(bay.wish("well", "two"), Code.QUOTA, "exceeded quota")
    assert "team allows pods=1" in ended.diagnosis.summary
    bay.untouched(served)


def test_a_limit_for_each_container(bay: Bay) -> None:
    served = bay.serve()
    spec = {"limits": [{"type": "Container", "max": {"memory": "80Mi"}}]}
    bay.namespace.create({"apiVersion": "v1", "kind": "LimitRange", "metadata": {"name": "team"}, "spec": spec})
    ended = bay.told(bay.wish("well", resources={"memory": 128 * 2**20}), Code.QUOTA, "is forbidden")
    assert "maximum memory usage per Container is 80Mi" in ended.diagnosis.summary
    assert "kubectl describe limitrange" in (ended.diagnosis.hint or "")
    bay.untouched(served)


_OWN = {"name": "server", "securityContext": {"privileged": True, "allowPrivilegeEscalation": True}}
PRIVILEGED: JSON = {"Deployment": {"spec": {"template": {"spec": {"containers": [_OWN]}}}}}


def test_pod_security(shared: Bay, served: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # As if the cluster forbade more than our own check knows, which refuses it before anything is sent.
    monkeypatch.setattr("deployer_kubernetes.patching.unrestricted", lambda _: iter(()))
    ended = shared.told(shared.wish("well", config={"patches": PRIVILEGED}), Code.PERMISSION, "violates PodSecurity")
    assert "Pod Security restricted:latest: privileged" in ended.diagnosis.summary
    shared.untouched(served)


def test_a_patch_that_asks_for_privileges_is_refused_before_it_is_sent(shared: Bay, served: str) -> None:
    ended = shared.fails(shared.wish("well", config={"patches": PRIVILEGED}))
    assert isinstance(ended.error, SpecError)
    assert "restricted" in ended.error.message
    shared.untouched(served)


@pytest.fixture
def policy(shared: Bay) -> Iterator[str]:
    """A policy of the cluster for the namespace alone: no Deployment without a label ``team``."""
    name, cluster = f"team-{shared.namespace.name}", shared.namespace.cluster
    kind, api = "ValidatingAdmissionPolicy", "admissionregistration.k8s.io/v1"
    where = {"matchLabels": {"kubernetes.io/metadata.name": shared.namespace.name}}
    rule = {
        "apiGroups": ["apps"], "apiVersions": ["v1"], "operations": ["CREATE", "UPDATE"], "resources": ["deployments"],
    }  # fmt: skip
    said = {"expression": "'team' in object.metadata.labels", "message": "whose is it? it has no label team"}
    spec = {"matchConstraints": {"resourceRules": [rule]}, "validations": [said]}
    bound = {"policyName": name, "validationActions": ["Deny"], "matchResources": {"namespaceSelector": where}}
    made = [
        cluster.create({"apiVersion": api, "kind": kind, "metadata": {"name": name}, "spec": spec}),
        cluster.create({"apiVersion": api, "kind": f"{kind}Binding", "metadata": {"name": name}, "spec": bound}),
    ]
    try:
        _await_policy(shared, holds=True)
        yield name
    finally:
        for each in made:
            cluster.delete(each)
        _await_policy(shared, holds=False)


def _await_policy(bay: Bay, *, holds: bool) -> None:
    """Wait until it holds, or does no more: the API server needs a moment to know of it."""
    probe: JSON = {
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "probe"},
        "spec": {
            "selector": {"matchLabels": {"app": "probe"}},
            "template": {
                "metadata": {"labels": {"app": "probe"}}, "spec": {"containers": [{"name": "a", "image": "none"}]},
            },
        },
    }  # fmt: skip
    deadline = time.monotonic() + 30
    while _is_denied(bay, probe) is not holds:
        assert time.monotonic() < deadline, f"the policy {'does not hold' if holds else 'goes on'}"
        time.sleep(0.1)


def _is_denied(bay: Bay, made: JSON) -> bool:
    try:
        bay.namespace.create(made, dryRun="All")
    except Refused as refused:
        return "denied request" in str(refused)
    return False


def test_a_policy_of_the_cluster(shared: Bay, served: str, policy: str) -> None:
    ended = shared.fails(shared.wish("well", "two"))
    said = str(ended.error)
    assert isinstance(ended.error, TargetUnavailable)
    assert f"the policy {policy}: whose is it? it has no label team (PERMISSION)" in said
    assert "labels" in (ended.error.hint or "")
    shared.untouched(served)


RIGHTS = {
    "create deployments.apps": "make Deployment",
    "create networkpolicies.networking.k8s.io": "make NetworkPolicy",
}
"""A right, and what is not done without it."""


@pytest.mark.parametrize("right", RIGHTS)
def test_a_role_without_a_verb(shared: Bay, served: str, tmp_path: Path, right: str) -> None:
    verb, _, whole = right.partition(" ")
    account = kubeconfig_for(shared.namespace, without(whole.partition(".")[0], verb), tmp_path)
    theirs = replace(shared, deployer=deployer_on(account, shared.namespace.name))
    ended = theirs.fails(theirs.wish("well", "two"))
    assert isinstance(ended.error, TargetUnavailable)
    assert f"does not {RIGHTS[right]}" in ended.error.message
    assert f"this account may not {verb} {whole} (PERMISSION)" in ended.error.message
    hint = f"kubectl create role deployer --verb={verb} --resource={whole} -n {shared.namespace.name}"
    assert hint in (ended.error.hint or "")
    shared.untouched(served)


def test_evidence_that_may_not_be_read_hides_nothing_else(shared: Bay, served: str, tmp_path: Path) -> None:
    account = kubeconfig_for(shared.namespace, without("pods/log"), tmp_path)
    theirs = replace(shared, deployer=deployer_on(account, shared.namespace.name))
    ended = theirs.told(theirs.wish("exit"), Code.CRASH_LOOP, "terminated: Error")
    assert "exited 3" in ended.diagnosis.summary
    assert any("may not get pods/log" in each for each in ended.diagnosis.evidence)
    shared.untouched(served)


# What its model says.


@pytest.fixture
def built(shared: Bay, base_image: Image, monkeypatch: pytest.MonkeyPatch) -> Bay:
    """The same namespace, with a registry that images are pushed to."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(kept_folder() / "build-cache"))
    registry = f"{base_image.reference.partition('/')[0]}/deployer-test/built"
    kubeconfig = Path(os.environ["DEPLOYER_TEST_KUBECONFIG"])
    return replace(shared, deployer=deployer_on(kubeconfig, shared.namespace.name, registry=registry))


FAILING = {
    Code.MISSING_DEPENDENCY: ("import category_encoders\n", "No module named 'category_encoders'"),
    Code.MODEL_LOAD: ('raise ValueError("the weights are of another version")\n', "the weights are of another version"),
}


@pytest.mark.index
@pytest.mark.timeout(600)
@pytest.mark.parametrize("code", FAILING)
def test_a_model_that_cannot_be_loaded(shared: Bay, served: str, built: Bay, base_image: Image, code: Code) -> None:
    source, words = FAILING[code]
    model = write_tiny(built.folder / code, source + TIMES.format(factor=2))
    wish = built.wish(model=str(model), image={"base": base_image.reference}, resources={"cpu": 0.05})
    ended = built.told(wish, code, "terminated: Error")
    assert words in "\n".join(ended.diagnosis.evidence)
    assert str(model) in "\n".join((ended.diagnosis.hint or "", *ended.diagnosis.evidence))
    shared.untouched(served)
