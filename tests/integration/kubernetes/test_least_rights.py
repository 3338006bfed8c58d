"""All that the command line does works with exactly the shipped Role, and a right that lacks is named."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from deployer import Deployer
from deployer.errors import DeployerError, DeploymentFailed, NotFound
from tests.e2e.kept import kept_folder
from tests.e2e.tiny import TIMES, write_tiny
from tests.integration.kubernetes.bay import Bay, deployer_on, left_of
from tests.integration.kubernetes.rights import kubeconfig_for, role, without
from tests.plugins.docker import Image

pytestmark = [pytest.mark.index, pytest.mark.slow, pytest.mark.real("cluster"), pytest.mark.timeout(600)]

ALL = "DEPLOYER_TEST_EVERY_RIGHT"
"""Set, each single right is taken away in its turn; else a few."""
SOME = (("configmaps", "update"), ("deployments", "delete"), ("pods/portforward", "get"))


def _rights() -> list[tuple[str, str]]:
    every = [
        (resource, verb)
        for rule in role()["rules"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
        if resource not in ("scaledobjects", "inferenceservices")  # nobody needs them without KEDA and KServe
    ]
    return every if os.environ.get(ALL) else [each for each in every if each in SOME]


@pytest.fixture
def place(shared: Bay, base_image: Image, monkeypatch: pytest.MonkeyPatch) -> Bay:
    """A namespace with a model, and what its secrets are made of."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(kept_folder() / "build-cache"))
    monkeypatch.setenv("KEY_A", "a-long-random-key-of-the-first-client")
    monkeypatch.setenv("TOKEN", "something that nobody else knows")
    if not (shared.folder / "model").exists():
        write_tiny(shared.folder / "model", TIMES.format(factor=2))
    registry = f"{base_image.reference.partition('/')[0]}/deployer-test/built"
    return replace(shared, deployer=_api(shared, Path(os.environ["DEPLOYER_TEST_KUBECONFIG"]), registry))


def _api(bay: Bay, kubeconfig: Path, registry: str) -> Deployer:
    return deployer_on(kubeconfig, bay.namespace.name, registry=registry)


def _commands(api: Deployer, bay: Bay, base: Image, name: str) -> Iterator[tuple[str, Callable[[], Any]]]:
    """A life of an endpoint, command by command."""

    def wish(**fields: Any) -> Any:
        return bay.wish(
            name=name, model=str(bay.folder / "model"), image={"base": base.reference},
            resources={"cpu": 0.05}, auth={"api_keys": [{"env": "KEY_A"}]}, secrets={"TOKEN": {"env": "TOKEN"}},
            **fields,
        )  # fmt: skip

    rows = {"dataframe_split": {"columns": ["a"], "data": [[1.0], [2.0]]}}
    yield "create", lambda: api.create(wish())
    yield "status", lambda: api.get(name)
    yield "predict", lambda: api.predict(name, rows)
    yield "logs", lambda: [*api.logs(name)]
    yield "scale", lambda: api.update(name, replicas=2)
    yield "autoscale", lambda: api.update(name, replicas={"min": 1, "max": 2})
    yield "fix the count", lambda: api.update(name, replicas=1)
    yield "label", lambda: api.update(name, labels={"team": "risk"})
    yield "update", lambda: api.apply(wish(env={"LOG_LEVEL": "debug"}, labels={"team": "risk"}))
    yield "rollback", lambda: api.rollback(name)
    yield "gc", lambda: api.gc("kubernetes")
    yield "delete", lambda: api.delete(name)


def test_every_command_works_with_the_shipped_role(place: Bay, base_image: Image, tmp_path: Path) -> None:
    account = kubeconfig_for(place.namespace, role()["rules"], tmp_path)
    api = _api(place, account, f"{base_image.reference.partition('/')[0]}/deployer-test/built")
    (checks,) = api.doctor("kubernetes").values()
    assert [(each.what, each.detail) for each in checks if each.ok is False] == []
    told: dict[str, Any] = {}
    for words, command in _commands(api, place, base_image, "whole"):
        told[words] = command()
    assert told["create"].phase.value == "healthy"
    assert told["predict"] == [2.0, 4.0]
    assert told["logs"]
    assert (told["scale"].revision.ready, told["scale"].revision.id) == (2, told["create"].revision.id)
    assert told["label"].revision.id == told["create"].revision.id
    assert told["update"].revision.id != told["create"].revision.id
    assert told["rollback"].revision.id == told["create"].revision.id
    with pytest.raises(NotFound):
        api.get("whole")
    assert left_of(place.namespace, "whole") == []


@pytest.mark.parametrize(("resource", "verb"), _rights())
def test_a_right_that_lacks_is_named(place: Bay, base_image: Image, tmp_path: Path, resource: str, verb: str) -> None:
    account = kubeconfig_for(place.namespace, without(resource, verb), tmp_path)
    api = _api(place, account, f"{base_image.reference.partition('/')[0]}/deployer-test/built")
    (checks,) = api.doctor("kubernetes").values()
    (failed,) = [each for each in checks if each.ok is False]
    assert failed.detail == f"missing: {verb} {resource}"
    assert "infra/kubernetes/role.yaml" in (failed.hint or "")
    name = f"less-{verb}-{resource.replace('/', '-')}"[:32].rstrip("-")
    try:
        where, error = _first_trouble(api, place, base_image, name)
    finally:
        with contextlib.suppress(NotFound):
            place.deployer.delete(name)
    if error is None:
        assert (resource, verb) not in SOME
        print(f"{verb} {resource}: no command of this life needs it")
        return
    print(f"{verb} {resource}: {where}: {error.message}")
    said = error.message
    if isinstance(error, DeploymentFailed) and error.diagnosis is not None:
        said += " ".join(error.diagnosis.evidence)
    assert f"may not {verb} {resource}" in said
    assert left_of(place.namespace, name) == []


def _first_trouble(api: Deployer, bay: Bay, base: Image, name: str) -> tuple[str, DeployerError | None]:
    for words, command in _commands(api, bay, base, name):
        try:
            command()
        except DeployerError as error:
            return words, error
    return "", None
