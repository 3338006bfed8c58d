"""Why Azure does not do something, in its own words: from an operation's error to a Diagnosis. Pure.

Azure's code does not tell (BadArgument, ResourceNotReady and None were seen for one thing); the anchor of its
troubleshooting guide does ("https://aka.ms/oe-tsg#error-outofquota"), and within it the words. They are those of
"Troubleshoot online endpoint deployment and scoring" and of public reports; where they change, what is left is UNKNOWN
with Azure's sentence as it is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from deployer.endpoint import Code, Diagnosis
from deployer.target.evidence import cut
from deployer_azureml.quota import quota_of
from deployer_azureml.telling import anchor_of

__all__ = ["cause_of", "denied_action", "is_container"]

_I = re.IGNORECASE
_ENDPOINTS = re.compile(
    r"(?:number of|too many) (?:online )?(?:endpoints|deployments)|(?:endpoint|deployment) (?:limit|quota)", _I
)
_ROLES = re.compile(r"role ?assignment.{0,40}(?:limit|quota|exceeded)", _I)
_MEMORY = re.compile(r"insufficient memory|out of memory|\bOOM|PodOutOfMemory|memory footprint", _I)
_DISK = re.compile(r"(?:not enough|insufficient|no) (?:disk )?space|disk (?:space|quota)", _I)
_CAPACITY = re.compile(
    r"region-?wide|lack of .{0,60}capacity|(?:not|no) (?:enough |sufficient )?capacity|AllocationFailed"
    r"|SkuNotAvailable",
    _I,
)
_UNSCHEDULABLE = re.compile(r"unschedulable|nodes are available|PodUnschedulable", _I)
_PULL = re.compile(
    r"download user container image|ImagePull|image-fetcher|manifest unknown|container registry|ACRSecretError"
    r"|ACRAuthenticationChallengeFailed|ACRTokenExchangeFailed|AcrPull|UserContainerImagePull",
    _I,
)
_PLATFORM = re.compile(r"exec format error|no matching manifest|image(?:'s)? architecture", _I)
_BUILD_LOG = re.compile(r"(?:build log|path)[^'\"]{0,120}['\"](?P<where>[^'\"]+)['\"]", _I)
_MODEL = re.compile(r"download user model|ModelDownload|storage-?initializer", _I)
_ROLE = re.compile(r"authorization error|incorrect role assignments?|(?:does not|doesn't) have .{0,40}permission", _I)
_DENIED = re.compile(r"authorization to perform action '(?P<action>[^']+)' over scope '(?P<scope>[^']+)'", _I)
_PROBE = re.compile(r"(?P<kind>Liveness|Readiness|Startup) probe failed:? ?(?P<why>[^|]*)", _I)
_CRASH = re.compile(r"container has crashed|crashed or terminated|CrashLoopBackOff|Back-off restarting", _I)
_POLICY = re.compile(r"RequestDisallowedByPolicy|disallowed by policy|template function", _I)
_MORE = "give it a larger instance: --set resources.memory=SIZE, or config.instance_type=TYPE"


def denied_action(text: str) -> tuple[str, str] | None:
    """Action and scope of "does not have authorization to perform action '...' over scope '...'"."""
    found = _DENIED.search(text)
    return (found["action"], found["scope"]) if found is not None else None


def is_container(text: str) -> bool:
    """Whether it is the revision's own container that did not start, of which only its output tells more."""
    return anchor_of(text) in ("resourcenotready", "kubernetescrashloopbackoff", "deploymentcrashloopbackoff") or bool(
        _PROBE.search(text) or _CRASH.search(text)
    )


def cause_of(text: str) -> Diagnosis | None:
    """Why, where Azure's words tell it; None where they do not, as those of a container that ended by itself."""
    told = _Told(text, anchor_of(text), (cut(" ".join(text.split())),))
    return next((found for found in _each(told) if found is not None), None)


@dataclass(frozen=True)
class _Told:
    text: str
    anchor: str
    evidence: tuple[str, ...]


