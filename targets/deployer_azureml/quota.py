"""A quota of cores that is used up, as Azure tells it: needed, had, and where to raise it. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

from deployer_azureml.sizes import size_of

__all__ = ["Quota", "quota_of"]

_I = re.IGNORECASE
_QUOTA = re.compile(
    r"Not enough quota available for (?P<type>\S+) in SubscriptionId (?P<subscription>[^\s.]+)\.? "
    r"Current usage/limit: (?P<used>\d+)/(?P<limit>\d+)\.? Additional needed: (?P<needed>\d+)",
    _I,
)
_SHORT_QUOTA = re.compile(
    r"Not enough subscription (?P<kind>\w+) quota\. The amount of \w+ quota requested is (?P<needed>\d+)"
    r" and your maximum amount of quota is \[?(?P<limit>[^\].]+)\]?",
    _I,
)


@dataclass(frozen=True)
class Quota:
    """A quota of the subscription that is used up, in cores of a family in a region.

    Attributes:
        type: The instance type that was asked for; "" where it is not told.
        used: Cores in use; None where it is not told.
        limit: Cores that there are; None where it is not told.
        needed: Cores that were asked for beyond those in use.
    """

    type: str
    used: int | None
    limit: int | None
    needed: int

    @property
    def family(self) -> str:
        """As Azure's quotas name it; the type's own name where that is not known."""
        known = size_of(self.type) if self.type else None
        return known.quota if known is not None else self.type or "cores"

    @property
    def wanted(self) -> int:
        """The limit that would do."""
        return (self.used or 0) + self.needed

    @property
    def summary(self) -> str:
        """One sentence."""
        if self.limit is None:
            return f"there is no quota of {self.family}, and {self.needed} cores are needed"
        used = f"; {self.used} are used" if self.used is not None else ""
        return f"the quota of {self.family} is {self.limit} cores{used}, and {self.needed} more are needed"

    @property
    def hint(self) -> str:
        """Where to raise it. Azure asks for a fifth more instances than run."""
        return (
            f"ask for {self.wanted} cores of {self.family}: ml.azure.com > Manage > Quota, or portal.azure.com > "
            "Quotas > Machine Learning; fewer or smaller instances need less: --set replicas=1, "
            "or config.instance_type=TYPE"
        )


def quota_of(text: str) -> Quota | None:
    """The quota that an OutOfQuota tells of."""
    found = _QUOTA.search(text)
    if found is not None:
        return Quota(found["type"], int(found["used"]), int(found["limit"]), int(found["needed"]))
    short = _SHORT_QUOTA.search(text)
    if short is None:
        return None
    limit = int(short["limit"]) if short["limit"].strip().isdigit() else None
    return Quota("", None, limit, int(short["needed"]))
