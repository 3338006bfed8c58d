"""What the verbs would send to the API server, as documents. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from deployer.endpoint import ImageRef, Release
from deployer.errors import SpecError
from deployer.spec import DeploymentSpec
from deployer.target.reading import secret_numbers
from deployer.value import JSON
from deployer_kubernetes.config import KubernetesOptions
from deployer_kubernetes.gateway.rendering import led_by_gateway, sharing
from deployer_kubernetes.ingress import ingress
from deployer_kubernetes.marks import Marks, Role
from deployer_kubernetes.pulling import pull_secret
from deployer_kubernetes.requests import (
    budget,
    config_of,
    deployment,
    keys_name,
    network_policy,
    scaler,
    secrets_name,
    service,
    service_account,
    traffic_selector,
)

__all__ = ["documents"]


def documents(
    spec: DeploymentSpec, release: Release, options: KubernetesOptions, owner: str
) -> Iterator[dict[str, JSON]]:
    """Each object of `configure`, `stage` and `route`, with all traffic on the revision; Secrets without values.

    An image that was not delivered yet has no digest, and is named by the tag that it will be pushed under.

    Raises:
        SpecError: It is not known where it will be pushed.
    """
    if release.image is None:
        release = release.model_copy(update={"image": _image_to_be(spec, release, options)})
    account = service_account(spec, owner)
    found = [] if account is None else [account]
    leading = service(spec, owner)
    leading["spec"]["selector"] = traffic_selector(spec.name, release.revision)
    found += [led_by_gateway(leading, spec), budget(spec, owner)]
    if spec.auth.api_keys:
        found.append(_secret(keys_name(spec.name), Marks(owner, spec.name, Role.KEYS)))
    if config_of(spec).pull_login == "docker":
        found.append(pull_secret(spec.name, owner, {}))
    if secret_numbers(release):
        found.append(_secret(secrets_name(spec.name), Marks(owner, spec.name, Role.SECRETS)))
    outside = ingress(spec, owner)
    if outside is not None:
        found.append(outside)
    found.append(network_policy(spec, release, owner))
    count = spec.replicas if isinstance(spec.replicas, int) else None
    found.append(deployment(spec, release, owner, count))
    scaling = scaler(spec, release, owner)
    if scaling is not None:
        found.append(scaling)
    found += sharing(spec, release, options, owner)
    for each in found:
        if options.namespace is not None:
            each["metadata"]["namespace"] = options.namespace
        yield each


def _image_to_be(spec: DeploymentSpec, release: Release, options: KubernetesOptions) -> ImageRef:
    digest = f"sha256:{release.model.digest}"
    if spec.image.use:
        return ImageRef(id=digest, reference=release.model.resolved)
    registry = spec.image.registry or options.registry
    if registry is None:
        raise SpecError(
            "the target names no place for its images", where=spec.name,
            hint="give one: --set image.registry=REGISTRY/PREFIX",
        )  # fmt: skip
    return ImageRef(id=digest, reference=f"{registry.rstrip('/')}/{spec.name}:{release.revision}")


def _secret(name: str, marks: Marks) -> dict[str, JSON]:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "Opaque",
        "metadata": {"name": name, "labels": marks.labels()},
    }
