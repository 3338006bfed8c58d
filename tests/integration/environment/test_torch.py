"""PyTorch's own index is asked for PyTorch alone, and only where nothing but PyPI was named."""

from __future__ import annotations

import urllib.error
import urllib.request
from dataclasses import replace

import pytest

from deployer.environment import Lock, LockedWheel, PackageSources, Uv, build_environment, find_python, lock_environment
from deployer.environment.torch import TORCH_INDEX
from deployer.errors import BuildError
from tests.integration.environment.conftest import request_of
from tests.integration.environment.index import Index, wheel
from tests.integration.environment.watching import MINOR, Watched

LINUX = "x86_64-manylinux_2_28"


def test_the_back_end_goes_to_uv(watched: Watched) -> None:
    request = replace(request_of("torch", sources=PackageSources()), platform=LINUX)
    for gpu in (False, True):
        with pytest.raises(BuildError):  # there is no network
            lock_environment(replace(request, gpu=gpu), watched.uv)
        argv = watched.log.read_text().splitlines()
        assert ("--torch-backend" in argv) is not gpu
        watched.log.unlink()
    torch = LockedWheel("torch", "2.6.0+cpu", "torch-2.6.0+cpu-cp311-cp311-linux_x86_64.whl", "a" * 64)
    with pytest.raises(BuildError):
        build_environment(
            Lock(MINOR, LINUX, (torch,), "cpu"), find_python(MINOR), watched.folder / "made", cache=watched.cache
        )
    argv = watched.log.read_text().splitlines()
    assert argv[argv.index("--torch-backend") + 1] == "cpu"


def test_an_index_of_ones_own_is_asked_for_torch(index: Index, watched: Watched) -> None:
    index.add(wheel("torch", "2.6.0"), wheel("app", "1.0", requires=["torch"]))
    lock = watched.make(request_of("app", sources=PackageSources(index_url=index.url)))
    assert lock.torch is None
    assert lock.version_of("torch") == "2.6.0"
    assert "--torch-backend" not in watched.log.read_text()


@pytest.mark.index
def test_nothing_changes_without_torch(uv: Uv) -> None:
    request = replace(request_of("six", "packaging", sources=PackageSources()), platform=LINUX)
    plain, gpu = lock_environment(request, uv), lock_environment(replace(request, gpu=True), uv)
    assert plain == gpu
    assert plain.torch is None


@pytest.mark.index
def test_torch_without_cuda(uv: Uv) -> None:
    request = replace(request_of("torch==2.6.0", sources=PackageSources()), platform=LINUX, python="3.11")
    try:
        urllib.request.urlopen(f"{TORCH_INDEX}/cpu/torch/", timeout=20).close()
    except (urllib.error.URLError, OSError, RuntimeError):
        with pytest.raises(BuildError, match=r"PyTorch's own index.*download\.pytorch\.org") as caught:
            lock_environment(request, uv)
        assert "requirements.pin.torch" in str(caught.value.hint)
        return
    lock = lock_environment(request, uv)
    assert lock.torch == "cpu"
    assert lock.version_of("torch") == "2.6.0+cpu"
    assert not [found.name for found in lock.wheels if found.name.startswith("nvidia")]
