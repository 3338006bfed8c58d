"""The programs that a wheel brings along or asks for, as they lie in an image's environment.

Source: the specifications "Entry points" and "Binary distribution format" (packaging.python.org).
"""

from __future__ import annotations

import configparser
import re
from collections.abc import Iterator

from deployer.errors import BuildError
from deployer.image.places import PYTHON

__all__ = ["console_scripts", "with_interpreter"]

_OBJECT = re.compile(
    r"(?P<module>[A-Za-z_][\w]*(?:\.[A-Za-z_]\w*)*)\s*:\s*(?P<attribute>[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)\s*(?:\[.*\])?",
    re.ASCII,
)
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")


def console_scripts(entry_points: bytes, wheel: str) -> Iterator[tuple[str, bytes]]:
    """Name and content of each program that ``entry_points.txt`` asks for.

    Raises:
        BuildError: It is not an entry point, or its name is not one for a program.
    """
    parser = configparser.ConfigParser(delimiters=("=",), interpolation=None, strict=True)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    try:
        parser.read_string(entry_points.decode("utf-8"))
    except (UnicodeDecodeError, configparser.Error):
        raise _refused(wheel, "its entry_points.txt cannot be read") from None
    for group in ("console_scripts", "gui_scripts"):
        for name, value in parser.items(group) if parser.has_section(group) else ():
            found = _OBJECT.fullmatch(value.strip())
            if found is None or not _NAME.fullmatch(name):
                raise _refused(wheel, f"its entry point {f'{name} = {value}'[:80]!a} is none")
            yield name, _program(found["module"], found["attribute"])


def with_interpreter(script: bytes) -> bytes:
    """A script whose first line asks for Python (``#!python``), asking for the environment's."""
    line, separator, rest = script.partition(b"\n")
    if not line.startswith(b"#!python"):
        return script
    return b"#!" + PYTHON.encode() + separator + rest


def _program(module: str, attribute: str) -> bytes:
    function = attribute.partition(".")[0]
    return (
        f"#!{PYTHON}\nimport sys\n\nfrom {module} import {function}\n\n"
        f'if __name__ == "__main__":\n    sys.exit({attribute}())\n'
    ).encode()


def _refused(wheel: str, reason: str) -> BuildError:
    return BuildError(f"the wheel is refused: {reason}", where=wheel, hint="ask its maker, or name another version")
