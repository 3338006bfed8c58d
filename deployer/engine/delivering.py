"""Carries a revision's artifacts to where the target wants them: model, environment, serving runtime.

Each is named by its content and whole or not there at all, so that doing it again costs nothing and two at once agree.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from deployer.engine.fetching import drop_fetched, fetched
from deployer.engine.runtime import copy_runtime, runtime_version
from deployer.engine.sources import package_sources
from deployer.errors import BuildError, Conflict
from deployer.model.partial import appearing
from deployer.plan.values import Wish
from deployer.spec import DeploymentSpec
from deployer.target import EnvironmentSink

__all__ = ["deliver"]

Tell = Callable[..., None]


def deliver(wish: Wish, spec: DeploymentSpec, sink: EnvironmentSink, tell: Tell) -> str:
    """Bring all three; returns the words for the step's end.

    Raises:
        SpecError: The model's files changed since the plan was made.
        BuildError: The environment cannot be made, or the disk is full.
        Conflict: The endpoint was deleted meanwhile.
    """
    release = wish.release
    try:
        for name in ("models", "environments", "runtimes"):
            (sink.folder / name).mkdir(mode=0o700, exist_ok=True)
        _model(wish, sink.folder / "models" / release.model.digest[:16], sink.cache, tell)
        _runtime(wish, sink.folder / "runtimes" / release.runtime[:16])
        return _environment(wish, spec, sink, tell)
    except FileNotFoundError as error:
        if sink.folder.is_dir():
            raise
        raise Conflict(f"{spec.name} was deleted meanwhile", hint=f"deployer status {spec.name}") from error
    except OSError as error:
        raise BuildError(
            f"cannot write: {error.strerror or error}", where=str(error.filename or sink.folder), hint="deployer doctor"
        ) from error


def _model(wish: Wish, place: Path, cache: Path, tell: Tell) -> None:
    """The model gets its name, which is its digest, only when that is seen to be true."""
    from deployer.model import resolve, snapshot

    if place.is_dir():
        return
    model = wish.release.model

    def told(progress: Any) -> None:
        tell(detail="the model", done=progress.done, total=progress.total, unit=progress.unit)

    source = fetched(resolve(model.resolved), cache)
    try:
        snapshot(source, place, planned=model.digest, progress=told)
    except Conflict:  # another command of ours was faster
        if not place.is_dir():
            raise
    drop_fetched(model.resolved, cache)


def _runtime(wish: Wish, place: Path) -> None:
    if place.is_dir():
        return
    if wish.release.runtime != runtime_version():
        raise BuildError(
            f"the serving runtime {wish.release.runtime[:12]} of {wish.release.revision} is not kept any more",
            hint="update with --upgrade makes a revision with this deployer's own runtime",
        )
    try:
        with appearing(place) as partial:
            copy_runtime(partial)
    except Conflict:  # another command of ours was faster
        if not place.is_dir():
            raise


def _environment(wish: Wish, spec: DeploymentSpec, sink: EnvironmentSink, tell: Tell) -> str:
    from deployer.environment import Lock, build_environment, find_python

    lock = Lock.parse(wish.lock)
    place = sink.folder / "environments" / wish.release.lock[:16]
    count = f"{len(lock.wheels)} packages"
    if place.is_dir():
        return f"{count}, as before"

    def told(progress: Any) -> None:
        tell(detail=count, done=progress.done, total=progress.total, unit=progress.unit)

    report = build_environment(
        lock,
        find_python(lock.python),
        place,
        cache=sink.cache,
        sources=package_sources(spec, sink.folder / "models" / wish.release.model.digest[:16]),
        progress=told,
    )
    if report.reused:
        return f"{count}, from the cache"
    return f"{count}, {report.downloaded} downloaded ({report.downloaded_bytes / 1e6:.0f} MB)"
