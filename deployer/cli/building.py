"""Builds an image, and says what it is and where it is now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deployer.cli.carrying import listening
from deployer.cli.render.words import counted, size
from deployer.cli.screen import Form
from deployer.cli.wishes import Asked, one_document, spec_for
from deployer.errors import SpecError

if TYPE_CHECKING:
    from deployer.cli.session import Session
    from deployer.client import Built

__all__ = ["build"]

_NAME = "image"
"""What the spec of a build is called that is no endpoint's."""


def build(
    now: Session, asked: Asked, *, to: Sequence[str], platforms: Sequence[str], lock: Path | None, locked: Path | None
) -> int:
    """Make it, carry it, and write where it is to stdout: a reference in each line, or one document.

    Raises:
        SpecError: The model, a lock or a place is not usable.
        BuildError: It cannot be made.
        TargetUnavailable: A registry, an engine or an index does not answer.
    """
    if lock is not None and locked is not None:
        raise SpecError("--lock writes a lock, and --locked builds one", hint="leave one of them out")
    if lock is not None and len(platforms) > 1:
        raise SpecError("a lock is for one platform", where="--lock", hint="write one for each --platform")
    text = _read(locked) if locked is not None else None
    document = one_document(asked, "build")
    named = document is not None and "name" in document.data
    spec = spec_for(now, asked if named else replace(asked, name=_NAME), document)
    screen = now.screen
    with listening(screen, []) as listen:
        images = now.deployer.build(
            spec, to=to, platforms=platforms, locked=text, locked_by=str(locked or "lock"), target=asked.target,
            on_event=listen,
        )  # fmt: skip
    if lock is not None:
        _write(lock, images[0].lock)
    if screen.documents:
        screen.document(_document(images, spec.model))
    else:
        lines = [place for each in images for place in each.places] or [each.digest for each in images]
        screen.data(*dict.fromkeys(["```text", *lines, "```"] if screen.form is Form.MARKDOWN else lines))
    screen.tell([_ending(each) for each in images])
    return 0


def _ending(image: Built) -> str:
    how = f"{counted(image.made, 'layer')} made now" if image.made else "nothing made anew"
    return (
        f"image {image.digest[:19]} for {image.platform}: {counted(image.layers, 'layer')}, {size(image.size)} "
        f"beyond its base, {how} ({image.seconds:.1f} s)."
    )


def _document(images: Sequence[Built], model: str) -> dict[str, Any]:
    return {"model": model, "images": [{**asdict(each), "places": list(each.places)} for each in images]}


def _read(path: Path) -> str:
    try:
        return path.expanduser().read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SpecError(
            f"the lock cannot be read: {error}", where=str(path), hint="deployer build MODEL --lock FILE writes one"
        ) from None


def _write(path: Path, text: str) -> None:
    try:
        path.expanduser().write_text(text, "utf-8")
    except OSError as error:
        raise SpecError(f"the lock cannot be written: {error.strerror}", where=str(path)) from None
