"""From a spec and a release to what the store is asked. Pure: `MemoryTarget.render` shows just what is sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ValidationError

from deployer.errors import SpecError
from deployer.spec import DeploymentSpec, Scope, scope_of
from deployer.testing.memory.config import MemoryConfig

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from deployer.endpoint import Release, Traffic
    from deployer.value import JSON

__all__ = ["config_of", "configuring", "revision_of", "routing", "settings_of", "staging"]

Arguments = dict[str, Any]


def configuring(spec: DeploymentSpec) -> Arguments:
    """Of ``configure``."""
    return {"endpoint": spec.name, "settings": settings_of(spec)}


def staging(spec: DeploymentSpec, release: Release) -> Arguments:
    """Of ``stage``."""
    return {"endpoint": spec.name, "revision": revision_of(release, spec.replicas)}


def routing(endpoint: str, traffic: Traffic) -> Arguments:
    """Of ``route``."""
    return {"endpoint": endpoint, "traffic": dict(traffic.root)}


def revision_of(release: Release, replicas: int | BaseModel) -> Arguments:
    """A revision as the store keeps it; of secrets the names and numbers."""
    config = config_of(release)
    return {
        "id": release.revision,
        "digest": release.digest,
        "model": release.model.resolved,
        "model_digest": release.model.digest,
        "behaviour": config.behaviour,
        "settle": config.settle.model_dump(),
        "secrets": [list(pair) for pair in release.fields.get("secrets", {}).items()],
        "wanted": replicas if isinstance(replicas, int) else replicas.model_dump(),
    }


def config_of(release: Release) -> MemoryConfig:
    """The revision's own options: all of them are of revision scope, so the release has them.

    Raises:
        SpecError: They are none.
    """
    try:
        return MemoryConfig.model_validate(release.fields.get("config", {}))
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in ("config", *first["loc"]))
        raise SpecError(str(first["msg"]), where=field, hint="deployer targets memory") from error


def settings_of(spec: DeploymentSpec) -> dict[str, JSON]:
    """The endpoint-scope fields but the count, by their dotted names."""
    return dict(_settings(spec, spec.model_dump(mode="json"), ""))


def _settings(model: BaseModel, values: Mapping[str, JSON], prefix: str) -> Iterator[tuple[str, JSON]]:
    for name in values:
        path, value = f"{prefix}{name}", getattr(model, name)
        scope = scope_of(DeploymentSpec, path)
        if scope is Scope.ENDPOINT and path != "replicas":
            yield path, values[name]
        elif scope is None and isinstance(value, BaseModel):
            yield from _settings(value, values[name], f"{path}.")
