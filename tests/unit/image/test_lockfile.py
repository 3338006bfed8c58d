"""The lock as a text: read back as it was written, refused with the line."""

from __future__ import annotations

from dataclasses import replace

import pytest

from deployer.environment import Lock, LockedWheel
from deployer.environment.lock import LockedSource
from deployer.errors import SpecError
from deployer.image.lockfile import lock_text, parse_lock
from tests.unit.image.recipes import BASE, LOCK, OWN, RECIPE, A, B, C

TEXT = lock_text(RECIPE)
TOOL = LockedWheel("setuptools", "80", "setuptools-80-py3-none-any.whl", A, 5)
BUILT = replace(OWN, name="built", path=None, source=LockedSource("built-1.0.tar.gz", B, (TOOL,)))


def test_the_text() -> None:
    assert (
        "# What an image is made of, exactly. `deployer build --lock` writes it, and `--locked` builds it.\n"
        "lock: 1\n"
        "base:\n"
        "  reference: python:3.11-slim\n"
        f"  manifest: sha256:{B}\n"
        f"  digest: sha256:{A}\n"
        "  platform: linux/amd64\n"
        "  python: /usr/local/bin/python3.11\n"
        '  python_version: "3.11"\n'
        '  glibc: "2.36"\n'
        f'runtime: "{B}"\n'
        f"model: {C}\n"
        "weights: embed\n"
        "bytecode: cpython-3.11.7\n"
        "wheel_platform: x86_64-manylinux_2_36\n"
        "wheels:\n"
        "  - name: numpy\n"
        '    version: "2.4.6"\n'
        "    file: numpy-2.4.6-cp311-cp311-manylinux_2_28_x86_64.whl\n"
        f"    sha256: {A}\n"
        "    size: 16900000\n"
        "  - name: own\n"
        '    version: "1.0"\n'
        "    file: own-1.0-py3-none-any.whl\n"
        f'    sha256: "{B}"\n'
        "    path: wheels/own-1.0-py3-none-any.whl\n"
    ) == TEXT


@pytest.mark.parametrize(
    "recipe",
    [
        RECIPE,
        replace(RECIPE, base=replace(BASE, manifest=None, reference="localhost:5000/team/own@sha256:" + A)),
        replace(RECIPE, base=replace(BASE, reference='oci:/my "bases"/3.11: slim')),
        replace(RECIPE, environment=Lock("3.11", LOCK.platform, (BUILT,), "cpu")),
        replace(RECIPE, environment=Lock("3.11", LOCK.platform, ()), weights="mount", bytecode="none"),
        replace(RECIPE, environment=Lock("3.11", LOCK.platform, tuple(
            LockedWheel(name, version, f"{name}-{version}-py3-none-any.whl", "1e5" + "0" * 61, 0)
            for name, version in (("yes", "1e3"), ("null", "0x1"), ("on", "1_0+local.1"), ("3to2", "1!2"))
        ))),
    ],
)  # fmt: skip
def test_read_back(recipe: object) -> None:
    assert parse_lock(lock_text(recipe)) == recipe  # type: ignore[arg-type]


def test_the_form_in_an_image_has_contents_only() -> None:
    short = lock_text(RECIPE, portable=True)
    assert not {"reference", "manifest", "model", "size", "path"} & {
        line.split(":")[0].strip() for line in short.splitlines()
    }
    again = parse_lock(short, model=C)
    assert again.digest == RECIPE.digest
    assert lock_text(again, portable=True) == short
    with pytest.raises(SpecError, match="names no model"):
        parse_lock(short)


@pytest.mark.parametrize(
    ("was", "now", "where", "said"),
    [
        ("lock: 1", "lock: 2", "lock:2", "lock cannot be '2'"),
        ("weights: embed", "weights: some", "lock:13", "weights cannot be 'some'"),
        ("weights: embed\n", "", "lock", "weights is missing"),
        ("runtime:", "runtme:", "lock:11", "did you mean 'runtime'"),
        ("  glibc:", "  libc:", "lock:10", "unknown field 'libc'"),
        (f"    sha256: {A}", "    sha256: abc", "lock:20", "sha256 cannot be 'abc'"),
        (f"    sha256: {A}\n", "", "lock:17", "sha256 is missing"),
        ("wheels/own", "../../own", "lock:26", "leaves the model's folder"),
        ("name: own", "name: numpy", "lock:22", "locked twice"),
        ("file: own-1.0", "file: https://evil.example/own-1.0", "lock:24", "file cannot be"),
        ('version: "1.0"', "version: 1.0 --index-url=x", "lock:23", "version cannot be"),
        ("  python: /usr/local/bin/python3.11", "  python: ../python", "lock:8", "python cannot be"),
        ("wheels:", "wheels: {", "lock", "not YAML"),
        ("base:\n", "base:\n  - x\n", "lock", "not YAML"),
    ],
)
def test_what_is_refused(was: str, now: str, where: str, said: str) -> None:
    assert was in TEXT
    with pytest.raises(SpecError) as caught:
        parse_lock(TEXT.replace(was, now, 1))
    assert said in caught.value.message
    assert caught.value.where is not None
    assert caught.value.where == where or (caught.value.where.startswith(f"{where}:") and where == "lock")


@pytest.mark.parametrize("text", ["", "- 1\n", "lock: 1\n", "lock: 1\n---\nlock: 1\n", "lock: 1\nbase: 1\nwheels: 2\n"])
def test_no_lock_at_all(text: str) -> None:
    with pytest.raises(SpecError) as caught:
        parse_lock(text)
    assert caught.value.hint == "write it anew: deployer build MODEL --lock FILE"


def test_what_was_built_from_source_can_be_built_again_from_an_image() -> None:
    recipe = replace(RECIPE, environment=Lock("3.11", LOCK.platform, (BUILT,), "cpu"))
    again = parse_lock(lock_text(recipe, portable=True), model=C)
    assert again.digest == recipe.digest != replace(recipe, environment=Lock("3.11", LOCK.platform, (BUILT,))).digest
    source = again.environment.wheels[0].source
    assert source is not None
    assert source.built_with == (replace(TOOL, size=None),)
    for was, now, said in (("built_with:", "built:", "built_with"), ("sha256: a", "sha256: z", "sha256 cannot be")):
        with pytest.raises(SpecError, match=said):
            parse_lock(
                lock_text(recipe).replace(
                    f"      {was}" if "built" in was else was, f"      {now}" if "built" in now else now
                )
            )
