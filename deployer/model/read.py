"""Reads what a resolved model says about itself, fetching no more than its small description files."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from deployer.errors import SpecError
from deployer.model.artifacts import RemoteModel, opened
from deployer.model.documents import LARGEST_DOCUMENT
from deployer.model.metadata import DESCRIPTION_FILES, PackagedModel, describe, describe_folder
from deployer.model.mlmodel import MLMODEL, SERVING_EXAMPLE, parse_mlmodel
from deployer.model.partial import passing
from deployer.model.tree import found_folder

if TYPE_CHECKING:
    from deployer.model.resolve import ResolvedModel

__all__ = ["read_metadata"]


def read_metadata(resolved: ResolvedModel, *, example: bool = False) -> PackagedModel:
    """Reads a model's description: in place when it is a folder here, else by fetching MLmodel and the requirements.

    Nothing of the model is imported, unpickled or executed.

    Args:
        resolved: From `deployer.model.resolve`.
        example: Also read the example request (small: at most 8 MB).

    Raises:
        NotFound: Nothing is there any more.
        SpecError: It is not a model, or a damaged one: the error says what and where.
        TargetUnavailable: The store cannot be reached or does not let us in.
    """
    if resolved.folder is not None:
        return describe_folder(found_folder(resolved.folder, resolved.uri), example=example)
    with opened(resolved) as remote, passing(Path(tempfile.gettempdir()) / "deployer-model") as place:
        return _fetched(remote, resolved, place, example)


def _fetched(remote: RemoteModel, resolved: ResolvedModel, place: Path, example: bool) -> PackagedModel:
    files, folders = remote.root()
    present = {file.path for file in files}
    for file in files:
        if file.path in DESCRIPTION_FILES:
            _fetch_small(remote, file.path, file.size, place, resolved.uri)
    if example and MLMODEL in present:
        said = parse_mlmodel((place / MLMODEL).read_text("utf-8"), where=f"{resolved.uri}/{MLMODEL}")
        wanted = said.example_path or SERVING_EXAMPLE
        if wanted in present:
            _fetch_small(remote, wanted, None, place, resolved.uri)
    names = (*present, *folders)

    def exists(path: str) -> bool:  # what lies deeper is checked when the whole model is fetched
        top = path.partition("/")[0]
        return any(name == top or name.startswith(f"{top}.") for name in names)

    return describe(place, root=resolved.uri, present=names, exists=exists, example=example)


def _fetch_small(remote: RemoteModel, path: str, size: int | None, place: Path, uri: str) -> None:
    if (size or 0) > LARGEST_DOCUMENT:
        raise SpecError(f"larger than {LARGEST_DOCUMENT >> 20} MB, which no model's {path} is", where=f"{uri}/{path}")
    remote.fetch(path, place)
