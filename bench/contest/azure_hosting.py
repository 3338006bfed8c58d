"""One double of Azure ML for one scene, and what is left there: endpoints, deployments, environments, models, blobs."""

from __future__ import annotations

import json
import os
import signal
import ssl
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from bench.contest.running import clean_environment
from deployer.testing.azureml import DoubleCredential, Spawned

__all__ = ["NAME", "SIZE", "Counted", "Place", "Said", "Side"]

NAME = "iris"
SIZE = "Standard_DS3_v2"
_API = "2025-12-01"
_SECOND = f"{NAME}-2"
_LONGEST = 600.0
_CHANGES = ("PUT", "PATCH", "DELETE")
_POLLS = ("GetOperationStatus", "GetOperationResult")
_MODEL = "iris-model"


@dataclass(frozen=True)
class Said:
    """How a command ended.

    Attributes:
        code: Its exit code; -1 where somebody lost patience, and it was ended by Ctrl-C.
        text: All that it said.
        seconds: How long it took.
    """

    code: int
    text: str
    seconds: float


@dataclass(frozen=True)
class Counted:
    """Calls that were made, of all services but images.

    Attributes:
        all: How many.
        changes: How many of them change something.
        polls: How many of them ask an operation how far it is, of which there are more the longer Azure takes.
    """

    all: int
    changes: int
    polls: int


