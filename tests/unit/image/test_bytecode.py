"""Bytecode: the same for the same source, whatever the process did before; used without looking at the source."""

from __future__ import annotations

import importlib.util
import itertools
import marshal
import os
import random
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import pytest

from deployer.environment import find_python
from deployer.errors import BuildError
from deployer.image import compiling
from deployer.image.bytecode import Compiler, available_bytecode, cached_name, interpreter_for

MINOR = f"{sys.version_info[0]}.{sys.version_info[1]}"
NAMES = [f"zz_name_{number}" for number in range(40)]


def source(number: int) -> bytes:
    """A module with names, constants, nested code, sets and non-names that others have too."""
    name, other = NAMES[number % 40], NAMES[(number * 7 + 1) % 40]
    return textwrap.dedent(f"""
        '''Module {number}.'''
        import {name}.{other} as alias

        class {name}:
            '''Of module {number}.'''
            {other}: int = 1

            def method(self, {other}, *, keyword=("a b", 3.5, ("nested", {number}))):
                values = [each for each in self.{name} if each in {{"x", "y z", 5, {number}, b"bytes"}}]
                return lambda: (values, {other}, 10 ** 20, "{name}", "not a name!", f"{{values}}{{keyword!r}}")

        async def run(): return await {name}.method(...)
    """).encode()


SOURCES = [(f"/opt/x/m{number}.py", source(number)) for number in range(120)]


def compiled(order: list[int]) -> dict[int, bytes | None]:
    with Compiler(find_python(MINOR)) as compiler:
        return dict(zip(order, compiler.compile(SOURCES[number] for number in order), strict=True))


def test_order_and_process_do_not_count() -> None:
    straight = list(range(len(SOURCES)))
    shuffled = list(straight)
    random.Random(1).shuffle(shuffled)
    assert compiled(straight) == compiled(shuffled)
    alone = compiled([77])
    assert alone[77] == compiled(straight)[77]


def test_several_interpreters_at_once_change_nothing() -> None:
    sources = SOURCES * 4  # several batches
    with Compiler(find_python(MINOR), at_once=3) as compiler:
        found = list(compiler.compile(iter(sources)))
    assert found == list(compiled(list(range(len(SOURCES)))).values()) * 4


def test_an_error_ends_the_interpreters_in_the_middle_of_their_work() -> None:
    endless = ((f"/m{number}.py", b"x = 1\n" * 20_000) for number in itertools.count())
    compiler = Compiler(find_python(MINOR), at_once=2)

    def interrupted() -> None:
        with compiler:
            next(compiler.compile(endless))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert compiler.started
    assert all(process.poll() is not None for process in compiler.started)
    assert not [each for each in threading.enumerate() if each.name.startswith("compile")]


def test_names_that_others_hold_do_not_count() -> None:
    code = ("import sys; sys.path.insert(0, sys.argv[1]); import compiling, hashlib\n"
            "held = [sys.intern(f'zz_name_{number}') for number in range(int(sys.argv[2]))]\n"
            "found = compiling.compiled(open(sys.argv[3], 'rb').read(), '/m.py')\n"
            "print(hashlib.sha256(found).hexdigest())")  # fmt: skip
    folder = str(Path(compiling.__file__).parent)
    # The module's folder has names of the standard library's; what needs them is imported by then.
    found = {
        subprocess.run(
            [sys.executable, "-S", "-c", code, folder, count, __file__],
            env={**os.environ, "PYTHONHASHSEED": "0"}, capture_output=True, text=True, check=True,
        ).stdout
        for count in ("0", "40")
    }  # fmt: skip
    assert len(found) == 1


def test_the_form_is_unchecked_hash() -> None:
    found = compiling.compiled(b"x = 1\n", "/opt/x.py")
    assert found is not None
    assert found[:4] == importlib.util.MAGIC_NUMBER
    assert found[4:8] == b"\1\0\0\0"
    assert found[8:16] == importlib.util.source_hash(b"x = 1\n")
    assert marshal.loads(found[16:]).co_filename == "/opt/x.py"


def test_what_does_not_compile_is_left_out() -> None:
    bad = [b"def", b"\0", b"# coding: nonsense\n", b"\xff", b"(" * 10_000, b"print 'x'"]
    sources = [("/x.py", text) for text in (b"x = 1", *bad, b"y = 1", b"")]
    with Compiler(find_python(MINOR)) as compiler:
        found = list(compiler.compile(sources))
    assert [content is None for content in found] == [False, *[True] * len(bad), False, False]


def test_an_interpreter_that_ends_is_an_error_with_its_path(tmp_path: Path) -> None:
    program = tmp_path / "python"
    program.write_text("#!/bin/sh\nexit 3\n")
    program.chmod(0o755)
    with pytest.raises(BuildError, match="ended with 3") as caught, Compiler(program) as compiler:
        list(compiler.compile([("/x.py", b"x" * 1_000_000)]))
    assert caught.value.where == str(program)
    with pytest.raises(BuildError, match="cannot be started"), Compiler(tmp_path / "none") as compiler:
        list(compiler.compile([("/x.py", b"")]))


def test_nothing_of_the_caller_reaches_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "warnings.py").write_text("raise SystemExit(9)")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("PYTHONOPTIMIZE", "2")
    with Compiler(find_python(MINOR)) as compiler:
        found = list(compiler.compile([("/x.py", b"'''Text.'''\nassert x")]))
    assert found == [compiling.compiled(b"'''Text.'''\nassert x", "/x.py")]


def test_what_a_recipe_can_say(monkeypatch: pytest.MonkeyPatch) -> None:
    here = available_bytecode(MINOR)
    assert here == f"cpython-{'.'.join(map(str, sys.version_info[:3]))}"
    assert interpreter_for(here).version == here.removeprefix("cpython-")
    with pytest.raises(BuildError) as caught:
        interpreter_for(f"cpython-{MINOR}.99")
    assert caught.value.hint
    assert f"uv python install {MINOR}.99" in caught.value.hint

    def missing(minor: str) -> Path:
        raise BuildError("none")

    monkeypatch.setattr("deployer.image.bytecode.find_python", missing)
    assert available_bytecode("3.9") == "none"


def test_where_it_lies() -> None:
    assert cached_name("a/b/c.py", "3.11") == "a/b/__pycache__/c.cpython-311.pyc"
    assert cached_name("a/b/c.py", "3.9") == "a/b/__pycache__/c.cpython-39.pyc"
