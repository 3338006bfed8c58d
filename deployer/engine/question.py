"""The question that a new revision is verified with, and what its answer says. Pure but for reading the example."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from deployer.endpoint import Code, Diagnosis
from deployer.engine.fetching import models_of
from deployer.engine.health import Answer
from deployer.errors import NotFound, SpecError, TargetUnavailable
from deployer.plan.values import Wish
from deployer.spec import DeploymentSpec
from deployer.target import EnvironmentSink, ImageSink, Request, Response

__all__ = ["Question", "ensure_readable", "judge", "question"]

_TYPES = {".csv": "text/csv", ".parquet": "application/vnd.apache.parquet"}


@dataclass(frozen=True)
class Question:
    """What a revision is asked.

    Attributes:
        request: None: nothing; it is loaded, unverified.
        words: What it answers, for people: ``its own example``.
        missing: Why there is no request, for people.
        compared: Whether our server answers, which compares with the packaged model; a ready image's own does not.
    """

    request: Request | None
    words: str = ""
    missing: str = ""
    compared: bool = True


def question(spec: DeploymentSpec, wish: Wish, sink: EnvironmentSink | ImageSink | None) -> Question:
    """The request of ``health.request``, else the model's own example: as delivered, else where the model came from.

    Neither need be on this machine, when it goes on with or goes back to what another one began.
    """
    missing = ""
    if spec.health.request is not None:
        path = Path(spec.health.request)
        try:
            body = path.expanduser().read_bytes()
        except OSError as error:
            missing = f"health.request {path} cannot be read here ({error.strerror})"
        else:
            kind = _TYPES.get(path.suffix.lower(), "application/json")
            return Question(_asked(body, kind, wish), "the request", compared=not spec.image.use)
    if spec.image.use:
        return Question(None, missing=missing or "a ready image has no example; give health.request", compared=False)
    try:
        example = _example(wish, sink)
    except (NotFound, SpecError, TargetUnavailable) as error:
        return Question(None, missing=missing or f"its example cannot be read here ({error.message})")
    if example is None:
        return Question(None, missing=missing or "the model has no example")
    return Question(_asked(example, "application/json", wish), "its own example")


def _is_ready_image(wish: Wish) -> bool:
    image = wish.spec.get("image")
    return isinstance(image, Mapping) and bool(image.get("use"))


def ensure_readable(spec: DeploymentSpec) -> None:
    """Told when the wish is made, before anything is changed.

    Raises:
        SpecError: ``health.request`` names a file that cannot be read.
    """
    if spec.health.request is None:
        return
    try:
        with Path(spec.health.request).expanduser().open("rb"):
            pass
    except OSError as error:
        raise SpecError(
            f"cannot read the request: {error.strerror}", where=f"health.request {spec.health.request}"
        ) from error


def _asked(body: bytes, content_type: str, wish: Wish) -> Request:
    headers = {
        "Content-Type": content_type,
        "Deployer-Revision": wish.release.revision,
    }
    if not _is_ready_image(wish):  # the server is ours
        headers["Deployer-Verify"] = "1"
    return Request(body=body, headers=headers, timeout=60.0)


def _example(wish: Wish, sink: EnvironmentSink | ImageSink | None) -> bytes | None:
    from deployer.model import read_metadata, resolve

    delivered = sink.folder / "models" / wish.release.model.digest[:16] if isinstance(sink, EnvironmentSink) else None
    where = str(delivered) if delivered is not None and delivered.is_dir() else wish.release.model.resolved
    return read_metadata(resolve(where, source=lambda: models_of(sink)), example=True).example


def judge(response: Response, revision: str, *, asked: bool, compared: bool = True) -> Answer:
    """Whether an answer is the right revision's and equals the packaged model's own.

    Args:
        response: To the question, or to ``GET /ready`` when there is none.
        revision: The one that is verified.
        asked: Whether it was a question.
        compared: Whether the server compares its answer with the packaged model's; a ready image's own does not.
    """
    if response.revision != revision:
        other = response.revision or "something that does not say its revision"
        return Answer(good=False, detail=f"{other} answered instead of {revision}")
    if response.status == 200:
        parity = response.headers.get("deployer-parity")
        if parity == "differs":
            return Answer(good=False, detail="answers differently", diagnosis=_parity(response.headers))
        if asked and compared and parity != "equal":
            return Answer(good=False, detail="the answer was not compared with the packaged model's")
        return Answer(good=True)
    said = _said(response.body)
    if response.status == 401:
        return Answer(
            good=False,
            detail="answers 401",
            diagnosis=Diagnosis(
                code=Code.CREDENTIALS,
                summary="it asks for an API key, and none of those that the spec names is set here",
                hint="export the variable of one of auth.api_keys, and run the same command again",
            ),
        )
    if asked and 400 <= response.status < 500 and response.status not in (408, 421, 429):
        return Answer(
            good=False,
            detail=f"answers {response.status}",
            diagnosis=Diagnosis(
                code=Code.SIGNATURE_MISMATCH,
                summary=f"the model refuses its own example ({response.status})",
                evidence=(said,) if said else (),
                hint="log the model again with an input_example that fits its signature, or give health.request",
            ),
        )
    return Answer(good=False, detail=f"answers {response.status}{': ' + said if said else ''}")


def _parity(headers: Mapping[str, str]) -> Diagnosis:
    detail = headers.get("deployer-parity-detail", "")
    return Diagnosis(
        code=Code.PARITY,
        summary="its answer over the wire is not what the packaged model answers in the same process",
        evidence=(detail,) if detail else (),
        hint="a model that is not deterministic needs --set health.tolerance=..., or another health.request",
    )


def _said(body: bytes) -> str:
    try:
        value = json.loads(body)
        text = str(value.get("message") or value.get("error") or "") if isinstance(value, dict) else ""
    except ValueError:
        text = body.decode("utf-8", "replace")
    return " ".join(text.split())[:300]
