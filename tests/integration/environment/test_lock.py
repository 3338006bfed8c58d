"""Locks made by the real uv against an index on loopback."""

from __future__ import annotations

import hashlib
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from deployer.environment import Lock, PackageSources, Uv, lock_environment
from deployer.errors import BuildError, SpecError
from tests.integration.environment.conftest import request_of
from tests.integration.environment.index import Index, serving, source, wheel

SETUP = "open({path!r}, 'w').close()\nfrom setuptools import setup\nsetup()\n"


def test_exact_wheels_with_their_content(index: Index, uv: Uv) -> None:
    index.add(wheel("top", "1.0", requires=["Low_Er>=1"]), wheel("low_er", "1.0"), wheel("low_er", "1.5"))
    lock = lock_environment(request_of("top==1.0", sources=PackageSources(index_url=index.url)), uv)
    assert [(found.name, found.version, found.filename) for found in lock.wheels] == [
        ("low-er", "1.5", "low_er-1.5-py3-none-any.whl"),
        ("top", "1.0", "top-1.0-py3-none-any.whl"),
    ]
    assert lock.wheels[0].sha256 == hashlib.sha256(index.files["low-er"][lock.wheels[0].filename]).hexdigest()
    assert Lock.parse(lock.text) == lock
    assert "127.0.0.1" not in lock.text


def test_the_best_wheel_for_the_platform(index: Index, uv: Uv) -> None:
    short = f"cp{sys.version_info[0]}{sys.version_info[1]}"
    tags = (
        f"{short}-{short}-manylinux_2_17_x86_64",
        f"{short}-{short}-manylinux_2_28_x86_64",
        f"{short}-{short}-manylinux_2_39_x86_64",
        f"{short}-{short}-macosx_11_0_arm64",
        f"{short}-{short}-win_amd64",
        "cp38-cp38-manylinux_2_17_x86_64",
        "py3-none-any",
    )
    index.add(*(wheel("native", "1.0", tag=tag) for tag in tags))
    request = request_of("native", sources=PackageSources(index_url=index.url))
    chosen = {}
    for platform in (
        "x86_64-manylinux_2_28",
        "aarch64-apple-darwin",
        "x86_64-pc-windows-msvc",
        "aarch64-manylinux2014",
    ):
        lock = lock_environment(replace(request, platform=platform), uv)
        chosen[platform] = lock.wheels[0].filename.removeprefix("native-1.0-").removesuffix(".whl")
    assert chosen == {
        "x86_64-manylinux_2_28": tags[1],
        "aarch64-apple-darwin": tags[3],
        "x86_64-pc-windows-msvc": tags[4],
        "aarch64-manylinux2014": tags[6],
    }


def test_the_first_index_that_has_a_name_wins(index: Index, other: Index, uv: Uv) -> None:
    index.add(wheel("private", "1.0"))
    other.add(wheel("private", "99.0"), wheel("public", "2.0"))
    sources = PackageSources(index_url=other.url, extra_index_urls=(index.url,))
    lock = lock_environment(request_of("private", "public", sources=sources), uv)
    assert [(found.name, found.version) for found in lock.wheels] == [("private", "1.0"), ("public", "2.0")]
    with pytest.raises(BuildError, match="private"):
        lock_environment(request_of("private>=2", sources=sources), uv)


def test_credentials_reach_the_index_and_nothing_else(uv: Uv) -> None:
    with serving(Index("hunter2")) as index:
        index.add(wheel("thing", "1.0"))
        sources = PackageSources(index_url=index.url_with_password)
        lock = lock_environment(request_of("thing", sources=sources), uv)
        assert "hunter2" not in lock.text + repr(lock) + repr(sources)
        for wrong in (index.url, index.url.replace("//", "//me:hunter3@")):
            with pytest.raises(BuildError) as caught:
                lock_environment(request_of("thing", sources=PackageSources(index_url=wrong)), uv)
            said = f"{caught.value} {caught.value.where} {caught.value.hint}"
            assert "hunter" not in said
            assert "credentials" in said


