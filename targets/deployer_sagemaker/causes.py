"""Why AWS does not do something, in its own words: from a FailureReason or an error's message to a Diagnosis. Pure.

The words were recorded from public reports of the real service (see ``deployer.testing.sagemaker.behaviours``); where
AWS changes them, what is left is UNKNOWN with AWS's sentence as it is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from deployer.endpoint import Code, Diagnosis
from deployer.target.evidence import cut

__all__ = ["ARCHITECTURE", "MANIFEST", "PING", "Quota", "cause_of", "denied_action", "in_short", "quota_of"]

_I = re.IGNORECASE
ARCHITECTURE = re.compile(r"exec format error|image(?:'s)? architecture|no match(?:ing)? (?:for platform|manifest)", _I)
MANIFEST = re.compile(r"Unsupported manifest media type (?P<type>\S+?)[.,]?(?:\s|$)|manifest media type", _I)
_QUOTA = re.compile(
    r"service limit '(?P<name>[^']+)' is (?P<limit>\d+) \w+,? with current utilization of (?P<used>\d+) \w+ "
    r"and a request delta of (?P<delta>\d+)",
    _I,
)
_CAPACITY = re.compile(r"InsufficientInstanceCapacity|requested ML compute capacity|insufficient capacity", _I)
_ASSUME = re.compile(r"Could not assume role (?P<role>\S+?)[.,]?\s", _I)
_IMAGES = re.compile(r"all images included in the model .* exist", _I)
_DATA = re.compile(r"Failed to download model data .*?from URL: \"?(?P<url>[^\"\s]+)", _I | re.DOTALL)
_DENIED = re.compile(
    r"(?:not authorized to perform:?|access denied (?:for|to perform)) (?P<action>[a-z0-9-]+:[A-Za-z*]+)"
    r"(?: on resource:? (?P<resource>\S+))?",
    _I,
)
_ALARMS = re.compile(r"alarms? (?:are|is|went)? ?in(?:to)? ALARM(?: state)?:? ?(?P<names>.*?)\.?$", _I)
_DEADLINE = re.compile(r"MaximumExecutionTimeout|did not (?:finish|complete) (?:with)?in", _I)
PING = re.compile(r"did not pass the ping health check", _I)
_SERVICE = re.compile(r"Request to service failed|internal (?:service )?(?:error|failure)", _I)


def in_short(reason: str) -> str:
    """What a FailureReason says, in the words of a line of progress; as it is, where nothing is known of it."""
    if PING.search(reason):
        return "its container did not answer GET /ping with 200 in time"
    known = cause_of(reason) if reason else None
    return known.summary if known is not None else reason


@dataclass(frozen=True)
class Quota:
    """A quota of the account that is used up.

    Attributes:
        name: As Service Quotas calls it: ``ml.m5.large for endpoint usage``.
        limit: What there is.
        used: What is in use.
        delta: What was asked for beyond that.
    """

    name: str
    limit: int
    used: int
    delta: int

    @property
    def needed(self) -> int:
        """What would do."""
        return self.used + self.delta

    @property
    def hint(self) -> str:
        """What to type: the quota's code is another in each region, and is asked for first."""
        query = f"\"Quotas[?QuotaName=='{self.name}'].QuotaCode\""
        find = f"aws service-quotas list-service-quotas --service-code sagemaker --query {query}"
        return (
            f"ask for {self.needed}: aws service-quotas request-service-quota-increase --service-code sagemaker "
            f'--desired-value {self.needed} --quota-code "$({find} --output text)"'
        )


def quota_of(text: str) -> Quota | None:
    """The quota that a ResourceLimitExceeded tells of."""
    found = _QUOTA.search(text)
    if found is None:
        return None
    return Quota(found["name"], int(found["limit"]), int(found["used"]), int(found["delta"]))


def denied_action(text: str) -> tuple[str, str] | None:
    """Action and resource of "... is not authorized to perform: sagemaker:CreateModel on resource: arn:..."."""
    found = _DENIED.search(text)
    if found is None:
        return None
    return found["action"], (found["resource"] or "").rstrip(".,")


def cause_of(text: str) -> Diagnosis | None:
    """Why, where AWS's words tell it; None where they do not, as those of a container that did not answer."""
    return next((told for told in _told(text, (cut(text),)) if told is not None), None)


def _told(text: str, evidence: tuple[str, ...]) -> Iterator[Diagnosis | None]:
    for each in _CAUSES:
        yield each(text, evidence)


def _quota(text: str, evidence: tuple[str, ...]) -> Diagnosis | None:
    found = quota_of(text)
    if found is None:
        return None
    return Diagnosis(
        code=Code.QUOTA,
        summary=f"the quota {found.name!r} is {found.limit}; {found.used} are used, and {found.delta} more are needed",
        subject=found.name, evidence=evidence, hint=found.hint,
    )  # fmt: skip


