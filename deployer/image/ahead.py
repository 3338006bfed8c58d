"""The lowest layers go into an engine while those above them are still made.

An engine takes a layer in at about the speed at which one is made, and needs other things for it: so both at once take
less time than one after the other. What is loaded so far is an image without a name, which the next one stands on, and
which is removed when the whole image is there. Whatever fails here is left to the load of the whole image to tell.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType

from deployer.errors import DeployerError
from deployer.image.load import layers_there, load
from deployer.image.loaded import Memory
from deployer.image.values import BaseImage, Image, Layer
from deployer.target import Engine
from deployer.target.images import PART
from deployer.value import canonical

__all__ = ["WORTH", "LoadingAhead"]

WORTH = 24_000_000
"""Bytes of further layers that are worth a load of their own: each one costs the engine a tenth of a second."""


class _Enough(Exception):
    """Nobody needs the load any more."""


class LoadingAhead:
    """Loads of an image that is not whole yet, one after the other, in a thread of its own.

    On leaving the block nothing of them is left but the layers that the engine's other images have.

    Args:
        base: What the image stands on.
        engine: Where it goes; one that keeps images by their manifests is given nothing ahead.
        cache: Folder on this host.
        worth: Bytes of further layers that are worth a load.

    Attributes:
        sent: Bytes that went to the engine.
    """

    def __init__(self, base: BaseImage, engine: Engine, cache: Path, *, worth: int = WORTH) -> None:
        self._base, self._engine, self._cache, self._worth = base, engine, cache, worth
        self._useful = engine.partial_loads and not engine.by_manifest
        self._changed = threading.Condition()
        self._layers: tuple[Layer, ...] = ()
        self._over = self._stopped = False
        self._thread: threading.Thread | None = None
        self._memory = Memory(cache / "engines", engine.identity)
        self._loaded: list[Image] = []
        self.sent = 0

    def __enter__(self) -> LoadingAhead:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopped = True
        self.finish()
        self._forget(len(self._loaded))

    def put(self, layers: Sequence[Layer]) -> None:
        """The lowest layers, as far as they are there by now; each time the former ones and perhaps more."""
        if not self._useful:
            return
        with self._changed:
            if self._over or len(layers) <= len(self._layers):
                return
            self._layers = tuple(layers)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="loading-ahead")
                self._thread.start()
            self._changed.notify()

    def finish(self) -> None:
        """Begin no further load, and wait for the one that is under way."""
        with self._changed:
            self._over = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        try:
            there = 0
            while (layers := self._next(there)) is not None:
                image = self._image(layers)
                if not self._loaded:
                    there = max(there, layers_there(image, self._engine, self._memory) - len(self._base.layers))
                if _bytes(layers[there:]) >= self._worth:
                    self._loaded.append(image)
                    self.sent += load(image, self._engine, cache=self._cache, told=self._told).sent
                    self._forget(len(self._loaded) - 1)
                    there = len(layers)
        except Exception:  # the load of the whole image meets it again, and tells it
            with self._changed:
                self._over = True

    def _next(self, there: int) -> tuple[Layer, ...] | None:
        """More layers than those, as soon as they are worth it; None when it is over."""
        with self._changed:
            self._changed.wait_for(lambda: self._over or _bytes(self._layers[there:]) >= self._worth)
            return None if self._over else self._layers

    def _told(self, size: int) -> None:  # noqa: ARG002 - the contract's
        if self._stopped:
            raise _Enough

    def _image(self, layers: tuple[Layer, ...]) -> Image:
        system, _, architecture = self._base.platform.partition("/")
        below = tuple(each.diff_id for each in self._base.layers)
        config = canonical(
            {
                "architecture": architecture,
                "config": {"Labels": {PART: "lower layers"}},
                "created": datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
                "os": system,
                "rootfs": {"type": "layers", "diff_ids": [*below, *(each.diff_id for each in layers)]},
            }
        )
        return Image(self._base, layers, config, f"sha256:{hashlib.sha256(config).hexdigest()}")

    def _forget(self, count: int) -> None:
        """Removes the first of those that were loaded; what is above them keeps its layers."""
        for image in self._loaded[:count]:
            with suppress(DeployerError, OSError):
                self._memory.forget(image.digest)
                self._engine.remove(image.digest)
        del self._loaded[:count]


def _bytes(layers: Sequence[Layer]) -> int:
    return sum(each.size for each in layers)
