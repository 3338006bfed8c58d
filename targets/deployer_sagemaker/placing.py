"""What the account and the options give to what is made: the execution role above all."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import unquote

from deployer.errors import DeployerError, SpecError
from deployer.spec import DeploymentSpec
from deployer_sagemaker.client import Aws, told
from deployer_sagemaker.configs import config_of
from deployer_sagemaker.errors import Refused
from deployer_sagemaker.marks import RECORDS
from deployer_sagemaker.models import Place
from deployer_sagemaker.records import Records
from deployer_sagemaker.rights import SERVICE, trusts

__all__ = ["Placing", "policy_of"]

_HINT = "give the target one: role in deployer.toml, or config.role; infra/aws makes one"


class Placing:
    """Finds the execution role.

    Args:
        aws: The connection.
        records: Whose bucket models lie in.
    """

    def __init__(self, aws: Aws, records: Records) -> None:
        self._aws = aws
        self._records = records
        self._roles: dict[str, Mapping[str, Any]] = {}

    def place(self, spec: DeploymentSpec, owner: str) -> Place:
        """Where a wish is made.

        Raises:
            SpecError: No execution role is named, or it is not there.
        """
        named = self.named(spec)
        if named is None:
            raise SpecError("no execution role is named, which models need", where="config.role", hint=_HINT)
        role = named if named.startswith("arn:") else self._arn_of(named)
        tags = {**self._aws.options.tags, RECORDS: self._records.place}
        return Place(role, self._records.bucket.weights, owner, tags)

    def named(self, spec: DeploymentSpec | None) -> str | None:
        """The role as it is given: the spec's, else the target's."""
        own = config_of(spec).role if spec is not None else None
        return own or self._aws.options.role

    def unmet(self, spec: DeploymentSpec) -> Iterator[tuple[str, str]]:
        """Why models could not run as the role, each as (dotted field, sentence); nothing where it may not be asked."""
        named = self.named(spec)
        if named is None:
            yield "config.role", f"no execution role is named; {_HINT}"
            return
        try:
            role = self.role(named)
        except SpecError as error:
            yield "config.role", f"{error.message}; {error.hint}"
            return
        if role is not None and not trusts(policy_of(role)):
            yield "config.role", f"{named} does not let {SERVICE} act as it; its trust policy has to (infra/aws)"

    def role(self, named: str) -> Mapping[str, Any] | None:
        """What IAM tells of a role; None where it may not be asked, as of a role in another account.

        Raises:
            SpecError: There is no such role.
        """
        if named in self._roles:
            return self._roles[named]
        if named.startswith("arn:") and named.split(":")[4] != self._aws.identity.account:
            return None
        with told(f"look at the role {named}", "iam:GetRole"):
            try:
                answer = self._aws.ask("iam", "GetRole", {"RoleName": named.rpartition("/")[2]})
            except Refused as refused:
                if refused.missing:
                    raise SpecError(f"there is no role {named}", where="config.role", hint=_HINT) from refused
                if refused.status == 403 or refused.code.startswith("AccessDenied"):
                    return None
                raise
        found: Mapping[str, Any] = answer["Role"]
        self._roles[named] = found
        return found

    def _arn_of(self, named: str) -> str:
        try:
            role = self.role(named)
        except SpecError:
            raise
        except DeployerError:
            role = None
        if role is not None:
            return str(role["Arn"])
        who = self._aws.identity  # a role without a path is named so
        return f"arn:{who.partition}:iam::{who.account}:role/{named}"


def policy_of(role: Mapping[str, Any]) -> Mapping[str, Any]:
    """The trust policy of a role; botocore decodes it, where it is not asked to leave it as it came."""
    found = role.get("AssumeRolePolicyDocument") or {}
    if isinstance(found, str):
        decoded: Mapping[str, Any] = json.loads(unquote(found))
        return decoded
    policy: Mapping[str, Any] = found
    return policy
