from __future__ import annotations

import hashlib
import hmac
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest

import deployer.serving.keys as module
from deployer.serving.keys import Key, KeyFile, parse_keys, take_keys
from deployer.serving.log import Log


def line(key: str, name: str = "") -> str:
    return f"{name} sha256:{hashlib.sha256(key.encode()).hexdigest()}\n"


class Told:
    """A log that remembers what it is told."""

    def __init__(self) -> None:
        self.events: list[tuple[str, str, dict[str, Any]]] = []

    def event(self, event: str, level: str = "info", **fields: Any) -> None:
        self.events.append((event, level, fields))

    @property
    def names(self) -> list[str]:
        return [event for event, _, _ in self.events]


class Clock:
    """Far from the files' own times, so that what was read counts as settled."""

    def __init__(self) -> None:
        self.now = 4_000_000_000.0

    def __call__(self) -> float:
        return self.now


Opened = Callable[[], KeyFile]


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "keys"


@pytest.fixture
def opened(file: Path, told: Told, clock: Clock) -> Opened:
    return lambda: KeyFile(str(file), cast("Log", told), clock)


def replace(file: Path, text: str) -> None:
    """As a target writes it: a new file, renamed over the old one."""
    new = file.with_name("new")
    new.write_text(text)
    new.replace(file)


def test_lines() -> None:
    digest = hashlib.sha256(b"k").hexdigest()
    text = f"# keys\r\n\r\nalice  sha256:{digest.upper()}  # until May\r\n\tsha256:{digest}\nalice sha256:{digest}"
    assert parse_keys(text.encode()) == tuple(Key(n, bytes.fromhex(digest)) for n in ("alice", "key-2", "alice"))
    assert parse_keys(b"# nobody\n") == parse_keys(b"") == ()


@pytest.mark.parametrize(
    "bad",
    [
        b"hunter2-in-the-clear",
        b"alice hunter2-in-the-clear",
        b"sha256:" + b"a" * 63,
        b"sha256:" + b"g" * 64,
        b"md5:" + b"a" * 32,
        b"a" * 64,
        b"two names sha256:" + b"a" * 64,
        b"sha256:" + b"a" * 64 + b" sha256:" + b"b" * 64,
        b"\xff sha256:" + b"a" * 64,
        b"n" * 65 + b" sha256:" + b"a" * 64,
        b"\0",
    ],
)
def test_a_line_that_is_not_understood_is_named_by_its_number_only(bad: bytes) -> None:
    with pytest.raises(ValueError, match=r"^line 2 is not \[NAME\] sha256:DIGEST, with 64 hexadecimal digits$"):
        parse_keys(b"# first\n" + bad + b"\n")


def test_the_digest_of_an_empty_key_is_refused() -> None:
    """What a variable that was not set hashes to."""
    with pytest.raises(ValueError, match="line 2 is the digest of an empty key"):
        parse_keys((line("k") + line("")).encode())


def test_too_many_keys() -> None:
    with pytest.raises(ValueError, match="1001 keys"):
        parse_keys(line("k").encode() * 1001)


@pytest.mark.parametrize(
    ("headers", "keys"),
    [
        ([(b"x-api-key", b"k")], (b"k",)),
        ([(b"authorization", b"Bearer k")], (b"k",)),
        ([(b"authorization", b"bEARER  k ")], (b"k",)),
        ([(b"authorization", b"Basic a2V5")], ()),
        ([(b"authorization", b"Bearer")], (b"",)),
        ([(b"authorization", b"Basic a2V5"), (b"x-api-key", b"k")], (b"k",)),
        ([(b"authorization", b"Bearer b"), (b"x-api-key", b"a")], (b"b", b"a")),
        ([(b"x-api-key", b"a")] * 3, ()),
        ([(b"x-api-key", b"a" * 513)], ()),
        ([(b"cookie", b"k")], ()),
    ],
)
def test_what_a_request_presents(headers: list[tuple[bytes, bytes]], keys: tuple[bytes, ...]) -> None:
    others = [(b"host", b"x"), (b"x-api-keys", b"y")]
    presented, left = take_keys([*others[:1], *headers, *others[1:]])
    assert presented == keys
    assert [one for one in left if one[0] != b"cookie"] == others


def test_whose_key_it_is(file: Path, opened: Opened, told: Told) -> None:
    file.write_text(line("first", "alice") + line("zweiter-\u00fc") + line("third", "ops"))
    keys = opened()
    assert keys.owner([b"first"]) == "alice"
    assert keys.owner(["zweiter-\u00fc".encode()]) == "key-2"
    assert keys.owner([b"wrong", b"third"]) == "ops"
    for presented in ([], [b""], [b"First"], [b"first "], [hashlib.sha256(b"first").hexdigest().encode()]):
        assert keys.owner(presented) is None
    assert told.events == [("api-keys", "info", {"count": 3, "names": ["alice", "key-2", "ops"]})]


