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
    from deployer.testing.cloud.engine import DockerContainers
    from deployer.testing.cloud.images import Registry
    from deployer.testing.cloud.in_process import InProcess
    from deployer.testing.sagemaker.behaviours import BEHAVIOURS, Behaviour
    from deployer.testing.sagemaker.double import Double, tell
    from deployer.testing.sagemaker.faults import REASONS, Fault
    from deployer.testing.sagemaker.options import Durations, Limits, Options
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

_HERE, _COMMON = __name__, "deployer.testing.cloud"
_HOME = {
    "BEHAVIOURS": f"{_HERE}.behaviours",
    "REASONS": f"{_HERE}.faults",
    "Behaviour": f"{_HERE}.behaviours",
    "DockerContainers": f"{_COMMON}.engine",
    "Double": f"{_HERE}.double",
    "Durations": f"{_HERE}.options",
    "Fault": f"{_HERE}.faults",
    "InProcess": f"{_COMMON}.in_process",
    "Limits": f"{_HERE}.options",
    "Options": f"{_HERE}.options",
    "Registry": f"{_COMMON}.images",
    "Spawned": f"{_HERE}.spawned",
    "tell": f"{_HERE}.double",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(import_module(_HOME[name]), name)
    globals()[name] = found
    return found
