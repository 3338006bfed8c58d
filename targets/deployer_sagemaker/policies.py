"""The policies that infra/aws ships, from `deployer_sagemaker.rights`: documents of IAM with ``${...}`` in them. Pure.

Terraform's ``templatefile`` and `filled` put the same names in, so that what is enforced in tests is what is shipped.
``python -m deployer_sagemaker.policies FOLDER`` writes them.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Any

from deployer_sagemaker.rights import MAY_DEPLOY, MAY_RUN, Statement

__all__ = ["DOCUMENTS", "THINGS", "Names", "document", "filled", "text"]

_HERE = "${region}:${account}"
_SCALING = "sagemaker.application-autoscaling.amazonaws.com/AWSServiceRoleForApplicationAutoScaling_SageMakerEndpoint"
THINGS: Mapping[str, str] = {
    "all": "*",
    "alarms": f"arn:${{partition}}:cloudwatch:{_HERE}:alarm:TargetTracking-*",
    "autoscaling-role": f"arn:${{partition}}:iam::${{account}}:role/aws-service-role/{_SCALING}",
    "bucket": "arn:${partition}:s3:::${bucket}",
    "endpoint": f"arn:${{partition}}:sagemaker:{_HERE}:endpoint/*",
    "endpoint-config": f"arn:${{partition}}:sagemaker:{_HERE}:endpoint-config/*",
    "log-groups": f"arn:${{partition}}:logs:{_HERE}:log-group:/aws/sagemaker/Endpoints/*",
    "model": f"arn:${{partition}}:sagemaker:{_HERE}:model/*",
    "models": "arn:${partition}:s3:::${bucket}/${prefix}/*/models/*",
    "objects": "arn:${partition}:s3:::${bucket}/${prefix}/*",
    "outputs": "arn:${partition}:s3:::${bucket}/${prefix}/outputs/*",
    "repositories": f"arn:${{partition}}:ecr:{_HERE}:repository/${{repository}}/*",
    "requests": "arn:${partition}:s3:::${bucket}/${prefix}/*/requests/*",
    "role": "${role}",
    "roles": "arn:${partition}:iam::${account}:role/*",
    "scalable-targets": f"arn:${{partition}}:application-autoscaling:{_HERE}:scalable-target/*",
    "users": "arn:${partition}:iam::${account}:user/*",
}
"""Kinds of things to the ARNs that are meant (Service Authorization Reference)."""

DOCUMENTS: Mapping[str, tuple[Statement, ...]] = {"deploying": MAY_DEPLOY, "execution": MAY_RUN}


@dataclass(frozen=True)
class Names:
    """What stands for ``${...}``.

    Attributes:
        partition: ``aws``, ``aws-cn``, ``aws-us-gov``.
        account: Twelve digits.
        region: ``eu-west-1``.
        bucket: Where records and models lie.
        role: The execution role's ARN; the one policy of these two that has it is that of who deploys.
        prefix: What keys in the bucket begin with.
        repository: What names of ECR repositories begin with.
    """

    partition: str
    account: str
    region: str
    bucket: str
    role: str = ""
    prefix: str = "deployer"
    repository: str = "deployer"


def document(statements: Iterable[Statement]) -> dict[str, Any]:
    """IAM's document, with its names open."""
    return {"Version": "2012-10-17", "Statement": [_statement(each) for each in statements]}


def _statement(statement: Statement) -> dict[str, Any]:
    found: dict[str, Any] = {
        "Sid": statement.sid,
        "Effect": "Allow",
        "Action": [each.action for each in statement.rights],
        "Resource": [THINGS[each] for each in statement.of],
    }
    if statement.when:
        found["Condition"] = statement.when
    return found


def text(statements: Iterable[Statement]) -> str:
    """As it is shipped."""
    return json.dumps(document(statements), indent=2) + "\n"


def filled(
    statements: Iterable[Statement],
    names: Names,
    *,
    more: Mapping[str, list[str]] | None = None,
    without: Iterable[str] = (),
) -> dict[str, Any]:
    """As infra/aws/policies makes it: names put in, and only statements that are about something.

    Args:
        statements: `deployer_sagemaker.rights.MAY_DEPLOY`.
        names: Of an account.
        more: Sid to further ARNs.
        without: Sids of those that nobody asked for.
    """
    whole: dict[str, Any] = json.loads(Template(text(statements)).substitute(vars(names)))
    for each in whole["Statement"]:
        each["Resource"] += (more or {}).get(each["Sid"], [])
    left = {*without}
    whole["Statement"] = [each for each in whole["Statement"] if each["Sid"] not in left and each["Resource"]]
    return whole


def main(arguments: list[str]) -> int:
    """Write ``deploying.json`` and ``execution.json``."""
    (folder,) = arguments
    for name, statements in DOCUMENTS.items():
        (Path(folder) / f"{name}.json").write_text(text(statements), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
