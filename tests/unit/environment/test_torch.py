"""Which build of PyTorch is asked for, and from whom."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from deployer.environment import EnvironmentRequest, IndexPin, Lock, LockedWheel, PackageSources
from deployer.environment.torch import torch_arguments, torch_backend, torch_index, used_backend

LINUX = EnvironmentRequest("3.11", "x86_64-manylinux_2_28", ())
MIRROR = "https://mirror.example/simple"
TORCH = LockedWheel("torch", "2.6.0+cpu", "torch-2.6.0+cpu-cp311-cp311-linux_x86_64.whl", "a" * 64)
LOCK = Lock("3.11", LINUX.platform, (TORCH,), "cpu")


@pytest.mark.parametrize(
    ("platform", "gpu", "backend"),
    [
        ("x86_64-manylinux_2_28", False, "cpu"),
        ("x86_64-manylinux_2_28", True, None),  # PyPI's own brings CUDA
        ("aarch64-manylinux_2_28", False, "cpu"),
        ("aarch64-manylinux_2_28", True, "cu128"),
        ("aarch64-apple-darwin", False, None),
        ("x86_64-pc-windows-msvc", False, None),
    ],
)
def test_by_platform_and_gpu(platform: str, gpu: bool, backend: str | None) -> None:
    assert torch_backend(replace(LINUX, platform=platform, gpu=gpu)) == backend


@pytest.mark.parametrize(
    "sources",
    [
        PackageSources(index_url=MIRROR),
        PackageSources(extra_index_urls=(MIRROR,)),
        PackageSources(wheelhouse=Path("/wheels")),
        PackageSources(pins=(IndexPin("torch*", MIRROR),)),
    ],
)
def test_who_brings_an_index_is_not_sent_elsewhere(sources: PackageSources) -> None:
    assert torch_backend(replace(LINUX, sources=sources)) is None
    assert torch_arguments(LOCK, sources) == ()
    assert torch_index(LOCK, "torch", sources) is None


def test_a_lock_remembers_it_only_where_it_matters() -> None:
    assert used_backend(frozenset({"numpy"}), "cpu") is None
    assert used_backend(frozenset({"numpy", "torchvision"}), "cpu") == "cpu"
    assert used_backend(frozenset({"torch"}), None) is None
    assert torch_arguments(LOCK, PackageSources()) == ("--torch-backend", "cpu")
    assert torch_index(LOCK, "torch", PackageSources()) == "https://download.pytorch.org/whl/cpu"
    assert torch_index(LOCK, "numpy", PackageSources()) is None
    assert torch_arguments(replace(LOCK, torch=None), PackageSources()) == ()
    assert Lock.parse(LOCK.text) == LOCK
    assert LOCK.text.startswith("# environment lock 1: python 3.11, x86_64-manylinux_2_28, torch cpu\n")
    assert replace(LOCK, torch=None).digest == LOCK.digest
