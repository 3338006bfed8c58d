"""A double of Amazon SageMaker, to rehearse against: the real life of an endpoint, with real containers, at no cost.

moto serves what is not SageMaker's (S3, IAM, STS, ECR's repositories, CloudWatch, Secrets Manager, Application Auto
Scaling); SageMaker itself, control plane and data plane, is served here::

    python -m deployer.testing.sagemaker --registry localhost:5000 --docker /var/run/docker.sock

or, in Python::

    from deployer.testing.sagemaker import Double, Options

    with Double(Options(scale=0.01)) as double:
        boto3.client("sagemaker", endpoint_url=double.url, region_name="us-east-1")

It needs ``moto[server]``, and the Docker SDK for real containers; both are imported when a double starts. What it does,
and how we know that AWS does the same, is in `deployer.testing.sagemaker.behaviours`; what can be made to go wrong in
`deployer.testing.sagemaker.faults`; its admin routes in `deployer.testing.sagemaker.admin`.

Not there: inference components, multi-model containers, additional model data, instance pools, model packages, SNS
topics of asynchronous endpoints. Each of them is refused by name.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from deployer.testing.sagemaker.behaviours import BEHAVIOURS, Behaviour
    from deployer.testing.sagemaker.double import Double, tell
    from deployer.testing.sagemaker.engine import DockerContainers
    from deployer.testing.sagemaker.faults import REASONS, Fault
    from deployer.testing.sagemaker.in_process import InProcess
    from deployer.testing.sagemaker.options import Durations, Limits, Options, Registry
    from deployer.testing.sagemaker.spawned import Spawned

__all__ = [
    "BEHAVIOURS",
    "REASONS",
    "Behaviour",
    "DockerContainers",
    "Double",
    "Durations",
    "Fault",
    "InProcess",
    "Limits",
    "Options",
    "Registry",
    "Spawned",
    "tell",
]

_HOME = {
    "BEHAVIOURS": "behaviours",
    "REASONS": "faults",
    "Behaviour": "behaviours",
    "DockerContainers": "engine",
    "Double": "double",
    "Durations": "options",
    "Fault": "faults",
    "InProcess": "in_process",
    "Limits": "options",
    "Options": "options",
    "Registry": "options",
    "Spawned": "spawned",
    "tell": "double",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = found
    return found
