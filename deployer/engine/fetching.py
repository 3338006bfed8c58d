"""Models that lie elsewhere: downloaded once, hashed, and used by the plan and the delivery alike."""

from __future__ import annotations

import hashlib
import shutil
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

from deployer.target import EnvironmentSink, ImageSink, ModelSource

if TYPE_CHECKING:
    from deployer.model import ModelDigest, ResolvedModel

__all__ = ["drop_fetched", "fetched", "model_digest", "models_of"]


def models_of(sink: EnvironmentSink | ImageSink | None) -> ModelSource | None:
    """The target's own registry of models, by its connection."""
    return sink.models if isinstance(sink, ImageSink) else None


def _place(resolved: str, cache: Path) -> Path:
    return cache / "models" / hashlib.sha256(resolved.encode()).hexdigest()[:16]


def fetched(resolved: ResolvedModel, cache: Path) -> ResolvedModel:
    """The model as a folder on this machine: itself, or its download, kept in the cache until it is delivered."""
    from deployer.model import resolve, snapshot
    from deployer.model.mlmodel import MLMODEL
    from deployer.model.used import mark_used

    if resolved.folder is not None:
        return resolved
    place = _place(resolved.resolved, cache)
    mark_used(place / MLMODEL)  # before it is looked for, so that nobody clears it away in between
    if not place.is_dir():
        place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        ours = place.with_name(f"{place.name}-{uuid.uuid4().hex[:8]}")
        snapshot(resolved, ours)
        try:
            ours.rename(place)
        except OSError:  # another command fetched the same meanwhile
            shutil.rmtree(ours, ignore_errors=True)
            if not place.is_dir():
                raise
    return resolve(str(place))


def model_digest(resolved: ResolvedModel, cache: Path) -> ModelDigest:
    """The digest of its files; what lies elsewhere is downloaded for that."""
    from deployer.model import digest

    folder = fetched(resolved, cache).folder
    if folder is None:
        raise TypeError("a fetched model is a folder")
    return digest(folder)


def drop_fetched(resolved: str, cache: Path) -> None:
    """Forget a download that was delivered."""
    shutil.rmtree(_place(resolved, cache), ignore_errors=True)
