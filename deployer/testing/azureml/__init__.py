"""A double of Azure ML's managed online endpoints, to rehearse against: their real life, at no cost.

One TLS port with an authority of its own, made at the start, is ARM, the token endpoint, the scoring URIs, the storage
account and the container registry of one workspace; by host for a client that comes by Azure's own names through the
proxy, by path on loopback::

    python -m deployer.testing.azureml --registry localhost:5000 --docker /var/run/docker.sock

or, in Python::

    from deployer.testing.azureml import Double, DoubleCredential, Options

    with Double(Options(scale=0.01)) as double:
        os.environ.update(double.environment)
        MLClient(DoubleCredential(double.environment), SUBSCRIPTION, "rg", "ws")

It needs ``cryptography``, and the Docker SDK for real containers; both are imported when a double starts. What it does,
and how we know that Azure does the same, is in `deployer.testing.azureml.behaviours`; what can be made to go wrong in
`deployer.testing.azureml.faults`; its admin routes in `deployer.testing.azureml.admin`.

Not there: batch endpoints, jobs, registries of models, managed networks, building images, Key Vault, workspace
connections, local endpoints. Each of them is a 404 that names the path.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from deployer.testing.azureml.behaviours import BEHAVIOURS, Behaviour
    from deployer.testing.azureml.credential import DoubleCredential
    from deployer.testing.azureml.double import Double, tell
    from deployer.testing.azureml.faults import Fault
    from deployer.testing.azureml.options import Durations, Options
    from deployer.testing.azureml.reasons import REASONS
    from deployer.testing.azureml.spawned import Spawned
    from deployer.testing.cloud.engine import DockerContainers
    from deployer.testing.cloud.images import Registry
    from deployer.testing.cloud.in_process import InProcess

__all__ = [
    "BEHAVIOURS",
    "REASONS",
    "Behaviour",
    "DockerContainers",
    "Double",
    "DoubleCredential",
    "Durations",
    "Fault",
    "InProcess",
    "Options",
    "Registry",
    "Spawned",
    "tell",
]

_HERE, _COMMON = __name__, "deployer.testing.cloud"
_HOME = {
    "BEHAVIOURS": f"{_HERE}.behaviours",
    "REASONS": f"{_HERE}.reasons",
    "Behaviour": f"{_HERE}.behaviours",
    "DockerContainers": f"{_COMMON}.engine",
    "Double": f"{_HERE}.double",
    "DoubleCredential": f"{_HERE}.credential",
    "Durations": f"{_HERE}.options",
    "Fault": f"{_HERE}.faults",
    "InProcess": f"{_COMMON}.in_process",
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