def _each(told: _Told) -> Iterator[Diagnosis | None]:
    for cause in _CAUSES:
        yield cause(told)


def _quota(told: _Told) -> Diagnosis | None:
    found = quota_of(told.text)
    if found is not None:
        return Diagnosis(
            code=Code.QUOTA, summary=found.summary, subject=found.family, evidence=told.evidence, hint=found.hint
        )
    if _ROLES.search(told.text):
        return Diagnosis(
            code=Code.QUOTA, summary="the subscription has as many role assignments as Azure takes",
            subject="role assignments", evidence=told.evidence,
            hint="remove unused ones, or give it an identity that has its roles: --set config.identity=...",
        )  # fmt: skip
    return None


def _memory(told: _Told) -> Diagnosis | None:
    """By the guide, OutOfQuota is also what a container is told that had too little memory."""
    if not _MEMORY.search(told.text):
        return None
    return Diagnosis(code=Code.OUT_OF_MEMORY, summary="it ran out of memory", evidence=told.evidence, hint=_MORE)


def _disk(told: _Told) -> Diagnosis | None:
    if not _DISK.search(told.text):
        return None
    return Diagnosis(
        code=Code.UNKNOWN, summary="its image and model do not fit on the instance's disk", subject="disk",
        evidence=told.evidence, hint=_MORE,
    )  # fmt: skip


def _capacity(told: _Told) -> Diagnosis | None:
    if not _CAPACITY.search(told.text):
        return None
    return Diagnosis(
        code=Code.CAPACITY, summary="Azure has no such machines free in this region now", evidence=told.evidence,
        hint="try again later, or take another type: --set config.instance_type=TYPE",
    )  # fmt: skip


def _unschedulable(told: _Told) -> Diagnosis | None:
    if not (_UNSCHEDULABLE.search(told.text) or told.anchor == "podunschedulable"):
        return None
    return Diagnosis(
        code=Code.UNSCHEDULABLE, summary="no node of the compute has room for it", evidence=told.evidence,
        hint="make its resources smaller, take another instance type of the compute, or give the cluster nodes",
    )  # fmt: skip


def _endpoints(told: _Told) -> Diagnosis | None:
    if told.anchor not in ("outofquota", "") or not _ENDPOINTS.search(told.text):
        return None
    return Diagnosis(
        code=Code.QUOTA, summary="the subscription has as many endpoints or deployments here as Azure takes",
        subject="endpoints", evidence=told.evidence,
        hint="remove what nobody needs (az ml online-endpoint list), or ask for more: ml.azure.com > Manage > Quota",
    )  # fmt: skip


def _other_quota(told: _Told) -> Diagnosis | None:
    if told.anchor != "outofquota":
        return None
    return Diagnosis(
        code=Code.QUOTA, summary=cut(f"a quota is used up: {told.text.partition(chr(10))[0]}"), evidence=told.evidence,
        hint="ml.azure.com > Manage > Quota has all of them",
    )  # fmt: skip


def _architecture(told: _Told) -> Diagnosis | None:
    if not _PLATFORM.search(told.text):
        return None
    return Diagnosis(
        code=Code.IMAGE_ARCHITECTURE, summary="its image is for another processor than the instance's",
        evidence=told.evidence, hint="build it for this one: --set image.platform=linux/amd64",
    )  # fmt: skip


def _secrets(told: _Told) -> Diagnosis | None:
    if told.anchor != "secretsinjectionerror" and "SecretsInjectionError" not in told.text:
        return None
    return Diagnosis(
        code=Code.PERMISSION, summary="the endpoint's identity may not read a secret, or there is no such secret",
        subject="secrets", evidence=told.evidence,
        hint="give it the role 'Key Vault Secrets User' on the vault (whose permission model has to be Azure RBAC), or "
        "'Azure Machine Learning Workspace Connection Secrets Reader' on the workspace; roles take minutes to hold",
    )  # fmt: skip


