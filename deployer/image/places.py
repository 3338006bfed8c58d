"""Where things lie in an image. Paths have no leading slash, as in a tar, unless they say so."""

from __future__ import annotations

__all__ = [
    "LOCK",
    "MODEL",
    "PYTHON",
    "RUNTIME",
    "SBOM",
    "TIME",
    "TIME_TEXT",
    "VENV",
    "site_packages",
]

VENV = "opt/deployer/venv"
RUNTIME = "opt/deployer/runtime"
LOCK = "opt/deployer/lock.yaml"
SBOM = "opt/deployer/sbom.cdx.json"
MODEL = "opt/ml/model"
"""Where SageMaker mounts a model, too; the serving runtime's default."""

PYTHON = f"/{VENV}/bin/python3"
"""The environment's interpreter, absolute."""

TIME = 315_619_200
"""Seconds since 1970: the time of every file and image, so that equal content has equal bytes.

The second of January 1980: zip files, which some libraries make of their own files, begin with 1980 in local time.
"""
TIME_TEXT = "1980-01-02T00:00:00Z"


def site_packages(python: str) -> str:
    """Where packages lie, for a minor version such as ``3.11``."""
    return f"{VENV}/lib/python{python}/site-packages"
