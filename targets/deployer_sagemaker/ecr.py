"""Images in ECR: where an endpoint's are pushed, the login, and whether SageMaker takes one before it is asked to."""

from __future__ import annotations

import base64
import json
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from typing import Any

from deployer.endpoint import Release
from deployer.errors import DeploymentFailed
from deployer.spec import DeploymentSpec
from deployer.target import Credentials, RegistryPlace
from deployer_sagemaker.causes import cause_of
from deployer_sagemaker.client import Aws, told
from deployer_sagemaker.configs import config_of, instance_type
from deployer_sagemaker.errors import Refused
from deployer_sagemaker.marks import Marks, Role, as_tags
from deployer_sagemaker.refusing import ECR
from deployer_sagemaker.sizes import architecture_of

__all__ = ["DOCKER", "Ecr", "in_repository"]

DOCKER = "application/vnd.docker.distribution.manifest.v2+json"
"""The one form of a manifest that SageMaker takes (mlflow/mlflow#13834, aws/amazon-sagemaker-feedback#180)."""
_FORMS = (
    DOCKER,
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.oci.image.index.v1+json",
)
_READING = 30
"""Seconds that an image's configuration may take to come."""


class Ecr:
    """The registry of one account and region.

    Args:
        aws: The connection.
        where: Tells where Records lie, as the repositories that are made are marked.
    """

    def __init__(self, aws: Aws, where: Callable[[], str] = str) -> None:
        self._aws = aws
        self._where = where
        self._places: dict[str, str] = {}
        self._host: str | None = None

    def name(self, endpoint: str) -> str:
        """The repository of an endpoint's images."""
        return f"{self._aws.options.repository}/{endpoint}"

    def place(self, endpoint: str, owner: str) -> RegistryPlace:
        """Where they are pushed. The repository is made when a login to push is first asked for.

        Raises:
            TargetUnavailable: AWS does not answer, or does not let us ask.
        """
        return RegistryPlace(self.repository(endpoint), lambda: self.login(endpoint, owner))

    def repository(self, endpoint: str) -> str:
        """``123456789012.dkr.ecr.eu-west-1.amazonaws.com/deployer/iris``, whether it is there or not."""
        if endpoint not in self._places:
            with told(f"find the repository {self.name(endpoint)}", "ecr"):
                uri = self._found(endpoint)
                if uri is None:
                    return f"{self.host()}/{self.name(endpoint)}"
            self._places[endpoint] = uri
        return self._places[endpoint]

    def login(self, endpoint: str, owner: str) -> Credentials:
        """A login that lasts twelve hours, to push to the endpoint's repository, which is there from then on."""
        with told(f"log in to ECR for {self.name(endpoint)}", "ecr"):
            if self._found(endpoint) is None:
                self._make(endpoint, owner)
            user, password, _ = self._token()
        return Credentials(user, password)

    def login_to(self, registry: str) -> Callable[[], Credentials] | None:
        """How images are read from a registry: a login to ECR is good for all accounts' in the region that let us."""
        if registry != self.host() and not (ECR.fullmatch(registry) and f".{self._aws.region}." in registry):
            return None

        def credentials() -> Credentials:
            with told(f"log in to {registry}", "ecr"):
                user, password, _ = self._token()
            return Credentials(user, password)

        return credentials

    def _found(self, endpoint: str) -> str | None:
        try:
            answer = self._aws.ask("ecr", "DescribeRepositories", {"repositoryNames": [self.name(endpoint)]})
        except Refused as refused:
            if refused.missing:
                return None
            raise
        return str(answer["repositories"][0]["repositoryUri"])

    def _make(self, endpoint: str, owner: str) -> None:
        marks = Marks(owner, endpoint, Role.REPOSITORY, records=self._where())
        request = {
            "repositoryName": self.name(endpoint),
            "imageTagMutability": "IMMUTABLE",  # a tag is a revision, and a revision is one image
            "imageScanningConfiguration": {"scanOnPush": True},
            "tags": as_tags({**self._aws.options.tags, **marks.tags()}),
        }
        try:
            self._aws.ask("ecr", "CreateRepository", request)
        except Refused as refused:
            if not refused.there:
                raise

    def _token(self) -> tuple[str, str, str]:
        """User, password, and the registry's host."""
        told_ = self._aws.ask("ecr", "GetAuthorizationToken", {})["authorizationData"][0]
        user, _, password = base64.b64decode(told_["authorizationToken"]).decode().partition(":")
        return user, password, str(told_["proxyEndpoint"]).partition("://")[2].rstrip("/")

    # What SageMaker takes.

    def check(self, spec: DeploymentSpec, release: Release) -> None:
        """Before a model is made of an image: that it is there, in the form and for the processor that AWS takes.

        Nothing is said of an image in another registry or account.

        Raises:
            DeploymentFailed: It is not; with the diagnosis that AWS's own answer would have had, minutes later.
        """
        reference = release.image.reference if release.image is not None else ""
        found = in_repository(reference, self.host()) if "/" in reference else None
        if found is None:
            return
        repository, image = found
        with told(f"look at the image {reference}", "ecr"):
            manifest = self._manifest(repository, image)
            if manifest is None:
                raise _failed(reference, "Please make sure all images included in the model for it exist")
            form = str(manifest.get("mediaType") or "")
            if form != DOCKER:
                raise _failed(reference, f"Unsupported manifest media type {form}")
            wished = _architecture(spec, self._aws.options.platform)
            has = self._architecture(repository, str(manifest["config"]["digest"]))
        if has is not None and has != wished:
            raise _failed(reference, f"exec format error: the image's architecture is {has}, its instances' {wished}")

    def host(self) -> str:
        """The registry's own, as a login tells it.

        Raises:
            TargetUnavailable: AWS does not answer, or does not let us log in.
        """
        if self._host is None:
            with told("find ECR", "ecr"):
                self._host = self._token()[2]
        return self._host

    def _manifest(self, repository: str, image: Mapping[str, str]) -> dict[str, Any] | None:
        request = {"repositoryName": repository, "imageIds": [image], "acceptedMediaTypes": [*_FORMS]}
        try:
            answer = self._aws.ask("ecr", "BatchGetImage", request)
        except Refused as refused:
            if refused.missing:
                return None
            raise
        if not answer.get("images"):
            return None
        manifest: dict[str, Any] = json.loads(answer["images"][0]["imageManifest"])
        form = answer["images"][0].get("imageManifestMediaType") or manifest.get("mediaType")
        return {**manifest, "mediaType": form}

    def _architecture(self, repository: str, digest: str) -> str | None:
        """``linux/amd64``; None where its configuration cannot be read."""
        try:
            request = {"repositoryName": repository, "layerDigest": digest}
            url = str(self._aws.ask("ecr", "GetDownloadUrlForLayer", request)["downloadUrl"])
            with urllib.request.urlopen(url, timeout=_READING) as answer:  # noqa: S310 - ECR's own, signed
                config = json.load(answer)
        except (Refused, urllib.error.URLError, OSError, ValueError):
            return None
        return f"{config['os']}/{config['architecture']}" if {"os", "architecture"} <= set(config) else None


def _architecture(spec: DeploymentSpec, platform: str) -> str:
    config = config_of(spec)
    kind = instance_type(spec, config, platform)
    return architecture_of(kind) if kind is not None else "linux/amd64"


def in_repository(reference: str, host: str | None) -> tuple[str, dict[str, str]] | None:
    """Repository and image id of a reference to the registry at a host; None for another registry's."""
    where, slash, rest = reference.partition("/")
    if not slash or where != host:
        return None
    name, at, digest = rest.partition("@")
    if at:
        return name.partition(":")[0], {"imageDigest": digest}
    name, _, tag = rest.partition(":")
    return name, {"imageTag": tag or "latest"}


def _failed(reference: str, words: str) -> DeploymentFailed:
    cause = cause_of(words)
    summary = cause.summary if cause is not None else words
    return DeploymentFailed(f"SageMaker does not take {reference}: {summary}", diagnosis=cause, where="image")
