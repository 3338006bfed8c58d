"""The one loader of ``manifests/``: what is sent to or put into a target, as files a person can read.

In a wheel they lie in ``deployer/_manifests``, in a checkout (and an editable install) in ``manifests`` beside the
package; nothing is looked for before something is asked for.
"""

from __future__ import annotations

from pathlib import Path

from deployer.errors import DeployerError, NotFound

__all__ = ["read_manifest"]


def read_manifest(name: str) -> str:
    """A manifest's text.

    Args:
        name: Its path below ``manifests``, with slashes: ``gateway/haproxy.cfg``.

    Raises:
        NotFound: There is none of that name.
        DeployerError: The installation has no manifests.
    """
    parts = name.split("/")
    if any(part in ("", ".", "..") or "\\" in part or ":" in part for part in parts):
        raise NotFound(f"{name!r} is not the name of a manifest")
    path = _folder().joinpath(*parts)
    try:
        return path.read_text(encoding="utf-8")
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError, PermissionError):
        if path.is_file():
            raise
        raise NotFound(f"there is no manifest {name}", where=str(path.parent)) from None


def _folder() -> Path:
    package = Path(__file__).parent
    for folder in (package / "_manifests", package.parent / "manifests"):
        if folder.is_dir():
            return folder
    raise DeployerError(
        "the manifests are missing from this installation",
        where=str(package),
        hint="pip install --force-reinstall mlflow-deployer",
    )
