"""A model of the workspace, deployed as Azure builds it: read by the SDK, registered, and asked in our form."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from deployer.client import Deployer
from deployer.registry import Registry
from deployer.settings import NamedTarget, Settings
from deployer.spec import DeploymentSpec
from deployer.target import Request, Site, TargetKind
from deployer.testing.clock import Hasty
from deployer.testing.crash.bench import write_model
from deployer_azureml import kind
from deployer_azureml.target import AzureMLTarget
from tests.conformance.azureml_bench import options_of

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from deployer.testing.azureml import Double
    from deployer.testing.cloud.containers import Wish
    from deployer.testing.cloud.in_process import InProcess

pytest.importorskip("azure.ai.ml", reason="azure-ai-ml is not installed: models of Azure ML are not read")

OPTIONS = {"built": "azure-built:1"}
SEEN: list[list[str]] = []


def _azures(wish: Wish, write: Callable[[str], None]) -> WSGIApplication:
    """As Azure's own server of an MLflow model: ``input_data`` in, plain predictions out, nothing of our headers."""
    write("Azure ML server")
    assert wish.model is not None
    SEEN.append(sorted(str(each.relative_to(wish.model)) for each in wish.model.rglob("*") if each.is_file()))

    def application(environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        text = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        rows = json.loads(text)["input_data"] if environ["REQUEST_METHOD"] == "POST" else []
        body = json.dumps([len(rows)]).encode()
        start("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
        return [body]

    return application


def CONTAINERS() -> InProcess:  # noqa: N802 - of the fixture's convention
    from deployer.testing.azureml import InProcess

    return InProcess({"": _azures})


class _Of(Registry):
    def __init__(self, double: Double) -> None:
        super().__init__()
        self._target = AzureMLTarget(options_of(double), Site("azure"))

    def kind(self, name: str) -> TargetKind:
        del name
        return replace(kind, connect=lambda _options, _site: self._target)


def _registered(double: Double, folder: Path) -> None:
    """A version of a model, as somebody else has registered it."""
    target = AzureMLTarget(options_of(double), Site("azure"))
    store = target._placing.store.datastore
    for each in folder.rglob("*"):
        if each.is_file():
            name = f"LocalUpload/0a1b/{folder.name}/{each.relative_to(folder)}"
            double.world.blobs.put(store.container, name, each.read_bytes(), 0.0, metadata={})
    path = f"azureml://datastores/{store.name}/paths/LocalUpload/0a1b/{folder.name}"
    target._azure.ask("PUT", "models/fraud/versions/7", {"properties": {"modelUri": path, "modelType": "mlflow_model"}})


def test_a_whole_life_without_an_image(on_double: Double, tmp_path: Path) -> None:
    write_model(tmp_path / "first", "first")
    _registered(on_double, tmp_path / "first")
    request = tmp_path / "request.json"
    request.write_text(json.dumps({"inputs": [[1.0, 2.0], [3.0, 4.0]]}))
    named = NamedTarget(name="azure", kind="azureml", options=options_of(on_double).model_dump(mode="json"))
    deployer = Deployer(
        settings=Settings(targets={"azure": named}, default_target="azure"), registry=_Of(on_double), by="test@azure",
        clock=Hasty(0.05),
    )  # fmt: skip
    fields: dict[str, Any] = {
        "model": "azureml:fraud@latest", "config": {"no_code": True}, "network": {"egress": "internet"},
        "health": {"consecutive": 1, "request": str(request), "timeout": "120s"},
    }  # fmt: skip
    made = deployer.create(DeploymentSpec(name="fraud", target="azure", **fields))
    revision = made.traffic.served[0]
    assert made.find(revision).model == f"azureml:{on_double.workspace}/models/fraud/versions/7"  # type: ignore[union-attr]
    assert "model/MLmodel" in SEEN[-1]
    answer = AzureMLTarget(options_of(on_double), Site("azure")).invoke("fraud", Request(body=request.read_bytes()))
    assert (answer.status, json.loads(answer.body)) == (200, {"predictions": [2]})
    workspace: Any = next(iter(on_double.world.workspaces.values()))
    versions = workspace.versions("models", "deployer-model")
    assert len(versions) == 1
    again = deployer.apply(DeploymentSpec(name="fraud", target="azure", **fields))
    assert again.traffic.served == (revision,)
    deployer.delete("fraud")
    assert deployer.list().endpoints == ()
