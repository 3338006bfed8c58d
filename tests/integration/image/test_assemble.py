"""Images assembled from an index on loopback: by content, made once, the same everywhere."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tarfile
from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from deployer.engine.runtime import copy_runtime, runtime_version
from deployer.environment import Lock, PackageSources, Uv, find_python, lock_environment
from deployer.errors import BuildError
from deployer.image.ahead import LoadingAhead
from deployer.image.assemble import Assembly, Ingredients, assemble
from deployer.image.bytecode import available_bytecode
from deployer.image.reading import lock_layer, recipe_of
from deployer.image.recipe import BaseIdentity, Recipe
from deployer.image.tar import digest_of
from deployer.image.values import BaseImage, Image, Layer
from deployer.model.digest import digest
from deployer.model.progress import Progress
from tests.integration.environment.conftest import request_of
from tests.integration.environment.index import Index, serving, wheel
from tests.unit.image.recipes import base_image

assert sys.platform != "win32"

MINOR = f"{sys.version_info[0]}.{sys.version_info[1]}"
SITE = f"opt/deployer/venv/lib/python{MINOR}/site-packages"


@dataclass
class Kitchen:
    """All that an image is made of, and how to make it."""

    index: Index
    place: Path
    recipe: Recipe
    base: BaseImage
    ingredients: Ingredients

    def make(
        self, cache: str = "cache", recipe: Recipe | None = None, sources: PackageSources | None = None
    ) -> Assembly:
        ingredients = replace(self.ingredients, packages=sources) if sources else self.ingredients
        return assemble(recipe or self.recipe, self.base, ingredients, cache=self.place / cache)


@pytest.fixture
def kitchen(tmp_path: Path) -> Generator[Kitchen, None, None]:
    with serving(Index()) as index:
        index.add(
            wheel("top", "1.0", requires=["low"]),
            wheel("low", "1.0", body="value = 'locked'"),
            wheel("large", "1.0", body=f"text = '{'x' * 1_200_000}'"),
        )
        sources = PackageSources(index_url=index.url)
        lock = lock_environment(request_of("top", "large", sources=sources), Uv.found(tmp_path / "locking" / "uv"))
        model, runtime = tmp_path / "model", tmp_path / "runtime"
        model.mkdir()
        (model / "MLmodel").write_text("flavors: {}\n")
        copy_runtime(runtime)
        base = base_image(python=str(find_python(MINOR)), python_version=MINOR, glibc="2.99")
        base = replace(base, platform=f"linux/{'amd64' if lock.platform.startswith('x86_64') else 'arm64'}")
        recipe = Recipe(
            BaseIdentity.of(base), lock, runtime_version(), digest(model).sha256, bytecode=available_bytecode(MINOR)
        )
        index.requests.clear()
        yield Kitchen(index, tmp_path, recipe, base, Ingredients(sources, runtime, model))


TRUSTED: dict[str, Any] = {"filter": "fully_trusted"} if hasattr(tarfile, "data_filter") else {}


def unpacked(image: Image, into: Path) -> Path:
    for layer in image.layers:
        with layer.open() as stream, tarfile.open(fileobj=stream, mode="r|") as archive:
            archive.extractall(into, **TRUSTED)
    return into


def whats(image: Image) -> list[str]:
    return [layer.what for layer in image.layers]


def layer_of(image: Image, diff_id: str) -> Layer:
    return next(layer for layer in image.layers if layer.diff_id == diff_id)


class Put(LoadingAhead):
    """Remembers what it was given."""

    def __init__(self) -> None:
        self.given: list[list[str]] = []
        self.finished = False
        self.sent = 7

    def put(self, layers: Sequence[Layer]) -> None:
        assert not self.finished
        self.given.append([layer.what for layer in layers])

    def finish(self) -> None:
        self.finished = True


def test_the_lowest_layers_are_given_away_while_others_are_made(kitchen: Kitchen) -> None:
    def made(ahead: Put) -> Assembly:
        return assemble(kitchen.recipe, kitchen.base, kitchen.ingredients, cache=kitchen.place / "cache", ahead=ahead)

    first, again = Put(), Put()
    image = made(first)
    assert first.given[-1] == ["large 1.0"]
    assert len(first.given) == 3
    assert (first.finished, image.sent_ahead) == (True, 7)
    assert made(again).image == image.image
    assert (again.given, again.finished) == ([], True)


def test_an_image_and_its_layers(kitchen: Kitchen) -> None:
    seen: list[Progress] = []
    made = assemble(
        kitchen.recipe, kitchen.base, kitchen.ingredients, cache=kitchen.place / "cache", progress=seen.append
    )
    image = made.image
    assert whats(image) == [
        "large 1.0", "low 1.0, top 1.0", "environment and lock", "serving runtime", "the model",
    ]  # fmt: skip
    assert (made.wheels, made.downloaded) == (3, 3)
    assert Progress(3, 3, "packages") in seen
    assert {"bytes", "packages"} == {each.unit for each in seen}
    for layer in image.layers:
        assert digest_of(layer.chunks()) == (layer.diff_id, layer.size)
    config = json.loads(image.config)
    assert config["rootfs"]["diff_ids"] == list(image.diff_ids)
    assert len([step for step in config["history"] if not step.get("empty_layer")]) == len(image.diff_ids)


def test_what_was_made_once_is_not_made_again(kitchen: Kitchen) -> None:
    first = kitchen.make()
    kitchen.index.requests.clear()
    second = kitchen.make()
    assert second.image == first.image
    assert (second.made, second.downloaded, kitchen.index.requests) == (0, 0, [])


def test_new_weights_are_one_new_layer(kitchen: Kitchen) -> None:
    before = kitchen.make().image
    assert kitchen.ingredients.model
    (kitchen.ingredients.model / "weights").write_bytes(b"new")
    after = kitchen.make(recipe=replace(kitchen.recipe, model=digest(kitchen.ingredients.model).sha256))
    assert after.image.layers[:-1] == before.layers[:-1]
    assert after.image.layers[-1] != before.layers[-1]
    assert after.image.digest != before.digest
    assert after.made == 0


def test_it_runs_from_its_bytecode(kitchen: Kitchen) -> None:
    root = unpacked(kitchen.make().image, kitchen.place / "root")
    source = root / SITE / "low" / "__init__.py"
    source.write_text("value = 'changed since'\n")
    answer = subprocess.run(
        [root / "opt/deployer/venv/bin/python3", "-c", "import low, sys; print(low.value, sys.prefix)"],
        capture_output=True, text=True, check=True, env={"PATH": "/bin"},
    )  # fmt: skip
    assert answer.stdout.split() == ["locked", str(root / "opt/deployer/venv")]
    answer = subprocess.run(
        [root / "opt/deployer/venv/bin/python", root / "opt/deployer/runtime", "serve", "--help"],
        capture_output=True, text=True, check=True, env={"PATH": "/bin", "PYTHONDONTWRITEBYTECODE": "1"},
    )  # fmt: skip
    assert "Serve a packaged MLflow model" in answer.stdout
    listed = subprocess.run(
        [root / "opt/deployer/venv/bin/python", "-c",
         "import importlib.metadata as m; print(all(f.locate().exists() for f in m.files('low')), m.version('top'))"],
        capture_output=True, text=True, check=True, env={"PATH": "/bin"},
    )  # fmt: skip
    assert listed.stdout.split() == ["True", "1.0"]


def test_without_bytecode(kitchen: Kitchen) -> None:
    image = kitchen.make(recipe=replace(kitchen.recipe, bytecode="none")).image
    root = unpacked(image, kitchen.place / "root")
    assert not list(root.rglob("*.pyc"))
    assert image.digest != kitchen.make().image.digest


def test_mounted_weights_leave_an_empty_place(kitchen: Kitchen) -> None:
    image = assemble(
        replace(kitchen.recipe, weights="mount"), kitchen.base, replace(kitchen.ingredients, model=None),
        cache=kitchen.place / "cache",
    ).image  # fmt: skip
    root = unpacked(image, kitchen.place / "root")
    assert list((root / "opt/ml/model").iterdir()) == []
    assert json.loads(image.config)["config"]["Labels"]["io.deployer.model"] == kitchen.recipe.model
    with pytest.raises(BuildError, match="none at hand"):
        assemble(kitchen.recipe, kitchen.base, replace(kitchen.ingredients, model=None), cache=kitchen.place / "cache")


def test_the_recipe_is_read_from_the_image_alone(kitchen: Kitchen) -> None:
    image = kitchen.make().image
    config = json.loads(image.config)
    with layer_of(image, lock_layer(config)).open() as stream:
        recipe = recipe_of(config, stream)
    assert recipe.digest == kitchen.recipe.digest
    again = kitchen.make(recipe=recipe)
    assert (again.image.digest, again.made) == (image.digest, 0)
    config["config"]["Labels"]["io.deployer.model"] = "0" * 64
    with layer_of(image, lock_layer(config)).open() as stream, pytest.raises(BuildError, match="was changed since"):
        recipe_of(config, stream)
    with pytest.raises(BuildError, match="not assembled by deployer"):
        lock_layer({"history": [{"created_by": "RUN x"}], "rootfs": {"diff_ids": ["sha256:x"]}})


CHILD = """
import os, sys
from dataclasses import replace
from pathlib import Path
from deployer.environment import Lock, PackageSources
from deployer.image.assemble import Ingredients, assemble
from deployer.image.lockfile import parse_lock
from tests.unit.image.recipes import base_image

