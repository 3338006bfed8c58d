"""A Kubernetes cluster as the tests need it: make, look, wait.

It speaks the Kubernetes API (https://kubernetes.io/docs/reference/using-api/) by the standard library alone, so that a
bug in the client which the product uses cannot hide what the product did.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from tests.cluster.kubeconfig import Connection, Refused

PATIENCE = 60.0
"""Seconds that `Cluster.wait_for` waits unless told otherwise."""
APPLY = "application/apply-patch+yaml"
MERGE = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"

Object = dict[str, Any]
"""A Kubernetes object, as its JSON says it."""


class TookTooLong(AssertionError):
    """What a test waited for did not come; it says what was there instead."""


@dataclass(frozen=True)
class Kind:
    """A kind of object, and where the API has it."""

    api_version: str
    kind: str
    plural: str
    namespaced: bool

    def path(self, namespace: str | None, name: str | None = None) -> str:
        """Where the objects of it are, or one of them."""
        root = "/apis/" if "/" in self.api_version else "/api/"
        inside = f"/namespaces/{namespace}" if self.namespaced and namespace else ""
        return f"{root}{self.api_version}{inside}/{self.plural}" + (f"/{quote(name)}" if name else "")


@dataclass(frozen=True)
class Cluster:
    """The cluster that a kubeconfig's current context names.

    Args:
        kubeconfig: Its path.
        kubectl_program: The program's.
    """

    kubeconfig: Path
    kubectl_program: str = "kubectl"
    _kinds: dict[str, list[Kind]] = field(default_factory=dict, init=False, repr=False, compare=False)

    @cached_property
    def connection(self) -> Connection:
        """How the API server is reached."""
        return Connection(self.kubeconfig)

    def fetch(self, path: str, *, method: str = "GET", body: object = None, timeout: float = 60) -> bytes:
        """What is at a path of the API, as it comes: for logs, and for what is behind the API server's proxy.

        Raises:
            Refused: The API server, or who is behind its proxy, said no.
            OSError: Nobody answers.
        """
        with self.connection.answer(method, path, body, timeout=timeout) as response:
            return response.read()

    def ask(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        content_type: str = "application/json",
        timeout: float = 60,
    ) -> Any:
        """One request with a JSON body, if any; the decoded answer.

        Raises:
            Refused: The API server said no.
            OSError: Nobody answers.
        """
        with self.connection.answer(method, path, body, content_type=content_type, timeout=timeout) as response:
            return json.loads(response.read())

    def why_not(self) -> str | None:
        """Why it cannot be used, in one line; None where it can."""
        try:
            self.fetch("/readyz", timeout=15)
        except (OSError, http.client.HTTPException, Refused, ValueError) as error:
            return f"no Kubernetes answers to {self.kubeconfig} ({type(error).__name__}: {error})"
        return None

    # Its objects.

    def kind(self, api_version: str, kind: str) -> Kind:
        """A kind that the API server has.

        Raises:
            Refused: It has no such version.
            KeyError: It has no such kind there.
        """
        for each in self.kinds(api_version):
            if each.kind == kind:
                return each
        raise KeyError(f"no {kind} in {api_version}")

    def kinds(self, api_version: str) -> list[Kind]:
        """The kinds of a version, as ``apps/v1``, of which there can be objects."""
        if api_version not in self._kinds:
            found = self.ask("GET", f"{'/apis/' if '/' in api_version else '/api/'}{api_version}")
            self._kinds[api_version] = [
                Kind(api_version, each["kind"], each["name"], each["namespaced"])
                for each in found["resources"]
                if "/" not in each["name"]
            ]
        return self._kinds[api_version]

    def get(self, api_version: str, kind: str, name: str, namespace: str | None = None) -> Object | None:
        """An object; None where there is none."""
        try:
            found: Object = self.ask("GET", self.kind(api_version, kind).path(namespace, name))
        except Refused as error:
            if error.reason == "NotFound":
                return None
            raise
        return found

    def all(self, api_version: str, kind: str, namespace: str | None = None, **query: str) -> list[Object]:
        """Objects of a namespace, or of all; ``labelSelector`` and ``fieldSelector`` choose."""
        path = self.kind(api_version, kind).path(namespace)
        found: list[Object] = self.ask("GET", f"{path}?{urlencode(query)}")["items"]
        return found

    def create(self, made: Object, namespace: str | None = None, **query: str) -> Object:
        """Make an object, in its own namespace unless another is said."""
        path = self._kind_of(made).path(namespace or made["metadata"].get("namespace"))
        answer: Object = self.ask("POST", f"{path}?{urlencode(query)}", made)
        return answer

    def patch(self, found: Object, change: Object, content_type: str = STRATEGIC, **query: str) -> Object:
        """Change an object."""
        answer: Object = self.ask(
            "PATCH", f"{self._path_of(found)}?{urlencode(query)}", change, content_type=content_type
        )
        return answer

    def delete(self, found: Object, *, grace: int | None = None) -> None:
        """Take an object away, and what it owns; nothing happens where it is gone already.

        Args:
            found: The object.
            grace: Seconds that its processes may take to end; its own number unless given.
        """
        options: Object = {"propagationPolicy": "Background"}
        if grace is not None:
            options["gracePeriodSeconds"] = grace
        try:
            self.ask("DELETE", self._path_of(found), options)
        except Refused as error:
            if error.reason != "NotFound":
                raise

    def _kind_of(self, found: Object) -> Kind:
        return self.kind(found["apiVersion"], found["kind"])

    def _path_of(self, found: Object) -> str:
        return self._kind_of(found).path(found["metadata"].get("namespace"), found["metadata"]["name"])

    # Waiting.

    def watch(
        self, api_version: str, kind: str, namespace: str | None = None, *, version: str, seconds: float, **query: str
    ) -> Iterator[tuple[str, Object]]:
        """What happens to objects from a resourceVersion on, as pairs of ``ADDED`` (...) and it.

        It ends after so many seconds, or when the API server ends it.
        """
        query |= {"watch": "1", "resourceVersion": version, "timeoutSeconds": str(max(1, int(seconds)))}
        path = f"{self.kind(api_version, kind).path(namespace)}?{urlencode(query)}"
        with self.connection.answer("GET", path, timeout=seconds + 5) as response:
            for line in response:
                event = json.loads(line)
                yield event["type"], event["object"]

    def wait_for(
        self,
        api_version: str,
        kind: str,
        name: str,
        namespace: str | None = None,
        *,
        until: Callable[[Object | None], object],
        seconds: float = PATIENCE,
    ) -> Object | None:
        """The object, as soon as something holds for it; it is None where there is none.

        It is watched, and looked at anew where the watch breaks off, as when the API server is started again.

        Raises:
            TookTooLong: It did not hold in time; with what was there, and what the cluster says happened to it.
        """
        deadline = time.monotonic() + seconds
        found: Object | None = None
        trouble = ""
        while (left := deadline - time.monotonic()) > 0:
            try:
                for found in self._states(api_version, kind, name, namespace, left):
                    if until(found):
                        return found
            except (OSError, http.client.HTTPException) as error:
                trouble = f"; {type(error).__name__}: {error}"
                time.sleep(0.05)
        raise TookTooLong(self._late(f"{kind} {name}", seconds, found, namespace) + trouble)

    def _states(
        self, api_version: str, kind: str, name: str, namespace: str | None, seconds: float
    ) -> Iterator[Object | None]:
        query = {"fieldSelector": f"metadata.name={name}"}
        listed = self.ask("GET", f"{self.kind(api_version, kind).path(namespace)}?{urlencode(query)}", timeout=15)
        yield listed["items"][0] if listed["items"] else None
        version = listed["metadata"]["resourceVersion"]
        for event, found in self.watch(api_version, kind, namespace, version=version, seconds=seconds, **query):
            if event == "ERROR":
                return
            yield None if event == "DELETED" else found

    def _late(self, what: str, seconds: float, found: Object | None, namespace: str | None) -> str:
        try:
            events = self.events(namespace) if namespace else []
        except (OSError, http.client.HTTPException, Refused):
            events = []
        told = "".join(f"\n  {each['involvedObject'].get('name')}: {each['message']}" for each in events[-10:])
        state = "there is none" if found is None else json.dumps(found.get("status", found.get("metadata")))
        return f"{what} is not as it should be after {seconds:.0f} s: {state}{told}"

    # What happened, and what else there is.

    def events(self, namespace: str, name: str | None = None) -> list[Object]:
        """What the cluster says happened in a namespace, or to the objects of that name in it; oldest first."""
        found = self.all("v1", "Event", namespace, **({"fieldSelector": f"involvedObject.name={name}"} if name else {}))
        return sorted(found, key=lambda each: each.get("lastTimestamp") or each["metadata"]["creationTimestamp"])

    def logs(self, pod: str, namespace: str, **query: str) -> str:
        """What a pod's container wrote; ``container``, ``previous`` and ``tailLines`` choose."""
        path = f"{self.kind('v1', 'Pod').path(namespace, pod)}/log?{urlencode(query)}"
        return self.fetch(path).decode(errors="replace")

    def behind(self, service: str, namespace: str, port: str, path: str = "/") -> bytes:
        """What a Service answers, through the API server's proxy."""
        return self.fetch(f"{self.kind('v1', 'Service').path(namespace)}/{service}:{port}/proxy{path}")

    def environment(self) -> Mapping[str, str]:
        """The environment in which ``kubectl`` speaks to this cluster."""
        proxies = ("http_proxy", "https_proxy", "all_proxy")
        kept = {name: value for name, value in os.environ.items() if name.lower() not in proxies}
        return {**kept, "KUBECONFIG": str(self.kubeconfig)}

    def kubectl(self, *words: str, given: str | None = None, code: int | None = 0) -> str:
        """What ``kubectl`` writes.

        Args:
            *words: Its arguments.
            given: Its standard input.
            code: How it must end; None where that does not matter.
        """
        done = subprocess.run(
            [self.kubectl_program, *words], input=given, capture_output=True, text=True, check=False, timeout=120,
            env=self.environment(),
        )  # fmt: skip
        if code is not None and done.returncode != code:
            raise AssertionError(f"kubectl {' '.join(words)}: {done.returncode} {done.stderr.strip()}")
        return done.stdout

    @contextlib.contextmanager
    def forwarded(self, what: str, port: int, namespace: str) -> Iterator[int]:
        """A port of this machine that ``kubectl port-forward`` leads to one of a pod or Service, as ``svc/NAME``."""
        forward = subprocess.Popen(
            [self.kubectl_program, "port-forward", "-n", namespace, what, f":{port}"],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=self.environment(),
        )  # fmt: skip
        assert forward.stdout is not None
        try:
            said = forward.stdout.readline()  # Forwarding from 127.0.0.1:40123 -> 8080
            if not said.startswith("Forwarding from "):
                raise AssertionError(f"kubectl port-forward {what}: {said}{forward.stdout.read()}")
            yield int(said.split(" ")[2].rsplit(":", 1)[1])
        finally:
            forward.terminate()
            forward.wait(10)
            forward.stdout.close()
