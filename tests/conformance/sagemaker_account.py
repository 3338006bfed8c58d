"""What the suite needs of an account: images of the real runtime, pushed to its ECR, and AWS's own answers.

The account is a double that is a process of its own, with an engine's containers, or the service itself: here nothing
is known of a double but its address.
"""

from __future__ import annotations

import http.client
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from deployer.endpoint import ImageRef
from deployer_sagemaker.client import Aws
from deployer_sagemaker.config import SageMakerOptions
from deployer_sagemaker.errors import Refused
from tests.conformance.images import LOTS, SERVED, packages_layer, served_layer
from tests.conformance.registry_images import Layer, Repository, layers_of
from tests.conformance.sagemaker_bench import ROLE, SageMakerWorkbench, hosting_role

if TYPE_CHECKING:
    from deployer.endpoint import Release
    from deployer.testing.conformance import Failure, Lot
    from deployer.value import JSON
    from tests.plugins.docker import Image

__all__ = ["AccountWorkbench", "pushed"]

REPOSITORY = "deployer-test/conformance"


class _Ecr(Repository):
    """A repository of ECR, with a login that lasts for the run."""

    def __init__(self, host: str, name: str, login: str, *, tls: bool) -> None:
        super().__init__(host, name)
        self._connect = http.client.HTTPSConnection if tls else http.client.HTTPConnection
        self._login = login

    def _ask(self, method: str, path: str, body: bytes = b"", **headers: str) -> tuple[int, Mapping[str, str], bytes]:
        connection = self._connect(self._host, timeout=120)
        try:
            connection.request(method, path, body or None, {**headers, "Authorization": f"Basic {self._login}"})
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read()
        finally:
            connection.close()


def pushed(aws: Aws, base: Image, label: str) -> dict[Lot, str]:
    """The images of the suite's models, in ECR; their exact names. All that is pushed comes from the base's layout.

    Args:
        aws: The account, whose repository is made.
        base: What they stand on.
        label: Of each of them, so that an engine's tests find those that are theirs.
    """
    try:
        aws.ask("ecr", "CreateRepository", {"repositoryName": REPOSITORY})
    except Refused as refused:
        if not refused.there:
            raise
    given = aws.ask("ecr", "GetAuthorizationToken", {})["authorizationData"][0]
    door = urlsplit(str(given["proxyEndpoint"]))
    repository = _Ecr(door.netloc, REPOSITORY, str(given["authorizationToken"]), tls=door.scheme == "https")
    below: list[Layer] = layers_of(base)
    for described, _ in below:
        repository.put((base.layout / "blobs" / str(described["digest"]).replace(":", "/")).read_bytes())
    below.append(repository.add(packages_layer()))
    config = {**SERVED, "Labels": {"io.deployer.test": label}}
    return {lot: repository.make([*below, repository.add(served_layer(lot))], config)[0] for lot in LOTS}


class AccountWorkbench(SageMakerWorkbench):
    """One account, asked by AWS's own calls alone.

    Args:
        images: Lot -> the exact name of its image in ECR.
        scope: What the names of a test begin with.
        role: The execution role; None makes one, as a double's account has none.
    """

    patience = 120.0
    pace = 0.2

    def __init__(self, images: Mapping[Lot, str], scope: str, role: str | None = None) -> None:
        self._images, self._scope, self._role = images, scope, role or ROLE
        self._config: dict[str, JSON] = {}
        self._targets = []
        self.aws = Aws(self.options)
        if role is None:
            hosting_role(self.aws)

    @property
    def options(self) -> SageMakerOptions:
        return SageMakerOptions(role=self._role)

    def release(self, lot: Lot = "first", secrets: Mapping[str, int] | None = None) -> Release:
        image = ImageRef(id="", reference=self._images[lot])
        return super().release(lot, secrets).model_copy(update={"image": image})

    def foreign_image(self) -> str:
        return self._images["first"]

    def inject(self, verb: str, failure: Failure) -> bool:
        del verb, failure
        return False

    def running(self, name: str) -> JSON:
        """An update would give it another configuration, or another time."""
        found = self._described(name)
        return [str(found[each]) for each in ("EndpointArn", "CreationTime", "EndpointConfigName")]

    def leftovers(self) -> list[str]:
        return sorted(each for kind in ("Model", "EndpointConfig", "Endpoint") for each in self._named(kind))

    def clear(self) -> None:
        """Remove what a test has left: instances cost, and an account has few."""
        end = time.monotonic() + self.patience
        while self._named("Endpoint"):
            assert time.monotonic() < end, self._named("Endpoint")
            self._remove("Endpoint")
            time.sleep(self.pace)
        for kind in ("EndpointConfig", "Model"):
            self._remove(kind)

    def _named(self, kind: str) -> list[str]:
        listed = self.aws.all("sagemaker", f"List{kind}s", f"{kind}s", {"NameContains": self._scope})
        return [str(each[f"{kind}Name"]) for each in listed]

    def _remove(self, kind: str) -> None:
        for each in self._named(kind):
            try:
                self.aws.ask("sagemaker", f"Delete{kind}", {f"{kind}Name": each})
            except Refused:
                continue  # it goes, or changes: one that changes is not deleted
