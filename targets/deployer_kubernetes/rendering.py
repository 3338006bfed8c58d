"""What the verbs would send to the API server, as documents. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from deployer.endpoint import ImageRef, Release
from deployer.errors import SpecError
from deployer.spec import DeploymentSpec
from deployer.target.reading import secret_numbers
from deployer.value import JSON
from deployer_kubernetes.config import KubernetesOptions
from deployer_kubernetes.gateway.objects import gateway_name
from deployer_kubernetes.gateway.rendering import led_by_gateway, sharing
from deployer_kubernetes.ingress import ingress
from deployer_kubernetes.kserve.objects import STANDARD, inference_service
from deployer_kubernetes.kserve.wish import by_kserve
from deployer_kubernetes.marks import Marks, Role
from deployer_kubernetes.requests import (
    budget,
    config_of,
    deployment,
    deployment_name,
    keys_name,
    network_policy,
    pull_name,
    scaler,
    secrets_name,
    service,
    service_account,
    traffic_selector,
)
from deployer_kubernetes.scaling.rendering import asleep_left_out, led_by_activator, sleeping

__all__ = ["documents", "left_out"]


def documents(
    spec: DeploymentSpec,
    release: Release,
    options: KubernetesOptions,
    owner: str,
    address: str | None = None,
    *,
    mode: str = STANDARD,
) -> Iterator[dict[str, JSON]]:
    """Each object of `configure`, `stage` and `route`, with all traffic on the revision; but see `left_out`.

    An image that was not delivered yet has no digest, and is named by the tag that it will be pushed under.

    Args:
        spec: The wish.
        release: The revision.
        options: The target's.
        owner: Whose the endpoint is.
        address: Of the Service that a gateway of its own, or its activator, leads to; None before that has one.
        mode: What the cluster's KServe calls the mode that it is asked for.

    Raises:
        SpecError: It is not known where it will be pushed.
    """
    if release.image is None:
        release = release.model_copy(update={"image": _image_to_be(spec, release, options)})
    account = service_account(spec, owner)
    found = [] if account is None else [account]
    leading = service(spec, owner)
    leading["spec"]["selector"] = traffic_selector(spec.name, release.revision)
    found += [led_by_activator(led_by_gateway(leading, spec), spec), budget(spec, owner)]
    if spec.auth.api_keys:
        found.append(_secret(keys_name(spec.name), Marks(owner, spec.name, Role.KEYS)))
    if secret_numbers(release):
        found.append(_secret(secrets_name(spec.name), Marks(owner, spec.name, Role.SECRETS)))
    outside = ingress(spec, owner)
    if outside is not None:
        found.append(outside)
    found.append(network_policy(spec, release, owner))
    count = spec.replicas if isinstance(spec.replicas, int) else None
    if by_kserve(spec):
        found.append(inference_service(spec, release, owner, mode))
    else:
        found.append(deployment(spec, release, owner, count))
    scaling = scaler(spec, release, owner) if not by_kserve(spec) else None
    if scaling is not None:
        found.append(scaling)
    found += sharing(spec, release, options, owner, address)
    found += sleeping(spec, release, options, owner, address)
    for each in found:
        if options.namespace is not None:
            each["metadata"]["namespace"] = options.namespace
        yield each


def left_out(spec: DeploymentSpec, release: Release, address: str | None = None) -> Iterator[str]:
    """What `documents` do not hold, and deployer sends.

    A Secret without values does no harm to one that has them, and is completed by deployer. A login for images is no
    object without its value, and an empty one would take the place of what the nodes pull with.

    Args:
        spec: The wish.
        release: The revision.
        address: As `documents` was given it.
    """
    if spec.auth.api_keys:
        yield f"The Secret {keys_name(spec.name)} is printed without the digests of its API keys."
    if numbers := secret_numbers(release):
        yield f"The Secret {secrets_name(spec.name)} is printed without its values: {', '.join(sorted(numbers))}."
    if config_of(spec).pull_login == "docker":
        name = pull_name(spec.name)
        yield (
            f"The Secret {name} is not printed, since it is the login that the nodes pull with (config.pull_login). "
            f"Where deployer does not apply this: kubectl create secret docker-registry {name} ..."
        )
    yield from asleep_left_out(spec, address)
    if config_of(spec).gateway == "own" and address is None:
        name = deployment_name(spec.name, release.revision)
        yield (
            f"The ConfigMap {gateway_name(spec.name)} is printed without the address of the Service {name}, which the "
            "cluster gives when that is made: till then it leads nowhere. Once it is there, render again."
        )


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
