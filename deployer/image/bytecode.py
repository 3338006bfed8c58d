"""Bytecode for an image's sources, by an interpreter of exactly the image's minor version on this machine.

Equal sources give equal bytes (see `deployer.image.compiling`), for one version of the interpreter: which one it is,
is part of an image's recipe. Without bytecode an image starts slower, since its root cannot be written.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import IO

from deployer.environment.interpreter import Interpreter, find_python, inspect_python
from deployer.errors import BuildError

__all__ = ["NO_BYTECODE", "Compiler", "available_bytecode", "cached_name", "cores", "interpreter_for"]

NO_BYTECODE = "none"
_KIND = "cpython-"
_BATCH = 64
_BATCH_BYTES = 1 << 20

_START = "import sys; sys.path.remove(''); exec(compile(sys.argv[1], 'compiling', 'exec'))"
"""Not ``-I``, which would leave PYTHONHASHSEED unread: Python 3.10 writes frozen sets in the order of their hashes."""


def available_bytecode(minor: str) -> str:
    """What a recipe can say here: ``cpython-3.11.7``, or ``none`` where no such interpreter can be had."""
    try:
        found = inspect_python(find_python(minor))
    except BuildError:
        return NO_BYTECODE
    return f"{_KIND}{found.version}" if found else NO_BYTECODE


def interpreter_for(bytecode: str) -> Interpreter:
    """The interpreter that a recipe names.

    Raises:
        BuildError: This machine has another version of that minor, or none.
    """
    wanted = bytecode.removeprefix(_KIND)
    minor = ".".join(wanted.split(".")[:2])
    found = inspect_python(find_python(minor))
    if found is None or found.version != wanted:
        have = f"here is {found.version}" if found else "there is none here"
        raise BuildError(
            f"the image's bytecode is made by Python {wanted}, and {have}",
            where="bytecode",
            hint=f"install it (uv python install {wanted}), or make the lock anew on this machine",
        )
    return found


def cached_name(path: str, minor: str) -> str:
    """Where the bytecode of a source lies (PEP 3147)."""
    folder, _, name = path.rpartition("/")
    return f"{folder}/__pycache__/{name.removesuffix('.py')}.cpython-{minor.replace('.', '')}.pyc"


def cores() -> int:
    """Processors that this process may use."""
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class Compiler:
    """Interpreters that compile, started when they are needed, one for each processor, whoever asks.

    They end when the pipe to them does, so that none outlives us, however we end.

    Args:
        python: A program; it runs without site-packages, user settings or the caller's environment.
        at_once: Interpreters, at most.

    Attributes:
        started: All of them so far.
    """

    def __init__(self, python: Path, at_once: int | None = None) -> None:
        self._python = python
        self._at_once = at_once or cores()
        self._pool = ThreadPoolExecutor(self._at_once, "compile")
        self._lock = threading.Lock()
        self._idle: list[subprocess.Popen[bytes]] = []
        self.started: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Compiler:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown(wait=error is None, cancel_futures=True)
        if error is not None:
            for process in list(self.started):
                process.kill()
            self._pool.shutdown(wait=True)  # a batch that one of them had ends with it
        for process in self.started:
            if error is not None:
                process.kill()  # one that was started meanwhile
            for pipe in (process.stdin, process.stdout):
                if pipe:
                    pipe.close()
            process.wait()

    def compile(self, sources: Iterable[tuple[str, bytes]]) -> Iterator[bytes | None]:
        """The bytecode of each source, in order; None for what does not compile.

        While the interpreters work, further sources are taken: a few batches more than there are interpreters.

        Args:
            sources: Absolute path in the image, and content.

        Raises:
            BuildError: An interpreter ended.
        """
        asked: deque[Future[list[bytes | None]]] = deque()
        try:
            for batch in _batches(sources):
                asked.append(self._pool.submit(self._asked, batch))
                if len(asked) > self._at_once:
                    yield from asked.popleft().result()
            while asked:
                yield from asked.popleft().result()
        finally:
            for each in asked:
                each.cancel()

    def _asked(self, batch: Sequence[tuple[str, bytes]]) -> list[bytes | None]:
        with self._lock:
            process = self._idle.pop() if self._idle else self._started()
        try:
            to, back = process.stdin, process.stdout
            if to is None or back is None:  # never: both are pipes
                raise EOFError
            to.write(b"".join(_framed(batch)))
            to.flush()
            answers = [_answer(back) for _ in batch]
        except (OSError, EOFError):
            raise BuildError(
                f"the interpreter that compiles ended with {process.wait()}", where=str(self._python), hint="try again"
            ) from None
        with self._lock:
            self._idle.append(process)
        return answers

    def _started(self) -> subprocess.Popen[bytes]:
        text = (Path(__file__).parent / "compiling.py").read_text("utf-8")
        kept = {name: os.environ[name] for name in ("SYSTEMROOT",) if name in os.environ}
        try:
            process = subprocess.Popen(
                [str(self._python), "-s", "-S", "-B", "-c", _START, text],
                env=kept | {"PYTHONHASHSEED": "0"},
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            )  # fmt: skip
        except OSError as error:
            raise BuildError(f"the interpreter cannot be started: {error.strerror}", where=str(self._python)) from None
        self.started.append(process)
        return process


def _batches(sources: Iterable[tuple[str, bytes]]) -> Iterator[list[tuple[str, bytes]]]:
    batch: list[tuple[str, bytes]] = []
    size = 0
    for source in sources:
        batch.append(source)
        size += len(source[1])
        if len(batch) >= _BATCH or size >= _BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _framed(batch: Sequence[tuple[str, bytes]]) -> Iterator[bytes]:
    yield len(batch).to_bytes(4, "big")
    for filename, source in batch:
        for part in (filename.encode(), source):
            yield len(part).to_bytes(4, "big")
            yield part


def _answer(stream: IO[bytes]) -> bytes | None:
    head = stream.read(4)
    if len(head) < 4:
        raise EOFError
    return stream.read(int.from_bytes(head, "big")) or None
