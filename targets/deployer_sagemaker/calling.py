"""A line for a shell that asks an endpoint: curl signs it as AWS wants, by the credentials of the environment. Pure."""

from __future__ import annotations

import re
import shlex

from deployer.endpoint import Endpoint
from deployer.spec import DeploymentSpec
from deployer_sagemaker.configs import config_of

__all__ = ["call"]

_REGION = re.compile(r"//[a-z0-9.-]*\.sagemaker\.([a-z0-9-]+)\.[a-z0-9.]+(?::\d+)?/")
_THE_SHELLS = "${AWS_REGION:-$AWS_DEFAULT_REGION}"


def call(endpoint: Endpoint, spec: DeploymentSpec | None, body: str | None) -> str | None:
    """The line; None for an endpoint that has no address.

    A queue tells where its answer will be in a header, which is shown. It needs curl 7.75 or newer.
    ``aws configure export-credentials --format env`` tells the variables to those who have a profile; a header without
    a value, as that of an empty AWS_SESSION_TOKEN, is not sent by curl.

    Args:
        endpoint: What is asked.
        spec: What was wished of it, where that is known.
        body: A request; None: a file that the reader has to write.
    """
    if endpoint.url is None:
        return None
    queue = spec is not None and config_of(spec).async_inference is not None
    url = re.sub(r"/invocations$", "/async-invocations", endpoint.url) if queue else endpoint.url
    region = _REGION.search(url)
    where = region[1] if region else _THE_SHELLS
    kind = "X-Amzn-SageMaker-Content-Type" if queue else "Content-Type"
    signed = f'curl {"-sSi" if queue else "-sS"} --aws-sigv4 "aws:amz:{where}:sagemaker"'
    who = '--user "$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY" -H "X-Amz-Security-Token: $AWS_SESSION_TOKEN"'
    asked = shlex.quote(body) if body is not None else "@request.json"
    return f"{signed} {who} {shlex.quote(url)} -H '{kind}: application/json' -d {asked}"
