"""From what KServe says of an InferenceService to a Diagnosis. Pure."""

from __future__ import annotations

import re

from deployer.endpoint import Code, Diagnosis
from deployer.target.evidence import cut
from deployer_kubernetes.admission import admission_of
from deployer_kubernetes.facts import ServerFact
from deployer_kubernetes.kserve.wish import STOP

__all__ = ["UNSEEN", "of_inference"]

UNSEEN = "KServe's controller has said nothing of it"
_CONTROLLER = "is it up? kubectl get pods --all-namespaces -l control-plane=kserve-controller-manager"
_HOST = re.compile(r"invalid domain name (?P<host>\S+)|failed creating host name", re.IGNORECASE)
_HINTS = (
    (
        _HOST,
        "give the endpoint a shorter name, or have ingress.domainTemplate of KServe's configuration make shorter ones",
    ),
    (re.compile(r"is invalid: |Invalid value|Forbidden: "), "deployer render prints what is sent; see config.patches"),
    (re.compile(r"somebody has stopped it"), f"kubectl annotate inferenceservice NAME {STOP}- has it run again"),
    (re.compile(r"Knative|Serverless"), "this KServe took it for another mode: deployer doctor, and its version"),
)


def of_inference(server: ServerFact) -> Diagnosis | None:
    """Why KServe makes no Deployment; None where it has not been asked, or is at it, or has made one.

    Args:
        server: What is known of the revision.
    """
    look = f"kubectl describe inferenceservice {server.made_by}"
    if server.unseen:
        return Diagnosis(
            code=Code.NOT_REACHABLE, summary=f"{UNSEEN}, so that nothing runs",
            evidence=(f"InferenceService {server.made_by} has no status",), hint=f"{_CONTROLLER}; {look}",
        )  # fmt: skip
    if not server.unmade:
        return None
    said = server.failure
    found = admission_of(said)
    if found is not None:
        return Diagnosis(
            code=found.code, summary=cut(f"it is refused: {found.why}"), evidence=(cut(said),), hint=found.hint
        )
    hint = next((hint for pattern, hint in _HINTS if pattern.search(said)), "")
    return Diagnosis(
        code=Code.UNKNOWN, summary=cut(f"KServe makes no Deployment: {said}"), evidence=(cut(said),),
        hint="; ".join(filter(None, (hint.replace("NAME", server.made_by), look))),
    )  # fmt: skip
