"""resourcegroupstaggingapi: GetResources, which finds SageMaker's resources by their tags, beside moto's others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from deployer.testing.sagemaker.answers import Refusal
from deployer.testing.sagemaker.tags import shown

if TYPE_CHECKING:
    from deployer.testing.sagemaker.wire import Call
    from deployer.testing.sagemaker.world import World

__all__ = ["Tagging"]

_PAGE = 100


class Tagging:
    """Answers GetResources.

    Args:
        world: The double.
    """

    def __init__(self, world: World) -> None:
        self._world = world

    def answer(self, call: Call, account: str) -> dict[str, Any] | None:
        """The answer; None where moto has it.

        Raises:
            Refusal: The token is none that was handed out.
        """
        if call.operation != "GetResources":
            return None
        asked = call.parameters
        with self._world.lock:
            found = [
                {"ResourceARN": arn, "Tags": shown(tags)}
                for kind, arn, tags in self._world.region(account, call.region).tagged()
                if tags and _typed(kind, asked) and _fits(tags, asked) and arn in asked.get("ResourceARNList", [arn])
            ]
        found += self._others(call, account)
        found.sort(key=lambda each: str(each["ResourceARN"]))
        token, size = str(asked.get("PaginationToken") or "0"), int(asked.get("ResourcesPerPage") or _PAGE)
        if not token.isdecimal():
            raise Refusal("PaginationTokenExpiredException", "The pagination token is not valid.")
        end = int(token) + size
        return {
            "ResourceTagMappingList": found[int(token) : end],
            "PaginationToken": str(end) if end < len(found) else "",
        }

    def _others(self, call: Call, account: str) -> list[dict[str, Any]]:
        """What moto has of other services' resources."""
        kinds = [each for each in call.parameters.get("ResourceTypeFilters") or [] if not each.startswith("sagemaker")]
        if call.parameters.get("ResourceTypeFilters") and not kinds:
            return []
        client = self._world.inside.client("resourcegroupstaggingapi", call.region, account)
        wanted = {key: each for key, each in call.parameters.items() if key in ("TagFilters", "ResourceARNList")}
        pages = client.get_paginator("get_resources").paginate(
            **wanted, **({"ResourceTypeFilters": kinds} if kinds else {})
        )
        rows = [each for page in pages for each in page["ResourceTagMappingList"]]
        return [each for each in rows if ":sagemaker:" not in each["ResourceARN"]]


def _typed(kind: str, asked: Mapping[str, Any]) -> bool:
    wanted = asked.get("ResourceTypeFilters") or []
    return not wanted or "sagemaker" in wanted or f"sagemaker:{kind}" in wanted


def _fits(tags: Mapping[str, str], asked: Mapping[str, Any]) -> bool:
    """Documented: all filters must hold; one without values asks for the key alone."""
    return all(
        each["Key"] in tags and (not each.get("Values") or tags[each["Key"]] in each["Values"])
        for each in asked.get("TagFilters") or []
    )
