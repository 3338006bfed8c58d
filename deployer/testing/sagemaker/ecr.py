"""ECR in front of a real registry: its repositories are moto's, its images are those that were really pushed.

A client's own code works unchanged: CreateRepository, GetAuthorizationToken, push, BatchGetImage. Where the double has
no registry, all is left to moto.

Where images are not pushed through the double (`Registry.proxied`), a push to an immutable tag is not refused.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from deployer.testing.cloud import images
from deployer.testing.sagemaker.answers import Answer, Refusal
from deployer.testing.sagemaker.tokens import HOURS

if TYPE_CHECKING:
    from deployer.testing.cloud.images import Registry
    from deployer.testing.sagemaker.wire import Call
    from deployer.testing.sagemaker.world import World

__all__ = ["LAYERS", "Ecr"]

LAYERS = "/_layers/"
"""What the paths of blobs begin with that GetDownloadUrlForLayer tells."""


class Ecr:
    """Answers what is about images and the login; the rest is moto's.

    Args:
        world: The double.
    """

    def __init__(self, world: World) -> None:
        self._world = world

    def answer(self, call: Call, account: str, principal: str = "") -> dict[str, Any] | None:
        """The answer; None where moto has it.

        Raises:
            Refusal: There is no such repository or image.
        """
        registry = self._world.options.registry
        if registry is None:
            if call.operation == "GetDownloadUrlForLayer":  # moto has manifests, and no layers
                raise _no_layer(call.parameters)
            return None
        if call.operation == "GetAuthorizationToken":
            return self._login(registry, call, account, principal)
        work = {
            "BatchDeleteImage": self._delete,
            "BatchGetImage": self._get,
            "DescribeImages": self._describe,
            "GetDownloadUrlForLayer": self._download,
            "ListImages": self._list,
        }.get(call.operation)
        if work is None:
            return None
        name = str(call.parameters.get("repositoryName", ""))
        client = self._world.inside.client("ecr", call.region, account)
        try:
            client.describe_repositories(repositoryNames=[name])
        except client.exceptions.ClientError as error:
            text = f"The repository with name '{name}' does not exist in the registry with id '{account}'"
            raise Refusal("RepositoryNotFoundException", text) from error
        return work(registry, name, account, call.parameters)

    def _login(self, registry: Registry, call: Call, account: str, principal: str) -> dict[str, Any]:
        now, url = self._world.clock.now(), registry.url
        pair, until = f"{registry.user or 'AWS'}:{registry.password or 'password'}", now + HOURS
        if registry.proxied:
            password, until = self._world.tokens.make(account, call.region, principal, now)
            pair, url = f"AWS:{password}", self._world.url
        token = base64.b64encode(pair.encode()).decode()
        return {"authorizationData": [{"authorizationToken": token, "expiresAt": until, "proxyEndpoint": url}]}

    def rewritten(self, answer: Answer) -> Answer:
        """Moto's answer, with the registry's address for AWS's."""
        registry = self._world.options.registry
        if registry is None or answer.status != 200:
            return answer
        text = b"".join(answer.body)
        try:
            value = json.loads(text)
        except ValueError:
            return Answer(answer.status, answer.headers, [text])
        for repository in [*value.get("repositories", []), *filter(None, [value.get("repository")])]:
            where = self._world.ecr + "/" if registry.proxied else f"{registry.address}/{registry.prefix}"
            repository["repositoryUri"] = where + repository["repositoryName"]
        headers = {key: each for key, each in answer.headers.items() if key.lower() != "content-length"}
        return Answer(answer.status, headers, [json.dumps(value).encode()])

    def _found(
        self, registry: Registry, name: str, wanted: Any
    ) -> Iterator[tuple[dict[str, str], images.Manifest | None]]:
        """(as it was asked for, the manifest) of each; of all tags where none is named."""
        asked = wanted if wanted is not None else [{"imageTag": tag} for tag in _tags(registry, name)]
        for each in asked:
            reference = each.get("imageDigest") or each.get("imageTag") or ""
            yield each, images.resolve(registry, registry.prefix + name, reference)

    def _since(self, name: str, digest: str) -> float:
        """When it was pushed, in whole seconds; when the double first saw it, where it was not pushed through that."""
        return float(int(self._world.pushed.setdefault((name, digest), self._world.clock.now())))

    def _get(self, registry: Registry, name: str, account: str, asked: Mapping[str, Any]) -> dict[str, Any]:
        found: dict[str, list[Any]] = {"images": [], "failures": []}
        for wish, manifest in self._found(registry, name, asked["imageIds"]):
            if manifest is None:
                found["failures"].append(_missing(wish))
                continue
            identity = {"imageDigest": manifest.digest, **{key: wish[key] for key in ("imageTag",) if key in wish}}
            found["images"].append(
                {
                    "registryId": account,
                    "repositoryName": name,
                    "imageId": identity,
                    "imageManifest": manifest.text,
                    "imageManifestMediaType": manifest.type,
                }
            )
        return found

    def _describe(self, registry: Registry, name: str, account: str, asked: Mapping[str, Any]) -> dict[str, Any]:
        rows: dict[str, dict[str, Any]] = {}
        for wish, manifest in self._found(registry, name, asked.get("imageIds")):
            if manifest is None:
                text = (
                    f"The image with imageId {json.dumps(wish)} does not exist within the repository with name '{name}'"
                )
                raise Refusal("ImageNotFoundException", f"{text} in the registry with id '{account}'")
            size = sum(int(layer.get("size", 0)) for layer in manifest.document.get("layers", []))
            row = rows.setdefault(
                manifest.digest,
                {
                    "registryId": account,
                    "repositoryName": name,
                    "imageDigest": manifest.digest,
                    "imageTags": [],
                    "imageSizeInBytes": size,
                    "imagePushedAt": self._since(name, manifest.digest),
                    "imageManifestMediaType": manifest.type,
                    "artifactMediaType": (manifest.document.get("config") or {}).get("mediaType"),
                },
            )
            if "imageTag" in wish:
                row["imageTags"].append(wish["imageTag"])
        return {"imageDetails": [{key: each for key, each in row.items() if each} for row in rows.values()]}

    def _list(self, registry: Registry, name: str, account: str, asked: Mapping[str, Any]) -> dict[str, Any]:
        del account, asked
        found = [
            {"imageTag": wish["imageTag"], "imageDigest": manifest.digest}
            for wish, manifest in self._found(registry, name, None)
            if manifest is not None
        ]
        return {"imageIds": found}

    def _download(self, registry: Registry, name: str, account: str, asked: Mapping[str, Any]) -> dict[str, Any]:
        """Where a blob is fetched without any log-in; AWS's is a signed address in S3."""
        digest, path = str(asked["layerDigest"]), f"/v2/{registry.prefix}{name}/blobs/{asked['layerDigest']}"
        if images.ask(registry, path, "*/*", "HEAD")[0] != 200:
            text = f"The layer with digest '{digest}' does not exist within the repository with name '{name}'"
            raise Refusal("LayersNotFoundException", f"{text} in the registry with id '{account}'")
        return {"downloadUrl": f"{self._world.url}{LAYERS}{registry.prefix}{name}/{digest}", "layerDigest": digest}

    def layer(self, path: str) -> Answer:
        """What is at such an address."""
        name, _, digest = path.removeprefix(LAYERS).rpartition("/")
        registry = self._world.options.registry
        if registry is None:
            return Answer(404, {}, [b""])
        status, _, body = images.ask(registry, f"/v2/{name}/blobs/{digest}", "*/*")
        return Answer(status, {"Content-Type": "application/octet-stream"}, [body])

    def _delete(self, registry: Registry, name: str, account: str, asked: Mapping[str, Any]) -> dict[str, Any]:
        """A tag's deletion deletes the manifest, with its other tags: the registry's API has none of a tag alone."""
        del account
        found: dict[str, list[Any]] = {"imageIds": [], "failures": []}
        for wish, manifest in self._found(registry, name, asked["imageIds"]):
            path = f"/v2/{registry.prefix}{name}/manifests/{manifest.digest}" if manifest is not None else ""
            if manifest is not None and images.ask(registry, path, method="DELETE")[0] == 202:
                found["imageIds"].append({**wish, "imageDigest": manifest.digest})
            else:
                found["failures"].append(_missing(wish))
        return found


def _no_layer(asked: Mapping[str, Any]) -> Refusal:
    about = f"'{asked.get('layerDigest')}' in the repository '{asked.get('repositoryName')}'"
    return Refusal("LayersNotFoundException", f"The layers cannot be found, or none of them is available: {about}")


def _missing(wish: Mapping[str, str]) -> dict[str, Any]:
    return {"imageId": dict(wish), "failureCode": "ImageNotFound", "failureReason": "Requested image not found"}


def _tags(registry: Registry, name: str) -> list[str]:
    status, _, body = images.ask(registry, f"/v2/{registry.prefix}{name}/tags/list")
    return sorted(json.loads(body).get("tags") or []) if status == 200 else []
