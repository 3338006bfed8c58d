"""Why a node cannot have an image: its name, its tag, the log-in, the way, or the processor. Pure.

The words are containerd's, CRI-O's and the registries' own.
"""

from __future__ import annotations

import re

from deployer.endpoint import Code, Diagnosis
from deployer.target.evidence import cut
from deployer_kubernetes.facts import PodFact

__all__ = ["PULLING", "diagnosis_of_pull", "is_refused"]

PULLING = frozenset({"ImagePullBackOff", "ErrImagePull", "InvalidImageName", "ErrImageNeverPull", "ImageInspectError"})
"""What a container waits for that has no image, in the kubelet's words."""
_PLATFORM = re.compile(r"no match for platform|no matching manifest|no image found .* for architecture", re.IGNORECASE)
_LOCKED = re.compile(
    r"unauthorized|authentication required|authorization failed|denied|forbidden|no basic auth|\b40[13]\b"
)
_ABSENT = re.compile(r"not found|manifest unknown|name unknown|does not exist|\b404\b")
_UNTRUSTED = re.compile(r"x509|certificate|tls: ")
_PLAIN = re.compile(r"server gave http response to https client")
_UNREACHED = re.compile(
    r"no such host|connection refused|i/o timeout|dial tcp|network is|no route to host|deadline exceeded|\b5\d\d\b"
)
_ROUND = re.compile(
    r'^(?:Failed: )?(?:Failed to pull image "[^"]+": )?|rpc error: code = \w+ desc = '
    r'|failed to (?:pull and unpack image|resolve reference|do request:?|copy:?|fetch oauth token:?)(?: "[^"]+")?: '
)
"""What each layer puts before what the one below it said."""
_NAME = re.compile(r'image (?:name |tag )?"(?P<name>[^"]+)"')


def diagnosis_of_pull(pod: PodFact, events: tuple[str, ...], *, ready_image: bool) -> Diagnosis:
    """What is wrong.

    Args:
        pod: One that waits for its image.
        events: What the kubelet said, the newest last.
        ready_image: Whether it is one that ``image.use`` names, and not ours to deliver.
    """
    told = (each for each in reversed(events) if _NAME.search(each))
    # The kubelet waits in turns, and says only in one of them what is wrong.
    said = (pod.waiting_message if pod.waiting == "ErrImagePull" else next(told, pod.waiting_message)) or pod.waiting
    if _PLATFORM.search(said):
        return Diagnosis(
            code=Code.IMAGE_ARCHITECTURE, summary="its image is not there for the node's processor",
            evidence=(cut(_ROUND.sub("", said)),), hint=for_this_processor(ready_image=ready_image),
        )  # fmt: skip
    name = _image(said) or _image(pod.waiting_message)
    why, hint = _why(pod, said, name, ready_image=ready_image)
    return Diagnosis(
        code=Code.IMAGE_PULL, summary=cut(f"{why}: {name}" if name else why), subject=name,
        evidence=(cut(_ROUND.sub("", said)),),
        hint=hint,
    )  # fmt: skip


def is_refused(said: str) -> bool:
    """Whether the registry wants another login, or one at all."""
    name = _image(said)
    return bool(_LOCKED.search((said.replace(name, "") if name else said).lower()))


def for_this_processor(*, ready_image: bool) -> str:
    """The hint where an image is for another processor than the nodes'."""
    if ready_image:
        return "name one that is built for the nodes (kubectl get nodes -L kubernetes.io/arch) by image.use"
    return (
        "build it for the nodes' (kubectl get nodes -L kubernetes.io/arch): "
        "--set image.platform=linux/amd64 or linux/arm64"
    )


def _image(said: str) -> str:
    found = _NAME.search(said)
    return found["name"] if found else ""


def _why(pod: PodFact, said: str, name: str, *, ready_image: bool) -> tuple[str, str]:
    # What the registry's name or the image's says is no word of the registry's.
    low = said.replace(name, "").lower() if name else said.lower()
    if pod.waiting == "InvalidImageName":
        return "that is no image's name", "see image.registry, image.use and config.patches"
    if _PLAIN.search(low):
        return "the registry speaks plain HTTP, and the node does not allow that", "give the registry TLS"
    if _LOCKED.search(low):
        return (
            "the registry does not let the node in",
            (
                "give it this machine's log-in by --set config.pull_login=docker, or name a Secret with one by "
                "--set config.pull_secrets=NAME"
            ),
        )
    if _UNTRUSTED.search(low):
        return "the node does not trust the registry's certificate", "have its authority known to the nodes"
    if _ABSENT.search(low):
        again = "is that its name? image.use says which" if ready_image else "the same command again delivers it"
        return "the registry has no such image", again
    if _UNREACHED.search(low):
        return "the node does not reach the registry", "is it up, and its name one that the nodes can reach?"
    return "its image cannot be pulled", "kubectl describe pod says the whole"
