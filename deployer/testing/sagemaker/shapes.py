"""AWS's own service models, as botocore carries them: operations, shapes, and how each is asked."""

from __future__ import annotations

from functools import cache
from typing import Any

__all__ = ["instance_types", "model", "names"]

_BY_SIGNATURE = {
    "monitoring": "cloudwatch",
    "tagging": "resourcegroupstaggingapi",
    "servicequotas": "service-quotas",
}
"""What a service calls itself in a signature, where botocore calls it something else."""


@cache
def _session() -> Any:
    import botocore.session

    return botocore.session.get_session()


@cache
def names() -> frozenset[str]:
    """Botocore's names of the services."""
    return frozenset(_session().get_available_services())


@cache
def model(signed: str, path: str = "") -> Any:
    """The botocore ``ServiceModel`` of a service, None where there is none.

    Args:
        signed: The service's name in the signature.
        path: ``/endpoints/`` for SageMaker's runtime, which signs as SageMaker itself.
    """
    name = "sagemaker-runtime" if signed == "sagemaker" and path else _BY_SIGNATURE.get(signed, signed)
    return _session().get_service_model(name) if name in names() else None


@cache
def instance_types() -> tuple[str, ...]:
    """Every instance type of an endpoint, in the model's order."""
    return tuple(model("sagemaker").shape_for("ProductionVariantInstanceType").enum)
