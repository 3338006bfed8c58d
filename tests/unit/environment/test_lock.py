"""The lock as a value and as text."""

from __future__ import annotations

import pytest

from deployer.environment import Lock, LockedSource, LockedWheel
from deployer.errors import SpecError
from deployer.plan.changes import locked_versions

A, B = "a" * 64, "b" * 64
NUMPY = LockedWheel("numpy", "2.3.1", "numpy-2.3.1-cp311-cp311-manylinux_2_28_x86_64.whl", A, 16_900_000)
FILE = "own-1.0+local.1-py3-none-any.whl"
OWN = LockedWheel("own", "1.0+local.1", FILE, B, path=f"wheels/{FILE}")
LOCK = Lock("3.11", "x86_64-manylinux_2_28", (OWN, NUMPY))


def test_the_text() -> None:
    assert LOCK.text == (
        "# environment lock 1: python 3.11, x86_64-manylinux_2_28\n"
        f"numpy==2.3.1 --hash=sha256:{A}  # numpy-2.3.1-cp311-cp311-manylinux_2_28_x86_64.whl 16900000\n"
        f"own==1.0+local.1 --hash=sha256:{B}  # ./wheels/own-1.0+local.1-py3-none-any.whl\n"
    )
    assert Lock.parse(LOCK.text) == LOCK
    assert Lock.parse(Lock("3.13", "aarch64-apple-darwin", ()).text).wheels == ()


def test_what_a_wheel_was_built_from() -> None:
    source = LockedSource("own-1.0.tar.gz", "c" * 64, (LockedWheel("hatchling", "1.27", "h-1.27.whl", "d" * 64, 5),))
    built = LockedWheel("own", "1.0", "own-1.0-py3-none-any.whl", B, 9, source=source)
    lock = Lock("3.11", "x86_64-manylinux_2_28", (built, NUMPY))
    assert lock.text.splitlines()[2:] == [
        f"own==1.0 --hash=sha256:{B}  # own-1.0-py3-none-any.whl 9",
        f"#   from own-1.0.tar.gz --hash=sha256:{'c' * 64}",
        f"#   with hatchling==1.27 --hash=sha256:{'d' * 64}  # h-1.27.whl 5",
    ]
    assert Lock.parse(lock.text) == lock
    assert locked_versions(lock.text) == {"numpy": "2.3.1", "own": "1.0"}
    plain = LockedWheel("own", "1.0", "own-1.0-py3-none-any.whl", B, 9)
    assert Lock(lock.python, lock.platform, (plain, NUMPY)).digest == lock.digest  # it is about content


def test_the_digest_is_of_content_python_and_platform() -> None:
    same = Lock("3.11", "x86_64-manylinux_2_28", (NUMPY, OWN))
    assert same.digest == LOCK.digest
    without_size = LockedWheel(NUMPY.name, NUMPY.version, NUMPY.filename, NUMPY.sha256)
    assert Lock("3.11", "x86_64-manylinux_2_28", (without_size, OWN)).digest == LOCK.digest
    others = [
        Lock("3.12", LOCK.platform, LOCK.wheels),
        Lock("3.11", "linux", LOCK.wheels),
        Lock("3.11", LOCK.platform, (NUMPY,)),
        Lock("3.11", LOCK.platform, (NUMPY, LockedWheel(OWN.name, OWN.version, OWN.filename, A))),
    ]
    assert len({LOCK.digest, *(other.digest for other in others)}) == 5
    assert LOCK.version_of("numpy") == "2.3.1"
    assert LOCK.version_of("pandas") is None


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("", "lock"),
        ("numpy==1\n", "lock"),
        (LOCK.text + "pandas==1.0\n", "lock:4"),
        (LOCK.text.replace(A, A[1:]), "lock:2"),
        (LOCK.text + f"x==1 --hash=sha256:{A}  # https://me:pw@e.example/x-1-py3-none-any.whl\nx\n", "lock"),
        (LOCK.text.replace("\n", f"\n#   from x.tar.gz --hash=sha256:{A}\n", 1), "lock:2"),
        (LOCK.text + "#   with numpy==1.0\n", "lock:4"),
        (LOCK.text + "# a remark\n", "lock:4"),
        (LOCK.text + f"--index-url=x==1 --hash=sha256:{A}  # x.whl\n", "lock:4"),
    ],
)
def test_what_is_no_lock_is_refused_with_its_line(text: str, where: str) -> None:
    with pytest.raises(SpecError) as caught:
        Lock.parse(text, where="lock")
    assert str(caught.value.where).startswith(where)
