"""Whether everything that the target needs is there: who asks, the role, permissions, the bucket, ECR, quotas."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from deployer.errors import DeployerError
from deployer.target import Check
from deployer_sagemaker.client import Aws, told
from deployer_sagemaker.ecr import Ecr
from deployer_sagemaker.errors import Refused
from deployer_sagemaker.placing import Placing, policy_of
from deployer_sagemaker.policies import Names
from deployer_sagemaker.records import Records
from deployer_sagemaker.rights import SERVICE, trusts
from deployer_sagemaker.simulating import questions

__all__ = ["checks"]

_COMMON = "ml.m5.large for endpoint usage"
"""The quota that a small endpoint needs."""


def checks(aws: Aws, records: Records, placing: Placing, ecr: Ecr) -> Iterator[Check]:
    """Look, and change nothing. What hangs on credentials is not looked at without."""
    try:
        region, who = aws.region, aws.identity
    except DeployerError as error:
        yield Check("credentials of AWS", False, str(error), error.hint)
        return
    yield Check("credentials of AWS", True, f"{who.arn} in {region}")
    yield from _guarded("the bucket", lambda: _bucket(aws, records))
    yield from _guarded("the execution role", lambda: _role(placing))
    yield from _guarded("ECR", lambda: _registry(ecr))
    yield from _guarded("permissions", lambda: _permissions(aws, _names(aws, records, placing), who.arn))
    yield from _guarded("SageMaker", lambda: _service(aws))
    yield from _guarded("quota", lambda: _quota(aws))


def _guarded(what: str, look: Callable[[], Iterable[Check]]) -> Iterator[Check]:
    try:
        with told(f"look at {what}"):
            yield from look()
    except DeployerError as error:
        yield Check(what, False, str(error), error.hint)


def _bucket(aws: Aws, records: Records) -> Iterator[Check]:
    bucket = records.bucket
    try:
        aws.ask("s3", "HeadBucket", {"Bucket": bucket.name, "ExpectedBucketOwner": bucket.owner})
    except Refused as refused:
        if refused.missing and aws.options.bucket is None:
            yield Check("the bucket", None, f"{bucket.name} is not there yet, and is made with the first endpoint")
        elif refused.missing:
            yield Check("the bucket", False, f"there is no {bucket.name}", f"aws s3 mb s3://{bucket.name}")
        else:
            yield Check("the bucket", False, f"{bucket.name}: {refused}", "is it another account's? bucket names one")
        return
    yield Check("the bucket", True, f"s3://{bucket.name}/{bucket.prefix}")


def _role(placing: Placing) -> Iterator[Check]:
    named = placing.named(None)
    if named is None:
        missing = "role in deployer.toml, or config.role in each deployer.yaml; infra/aws makes one"
        yield Check("the execution role", None, "none is named", missing)
        return
    role = placing.role(named)
    if role is None:
        yield Check("the execution role", None, f"{named}: IAM may not be asked (iam:GetRole)")
        return
    fine = trusts(policy_of(role))
    hint = None if fine else f"its trust policy has to let {SERVICE} act as it (sts:AssumeRole): infra/aws"
    yield Check("the execution role", fine, str(role["Arn"]), hint)


def _registry(ecr: Ecr) -> Iterator[Check]:
    yield Check("ECR", True, ecr.host())


def _permissions(aws: Aws, names: Names, principal: str) -> Iterator[Check]:
    """By IAM's own simulation, where it may be asked. It knows no policies of resources and organizations."""
    denied: list[str] = []
    count = 0
    try:
        for question in questions(names):
            rows = aws.ask("iam", "SimulatePrincipalPolicy", question.request(_source(principal)))["EvaluationResults"]
            count += len(rows)
            denied += [str(each["EvalActionName"]) for each in rows if each["EvalDecision"] != "allowed"]
    except Refused as refused:
        yield Check("permissions", None, f"IAM does not simulate them: {refused}")
        return
    denied = sorted({*denied})
    if denied:
        text = ", ".join(denied[:6]) + (f" and {len(denied) - 6} more" if len(denied) > 6 else "")
        yield Check("permissions", None, f"not allowed: {text}", "all that is needed: infra/aws")
    else:
        yield Check("permissions", True, f"{count} actions, on things of deployer's own")


def _names(aws: Aws, records: Records, placing: Placing) -> Names:
    who, bucket, named = aws.identity, records.bucket, placing.named(None) or ""
    role = named if named.startswith("arn:") or not named else f"arn:{who.partition}:iam::{who.account}:role/{named}"
    return Names(
        who.partition, who.account, aws.region, bucket.name, role, bucket.prefix, aws.options.repository
    )  # fmt: skip


def _source(principal: str) -> str:
    """The role behind a session: ``assumed-role/NAME/SESSION`` is none that IAM knows."""
    head, mark, rest = principal.partition(":assumed-role/")
    return f"{head.replace(':sts:', ':iam:')}:role/{rest.partition('/')[0]}" if mark else principal


def _service(aws: Aws) -> Iterator[Check]:
    found = aws.ask("sagemaker", "ListEndpoints", {"MaxResults": 1})
    yield Check("SageMaker", True, f"answers in {aws.region}" if "Endpoints" in found else "")


def _quota(aws: Aws) -> Iterator[Check]:
    try:
        listed = aws.all("service-quotas", "ListServiceQuotas", "Quotas", {"ServiceCode": "sagemaker"})
        value = next((float(each["Value"]) for each in listed if each["QuotaName"] == _COMMON), None)
    except Refused as refused:
        yield Check("quota", None, f"it may not be asked: {refused}")
        return
    if value is None:
        yield Check("quota", None, f"there is none named {_COMMON!r}")
        return
    hint = None if value >= 2 else "an update needs old and new instances at once; ask for 2 or more: Service Quotas"
    yield Check("quota", value >= 2, f"{_COMMON}: {value:.0f}", hint)
