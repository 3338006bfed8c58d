"""How our headers pass SageMaker's runtime, which lets no header through but its own: in CustomAttributes. Pure.

The text is ``deployer-revision=r1a2b3c4,deployer-verify=1``; since AWS asks a container at /invocations alone, another
path that our server has is named there, too: ``deployer-path=/ready``. AWS hands it on as it is, both ways, up to 1024
visible ASCII characters (botocore: CustomAttributesHeader). A caller's own attributes stay beside ours, and are sent
back. The other side is ``deployer.serving.attributes``, which runs in the image.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import unquote

from deployer.errors import SpecError

__all__ = ["BEHIND", "HEADER", "INVOCATIONS", "LONGEST", "attributes_of", "headers_in"]

BEHIND = {"DEPLOYER_SERVING_BEHIND": "sagemaker"}
"""What has our server read and write the one header."""
HEADER = "X-Amzn-SageMaker-Custom-Attributes"
LONGEST = 1024
INVOCATIONS = "/invocations"
_SENT = ("deployer-revision", "deployer-verify")
_READ = (*_SENT, "deployer-parity", "deployer-parity-detail")
_PART = re.compile(r"(?P<name>deployer-[a-z-]+)=(?P<value>[A-Za-z0-9._~%-]*)")


def attributes_of(headers: Mapping[str, str], path: str = INVOCATIONS) -> str:
    """What of a request's headers is sent so; "" for nothing.

    Args:
        headers: Of the request.
        path: Where our server is to be asked; its answer to /invocations for that one.

    Raises:
        SpecError: It is too long, or not ASCII.
    """
    lower = {name.lower(): value for name, value in headers.items()}
    ours = [f"{name}={lower[name]}" for name in _SENT if lower.get(name)]
    asked = [f"deployer-path={path}"] if path != INVOCATIONS else []
    theirs = lower.get(HEADER.lower(), "")
    text = ",".join(filter(None, (*ours, *asked, theirs)))
    if len(text) > LONGEST or not text.isascii() or not text.isprintable():
        raise SpecError(f"AWS takes at most {LONGEST} visible ASCII characters of custom attributes", where=HEADER)
    return text


def headers_in(attributes: str) -> dict[str, str]:
    """Our headers in an answer's CustomAttributes, in lower case; what else is there is the model's own."""
    found = (_PART.fullmatch(part.strip()) for part in attributes.split(","))
    return {each["name"]: unquote(each["value"]) for each in found if each is not None and each["name"] in _READ}
