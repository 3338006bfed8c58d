"""Where a command writes: data to stdout, everything else to stderr; colours, marks, redaction and broken pipes.

What goes wrong while writing never changes what the engine does: a listener that has gone is told nothing more.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from enum import StrEnum
from typing import Any, TextIO

from deployer.cli.render.escape import Redactor
from deployer.cli.render.layout import plain

__all__ = ["ASCII", "UNICODE", "Form", "Marks", "OutputClosed", "Screen"]

_SGR = {"good": "32", "bad": "31", "warn": "33", "dim": "2", "bold": "1"}


class Form(StrEnum):
    """In which form data is written."""

    TABLE = "table"
    JSON = "json"
    YAML = "yaml"
    MARKDOWN = "markdown"


class OutputClosed(Exception):
    """Nobody reads stdout any more, as behind ``| head``."""


class Marks:
    """The few signs that are not ASCII, or what stands for them where the stream cannot encode them."""

    def __init__(self, *, unicode: bool) -> None:
        self.done, self.failed, self.dots, self.dash = ("✓", "✗", "…", "–") if unicode else ("*", "x", "...", "-")
        self.unicode = unicode


UNICODE, ASCII = Marks(unicode=True), Marks(unicode=False)


class Screen:
    """Both streams of one command.

    Args:
        form: Of the data on stdout.
        quiet: No progress and no closing sentence; errors and data are written all the same.
        environ: Where NO_COLOR, TERM and CI are looked up.
        out: For data.
        err: For people.
    """

    def __init__(
        self, form: Form = Form.TABLE, *, quiet: bool = False, environ: Mapping[str, str] | None = None,
        out: TextIO | None = None, err: TextIO | None = None,
    ) -> None:  # fmt: skip
        self.form = form
        self.quiet = quiet
        self.environ = os.environ if environ is None else environ
        self.out = out or sys.stdout or _null()  # both are None when they were closed before we began
        self.err = err or sys.stderr or _null()
        self.redact = Redactor()
        self.marks = UNICODE if _encodes(self.err, "✓✗…–") and _encodes(self.out, "✓✗…–") else ASCII
        self.events = False
        """Whether stdout carries events, and no other data."""

    # What can be done here

    @property
    def interactive(self) -> bool:
        """Whether a person can be asked: both ends are a terminal, and it is no CI job."""
        return _is_terminal(sys.stdin) and self.live

    @property
    def live(self) -> bool:
        """Whether progress may move."""
        return _is_terminal(self.err) and self.environ.get("TERM") != "dumb" and not self.environ.get("CI")

    @property
    def width(self) -> int | None:
        """Columns of the terminal that data goes to; None when it goes into a file or a pipe."""
        if not _is_terminal(self.out):
            return None
        return shutil.get_terminal_size().columns

    def paint_out(self, text: str, style: str) -> str:
        """Colour for stdout."""
        return self._paint(self.out, text, style)

    def paint_err(self, text: str, style: str) -> str:
        """Colour for stderr."""
        return self._paint(self.err, text, style)

    def _paint(self, stream: TextIO, text: str, style: str) -> str:
        if not text.strip() or style not in _SGR or not self._coloured(stream):
            return plain(text, style)
        return f"\x1b[{_SGR[style]}m{text}\x1b[0m"

    def _coloured(self, stream: TextIO) -> bool:
        if self.environ.get("NO_COLOR") or self.environ.get("TERM") == "dumb" or not _is_terminal(stream):
            return False
        return sys.platform != "win32" or bool({"WT_SESSION", "TERM", "ANSICON"} & set(self.environ))

    # Writing

    def say(self, *lines: str) -> None:
        """Lines for people, on stderr; nothing happens when nobody reads them."""
        text = self._encodable(self.err, self.redact("".join(f"{line}\n" for line in lines)))
        try:
            self.err.write(text)
            self.err.flush()
        except (OSError, ValueError):
            self.err = _nowhere(self.err)

    def data(self, *lines: str) -> None:
        """Lines of data, on stdout.

        Raises:
            OutputClosed: Nobody reads it any more.
        """
        self.write("".join(f"{line}\n" for line in lines))

    def write(self, text: str) -> None:
        """Text as it is, on stdout, secrets replaced.

        Raises:
            OutputClosed: Nobody reads it any more.
        """
        try:
            self.out.write(self._encodable(self.out, self.redact(text)))
            self.out.flush()
        except BrokenPipeError:
            self.close_out()
            raise OutputClosed from None

    def close_out(self) -> None:
        """Write no more to stdout: its reader has gone."""
        self.out = _nowhere(self.out)

    def document(self, value: Any) -> None:
        """One document of the chosen form: YAML when that was asked for, else JSON."""
        value = self.redact.document(value)
        if self.form is Form.YAML:
            from deployer.cli.render.yaml_text import yaml_text

            self.write(yaml_text([value], unicode=self.marks.unicode))
        else:
            self.write(json.dumps(value, indent=2, ensure_ascii=not self.marks.unicode) + "\n")

    def event(self, value: Any) -> None:
        """One line of JSON on stdout.

        Raises:
            OutputClosed: Nobody reads it any more.
        """
        self.write(json.dumps(self.redact.document(value), ensure_ascii=not self.marks.unicode) + "\n")

    @property
    def documents(self) -> bool:
        """Whether the data is one document instead of text."""
        return self.form in (Form.JSON, Form.YAML)

    def tell(self, lines: Iterable[str]) -> None:
        """Lines that `quiet` leaves out."""
        if not self.quiet:
            self.say(*lines)

    def _encodable(self, stream: TextIO, text: str) -> str:
        encoding = stream.encoding or "utf-8"
        return text.encode(encoding, "backslashreplace").decode(encoding)


def _encodes(stream: TextIO, text: str) -> bool:
    try:
        text.encode(stream.encoding or "utf-8")
    except (UnicodeEncodeError, LookupError, AttributeError):
        return False
    return True


def _is_terminal(stream: TextIO | None) -> bool:
    try:
        return stream is not None and stream.isatty()
    except ValueError:  # closed
        return False


def _null() -> TextIO:
    return open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123 - lives as long as the process


def _nowhere(stream: TextIO) -> TextIO:
    """Let the interpreter's own flush at its end not fail once more on the same pipe."""
    null = _null()
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is stream:
            setattr(sys, name, null)
            with suppress(OSError, ValueError):
                os.dup2(null.fileno(), stream.fileno())
    return null