def test_a_source_is_refused_and_its_setup_is_never_run(index: Index, uv: Uv, tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    index.add(source("onlysource", "1.0", SETUP.format(path=str(trace))))
    with pytest.raises(BuildError, match="onlysource has no wheel") as caught:
        lock_environment(request_of("onlysource", sources=PackageSources(index_url=index.url)), uv)
    assert "requirements.build" in str(caught.value.hint)
    assert caught.value.where == "model/requirements.txt:1"
    index.add(wheel("top", "1.0", requires=["onlysource"]))
    with pytest.raises(BuildError, match="onlysource has no wheel"):
        lock_environment(request_of("top", sources=PackageSources(index_url=index.url)), uv)
    assert not trace.exists()
    assert "onlysource-1.0.tar.gz" not in index.downloads()


def test_a_source_beside_an_older_wheel_is_passed_over(index: Index, uv: Uv, tmp_path: Path) -> None:
    index.add(wheel("thing", "1.0"), source("thing", "2.0", SETUP.format(path=str(tmp_path / "trace"))))
    lock = lock_environment(request_of("thing", sources=PackageSources(index_url=index.url)), uv)
    assert lock.wheels[0].version == "1.0"
    assert not (tmp_path / "trace").exists()


def test_a_conflict_with_the_runtime_names_both(index: Index, uv: Uv) -> None:
    index.add(wheel("web", "1.0"), wheel("web", "2.0"), wheel("app", "1.0", requires=["web<2"]))
    sources = PackageSources(index_url=index.url)
    with pytest.raises(BuildError, match=r"model asks for web==1\.0, and the serving runtime needs web>=2") as caught:
        lock_environment(request_of("web==1.0", runtime=("web>=2",), sources=sources), uv)
    assert caught.value.where == "model/requirements.txt:1"
    with pytest.raises(BuildError, match=r"the model's packages bring web 1\.0, and the serving runtime needs web>=2"):
        lock_environment(request_of("app", runtime=("web>=2",), sources=sources), uv)
    with pytest.raises(BuildError, match=r"requirements.*\(app\).*cannot be met together.*web") as deep:
        lock_environment(request_of("web==2.0", runtime=("app",), sources=sources), uv)
    assert deep.value.hint


def test_the_models_pins_win_where_the_runtime_is_wide(index: Index, uv: Uv) -> None:
    index.add(wheel("web", "1.0"), wheel("web", "2.0"))
    lock = lock_environment(
        request_of("web==1.0", runtime=("web>=0.5",), sources=PackageSources(index_url=index.url)), uv
    )
    assert lock.version_of("web") == "1.0"


def test_a_model_that_contradicts_itself(index: Index, uv: Uv) -> None:
    index.add(wheel("web", "1.0"), wheel("app", "1.0", requires=["web<1"]))
    with pytest.raises(BuildError, match=r"the model's requirements cannot be met: .*web") as caught:
        lock_environment(
            request_of("web==1.0", "app", runtime=("web",), sources=PackageSources(index_url=index.url)), uv
        )
    assert "\n" not in str(caught.value)
    with pytest.raises(BuildError, match=r"requirements\.extra cannot be met"):
        lock_environment(request_of("app", extra=("web>1",), sources=PackageSources(index_url=index.url)), uv)


def test_a_name_that_no_index_has(index: Index, uv: Uv) -> None:
    with pytest.raises(BuildError, match="nosuchthing is not in the package index") as caught:
        lock_environment(request_of("nosuchthing", sources=PackageSources(index_url=index.url)), uv)
    assert caught.value.where == "model/requirements.txt:1"


def test_an_index_that_does_not_answer(uv: Uv) -> None:
    with pytest.raises(BuildError, match="the package index cannot be reached") as caught:
        lock_environment(request_of("x", sources=PackageSources(index_url="http://127.0.0.1:9/simple")), uv)
    assert "requirements.wheelhouse" in str(caught.value.hint)


def test_a_wheelhouse_needs_no_network(index: Index, uv: Uv, tmp_path: Path) -> None:
    house = tmp_path / "house"
    house.mkdir()
    for filename, content in (wheel("top", "1.0", requires=["low"]), wheel("low", "1.0")):
        (house / filename).write_bytes(content)
    index.add(wheel("low", "9.0"))
    sources = PackageSources(index_url=index.url, wheelhouse=house)
    lock = lock_environment(request_of("top", sources=sources), uv)
    assert [(found.name, found.version) for found in lock.wheels] == [("low", "1.0"), ("top", "1.0")]
    assert str(tmp_path) not in lock.text
    assert index.requests == []
    with pytest.raises(BuildError, match=r"nothere is not in requirements\.wheelhouse"):
        lock_environment(request_of("nothere", sources=sources), uv)
    assert index.requests == []


def test_wheels_inside_the_model_are_locked_by_content(index: Index, uv: Uv, tmp_path: Path) -> None:
    model = tmp_path / "model"
    (model / "wheels").mkdir(parents=True)
    filename, content = wheel("inner", "1.0", requires=["low"])
    (model / "wheels" / filename).write_bytes(content)
    index.add(wheel("low", "1.0"), wheel("inner", "1.0", body="# another one"))
    sources = PackageSources(index_url=index.url, model_root=model)
    lock = lock_environment(request_of(f"./wheels/{filename}", sources=sources), uv)
    inner = next(found for found in lock.wheels if found.name == "inner")
    assert inner.path == f"wheels/{filename}"
    assert inner.sha256 == hashlib.sha256(content).hexdigest()
    assert f"# ./wheels/{filename}" in lock.text
    assert Lock.parse(lock.text) == lock
    with pytest.raises(SpecError, match="the model has no file wheels/gone"):
        lock_environment(request_of("wheels/gone-1.0-py3-none-any.whl", sources=sources), uv)


def test_a_wheel_from_a_trusted_url(index: Index, uv: Uv) -> None:
    filename, content = wheel("far", "1.0")
    index.add((filename, content))
    url = f"http://127.0.0.1:{index.port}/files/far/{filename}"
    lock = lock_environment(request_of(f"far @ {url}", sources=PackageSources(index_url=index.url, trust=(url,))), uv)
    assert lock.wheels[0].sha256 == hashlib.sha256(content).hexdigest()
    assert "http" not in lock.text


def test_a_models_own_hash_is_kept_to(index: Index, uv: Uv) -> None:
    filename, content = wheel("thing", "1.0")
    index.add((filename, content))
    right = hashlib.sha256(content).hexdigest()
    sources = PackageSources(index_url=index.url)
    lock_environment(request_of(f"thing==1.0 --hash=sha256:{right}", sources=sources), uv)
    with pytest.raises(BuildError, match="not the content"):
        lock_environment(request_of(f"thing==1.0 --hash=sha256:{'0' * 64}", sources=sources), uv)


def test_an_index_without_hashes(uv: Uv) -> None:
    with serving(Index(hashes=False)) as index:
        filename, content = wheel("thing", "1.0")
        index.add((filename, content))
        lock = lock_environment(request_of("thing", sources=PackageSources(index_url=index.url)), uv)
    assert lock.wheels[0].sha256 == hashlib.sha256(content).hexdigest()


def test_nothing_of_the_callers_settings_reaches_uv(
    index: Index, other: Index, uv: Uv, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index.add(wheel("thing", "1.0"))
    other.add(wheel("thing", "9.0"))
    for name in ("UV_INDEX_URL", "UV_DEFAULT_INDEX", "UV_EXTRA_INDEX_URL", "UV_INDEX", "PIP_INDEX_URL"):
        monkeypatch.setenv(name, other.url)
    monkeypatch.setenv("UV_CONSTRAINT", str(tmp_path / "nothere"))
    monkeypatch.setenv("UV_OVERRIDE", str(tmp_path / "nothere"))
    (tmp_path / "uv.toml").write_text(f'index-url = "{other.url}"\n')
    monkeypatch.setenv("UV_CONFIG_FILE", str(tmp_path / "uv.toml"))
    monkeypatch.chdir(tmp_path)
    lock = lock_environment(request_of("thing", sources=PackageSources(index_url=index.url)), uv)
    assert lock.version_of("thing") == "1.0"
    assert other.requests == []