def _network(told: _Told) -> Diagnosis | None:
    if told.anchor != "workspacemanagednetworknotready" and "WorkspaceManagedNetworkNotReady" not in told.text:
        return None
    return Diagnosis(
        code=Code.NOT_REACHABLE, summary="the workspace's managed network is not provisioned yet",
        evidence=told.evidence, hint="az ml workspace provision-network --name WORKSPACE --resource-group GROUP",
    )  # fmt: skip


def _build(told: _Told) -> Diagnosis | None:
    if told.anchor != "imagebuildfailure" and "ImageBuildFailure" not in told.text:
        return None
    found = _BUILD_LOG.search(told.text)
    where = f" ({found['where']})" if found is not None else ""
    return Diagnosis(
        code=Code.IMAGE_PULL, summary="Azure could not build its image", subject="build", evidence=told.evidence,
        hint=f"its log is in the workspace's store{where}; without config.no_code deployer builds the image itself",
    )  # fmt: skip


def _model(told: _Told) -> Diagnosis | None:
    if not _MODEL.search(told.text):
        return None
    return Diagnosis(
        code=Code.PERMISSION, summary="Azure cannot fetch its model from the workspace's store",
        subject="Storage Blob Data Reader", evidence=told.evidence,
        hint="the endpoint's identity needs 'Storage Blob Data Reader' on the workspace's storage account",
    )  # fmt: skip


def _pull(told: _Told) -> Diagnosis | None:
    if not _PULL.search(told.text):
        return None
    return Diagnosis(
        code=Code.IMAGE_PULL, subject="AcrPull", evidence=told.evidence,
        summary="Azure cannot pull its image: it is not there, or the endpoint's identity may not",
        hint="the endpoint's identity needs AcrPull on the registry: az role assignment create --role AcrPull ...; its "
        "own identity has it on the workspace's registry, roles take minutes to hold",
    )  # fmt: skip


def _permission(told: _Told) -> Diagnosis | None:
    denied = denied_action(told.text)
    if denied is not None:
        return Diagnosis(
            code=Code.PERMISSION, summary=cut(f"{denied[0]} is not allowed on {denied[1]}"), subject=denied[0],
            evidence=told.evidence, hint="all that is needed: infra/azure; deployer doctor -t azureml",
        )  # fmt: skip
    if _POLICY.search(told.text):
        return Diagnosis(
            code=Code.PERMISSION, summary="a policy of the subscription does not allow it", subject="policy",
            evidence=told.evidence, hint="the message names the policy: who runs the subscription can tell why",
        )  # fmt: skip
    if not _ROLE.search(told.text):
        return None
    return Diagnosis(
        code=Code.PERMISSION, summary="the endpoint's identity may not read its image or its model", subject="AcrPull",
        evidence=told.evidence,
        hint="it needs AcrPull on the registry, and Storage Blob Data Reader on the workspace's storage account",
    )  # fmt: skip


def _canceled(told: _Told) -> Diagnosis | None:
    if told.anchor != "operationcanceled" and "OperationCanceled" not in told.text:
        return None
    return Diagnosis(
        code=Code.CONFLICT, summary="another operation on the endpoint went before this one", evidence=told.evidence,
        hint="run the same command again; does somebody else change the endpoint?",
    )  # fmt: skip


def _service(told: _Told) -> Diagnosis | None:
    if told.anchor != "internalservererror" and "InternalServerError" not in told.text:
        return None
    return Diagnosis(
        code=Code.NOT_REACHABLE, summary="Azure's own service failed", evidence=told.evidence,
        hint="try again; if it stays so, ask Azure's support with the message",
    )  # fmt: skip


_CAUSES: tuple[Callable[[_Told], Diagnosis | None], ...] = (
    _quota, _capacity, _memory, _disk, _unschedulable, _endpoints, _architecture, _secrets, _network, _build, _model,
    _pull, _permission, _other_quota, _canceled, _service,
)  # fmt: skip
"""In this order: what a text is about stands before what it only speaks of."""
