"""From what our server says of a failed start (one JSON line) to a Diagnosis, for every target that runs it. Pure."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from deployer.endpoint import Code, Diagnosis

__all__ = ["Subject", "cut", "diagnosis_of_event", "failure_event", "last_words"]

LONGEST = 400
LAST_LINES = 12
_EVENTS = ("load-failed", "example-failed", "start-failed", "model-differs")
_SIGNATURE = re.compile(r"schema|signature|missing inputs|incompatible input|Failed to enforce", re.IGNORECASE)
_VERSIONS = frozenset({"UnpicklingError", "AttributeError", "TypeError", "ValueError", "EOFError", "MlflowException"})
_FRAME = re.compile(r'  File "(?P<path>[^"]+)", line (?P<line>\d+), in (?P<name>.+)')
_PACKAGES = {
    "PIL": "pillow", "bs4": "beautifulsoup4", "cv2": "opencv-python-headless", "dateutil": "python-dateutil",
    "skimage": "scikit-image", "sklearn": "scikit-learn", "yaml": "pyyaml",
}  # fmt: skip
"""Modules whose package has another name."""


@dataclass(frozen=True)
class Subject:
    """What failed: the endpoint, the model's resolved URI, and the folder that it was loaded from."""

    endpoint: str
    model: str
    folder: str
    room: str = "free memory on this host, or take fewer replicas"
    """What helps when memory runs out there."""


def failure_event(lines: Sequence[str]) -> dict[str, Any] | None:
    """The last thing that the server says of why it does not serve, among the lines of its log; None for nothing."""
    for line in reversed(lines):
        if line.startswith("{") and any(each in line for each in _EVENTS):
            try:
                found = json.loads(line)
            except (ValueError, RecursionError):
                continue
            if isinstance(found, dict) and found.get("event") in _EVENTS:
                return found
    return None


def last_words(lines: Sequence[str]) -> tuple[str, ...]:
    """The last dozen lines that say something, each cut to a length that can be shown."""
    return tuple(cut(line) for line in lines if line.strip())[-LAST_LINES:]


def cut(line: str) -> str:
    """A line of at most 400 characters."""
    return line if len(line) <= LONGEST else line[: LONGEST - 1] + "…"


def diagnosis_of_event(event: Mapping[str, Any], subject: Subject) -> Diagnosis:
    """Why a server could not load its model, answer the model's example, or start."""
    kind, text = str(event.get("error_type", "")), str(event.get("error", ""))
    trace = [str(line) for line in event.get("traceback") or ()]
    said = cut(f"{kind}: {text.splitlines()[0]}" if text else kind)
    if event.get("missing_module"):
        return _missing(str(event["missing_module"]), event.get("where"), subject)
    if kind == "MemoryError" or any("MemoryError" in line for line in trace[-3:]):
        return Diagnosis(
            code=Code.OUT_OF_MEMORY, summary="there is not enough memory to load its model",
            evidence=(said, *_last_frames(trace, subject)), hint=subject.room,
        )  # fmt: skip
    evidence = (said, *_place(event.get("where"), subject), *_last_frames(trace, subject))
    if event.get("event") == "example-failed":
        fits = not _SIGNATURE.search(text)
        return Diagnosis(
            code=Code.MODEL_LOAD if fits else Code.SIGNATURE_MISMATCH,
            summary="it fails on its own input example" if fits else "its input example does not fit its signature",
            evidence=evidence, hint="log the model again with an input_example that it can answer",
        )  # fmt: skip
    if event.get("event") == "start-failed":
        return Diagnosis(code=Code.UNKNOWN, summary=cut(f"its server cannot start: {said}"), evidence=evidence)
    return Diagnosis(
        code=Code.MODEL_LOAD, summary=cut(f"cannot load its model: {said}"), evidence=evidence,
        hint="often a package differs from the one that the model was saved with: see its requirements.txt"
        if kind in _VERSIONS else None,
    )  # fmt: skip


def _missing(module: str, where: object, subject: Subject) -> Diagnosis:
    top = module.partition(".")[0]
    package = _PACKAGES.get(top, top.replace("_", "-"))
    model = f" --model {shlex.quote(subject.model)}" if subject.model else ""
    return Diagnosis(
        code=Code.MISSING_DEPENDENCY,
        summary=f"cannot load its model: No module named '{module}'",
        subject=top,
        evidence=(f"ModuleNotFoundError: No module named '{module}'", *_place(where, subject)),
        hint=f'its requirements do not list it. Log the model again with pip_requirements=[..., "{package}"] '
        f"(or with code_paths, if {top} is code of yours), or try once with: "
        f"deployer update {subject.endpoint}{model} --set requirements.extra={package}",
    )


def _place(where: object, subject: Subject) -> tuple[str, ...]:
    return (f"  at {where}, while loading {subject.model or 'the model'}",) if where else ()


def _last_frames(trace: Sequence[str], subject: Subject) -> tuple[str, ...]:
    found = []
    for index, line in enumerate(trace):
        match = _FRAME.match(line)
        if match and not match["path"].startswith("<frozen "):  # of the import machinery, which is never to blame
            following = trace[index + 1] if index + 1 < len(trace) else ""
            source = f": {following.strip()}" if following.startswith("    ") else ""
            found.append(cut(f"  {_short(match['path'], subject)}:{match['line']} in {match['name']}{source}"))
    return tuple(found[-4:])


def _short(path: str, subject: Subject) -> str:
    for folder in (f"/{subject.folder.strip('/')}/" if subject.folder else "", "/site-packages/"):
        if folder and folder in path:
            return path.rpartition(folder)[2]
    return re.split(r"/runtimes/[^/]+/", path)[-1]
