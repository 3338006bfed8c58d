"""Images of the real runtime with models of a few lines, for the suite on targets that run containers.

The environment is a layer with the packages of these tests that a model needs; a revision is one small layer more.
"""

from __future__ import annotations

import compileall
import hashlib
import io
import json
import sys
import tarfile
import tempfile
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from py_compile import PycInvalidationMode
from typing import Any

from packaging.requirements import Requirement

from deployer.engine.runtime import copy_runtime
from deployer.testing.conformance import Lot
from deployer.value import JSON, canonical, digest
from tests.conformance.local_bench import write_local_model
from tests.e2e.kept import made_once

__all__ = ["AGAIN", "LOTS", "SERVED", "image_on", "layer_of", "packages_layer", "served_layer", "versions_of_packages"]

ROOTS = ("mlflow-skinny", "pandas", "numpy", "uvicorn")
SITE = "/opt/site"
LOTS: tuple[Lot, ...] = ("first", "second", "load-fails", "missing-dependency")
SERVED: Mapping[str, JSON] = {
    "Env": ["PATH=/usr/local/bin:/usr/bin:/bin", f"PYTHONPATH={SITE}", "HOME=/tmp"],
    "Entrypoint": ["python3", "/opt/runtime"],
    "Cmd": ["serve"],
}
"""How such an image is configured."""

AGAIN = (
    "test_a_change_whose_answer_was_lost_is_sent_again[half]",
    "test_a_refused_change_changes_nothing[permission]",
    "test_a_refused_change_changes_nothing[server-error]",
    "test_a_refused_change_changes_nothing[timeout]",
    "test_an_error_answer_is_an_answer",
    "test_destroy_finishes_from_every_half_state[configured]",
    "test_destroy_finishes_from_every_half_state[failed]",
    "test_destroy_finishes_from_every_half_state[kept]",
    "test_destroy_finishes_from_every_half_state[leaving]",
    "test_destroy_finishes_from_every_half_state[staged]",
    "test_reading_fails_in_our_own_words[permission]",
    "test_reading_fails_in_our_own_words[throttled]",
    "test_reading_fails_in_our_own_words[timeout]",
    "test_retire_of_what_has_traffic_is_refused",
    "test_route_to_what_was_not_staged_is_refused",
    "test_stage_again_changes_nothing",
    "test_stopped_before_a_verb_it_changes_nothing[configure]",
    "test_stopped_before_a_verb_it_changes_nothing[destroy]",
    "test_stopped_before_a_verb_it_changes_nothing[retire]",
    "test_stopped_before_a_verb_it_changes_nothing[stage]",
    "test_stopped_within_a_verb_the_next_apply_repairs_what_slipped_through[configure]",
    "test_stopped_within_a_verb_the_next_apply_repairs_what_slipped_through[destroy]",
    "test_stopped_within_a_verb_the_next_apply_repairs_what_slipped_through[retire]",
    "test_stopped_within_a_verb_the_next_apply_repairs_what_slipped_through[route]",
    "test_verbs_of_another_generation_or_token_change_nothing",
    "test_verbs_of_the_endpoint_before_leave_its_successor_alone",
    "test_verbs_with_a_claim_that_was_given_back_change_nothing",
    "test_what_is_done_to_one_name_leaves_longer_names_alone",
    "test_what_is_foreign_stays_when_its_neighbour_goes",
    "test_what_is_rendered_is_a_pure_matter",
)
"""Tests of the contract that take new containers, processes or endpoints to ask once more what another of them asks."""


def _closure(roots: tuple[str, ...]) -> dict[str, metadata.Distribution]:
    found: dict[str, metadata.Distribution] = {}
    waiting = list(roots)
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        try:
            found[name] = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            continue
        for text in found[name].requires or ():
            requirement = Requirement(text)
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                waiting.append(requirement.name.lower().replace("_", "-"))
    return found


def versions_of_packages() -> dict[str, str]:
    """The packages that a model needs, of those of these tests."""
    return {name: each.version for name, each in _closure(ROOTS).items()}


def packages_layer() -> bytes:
    """The layer that holds them, below `SITE`; made once, since it takes half a minute of a processor."""

    def make(place: Path) -> None:
        place.mkdir()
        (place / "layer.tar").write_bytes(_packages_layer())

    kept = digest([versions_of_packages(), sys.version, 1])[:16]
    return (made_once(f"conformance-layer-{kept}", make) / "layer.tar").read_bytes()


def _packages_layer() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        site = Path(folder, "site")
        for package in _closure(ROOTS).values():
            for file in package.files or ():
                source, place = Path(str(file.locate())), site / str(file)
                if ".." in file.parts or source.suffix == ".pyc" or not source.is_file():
                    continue
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_bytes(source.read_bytes())
        compileall.compile_dir(
            site, quiet=2, stripdir=str(site), prependdir=SITE, workers=2,
            invalidation_mode=PycInvalidationMode.UNCHECKED_HASH,
        )  # fmt: skip
        return layer_of({f"{SITE[1:]}/{each.relative_to(site)}": each for each in site.rglob("*") if each.is_file()})


def layer_of(content: Mapping[str, Path | bytes]) -> bytes:
    """A layer: whatever it holds may be read by anybody."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        for path in sorted({str(parent) for name in content for parent in Path(name).parents} - {"."}):
            entry = tarfile.TarInfo(path)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o755
            tar.addfile(entry)
        for path, source in sorted(content.items()):
            data = source if isinstance(source, bytes) else source.read_bytes()
            entry = tarfile.TarInfo(path)
            entry.size, entry.mode = len(data), 0o644
            tar.addfile(entry, io.BytesIO(data))
    return stream.getvalue()


def served_layer(lot: Lot) -> bytes:
    """The layer with the runtime and a lot's model."""
    with tempfile.TemporaryDirectory() as folder:
        model, runtime = Path(folder, "opt", "ml", "model"), Path(folder, "opt", "runtime")
        runtime.parent.mkdir(parents=True)
        write_local_model(model, lot)
        copy_runtime(runtime)
        files = [each for each in Path(folder).rglob("*") if each.is_file()]
        return layer_of({str(each.relative_to(folder)): each for each in files})


def image_on(parent: Any, layers: list[bytes], config: Mapping[str, Any]) -> tuple[bytes, str]:
    """An archive of an image that stands on one which the engine has, and the image's id."""
    known = parent["RootFS"]["Layers"]
    added = [f"sha256:{hashlib.sha256(layer).hexdigest()}" for layer in layers]
    document = canonical(
        {
            "architecture": parent["Architecture"],
            "config": {key: value for key, value in config.items() if key in ("Env", "Entrypoint", "Cmd", "Labels")},
            "created": "2025-01-01T00:00:00Z",
            "os": "linux",
            "rootfs": {"type": "layers", "diff_ids": [*known, *added]},
        }
    )
    identity = hashlib.sha256(document).hexdigest()
    names = [f"{number}/layer.tar" for number in range(len(known) + len(added))]
    listing = [{"Config": f"{identity}.json", "RepoTags": None, "Layers": names}]
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        files = dict(zip(names[len(known) :], layers, strict=True))
        for name, data in {
            **files,
            f"{identity}.json": document,
            "manifest.json": json.dumps(listing).encode(),
        }.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
    return stream.getvalue(), f"sha256:{identity}"
