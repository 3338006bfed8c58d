"""SageMaker's control plane: validation, faults of time, and which function does which operation.

What is not in the table is refused; nothing is left to moto's SageMaker, which answers InService to everything.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from deployer.testing.sagemaker import capacity, configs, describing, endpoints, models, tags
from deployer.testing.sagemaker.answers import Refusal
from deployer.testing.sagemaker.state import Region
from deployer.testing.sagemaker.validation import validate

if TYPE_CHECKING:
    from deployer.testing.sagemaker.faults import Fault
    from deployer.testing.sagemaker.wire import Call
    from deployer.testing.sagemaker.world import World

__all__ = ["Control", "name_of"]

Done = Mapping[str, Any]

_AT_ONCE: Mapping[str, Callable[[Any, Region, Mapping[str, Any]], Done]] = {
    "AddTags": tags.add,
    "CreateEndpointConfig": configs.create,
    "CreateModel": models.create,
    "DeleteEndpointConfig": configs.delete,
    "DeleteModel": models.delete,
    "DeleteTags": tags.delete,
    "DescribeEndpoint": describing.describe,
    "DescribeEndpointConfig": configs.describe,
    "DescribeModel": models.describe,
    "ListEndpointConfigs": configs.listing,
    "ListEndpoints": describing.listing,
    "ListModels": models.listing,
    "ListTags": tags.listing,
}

_BESIDE: Mapping[str, Callable[[Any, Region, Mapping[str, Any], Any], Done]] = {
    "CreateEndpoint": endpoints.create,
    "DeleteEndpoint": endpoints.delete,
    "UpdateEndpoint": endpoints.update,
    "UpdateEndpointWeightsAndCapacities": capacity.change,
}
"""Those that go on after their answer; they are handed what goes wrong with that."""

_KINDS = {"EndpointName": "endpoint", "EndpointConfigName": "endpoint-config", "ModelName": "model"}
_MADE = {"CreateEndpoint": "EndpointName", "CreateEndpointConfig": "EndpointConfigName", "CreateModel": "ModelName"}
_TEXTS = {"endpoint": "endpoint", "endpoint-config": "endpoint configuration", "model": "model"}


def name_of(parameters: Mapping[str, Any]) -> str:
    """The name of the resource that a call is about; of any service that the double knows."""
    for key in (*_KINDS, "repositoryName", "Bucket", "RoleName", "logGroupName", "ResourceId", "SecretId"):
        if parameters.get(key):
            return str(parameters[key])
    return ""


class Control:
    """Answers SageMaker's calls.

    Args:
        world: The double.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._lies: dict[tuple[str, str, str], tuple[float, Done]] = {}

    def answer(self, call: Call, account: str, fault: Fault | None) -> Done:
        """Do it.

        Args:
            call: The call.
            account: Whose resources it is about.
            fault: What goes wrong with it beside an error.

        Raises:
            Refusal: It cannot be done.
        """
        world, operation, asked = self._world, call.operation, call.parameters
        if call.unreadable:
            raise Refusal("SerializationException", "The request is no JSON object.")
        if operation not in _AT_ONCE and operation not in _BESIDE:
            raise Refusal("UnknownOperationException", f"this double has no {operation}")
        validate(operation, asked, unknown=world.guesses["unknown-fields-refused"])
        region = world.region(account, call.region)
        self._hidden(region, operation, asked)
        if (lie := self._lies.get((account, operation, name_of(asked)))) is not None and lie[0] > world.clock.now():
            return lie[1]
        if operation in _AT_ONCE:
            done = _AT_ONCE[operation](world, region, asked)
        else:
            done = _BESIDE[operation](world, region, asked, fault)
        if fault is not None and fault.unseen and operation in _MADE:
            key = _MADE[operation]
            where = (account, call.region, _KINDS[key], str(asked[key]))
            world.unseen[where] = world.clock.now() + fault.unseen
        return done

    def lie(self, account: str, region: str, operation: str, name: str, seconds: float) -> None:
        """Let a Describe operation answer for so many seconds what it answers now.

        Raises:
            Refusal: There is nothing of that name.
        """
        key = next(key for key, kind in _KINDS.items() if operation == "Describe" + key.removesuffix("Name") and kind)
        done = _AT_ONCE[operation](self._world, self._world.region(account, region), {key: name})
        self._lies[account, operation, name] = self._world.clock.now() + seconds, done

    def _hidden(self, region: Region, operation: str, asked: Mapping[str, Any]) -> None:
        """Refuse a name that this call does not see yet (documented: eventual consistency of CreateEndpoint)."""
        named = [(key, asked[key]) for key in _KINDS if key in asked and _MADE.get(operation) != key]
        named += [("ModelName", each.get("ModelName")) for each in asked.get("ProductionVariants") or []]
        for key, name in named:
            where = (region.account, region.name, _KINDS[key], str(name))
            if self._world.unseen.get(where, 0.0) > self._world.clock.now():
                kind = _KINDS[key]
                raise Refusal("ValidationException", f'Could not find {_TEXTS[kind]} "{region.arn(kind, str(name))}".')
