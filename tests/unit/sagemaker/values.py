"""Values for tests, what AWS answers, and AWS's own judgement of a request."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any

from deployer.endpoint import ImageRef, ModelRef, Record, Release
from deployer.spec import DeploymentSpec
from deployer_sagemaker.config import SageMakerConfig
from deployer_sagemaker.configs import config_of
from deployer_sagemaker.facts import ConfigFact, EndpointFact, Facts, VariantFact
from deployer_sagemaker.marks import Asked, Marks, Role, State
from deployer_sagemaker.models import Place

__all__ = [
    "ARN", "IMAGE", "NEW", "OLD", "OTHER", "REVISION", "VERIFY", "at", "config", "config_fact", "endpoint", "facts",
    "faults", "marks", "place", "record", "release", "spec", "variant",
]  # fmt: skip

REVISION, OTHER = "r1a2b3c4", "r5d6e7f8"
OLD, NEW, VERIFY = f"iris--{REVISION}--00000000", f"iris--{OTHER}--11111111", f"iris--{OTHER}--verify-22222222"
ARN = "arn:aws:sagemaker:eu-west-1:123456789012:endpoint/iris"
IMAGE = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/deployer/iris@sha256:" + "b" * 64


def spec(**fields: Any) -> DeploymentSpec:
    model = {} if fields.get("image", {}).get("use") else {"model": "models:/iris/4"}
    return DeploymentSpec(**{"name": "iris", **model, "target": "sagemaker", **fields})


def config(**fields: Any) -> SageMakerConfig:
    return config_of(spec(config=fields))


def place(**fields: Any) -> Place:
    base: dict[str, Any] = {
        "role": "arn:aws:iam::123456789012:role/models", "weights": "s3://models-of-ours/deployer/models",
        "owner": "team",
    }  # fmt: skip
    return Place(**{**base, **fields})


def release(revision: str = REVISION, **fields: Any) -> Release:
    model = ModelRef(uri="models:/iris@champion", resolved="models:/iris/4", digest="d" * 64)
    image = ImageRef(id="sha256:" + "a" * 64, reference=IMAGE)
    return Release(
        revision=revision, digest=revision[1:] + "0" * 57, model=model, lock="l" * 64, runtime="1", image=image,
        fields=fields,
    )  # fmt: skip


def record(**fields: Any) -> Record:
    base = {"endpoint": "iris", "owner": "team", "generation": 1, "created": 5.0, "spec": spec().wish()}
    releases = {REVISION: release(), OTHER: release(OTHER)}
    return Record.model_validate({**base, "releases": releases, **fields})


def marks(*, role: Role = Role.ENDPOINT, traffic: str | None = f"{REVISION}=100", asked: Asked | None = None) -> Marks:
    return Marks("team", "iris", role, traffic=traffic, asked=asked)


def variant(**fields: Any) -> VariantFact:
    return VariantFact(**{"name": "primary", "ready": 2, "wanted": 2, **fields})


def endpoint(**fields: Any) -> EndpointFact:
    base: dict[str, Any] = {
        "name": "iris", "arn": ARN, "status": "InService", "config": OLD, "created": 10.0, "modified": 20.0,
        "variants": (variant(),), "marks": marks(),
    }  # fmt: skip
    return EndpointFact(**{**base, **fields})


def config_fact(name: str = OLD, **fields: Any) -> ConfigFact:
    revision = name.split("--")[1]
    base: dict[str, Any] = {
        "name": name, "arn": f"{ARN}-config/{name}", "created": 9.0, "runs": {"primary": revision},
        "types": ("ml.m5.large",), "state": State.STAGED,
    }  # fmt: skip
    return ConfigFact(**{**base, **fields})


def facts(**fields: Any) -> Facts:
    base: dict[str, Any] = {
        "name": "iris", "target": "aws", "owner": "team", "record": record(), "endpoint": endpoint(),
        "configs": (config_fact(),), "url": "https://runtime.example/iris", "now": 100.0,
    }  # fmt: skip
    return Facts(**{**base, **fields})


def at(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


# AWS's judgement: botocore's own client looks at neither patterns nor maxima nor enums.


@cache
def _model(service: str) -> Any:
    from botocore.loaders import Loader
    from botocore.model import ServiceModel

    return ServiceModel(Loader().load_service_model(service, "service-2"))


def faults(operation: str, request: Mapping[str, Any], service: str = "sagemaker") -> list[str]:
    """What AWS would refuse in a request."""
    return [*_faults(_model(service).operation_model(operation).input_shape, request, operation)]


def _faults(shape: Any, value: Any, path: str) -> Iterator[str]:
    if shape.type_name == "structure":
        yield from (f"{path}.{name} is missing" for name in shape.required_members if value.get(name) is None)
        yield from (f"{path}.{name} is unknown" for name in value if name not in shape.members)
        for name in set(value) & set(shape.members):
            yield from _faults(shape.members[name], value[name], f"{path}.{name}")
    elif shape.type_name in ("list", "map"):
        yield from _bounds(len(value), shape.metadata, path)
        listed = shape.type_name == "list"
        for key, each in enumerate(value) if listed else value.items():
            if not listed:
                yield from _faults(shape.key, key, f"{path}.{key}")
            yield from _faults(shape.member if listed else shape.value, each, f"{path}.{key}")
    elif shape.type_name == "string":
        yield from _text(value, shape.metadata, path)
    elif shape.type_name == "boolean" and not isinstance(value, bool):
        yield f"{path} is no boolean"
    elif shape.type_name in ("integer", "long", "float", "double"):
        kinds = (int,) if shape.type_name in ("integer", "long") else (int, float)
        if not isinstance(value, kinds) or isinstance(value, bool):
            yield f"{path} is no {shape.type_name}: {value!r}"
        else:
            yield from _bounds(value, shape.metadata, path)


def _text(value: Any, rules: Mapping[str, Any], path: str) -> Iterator[str]:
    if not isinstance(value, str):
        yield f"{path} is no text: {value!r}"
        return
    yield from _bounds(len(value), rules, path)
    if rules.get("enum") and value not in rules["enum"]:
        yield f"{path} is no {value}"
    pattern = _compiled(rules.get("pattern", ""))
    if pattern is not None and not pattern.fullmatch(value):
        yield f"{path} does not match {pattern.pattern}: {value}"


def _compiled(pattern: str) -> re.Pattern[str] | None:
    """None where Python has no such pattern."""
    if not pattern or r"\p{" in pattern:
        return None
    try:
        return re.compile(pattern)
    except re.error:
        return None


def _bounds(value: float, rules: Mapping[str, Any], path: str) -> Iterator[str]:
    if "min" in rules and value < rules["min"]:
        yield f"{path}: {value} is less than {rules['min']}"
    if "max" in rules and value > rules["max"]:
        yield f"{path}: {value} is more than {rules['max']}"
