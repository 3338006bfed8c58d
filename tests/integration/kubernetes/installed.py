"""An image in which deployer is installed, as it is here, with what it needs; by the registry's API alone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.requirements import Requirement

from tests.conformance.images import layer_of
from tests.conformance.registry_images import Repository, layers_of

if TYPE_CHECKING:
    from tests.plugins.docker import Image

__all__ = ["installed_image"]

ROOT = Path(__file__).resolve().parents[3]
REPOSITORY = "deployer-test/installed"
_OURS = "mlflow-deployer"
_EXTRA = "kubernetes"
_FOLDERS = ("deployer", "targets", "manifests")
_SITE, _CHECKOUT = "opt/site", "opt/checkout"
_COMMAND = b"from deployer.cli.main import main\nmain()\n"


def installed_image(base: Image, script: str) -> str:
    """Its exact name: the base, the packages of this environment that deployer requires, and this script at its start.

    Args:
        base: What it stands on, whose CPython is of the same minor version as this one.
        script: Python; ``/opt/command.py`` is the command.
    """
    host, _, name = base.reference.partition("/")
    repository = Repository(host, REPOSITORY)
    here = layers_of(base)
    for described, _ in here:
        repository.mount(described["digest"], name.partition(":")[0])
    packages = repository.add(layer_of(dict(_packages())))
    files = {f"{_CHECKOUT}/{each.relative_to(ROOT)}": each for folder in _FOLDERS for each in _files(ROOT / folder)}
    own = layer_of({**files, "opt/command.py": _COMMAND, "opt/script.py": script.encode()})
    path = ":".join(f"/{each}" for each in (_CHECKOUT, f"{_CHECKOUT}/targets", _SITE))
    variables = ["PATH=/usr/bin:/bin", f"PYTHONPATH={path}", "PYTHONUNBUFFERED=1", "HOME=/tmp"]
    return repository.make(
        [*here, packages, repository.add(own)], {"Env": [*variables], "Entrypoint": ["python3", "/opt/script.py"]}
    )[0]


def _packages() -> Iterator[tuple[str, Path]]:
    """Each file of the packages, as a path in the image, and where it lies here."""
    for found in _required(_OURS, _EXTRA):
        for each in found.files or ():
            where = Path(str(each.locate()))
            if ".." not in each.parts and each.suffix not in (".pyc", ".pth") and where.is_file():
                yield f"{_SITE}/{each.as_posix()}", where


def _required(name: str, *extras: str) -> list[Distribution]:
    """A distribution and all that it requires here, each once."""
    found: dict[str, Distribution] = {}
    wanted = [(name, frozenset(extras))]
    seen = set(wanted)
    while wanted:
        name, asked = wanted.pop()
        try:
            there = distribution(name)
        except PackageNotFoundError:  # an older Python's, or another system's
            continue
        found.setdefault(_plain(name), there)
        for each in map(Requirement, there.requires or ()):
            fits = each.marker is None or any(each.marker.evaluate({"extra": extra}) for extra in (*asked, ""))
            onward = (_plain(each.name), frozenset(each.extras))
            if fits and onward not in seen:
                seen.add(onward)
                wanted.append(onward)
    return [*found.values()]


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _files(folder: Path) -> Iterator[Path]:
    return (each for each in folder.rglob("*") if each.is_file() and "__pycache__" not in each.parts)
