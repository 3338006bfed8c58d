"""ECR's own address for pushes and pulls: the registry behind it, with what ECR has beside a registry.

A login by a token that GetAuthorizationToken handed out, repositories that must have been made, immutable tags, and a
question to the policy for each step, by the names that the steps have in IAM (documented: Service Authorization
Reference, Amazon ECR; ECR User Guide, image-tag-mutability).
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from deployer.testing.cloud import images
from deployer.testing.sagemaker.answers import Answer, Refusal
from deployer.testing.sagemaker.journal import Recorded
from deployer.testing.sagemaker.wire import Call

if TYPE_CHECKING:
    from deployer.testing.cloud.images import Registry
    from deployer.testing.sagemaker.guard import Guard
    from deployer.testing.sagemaker.world import World

__all__ = ["Pushing", "operation_of"]

_PATH = re.compile(r"/v2/(?P<name>.+)/(?P<what>blobs/uploads|blobs|manifests|tags)(?:/(?P<reference>[^?]*))?/?")
_OPERATIONS = {
    ("HEAD", "blobs"): "BatchCheckLayerAvailability",
    ("GET", "blobs"): "GetDownloadUrlForLayer",
    ("POST", "blobs/uploads"): "InitiateLayerUpload",
    ("PATCH", "blobs/uploads"): "UploadLayerPart",
    ("PUT", "blobs/uploads"): "CompleteLayerUpload",
    ("HEAD", "manifests"): "BatchGetImage",
    ("GET", "manifests"): "BatchGetImage",
    ("PUT", "manifests"): "PutImage",
    ("DELETE", "manifests"): "BatchDeleteImage",
    ("GET", "tags"): "ListImages",
}


def operation_of(method: str, what: str) -> str:
    """The ECR operation that a step of the registry's protocol is, for IAM; the empty text where there is none."""
    return _OPERATIONS.get((method, what), "")


class Pushing:
    """Answers ``/v2/...``.

    Args:
        world: The double.
        guard: Its policy.
        registry: What is behind it.
    """

    def __init__(self, world: World, guard: Guard, registry: Registry) -> None:
        self._world, self._guard, self._registry = world, guard, registry

    def answer(self, environ: Mapping[str, Any], body: bytes) -> Answer:
        """Check it as ECR does, then let the registry do it."""
        who = self._world.tokens.find(str(environ.get("HTTP_AUTHORIZATION", "")), self._world.clock.now())
        if who is None:
            challenge = {"Www-Authenticate": f'Basic realm="{self._world.url}/",service="ecr.amazonaws.com"'}
            return _error(401, "UNAUTHORIZED", "Not Authorized", challenge)
        method, path = str(environ["REQUEST_METHOD"]), str(environ["PATH_INFO"])
        if path.rstrip("/") == "/v2":
            return Answer(200, {"Docker-Distribution-Api-Version": "registry/2.0"}, [b"{}"])
        found = _PATH.fullmatch(path)
        if found is None:
            return _error(404, "UNSUPPORTED", f"no such path: {path}")
        name, what, reference = found["name"], found["what"], found["reference"] or ""
        account, region, principal = who
        call = Call("ecr", operation_of(method, what), {"repositoryName": name}, region, "", "registry")
        statements: list[str] = []
        try:
            statements = self._guard.check(call, account, principal) if call.operation else []
            self._allowed(account, region, name, (method, what, reference), body)
            answer = self._forward(environ, body, name)
            if call.operation == "PutImage" and answer.status < 400:
                digest = f"sha256:{hashlib.sha256(body).hexdigest()}"
                self._world.pushed[name, digest] = self._world.clock.now()
        except Refusal as refusal:
            answer = _error(refusal.status, refusal.code, refusal.message or "")
        about = (call.service, call.operation, ["repositoryName"], region, name, principal)
        error = "" if answer.status < 400 else str(answer.status)
        self._world.journal.add(Recorded(self._world.clock.now(), *about, answer.status, error, statements))
        return answer

    def _allowed(self, account: str, region: str, name: str, step: tuple[str, str, str], body: bytes) -> None:
        client = self._world.inside.client("ecr", region, account)
        try:
            (repository,) = client.describe_repositories(repositoryNames=[name])["repositories"]
        except client.exceptions.ClientError as error:
            text = f"The repository with name '{name}' does not exist in the registry with id '{account}'"
            raise Refusal("NAME_UNKNOWN", text, 404) from error
        method, what, tag = step
        if (method, what) != ("PUT", "manifests") or repository.get("imageTagMutability") != "IMMUTABLE":
            return
        there = None if tag.startswith("sha256:") else images.resolve(self._registry, self._registry.prefix + name, tag)
        if there is not None and there.digest != f"sha256:{hashlib.sha256(body).hexdigest()}":
            text = (
                f"The image tag '{tag}' already exists in the '{name}' repository and cannot be overwritten because "
                "the repository is immutable."
            )
            raise Refusal("TAG_INVALID", text, 400)

    def _forward(self, environ: Mapping[str, Any], body: bytes, name: str) -> Answer:
        prefix = self._registry.prefix
        path = str(environ["PATH_INFO"]).replace(f"/v2/{name}/", f"/v2/{prefix}{name}/", 1)
        query = re.sub(r"(^|&)from=", rf"\1from={prefix}", str(environ.get("QUERY_STRING", "")))
        names = ("CONTENT_TYPE", "HTTP_ACCEPT", "HTTP_CONTENT_RANGE", "HTTP_RANGE")
        sent = {
            key.removeprefix("HTTP_").replace("_", "-").title(): str(environ[key]) for key in names if environ.get(key)
        }
        method = str(environ["REQUEST_METHOD"])
        status, headers, answered = images.send(
            self._registry, method, f"{path}?{query}" if query else path, sent, body
        )
        kept = (
            "content-type",
            "docker-content-digest",
            "docker-distribution-api-version",
            "docker-upload-uuid",
            "range",
        )
        told = {key.title(): value for key, value in headers.items() if key in kept}
        if "location" in headers:
            where = urlsplit(headers["location"])
            told["Location"] = where.path.replace(f"/v2/{prefix}{name}/", f"/v2/{name}/", 1) + (
                f"?{where.query}" if where.query else ""
            )
        if method == "HEAD":
            return Answer(status, {**told, "Content-Length": headers.get("content-length", "0")}, [b""])
        return Answer(status, told, [answered])


def _error(status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> Answer:
    body = json.dumps({"errors": [{"code": code, "message": message}]}).encode()
    return Answer(status, {"Content-Type": "application/json", **(headers or {})}, [body])
