"""Shows one endpoint whole, with a request that works."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from deployer.cli.failing import at_home
from deployer.cli.patience import patiently
from deployer.cli.render.curl import curl_line, request_body
from deployer.cli.render.documents import status_document
from deployer.cli.render.status import status_lines, status_markdown
from deployer.cli.screen import Form
from deployer.cli.wishes import learn_recorded
from deployer.errors import DeployerError
from deployer.spec import DeploymentSpec
from deployer.target import EnvironmentSink

if TYPE_CHECKING:
    from deployer.cli.session import Session
    from deployer.client import Status
    from deployer.model import PackagedModel

__all__ = ["serving_model", "show_status"]


def show_status(now: Session, name: str, target: str, *, window: float) -> int:
    """Write it to stdout; a status that is not well is no error of the command.

    Args:
        now: The run.
        name: Of the endpoint.
        target: Where it is.
        window: Seconds of requests that are counted, where the target measures them.

    Raises:
        NotFound: There is no such endpoint.
    """
    with patiently(now.screen, "ask", f"asking {target}"):
        status = now.deployer.status(name, target=target, window=window)
    learn_recorded(now, status.observed.record.spec if status.observed.record else None)
    screen, curl = now.screen, _curl(now, status)
    endpoint, observed, diagnoses = at_home(now, status.endpoint), status.observed, status.diagnoses
    figures = status.figures
    if screen.documents:
        screen.document(status_document(endpoint, observed, diagnoses, curl, figures))
        return 0
    address, at = now.address(name, target), time.time()
    if screen.form is Form.MARKDOWN:
        lines = status_markdown(endpoint, observed, diagnoses, curl=curl, address=address, now=at, figures=figures)
    else:
        lines = status_lines(
            endpoint, observed, diagnoses, curl=curl, address=address, now=at, figures=figures, paint=screen.paint_out
        )
    screen.data(*lines)
    return 0


def _curl(now: Session, status: Status) -> str | None:
    endpoint = status.endpoint
    if not endpoint.url or not endpoint.url.startswith(("http://", "https://")):
        return None
    record = status.observed.record
    keys = ((record.spec.get("auth") or {}).get("api_keys") or []) if record else []
    variable = next((each.get("env") for each in keys if isinstance(each, dict)), None)
    model = serving_model(now, status)
    body = request_body(model.example, model.signature) if model else None
    call = now.registry.kind(now.place(endpoint.target).kind).call
    if call is not None:
        return call(endpoint, DeploymentSpec(**record.spec) if record and record.spec else None, body)
    return curl_line(endpoint.url, body, variable)


def serving_model(now: Session, status: Status) -> PackagedModel | None:
    """What the serving model says of itself, read where it was delivered, else where it came from on this machine."""
    from deployer.model import read_metadata, resolve

    record, serving = status.observed.record, status.endpoint.revision
    release = record.releases.get(serving.id) if record and serving else None
    if release is None:
        return None
    for folder in (_delivered(now, status, release.model.digest), Path(release.model.resolved)):
        if folder is not None and folder.is_absolute() and folder.is_dir():
            try:
                return read_metadata(resolve(folder), example=True)
            except (DeployerError, OSError):
                continue
    return None


def _delivered(now: Session, status: Status, digest: str) -> Path | None:
    try:
        sink = now.registry.connect(now.place(status.endpoint.target), status.endpoint.owner or "default").sink(
            status.endpoint.name
        )
    except (DeployerError, OSError):
        return None
    return sink.folder / "models" / digest[:16] if isinstance(sink, EnvironmentSink) else None
