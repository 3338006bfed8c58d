"""Which build of PyTorch an environment takes, and from where. Pure.

On Linux PyPI's own torch for x86_64 brings CUDA along (some 2.5 GB that a machine without GPU never uses), and its
torch for aarch64 has none. PyTorch's own indexes have one for each back end. uv knows which packages belong there
(``--torch-backend``). Source: uv's guide "Using uv with PyTorch".

They are used only where nothing but PyPI was named: who brings an index, a wheelhouse or a pin for torch decides, and
is never sent to another host; ``requirements.pin: {torch: https://pypi.org/simple}`` is such a word, too.
"""

from __future__ import annotations

from deployer.environment.failures import TORCH_HOST
from deployer.environment.lock import Lock
from deployer.environment.request import EnvironmentRequest, PackageSources

__all__ = ["TORCH_INDEX", "torch_arguments", "torch_backend", "torch_index", "used_backend"]

TORCH_INDEX = f"https://{TORCH_HOST}/whl"

_FAMILY = frozenset({"torch", "torchaudio", "torchvision", "torchtext", "torchdata", "pytorch-triton", "torchao"})
_CUDA = "cu128"
"""For GPUs where PyPI's build has none; the drivers of 2025 and later run it."""


def torch_backend(request: EnvironmentRequest) -> str | None:
    """The back end to ask uv for; None for what the indexes have.

    Asking for it changes nothing in an environment without PyTorch.
    """
    if not _is_free(request.sources) or "linux" not in request.platform:
        return None
    if not request.gpu:
        return "cpu"
    return _CUDA if request.platform.startswith("aarch64") else None


def used_backend(names: frozenset[str], backend: str | None) -> str | None:
    """What a lock of these packages has to remember."""
    return backend if backend and names & _FAMILY else None


def torch_arguments(lock: Lock, sources: PackageSources) -> tuple[str, ...]:
    """How uv finds the torch of a lock again."""
    return ("--torch-backend", lock.torch) if lock.torch and _is_free(sources) else ()


def torch_index(lock: Lock, name: str, sources: PackageSources) -> str | None:
    """The index that has a package of PyTorch's family in the build that was locked; None for the usual ones."""
    if lock.torch is None or name not in _FAMILY or not _is_free(sources):
        return None
    return f"{TORCH_INDEX}/{lock.torch}"


def _is_free(sources: PackageSources) -> bool:
    return sources.is_pypi and sources.pin_of("torch") is None
