"""A workspace of Azure ML that is a double with real containers, a registry as its ACR, and a folder to type in."""

from __future__ import annotations

import json
import ssl
import subprocess
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

from deployer.testing.azureml import DoubleCredential, Spawned
from deployer.testing.cloud.trust import trusting
from deployer_azureml.roles import permissions
from tests.e2e.commandline import DEPLOYER, Done, environment, shell
from tests.e2e.kept import kept_folder

__all__ = ["Workspace", "arguments"]

_API, _INSIGHTS, _STORE = "2024-10-01", "2022-10-01", "2023-11-03"
_MANAGER, _STORAGE = "https://management.azure.com/.default", "https://storage.azure.com/.default"
_AZ = """\
#!{python}
import argparse, os
from azure.ai.ml import MLClient
from azure.identity import ClientSecretCredential

words = argparse.ArgumentParser(prog="az")
words.add_argument("command", nargs=3)
for name in ("--name", "-g", "-w", "--query", "-o"):
    words.add_argument(name, required=True)
asked = words.parse_args()
assert (asked.command, asked.o) == (["ml", "online-endpoint", "get-credentials"], "tsv"), asked
about = [os.environ[f"AZURE_{{each}}"] for each in ("TENANT_ID", "CLIENT_ID", "CLIENT_SECRET")]
who = ClientSecretCredential(*about, disable_instance_discovery=True)
client = MLClient(who, os.environ["AZURE_SUBSCRIPTION_ID"], asked.g, asked.w)
keys = client.online_endpoints.get_keys(asked.name)
print({{"primaryKey": keys.primary_key, "secondaryKey": keys.secondary_key}}[asked.query])
"""
"""The one line of the az command that is printed, by the SDK that its extension for it is made of."""