def _capacity(text: str, evidence: tuple[str, ...]) -> Diagnosis | None:
    if not _CAPACITY.search(text):
        return None
    return Diagnosis(
        code=Code.CAPACITY, summary="AWS has no such instances free in this region now", evidence=evidence,
        hint="try again later, or take another type: --set config.instance_type=TYPE",
    )  # fmt: skip


def _manifest(text: str, evidence: tuple[str, ...]) -> Diagnosis | None:
    found = MANIFEST.search(text)
    if found is None:
        return None
    kind = f" ({found['type']})" if found["type"] else ""
    return Diagnosis(
        code=Code.IMAGE_MANIFEST, summary=f"AWS does not take the form of the image's manifest{kind}",
        subject=found["type"] or "", evidence=evidence,
        hint="push it with Docker's own manifest (schema 2): docker build --provenance=false --sbom=false "
        "--output type=image,oci-mediatypes=false,push=true; images that deployer builds have it",
    )  # fmt: skip


def _architecture(text: str, evidence: tuple[str, ...]) -> Diagnosis | None:
    if not ARCHITECTURE.search(text):
        return None
    return Diagnosis(
        code=Code.IMAGE_ARCHITECTURE, summary="its image is for another processor than the instance's",
        evidence=evidence,
        hint="build it for this one: --set image.platform=linux/amd64, or linux/arm64 for Graviton (m6g, c7g)",
    )  # fmt: skip


def _assume(text: str, evidence: tuple[str, ...]) -> Diagnosis | None:
    found = _ASSUME.search(f"{text} ")
    if found is None:
        return None
    return Diagnosis(
        code=Code.PERMISSION, summary=cut(f"SageMaker may not act as the execution role {found['role']}"),
        subject="sts:AssumeRole", evidence=evidence,
        hint="is it there, and does its trust policy name sagemaker.amazonaws.com? deployer doctor -t sagemaker",
    )  # fmt: skip


def _images(text: str, evidence: tuple[str, ...]) -> Diagnosis | None:
    if not _IMAGES.search(text):
        return None
    return Diagnosis(
        code=Code.IMAGE_PULL, summary="AWS cannot pull its image: it is not there, or the execution role may not",
        subject="ecr:BatchGetImage", evidence=evidence,
        hint="the execution role needs ecr:GetAuthorizationToken, ecr:BatchGetImage and ecr:GetDownloadUrlForLayer",
    )  # fmt: skip


def _data(text: str, evidence: tuple[str, ...]) -> Diagnosis | None:
    found = _DATA.search(text)
    if found is None:
        return None
    return Diagnosis(
        code=Code.PERMISSION, summary=cut(f"AWS cannot fetch the model from {found['url']}"), subject="s3:GetObject",
        evidence=evidence, hint="the execution role needs s3:GetObject and s3:ListBucket there; is it there still?",
    )  # fmt: skip


def _denied(text: str, evidence: tuple[str, ...]) -> Diagnosis | None:
    found = denied_action(text)
    if found is None:
        return None
    action, resource = found
    on = f" on {resource}" if resource else ""
    return Diagnosis(
        code=Code.PERMISSION, summary=cut(f"{action} is not allowed{on}"), subject=action, evidence=evidence,
        hint="all that is needed: infra/aws; deployer doctor -t sagemaker",
    )  # fmt: skip


def _alarmed(text: str, evidence: tuple[str, ...]) -> Diagnosis | None:
    found = _ALARMS.search(text)
    if found is None:
        return None
    return Diagnosis(
        code=Code.SILENT_ROLLBACK,
        summary=cut(f"an alarm rang while AWS moved to it: {found['names'] or 'see CloudWatch'}"),
        subject=found["names"].split(",")[0].strip(), evidence=evidence,
        hint="aws cloudwatch describe-alarm-history --alarm-name NAME tells what it saw",
    )  # fmt: skip


def _deadline(text: str, evidence: tuple[str, ...]) -> Diagnosis | None:
    if not _DEADLINE.search(text):
        return None
    return Diagnosis(
        code=Code.SILENT_ROLLBACK, summary="AWS did not get done in time", evidence=evidence,
        hint="give it longer: --set config.guardrails.deadline=2h",
    )  # fmt: skip


def _service(text: str, evidence: tuple[str, ...]) -> Diagnosis | None:
    if not _SERVICE.search(text):
        return None
    return Diagnosis(
        code=Code.NOT_REACHABLE, summary="AWS's own service failed", evidence=evidence,
        hint="try again; if it stays so, ask AWS's support",
    )  # fmt: skip


_CAUSES: tuple[Callable[[str, tuple[str, ...]], Diagnosis | None], ...] = (
    _quota, _capacity, _manifest, _architecture, _assume, _images, _data, _denied, _alarmed, _deadline, _service,
)  # fmt: skip
"""In this order: a sentence about the role speaks of permissions, too."""
