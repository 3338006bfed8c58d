"""What a target reads of a spec and of a release. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from deployer.endpoint import Release
from deployer.errors import SpecError
from deployer.spec import DeploymentSpec

__all__ = ["read_config", "secret_numbers"]

Config = TypeVar("Config", bound=BaseModel)


def read_config(spec: DeploymentSpec, model: type[Config], kind: str) -> Config:
    """The spec's ``config``, read as a kind's own.

    Raises:
        SpecError: A key is unknown, or a value is not usable.
    """
    try:
        return model.model_validate(spec.config)
    except ValidationError as error:
        first = error.errors()[0]
        field_ = ".".join(["config", *(str(part) for part in first["loc"])])
        message = str(first["msg"]).removeprefix("Value error, ")
        raise SpecError(message[:1].lower() + message[1:], where=field_, hint=f"deployer targets {kind}") from None


def secret_numbers(release: Release) -> dict[str, int]:
    """Name -> number of the secrets that a release takes."""
    found = release.fields.get("secrets") or {}
    return {str(name): int(number) for name, number in found.items()} if isinstance(found, Mapping) else {}