def test_every_digest_is_compared_whichever_key_it_is(
    file: Path, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared: list[tuple[bytes, bytes]] = []

    def compare(one: bytes, other: bytes) -> bool:
        compared.append((one, other))
        return one == other

    file.write_text("".join(line(f"k{number}") for number in range(5)))
    keys = opened()
    monkeypatch.setattr(hmac, "compare_digest", compare)
    for presented in (b"k0", b"k4", b"none"):
        compared.clear()
        keys.owner([presented])
        assert len(compared) == 5


def test_keys_change_without_a_restart(file: Path, opened: Opened, told: Told) -> None:
    file.write_text(line("old", "a"))
    keys = opened()
    replace(file, line("old", "a") + line("new", "a"))
    assert keys.owner([b"new"]) == keys.owner([b"old"]) == "a"
    replace(file, line("new", "a"))
    assert (keys.owner([b"old"]), keys.owner([b"new"])) == (None, "a")
    file.write_text(line("two", "b"))  # in place, of the same size
    assert (keys.owner([b"new"]), keys.owner([b"two"])) == (None, "b")
    assert told.names == ["api-keys"] * 4


def test_links_are_followed_as_kubernetes_swaps_them(tmp_path: Path, file: Path, opened: Opened) -> None:
    for name, key in (("..1", "old"), ("..2", "new")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "keys").write_text(line(key, "a"))
    (tmp_path / "..data").symlink_to("..1")
    file.symlink_to("..data/keys")
    keys = opened()
    (tmp_path / "..tmp").symlink_to("..2")
    (tmp_path / "..tmp").replace(tmp_path / "..data")
    assert (keys.owner([b"old"]), keys.owner([b"new"])) == (None, "a")


def test_a_file_that_changed_just_now_is_read_again(
    file: Path, opened: Opened, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two writes within the grain of the file system's clock leave the same times and size."""
    reads: list[bytes] = []

    def parse(text: bytes) -> tuple[Key, ...]:
        reads.append(text)
        return parse_keys(text)

    monkeypatch.setattr(module, "parse_keys", parse)
    file.write_text(line("old", "a"))
    clock.now = file.stat().st_mtime + 0.5
    keys = opened()
    before = file.stat()
    file.write_text(line("new", "a"))
    monkeypatch.setattr(module, "_stamp", lambda _found: (before.st_ino,))
    assert keys.owner([b"new"]) == "a"
    clock.now = 4_000_000_000.0
    assert keys.owner([b"new"]) == "a"
    count = len(reads)
    assert keys.owner([b"new"]) == "a"
    assert len(reads) == count, "a settled file is only looked at"


def faults() -> list[tuple[Callable[[Path], object], str]]:
    def pipe(file: Path) -> None:
        file.unlink()
        if sys.platform != "win32":
            os.mkfifo(file)

    def folder(file: Path) -> None:
        file.unlink()
        file.mkdir()

    return [
        (lambda file: file.unlink(), "No such file"),
        (lambda file: file.write_text("hunter2\n"), "line 1"),
        (lambda file: file.write_text(line("first", "a") + "b sha256:12"), "line 2"),
        (lambda file: file.write_bytes(b"\xff\xfe\0"), "line 1"),
        (lambda file: file.write_bytes(b"#" * (1 << 20) + b"#"), "larger than"),
        (pipe, "not a regular file"),
        (folder, "not a regular file"),
    ]


@pytest.mark.parametrize("fault", faults(), ids=["missing", "garbage", "half", "binary", "huge", "pipe", "folder"])
def test_a_file_that_breaks_leaves_the_keys_that_were(
    file: Path, opened: Opened, told: Told, clock: Clock, fault: tuple[Callable[[Path], object], str]
) -> None:
    file.write_text(line("first", "a"))
    keys = opened()
    break_it, why = fault
    break_it(file)
    for _ in range(3):
        assert (keys.owner([b"first"]), keys.owner([b"hunter2"]), keys.owner([])) == ("a", None, None)
    (event, level, fields) = told.events[-1]
    assert (event, level, fields["kept"]) == ("api-keys-unusable", "error", 1)
    assert why in fields["error"]
    assert "hunter2" not in str(told.events)
    assert told.names.count("api-keys-unusable") == 1
    clock.now += 61
    keys.owner([])
    assert told.names.count("api-keys-unusable") == 2, "it is said again each minute"
    if file.is_dir():
        file.rmdir()
    replace(file, line("first", "a"))
    assert keys.owner([b"first"]) == "a"
    assert told.names[-1] == "api-keys", "it is told that the file is well again"


@pytest.mark.parametrize("call", ["open", "stat"])
def test_a_failure_that_passes_leaves_no_trace(
    file: Path, opened: Opened, told: Told, call: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when the process has no descriptor left at the moment when the file changes."""
    file.write_text(line("old", "a"))
    keys = opened()
    replace(file, line("new", "a"))

    def fail(*_: object, **__: object) -> None:
        raise OSError(24, "Too many open files")

    with monkeypatch.context() as failing:
        failing.setattr(os, call, fail)
        assert (keys.owner([b"old"]), keys.owner([b"new"])) == ("a", None)
    assert told.names[-1] == "api-keys-unusable"
    assert (keys.owner([b"old"]), keys.owner([b"new"])) == (None, "a")
    assert told.names[-1] == "api-keys"


@pytest.mark.parametrize("text", ["", "\n", "# nobody any more\n"])
def test_a_file_without_a_key_lets_nobody_in(file: Path, opened: Opened, told: Told, text: str) -> None:
    file.write_text(line("first", "a"))
    keys = opened()
    replace(file, text)
    assert keys.owner([b"first"]) is keys.owner([b""]) is keys.owner([]) is None
    assert told.events[-1] == ("api-keys", "warning", {"count": 0, "names": []})


@pytest.mark.parametrize("text", ["", "# nobody\n", "hunter2\n"])
def test_a_server_does_not_start_without_usable_keys(file: Path, opened: Opened, text: str) -> None:
    file.write_text(text)
    with pytest.raises(ValueError, match=r"the API keys in .*keys are not usable") as raised:
        opened()
    assert "hunter2" not in str(raised.value)


def test_a_server_does_not_start_without_the_file(opened: Opened) -> None:
    with pytest.raises(FileNotFoundError, match="keys"):
        opened()
