"""The layers that are ours: the environment's frame, what the image says of itself, and the serving runtime."""

from __future__ import annotations

import hashlib
from pathlib import Path

from deployer.image.lockfile import lock_text
from deployer.image.places import LOCK, RUNTIME, SBOM, VENV, site_packages
from deployer.image.recipe import Recipe
from deployer.image.sbom import sbom
from deployer.image.tar import Entry, file_entry, folder_entry, link_entry
from deployer.model.tree import files_of

__all__ = ["frame_entries", "runtime_entries", "runtime_key"]


def frame_entries(recipe: Recipe) -> list[Entry]:
    """The virtual environment but for its packages (PEP 405), the lock and the bill of materials.

    There is no lib64: a Python that has one (Fedora's) looks into lib as well.
    """
    base = recipe.base
    settings = {
        "home": base.python.rpartition("/")[0],
        "implementation": "CPython",
        "version_info": base.python_version,
        "include-system-site-packages": "false",
    }
    text = "".join(f"{name} = {value}\n" for name, value in settings.items())
    return [
        file_entry(f"{VENV}/pyvenv.cfg", text.encode()),
        link_entry(f"{VENV}/bin/python", base.python),
        link_entry(f"{VENV}/bin/python3", "python"),
        link_entry(f"{VENV}/bin/python{base.python_version}", "python"),
        folder_entry(site_packages(base.python_version)),
        file_entry(LOCK, lock_text(recipe, portable=True).encode()),
        file_entry(SBOM, sbom(recipe, model=False)),
    ]


def runtime_entries(folder: Path) -> list[Entry]:
    """The serving runtime's files.

    Raises:
        NotFound: There is no such folder.
        SpecError: It holds something that may not ship.
    """
    return [
        file_entry(f"{RUNTIME}/{file.path}", file.location.read_bytes())
        for file in files_of(folder)
        if "__pycache__" not in file.path.split("/")
    ]


def runtime_key(entries: list[Entry]) -> str:
    """SHA-256 in hex over the runtime's files as they are."""
    total = hashlib.sha256()
    for entry in sorted(entries, key=lambda entry: entry.path):
        total.update(f"{entry.path}\0{entry.size}\0".encode() + b"".join(entry.chunks()))
    return total.hexdigest()
