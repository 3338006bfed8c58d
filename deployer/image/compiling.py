"""Runs under an image's interpreter, whichever minor that is: sources in, bytecode out, through pipes.

It imports nothing of deployer and is started from its text (``-c``), so that this folder is not on its path.

The same source gives the same bytes, whatever was compiled before. `marshal` marks a value for later reference only
when somebody else holds it too, and an interned name is held by whatever module happens to use the same one. So all
names and constants of a module are held here while it is written (CPython's issue 78274; Python/marshal.c, `w_ref`).
"""

from __future__ import annotations

import gc
import marshal
import sys
import warnings
from importlib.util import MAGIC_NUMBER, source_hash

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType
    from typing import Any, BinaryIO

_UNCHECKED_HASH = b"\1\0\0\0"
"""The file goes by its source's hash, which is not compared (PEP 552)."""

_TEXTS = ("co_name", "co_qualname", "co_filename")
_NAMES = ("co_names", "co_varnames", "co_freevars", "co_cellvars")


def compiled(source: bytes, filename: str) -> bytes | None:
    """The content of the .pyc file; None for what does not compile."""
    try:
        code = compile(source, filename, "exec", dont_inherit=True, optimize=0)
    except (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError):
        return None
    held = _names_and_constants(code)
    content = marshal.dumps(code)
    del held  # not before
    return MAGIC_NUMBER + _UNCHECKED_HASH + source_hash(source) + content


def _names_and_constants(code: CodeType) -> list[object]:
    """All that a module's code and the code within it name, and all constants, with what is in them."""
    held: list[object] = []
    waiting: list[Any] = [code]
    while waiting:
        value = waiting.pop()
        held.append(value)
        if isinstance(value, (tuple, frozenset)):
            waiting.extend(value)
        elif hasattr(value, "co_consts"):
            held.extend(getattr(value, name, None) for name in _TEXTS)
            for name in _NAMES:
                names = getattr(value, name)
                held.append(names)
                held.extend(names)
            waiting.append(value.co_consts)
    return held


def serve(requests: BinaryIO, answers: BinaryIO) -> None:
    """Answers batches until the pipe ends: each is a count, then file name and source of each.

    A length is four bytes, the highest first. The answer is the bytecode of each, empty for what does not compile.
    """
    while head := requests.read(4):
        batch = [(_read(requests).decode(), _read(requests)) for _ in range(int.from_bytes(head, "big"))]
        for filename, source in batch:
            answer = compiled(source, filename) or b""
            answers.write(len(answer).to_bytes(4, "big") + answer)
        answers.flush()


def _read(stream: BinaryIO) -> bytes:
    return stream.read(int.from_bytes(stream.read(4), "big"))


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    gc.disable()  # code holds no cycles to look for
    serve(sys.stdin.buffer, sys.stdout.buffer)
