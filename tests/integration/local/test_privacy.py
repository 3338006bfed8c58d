"""What others can read: modes, the environment of a worker, secrets."""

from __future__ import annotations

import json
import os
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

from deployer.endpoint import Traffic
from deployer.target import Target
from deployer.testing.writer import Writer
from deployer_local.target import LocalTarget
from tests.integration.local.place import LocalPlace, eventually, serves

if TYPE_CHECKING:
    import pytest

NAME = "iris"


def _url(target: Target) -> str:
    seen = target.observe(NAME)
    assert seen is not None
    assert seen.url is not None
    return seen.url


def test_modes_are_for_the_owner_alone(place: LocalPlace, target: Target) -> None:
    before = os.umask(0o000)
    try:
        place.serving(target, NAME)
    finally:
        os.umask(before)
    ours = [path for path in place.root.rglob("*") if not path.is_symlink() and not _delivered(path, place)]
    assert ours
    wrong = {
        str(path.relative_to(place.root)): oct(path.stat().st_mode & 0o777)
        for path in (place.root, *ours)
        if path.stat().st_mode & 0o077
    }
    assert wrong == {}


def _delivered(path: Path, place: LocalPlace) -> bool:
    parts = path.relative_to(place.root).parts
    return len(parts) > 3 and parts[2] in ("models", "environments", "runtimes")


def test_a_worker_sees_an_allow_list_and_what_the_spec_gives(
    place: LocalPlace, target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "leak")
    monkeypatch.setenv("PYTHONPATH", "/leak")
    monkeypatch.setenv("LC_TIME", "C")
    place.serving(target, NAME, env={"LOG_LEVEL": "debug"})
    url = _url(target)
    found = json.load(urllib.request.urlopen(f"{url}/environment", timeout=10))
    assert found["LOG_LEVEL"] == "debug"
    assert found["LC_TIME"] == "C"
    assert found["HOME"] == os.environ["HOME"]
    assert "leak" not in str(found)
    fixed = {"LOG_LEVEL", "PYTHONDONTWRITEBYTECODE", "PYTHONNOUSERSITE", "PYTHONUNBUFFERED", "LC_CTYPE", "LC_TIME"}
    assert set(found) - fixed <= {"PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "TZ", "TMPDIR",
                                  "SSL_CERT_FILE", "SSL_CERT_DIR", "LC_ALL"}  # fmt: skip


def test_secrets_reach_the_worker_by_files_and_go_with_it(place: LocalPlace, target: Target) -> None:
    assert isinstance(target, LocalTarget)
    spec = place.spec(NAME, secrets={"TOKEN": {"env": "TOKEN"}})
    release = place.release(secrets={"TOKEN": 2})
    writer = Writer(target, NAME).begin(spec)
    target.keep_secrets(NAME, {("TOKEN", 1): "old", ("TOKEN", 2): "s3cret-ä"}, writer.claim)
    writer.configure(spec)
    place.deliver(target, spec, release)
    writer.stage(spec, release)
    place.await_phase(target, NAME, release.revision)
    writer.route(Traffic.all_to(release.revision))
    eventually(lambda: serves(target, NAME, release.revision), "it serves")
    url = _url(target)
    assert json.load(urllib.request.urlopen(f"{url}/secrets", timeout=10)) == {"TOKEN": "s3cret-ä"}
    for pid, line in place.processes():
        assert "s3cret" not in line
        assert b"s3cret" not in Path(f"/proc/{pid}/environ").read_bytes()
    for path in place.folder(NAME).rglob("*"):
        if path.is_file() and path.parent.parent.name != "secrets" and path.parent.name != "secrets":
            assert b"s3cret" not in path.read_bytes(), path