@dataclass
class Workspace:
    """One workspace.

    Args:
        double: Of it.
        folder: Of the person who types; ``deployer.yaml`` lies there.
        base: The image that all images stand on.
        registry: Where its images are really, with what their names begin with there: ``localhost:5000/t1234``.
        command: The command line, of an environment that has azure-ai-ml.
    """

    double: Spawned
    folder: Path
    base: str
    registry: str
    command: Path = field(default=DEPLOYER)

    def __post_init__(self) -> None:
        (self.folder / ".git").mkdir()  # where the search for settings ends
        (self.folder / "bin").mkdir()
        az = self.folder / "bin" / "az"
        az.write_text(_AZ.format(python=self.command.with_name("python")))
        az.chmod(0o755)
        url, told = self.double.url, json.dumps
        (self.folder / "deployer.toml").write_text(
            "[targets.azureml]\n"
            f'cloud = {{ name = "Double", manager = {told(url)}, login = {told(url)}, '
            f"blobs = {told(url + '/{account}')}, ca_bundle = {told(self.double.ca)} }}\n"
            '[targets.public]\nkind = "azureml"\n'
        )

    @property
    def variables(self) -> dict[str, str]:
        """What a person has in the environment: who asks, which workspace, whom they trust."""
        return self._variables(self.double.environment)

    def _variables(self, told: Mapping[str, str]) -> dict[str, str]:
        _, _, subscription, _, group, _, _, _, workspace = self.double.workspace.split("/")
        return {
            **told,
            **trusting(self.double.ca, self.folder),
            "AZURE_SUBSCRIPTION_ID": subscription,
            "AZUREML_ARM_RESOURCEGROUP": group,
            "AZUREML_ARM_WORKSPACE_NAME": workspace,
            "PATH": f"{self.folder / 'bin'}:{environment()['PATH']}",
            "XDG_CACHE_HOME": str(kept_folder() / "build-cache"),
        }

    def run(self, *words: str | Path, **variables: str) -> Done:
        """``deployer WORDS -t azureml`` without a terminal."""
        asked = (*map(str, words), *(("-t", "azureml") if "--target" not in words else ()))
        return self._done(asked, {**self.variables, **variables})

    def by_its_names(self, *words: str | Path) -> Done:
        """``deployer WORDS``, which must succeed, where Azure has its own names and a proxy leads to the double."""
        done = self._done((*map(str, words), "-t", "public"), self._variables(self.double.proxied))
        assert done.code == 0, f"{done.out}\n{done.err}"
        return done

    def _done(self, words: tuple[str, ...], variables: Mapping[str, str]) -> Done:
        done = subprocess.run(
            [self.command, *words], cwd=self.folder, env=environment(variables), stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip
        return Done(words, done.returncode, done.stdout, done.stderr)

    def well(self, *words: str | Path) -> Done:
        """As `run`, which must succeed."""
        done = self.run(*words)
        assert done.code == 0, f"deployer {' '.join(done.words)}: {done.code}\n{done.out}\n{done.err}"
        return done

    def pasted(self, line: str) -> Done:
        """A line in a shell of that person."""
        return shell("sh", line, cwd=self.folder, env=self.variables)

    def status(self, name: str) -> dict[str, Any]:
        """``deployer status NAME -o json``."""
        found = json.loads(self.well("status", name, "-o", "json").out)
        assert isinstance(found, dict)
        return found

    def writes(self, name: str, model: Path, config: Mapping[str, Any] | None = None, **fields: Any) -> Path:
        """A ``deployer.yaml``; the network is as wide as that of a workspace without a managed one."""
        document = {
            "apiVersion": "deployer/v1", "name": name, "model": str(model), "image": {"base": self.base},
            "config": {**(config or {})}, "network": {"egress": "internet"}, **fields,
        }  # fmt: skip
        path = self.folder / "deployer.yaml"
        path.write_text(json.dumps(document))  # JSON is YAML
        return path

    @contextmanager
    def lacking(self, action: str) -> Generator[None, None, None]:
        """Whoever calls may not do one thing that the shipped roles allow, and is refused nothing else."""
        assert self.refused() == []
        self.double.tell("PUT", "rights", permissions(without=[action]))
        try:
            yield
            assert {*self.refused()} <= {action}
        finally:
            self.double.tell("PUT", "rights", permissions())

    def refused(self) -> list[str]:
        """The actions that the roles did not allow."""
        return [str(each) for each in self.double.tell("GET", "rights")["refused"]]

    # The other side: Azure's own doors, by a client that knows nothing of deployer.

    def ask(
        self, method: str, url: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, str]:
        """Any request; status and text of the answer."""
        request = urllib.request.Request(url, body, dict(headers or {}), method=method)
        opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=self._trust)
        )
        try:
            with opener.open(request, timeout=60) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    def arm(self, path: str, method: str = "GET") -> Any:
        """A document of Resource Manager, below the workspace, or by its whole path; None where it is not there."""
        whole = path if path.startswith("/") else f"{self.double.workspace}/{path}"
        version = _INSIGHTS if "/microsoft.insights/" in whole else _API
        body = b"" if method == "POST" else None
        about = {"Authorization": f"Bearer {self._token(_MANAGER)}"}
        status, text = self.ask(method, f"{self.double.url}{whole}?api-version={version}", body, about)
        assert status in (200, 404), text
        return json.loads(text) if status == 200 else None

    def autoscalers(self) -> list[dict[str, Any]]:
        """All autoscale settings of the resource group."""
        group = self.double.workspace.partition("/providers/")[0]
        return list(self.arm(f"{group}/providers/microsoft.insights/autoscalesettings")["value"])

    def names(self, endpoint: str) -> list[str]:
        """Of what there is of an endpoint: itself, deployments, environments; and of all autoscalers and blobs."""
        about = f"onlineEndpoints/{endpoint}"
        found = [endpoint] if self.arm(about) is not None else []
        for path in (f"{about}/deployments", f"environments/deployer-{endpoint}/versions"):
            found += [f"{path}/{each['name']}" for each in (self.arm(path) or {"value": []})["value"]]
        found += [f"autoscale {each['name']}" for each in self.autoscalers()]
        return sorted([*found, *(f"blob {each}" for each in self._blobs())])

    def _blobs(self) -> list[str]:
        """Of the workspace's own store."""
        store = self.arm("datastores/workspaceblobstore")["properties"]
        url = f"{self.double.url}/{store['accountName']}/{store['containerName']}?restype=container&comp=list"
        about = {"Authorization": f"Bearer {self._token(_STORAGE)}", "x-ms-version": _STORE}
        status, text = self.ask("GET", url, None, about)
        assert status == 200, text
        return [str(each.text) for each in ET.fromstring(text).iter("Name")]

    def images(self, endpoint: str) -> list[str]:
        """The tags of an endpoint's images in the registry behind ACR."""
        host, _, prefix = self.registry.partition("/")
        _, text = self.ask("GET", f"http://{host}/v2/_catalog?n=1000&last={prefix}")
        found: list[str] = []
        for name in json.loads(text)["repositories"]:
            if name.startswith(f"{prefix}/deployer/") and name.endswith(f"/{endpoint}"):
                status, text = self.ask("GET", f"http://{host}/v2/{name}/tags/list")
                found += (json.loads(text)["tags"] or []) if status == 200 else []
        return found

    def asked(self) -> Counter[str]:
        """Operation -> how many calls of it were made since the last time; they are forgotten then.

        Those to the registry are told with what was done there, ``PUT manifests``; not those that it answered with its
        challenge, after which they are sent again.
        """
        calls = self.double.tell("GET", "calls")
        self.double.tell("DELETE", "calls")
        return Counter(_called(each) for each in calls if (each["service"], each["status"]) != ("registry", 401))

    def _token(self, scope: str) -> str:
        return DoubleCredential(self.double.environment).get_token(scope).token

    @cached_property
    def _trust(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=self.double.ca)


def _called(call: Mapping[str, Any]) -> str:
    operation, path = str(call["operation"]), str(call["path"])
    if operation != "UseRegistry":
        return operation
    what = next(each for each in ("blobs/uploads", "blobs", "manifests", "tags") if f"/{each}" in path)
    return f"{call['method']} {what}"


def arguments(docker: str, registry: str, scope: str, folder: Path) -> list[str]:
    """What a double is started with, that holds whoever calls to the roles of infra/azure.

    Args:
        docker: The engine of its containers.
        registry: Where images are.
        scope: What their names begin with there, and the containers'.
        folder: For the file of the roles.
    """
    rights = folder / "rights.json"
    rights.write_text(json.dumps(permissions()))
    return [
        "--proxy",
        *("--docker", docker, "--name", scope, "--rights", str(rights)),
        *("--registry", registry, "--registry-prefix", f"{scope}/"),
    ]