os.umask(int(sys.argv[5], 8))
lock, place, index, cache = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], Path(sys.argv[4])
recipe = parse_lock(lock.read_text())
shuffled = tuple(sorted(recipe.environment.wheels, key=lambda wheel: wheel.sha256, reverse=len(sys.argv[5]) > 3))
recipe = replace(recipe, environment=Lock(recipe.environment.python, recipe.environment.platform, shuffled))
b = recipe.base
base = base_image(python=b.python, python_version=b.python_version, glibc=b.glibc, platform=b.platform)
ingredients = Ingredients(PackageSources(index_url=index), place / "runtime", place / "model")
made = assemble(recipe, base, ingredients, cache=cache)
print(made.image.digest)
"""


def test_the_same_everywhere(kitchen: Kitchen) -> None:
    from deployer.image.lockfile import lock_text

    kitchen.place.joinpath("lock.yaml").write_text(lock_text(kitchen.recipe))
    here = kitchen.make().image.digest
    root = Path(__file__).resolve().parents[3]
    found = set()
    for number, (umask, zone, language, seed) in enumerate(
        [("077", "Pacific/Auckland", "C", "1"), ("0002", "America/New_York", "tr_TR.UTF-8", "2")]
    ):
        cwd = kitchen.place / f"cwd{number}"
        cwd.mkdir()
        answer = subprocess.run(
            [sys.executable, "-c", CHILD, kitchen.place / "lock.yaml", kitchen.place, kitchen.index.url,
             kitchen.place / f"other{number}", umask],
            cwd=cwd, capture_output=True, text=True, check=False,
            env={**os.environ, "PYTHONPATH": str(root), "TZ": zone, "LANG": language, "LC_ALL": language,
                 "PYTHONHASHSEED": seed},
        )  # fmt: skip
        assert answer.returncode == 0, answer.stderr
        found.add(answer.stdout.strip())
    assert found == {here}


def test_where_wheels_and_base_come_from_does_not_count(kitchen: Kitchen) -> None:
    here = kitchen.make().image.digest
    house = kitchen.place / "house"
    house.mkdir()
    for files in kitchen.index.files.values():
        for name, content in files.items():
            (house / name).write_bytes(content)
    other = replace(kitchen.base, reference="mirror.example/python", manifest=None)
    lock = kitchen.recipe.environment
    bare = Lock(lock.python, lock.platform, tuple(replace(wheel, size=None) for wheel in lock.wheels))
    kitchen.index.requests.clear()
    made = assemble(
        replace(kitchen.recipe, base=BaseIdentity.of(other), environment=bare), other,
        replace(kitchen.ingredients, packages=PackageSources(wheelhouse=house)), cache=kitchen.place / "offline",
    )  # fmt: skip
    assert (made.image.digest, made.downloaded, kitchen.index.requests) == (here, 0, [])


def test_another_base_is_refused(kitchen: Kitchen) -> None:
    with pytest.raises(BuildError, match="another than the recipe's"):
        assemble(
            kitchen.recipe, replace(kitchen.base, digest=f"sha256:{'e' * 64}"), kitchen.ingredients,
            cache=kitchen.place / "cache",
        )  # fmt: skip


def test_the_interpreter_must_be_the_recipes_only_to_make_something(kitchen: Kitchen) -> None:
    other = replace(kitchen.recipe, bytecode=f"cpython-{MINOR}.99")
    with pytest.raises(BuildError, match=f"made by Python {MINOR}.99"):
        kitchen.make(recipe=other)


def test_a_cache_that_cannot_be_written(kitchen: Kitchen) -> None:
    (kitchen.place / "cache").write_text("a file where the folder should be")
    with pytest.raises(BuildError, match="cannot be") as caught:
        kitchen.make()
    assert caught.value.where
    assert caught.value.hint


def test_a_disk_that_is_full_while_wheels_come(kitchen: Kitchen, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> str:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("deployer.image.downloading.Download.fetch", full)
    with pytest.raises(BuildError, match="no space left") as caught:
        kitchen.make()
    assert caught.value.hint == "free some space: deployer gc"
    monkeypatch.undo()
    assert kitchen.make().downloaded == 3


def test_a_wheel_that_is_refused_leaves_nothing_half_made(kitchen: Kitchen) -> None:
    name, content = wheel("top", "1.0")
    broken = content.replace(b"top/__init__.py", b"top/__inix__.py")
    kitchen.index.files["top"] = {name: broken}
    lock = kitchen.recipe.environment
    sha256 = hashlib.sha256(broken).hexdigest()
    wheels = tuple(replace(each, sha256=sha256) if each.name == "top" else each for each in lock.wheels)
    recipe = replace(kitchen.recipe, environment=Lock(lock.python, lock.platform, wheels))
    with pytest.raises(BuildError, match="the wheel is refused") as caught:
        kitchen.make(recipe=recipe)
    assert caught.value.where == name
    left = list((kitchen.place / "cache" / "layers").glob(".*"))
    assert left == []