class Place:
    """One workspace, on a double of its own.

    Args:
        double: It.
        folder: To work in; commands have their settings there.
    """

    def __init__(self, double: Spawned, folder: Path) -> None:
        self.double, self.folder = double, folder
        tls = urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=double.ca))
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), tls)
        credential = DoubleCredential(double.environment)
        self._tokens = {
            each: credential.get_token(f"https://{each}.azure.com/.default").token for each in ("management", "storage")
        }
        self.subscription, self.group, self.workspace = (self.double.workspace.split("/")[each] for each in (2, 4, 8))

    # What is there.

    def arm(self, method: str, path: str, body: Any = None) -> Any:
        """One call as the owner of the subscription; None for what is not there."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {self._tokens['management']}", "Content-Type": "application/json"}
        request = urllib.request.Request(f"{self.double.url}{path}?api-version={_API}", data, headers, method=method)
        try:
            with self._opener.open(request, timeout=30) as answer:
                return json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as error:
            if error.code == 404:
                return None
            raise

    def things(self) -> set[str]:
        """What there is, each as ``kind name``."""
        workspace, found = self.double.workspace, set[str]()
        for main in self._names(f"{workspace}/onlineEndpoints"):
            found.add(f"endpoint {main}")
            of = f"{workspace}/onlineEndpoints/{main}/deployments"
            found |= {f"deployment {main}/{each}" for each in self._names(of)}
        for kind, name in (("environment", f"deployer-{NAME}"), ("model", _MODEL), ("model", "deployer-model")):
            of = f"{workspace}/{kind}s/{name}/versions"
            found |= {f"{kind} {name}:{each}" for each in self._names(of)}
        settings = f"{workspace.partition('/providers/')[0]}/providers/Microsoft.Insights/autoscalesettings"
        found |= {f"autoscale {each}" for each in self._names(settings)}
        return found | {f"blob {each}" for each in self._blobs()}

    def _names(self, path: str) -> Iterable[str]:
        return [each["name"] for each in (self.arm("GET", path) or {"value": []})["value"]]

    def _blobs(self) -> Iterable[str]:
        store = self.arm("GET", f"{self.double.workspace}/datastores/workspaceblobstore")["properties"]
        url = f"{self.double.url}/{store['accountName']}/{store['containerName']}?restype=container&comp=list"
        headers = {"Authorization": f"Bearer {self._tokens['storage']}", "x-ms-version": "2023-11-03"}
        with self._opener.open(urllib.request.Request(url, headers=headers), timeout=30) as answer:
            text = answer.read().decode()
        return [each.partition("</Name>")[0] for each in text.split("<Name>")[1:]]

    def traffic(self) -> Mapping[str, int] | None:
        """Whom clients reach; None without an endpoint."""
        found = self.arm("GET", f"{self.double.workspace}/onlineEndpoints/{NAME}")
        return None if found is None else {key: each for key, each in found["properties"]["traffic"].items() if each}

    def calls(self) -> Counted:
        """The calls since this was asked last."""
        made = [
            each for each in self.double.tell("GET", "calls") if each["operation"] and each["service"] != "registry"
        ]
        self.double.tell("DELETE", "calls")
        changes = len([each for each in made if each["method"] in _CHANGES])
        return Counted(len(made), changes, len([each for each in made if each["operation"] in _POLLS]))

    def register(self) -> None:
        """Two versions of a model, as a person has registered them before: what is in them, no container asks."""
        store = self.arm("GET", f"{self.double.workspace}/datastores/workspaceblobstore")["properties"]
        for version in ("1", "2"):
            blob = f"{self.double.url}/{store['accountName']}/{store['containerName']}/models/{version}/MLmodel"
            headers = {
                "Authorization": f"Bearer {self._tokens['storage']}",
                "x-ms-version": "2023-11-03",
                "x-ms-blob-type": "BlockBlob",
            }
            request = urllib.request.Request(blob, b"flavors: {}\n", headers, method="PUT")
            self._opener.open(request, timeout=30).close()
            uri = f"azureml://datastores/workspaceblobstore/paths/models/{version}"
            body = {"properties": {"modelUri": uri, "modelType": "mlflow_model"}}
            self.arm("PUT", f"{self.double.workspace}/models/{_MODEL}/versions/{version}", body)

    # Commands.

    def ran(self, command: Sequence[str | Path], variables: Mapping[str, str], patience: float = _LONGEST) -> Said:
        """A command of one side, with the workspace's credentials and no settings of whoever runs the bench.

        Args:
            command: With its arguments.
            variables: Of its environment.
            patience: Seconds after which the person presses Ctrl-C, and ten more after which it is killed.
        """
        began = time.perf_counter()
        with subprocess.Popen(
            [*map(str, command)], cwd=self.folder, env=clean_environment(**variables), stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
        ) as process:  # fmt: skip
            try:
                text, _ = process.communicate(timeout=patience)
                return Said(process.returncode, text, time.perf_counter() - began)
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGINT)
            try:
                text, _ = process.communicate(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()
                text, _ = process.communicate()
            return Said(-1, text, time.perf_counter() - began)

    def settings(self) -> Path:
        """A ``deployer.toml`` that tells where the double is, and the authorities of index and double in one file."""
        trusted = Path(os.environ.get("SSL_CERT_FILE") or ssl.get_default_verify_paths().openssl_cafile)
        both = self.folder / "trusted.pem"
        both.write_text(trusted.read_text() + Path(self.double.ca).read_text())
        host = urlsplit(self.double.url).netloc
        lines = [
            "[targets.azure]", 'kind = "azureml"', f'subscription = "{self.subscription}"',
            f'resource_group = "{self.group}"', f'workspace = "{self.workspace}"', "[targets.azure.cloud]",
            f'manager = "{self.double.url}"', f'login = "{self.double.url}"', 'audience = "https://management.azure.com"',
            f'blobs = "{self.double.url}/{{account}}"', f'registries = "{host}"', f'ca_bundle = "{both}"',
        ]  # fmt: skip
        (self.folder / "deployer.toml").write_text("\n".join(lines) + "\n")
        return both


@dataclass(frozen=True)
class Side:
    """Who deploys: ``deployer``, or ``mlflow`` with azureml-mlflow, by its command.

    Args:
        name: Which.
        command: The program.
        models: Ours: the first model, and the one of an update.
        base: What ours stands on.
        cache: Ours of layers.
    """

    name: str
    command: Path
    models: tuple[Path, Path]
    base: str
    cache: Path

    def prepare(self, place: Place) -> None:
        """What a person has done before: for azureml-mlflow, a model in the workspace."""
        if self.name == "mlflow":
            place.register()
        else:
            place.settings()

    def create(self, place: Place, fault: str = "", patience: float = _LONGEST) -> Said:
        """A new endpoint."""
        if self.name == "mlflow":
            words = ("--name", NAME, "-m", f"models:/{_MODEL}/1", "-C", f"deploy-config-file={_config(place, fault)}")
            return self._mlflow(place, "create", *words, patience=patience)
        asked = {"config.instance_type": SIZE, "image.base": self.base, "network.egress": "internet"}
        return self._release(place, "create", self.models[0], asked, fault, patience)

    def update(self, place: Place, fault: str = "", patience: float = _LONGEST) -> Said:
        """The other model: with azureml-mlflow a second deployment, its traffic, and the first one's end.

        So Microsoft's "Progressive rollout of MLflow models to online endpoints" has it. ``mlflow deployments update``
        is no such thing: it sends the model in a PATCH, of which the API takes tags and count alone.
        """
        if self.name != "mlflow":
            return self._release(place, "update", self.models[1], {}, fault, patience)
        shares = place.folder / "shares.json"
        shares.write_text(json.dumps({"traffic": {NAME: 0, _SECOND: 100}}))
        config = f"deploy-config-file={_config(place, fault)}"
        steps = (
            ("create", "--name", _SECOND, "--endpoint", NAME, "-m", f"models:/{_MODEL}/2", "-C", config),
            ("update-endpoint", "--endpoint", NAME, "-C", f"endpoint-config-file={shares}"),
            ("delete", "--name", NAME, "--endpoint", NAME),
        )
        said = Said(0, "", 0.0)
        for words in steps:
            done = self._mlflow(place, *words, patience=patience)
            said = Said(done.code, said.text + done.text, said.seconds + done.seconds)
            if done.code:
                break
        return said

    def delete(self, place: Place) -> Said:
        """Away with it."""
        if self.name == "mlflow":
            return self._mlflow(place, "delete-endpoint", "--endpoint", NAME)
        return self._deployer(place, "delete", NAME, "--yes")

    def _release(  # noqa: PLR0917 - a verb and what it is about
        self, place: Place, verb: str, model: Path, asked: Mapping[str, str], fault: str, patience: float
    ) -> Said:
        asked = {**asked, **({"env.BENCH_FAULT": fault} if fault else {})}
        words = [word for key, value in asked.items() for word in ("--set", f"{key}={value}")]
        if patience < _LONGEST:
            words += ["--timeout", f"{max(10, int(patience / 2))}s"]
        return self._deployer(place, verb, NAME, "--model", str(model), *words, patience=patience)

    def _mlflow(self, place: Place, verb: str, *words: str, patience: float = _LONGEST) -> Said:
        told = place.double.proxied
        target = f"azureml://eastus2.api.azureml.ms/mlflow/v1.0{place.double.workspace}"
        own = {
            **told, "MLFLOW_TRACKING_URI": f"file:{place.folder}/runs", "MLFLOW_ALLOW_FILE_STORE": "true",
            "MLFLOW_DISABLE_TELEMETRY": "true", "GIT_PYTHON_REFRESH": "quiet",
        }  # fmt: skip
        return place.ran((self.command, "deployments", verb, "-t", target, *words), own, patience)

    def _deployer(self, place: Place, verb: str, *words: str, patience: float = _LONGEST) -> Said:
        data = {f"XDG_{kind}_HOME": str(place.folder / kind.lower()) for kind in ("DATA", "STATE", "CONFIG")}
        told = {name: each for name, each in place.double.environment.items() if name.startswith("AZURE_")}
        both = str(place.folder / "trusted.pem")
        own = {**data, **told, "XDG_CACHE_HOME": str(self.cache), "SSL_CERT_FILE": both, "REQUESTS_CA_BUNDLE": both}
        return place.ran((self.command, verb, *words, "-t", "azure"), own, patience)


def _config(place: Place, fault: str) -> Path:
    """azureml-mlflow's ``deploy-config-file``: there is no other way to say a size."""
    asked: dict[str, Any] = {"instance_type": SIZE, "instance_count": 1}
    if fault:
        asked["environment_variables"] = {"BENCH_FAULT": fault}
    file = place.folder / "deployment.json"
    file.write_text(json.dumps(asked))
    return file
