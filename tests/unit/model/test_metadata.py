"""What a model's files say, and what is said about a model that is none or is damaged."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from deployer.errors import DeployerError, NotFound, SpecError
from deployer.model import read_metadata, resolve
from deployer.model.metadata import PackagedModel
from tests.unit.model.saved import document, save


def described(folder: Path) -> PackagedModel:
    return read_metadata(resolve(folder))


def refused(folder: Path) -> SpecError:
    with pytest.raises(SpecError) as caught:
        described(folder)
    assert "\n" not in str(caught.value)
    return caught.value


def test_a_whole_model(tmp_path: Path) -> None:
    found = described(save(tmp_path / "m"))
    assert [str(flavor) for flavor in found.flavors] == ["sklearn 1.8.0"]
    assert (found.loader, found.python, found.python_full) == ("mlflow.sklearn", "3.11", "3.11.7")
    assert (found.mlflow_version, found.model_id) == ("3.17.2", "m-0123456789abcdef0123456789abcdef")
    assert [line.text for line in found.requirements] == ["mlflow==3.17.2", "scikit-learn==1.8.0", "numpy==2.3.1"]
    assert found.requirements[1].where == f"{tmp_path.resolve()}/m/requirements.txt:2"
    assert found.example_path == "serving_input_example.json"
    assert found.size == sum(path.stat().st_size for path in (tmp_path / "m").rglob("*"))
    assert found.summary == "sklearn, python 3.11, 3 requirements, 4 columns -> 1 long"
    assert found.example is None


def test_the_example_is_read_when_asked_for(tmp_path: Path) -> None:
    found = read_metadata(resolve(save(tmp_path / "m")), example=True)
    assert json.loads(found.example or b"")["dataframe_split"]["data"] == [[1.0]]


def test_mlflow_is_not_imported_for_a_folder(tmp_path: Path) -> None:
    import subprocess
    import sys

    save(tmp_path / "m")
    code = (
        "import sys; from deployer.model import *; from pathlib import Path\n"
        "found = resolve(sys.argv[1]); read_metadata(found); digest(Path(found.resolved))\n"
        "print([name for name in ('mlflow', 'numpy', 'pandas', 'requests', 'pydantic') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code, tmp_path / "m"], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_requirements_digest_follows_requirements_and_python(tmp_path: Path) -> None:
    one = described(save(tmp_path / "a")).requirements_digest
    assert described(save(tmp_path / "b")).requirements_digest == one
    assert described(save(tmp_path / "c", requirements_txt="numpy==1\n")).requirements_digest != one
    other = document()
    other["flavors"]["python_function"]["python_version"] = "3.12.1"
    assert described(save(tmp_path / "d", other)).requirements_digest != one


def test_older_forms(tmp_path: Path) -> None:
    said = {
        "artifact_path": "model",
        "flavors": {"python_function": {"data": "model.pkl", "env": "conda.yaml", "loader_module": "mlflow.sklearn",
                                        "python_version": "3.8.10"}},
        "utc_time_created": "2021-01-01 00:00:00",
    }  # fmt: skip
    found = described(save(tmp_path / "m", said, requirements_txt=None, python_env_yaml=None))
    assert (found.python, found.mlflow_version, found.signature, found.flavors) == ("3.8", None, None, ())
    assert [line.text for line in found.requirements] == ["mlflow==3.17.2"]
    assert found.requirements[0].where.endswith("conda.yaml:5")
    assert found.summary == "pyfunc, python 3.8, 1 requirement, no signature"


def test_an_unquoted_three_ten_is_not_three_one(tmp_path: Path) -> None:
    text = "flavors:\n  python_function:\n    loader_module: x\n    python_version: 3.10\n"
    assert described(save(tmp_path / "m", text)).python == "3.10"


def test_python_from_the_environment_files_when_mlmodel_does_not_say(tmp_path: Path) -> None:
    text = "flavors:\n  python_function:\n    loader_module: x\n"
    assert described(save(tmp_path / "m", text)).python_full == "3.11.7"
    assert described(save(tmp_path / "n", text, python_env_yaml=None)).python_full == "3.11.7"
    error = refused(save(tmp_path / "o", text, python_env_yaml=None, conda_yaml=None))
    assert "python_version is missing" in str(error)


def test_conda_only_packages_are_named(tmp_path: Path) -> None:
    conda = "dependencies:\n- python=3.11\n- conda-forge::gdal=3.9\n- numpy=1.26\n- r-base\n- pip\n- pip:\n  - numpy\n"
    folder = save(tmp_path / "m", requirements_txt=None, python_env_yaml=None, conda_yaml=conda)
    error = refused(folder)
    assert "takes gdal, r-base from conda" in str(error)
    assert "requirements.extra=gdal,r-base" in str(error.hint)
    assert "image.packages" in str(error.hint)
    with_pip = described(save(tmp_path / "n", conda_yaml=conda))
    assert with_pip.conda_only == ("gdal", "r-base")


def test_python_env_lists_its_own_requirements(tmp_path: Path) -> None:
    env = "python: 3.11.7\ndependencies:\n- numpy==2.3.1\n- pandas\n"
    found = described(save(tmp_path / "m", requirements_txt=None, python_env_yaml=env))
    assert [line.text for line in found.requirements] == ["numpy==2.3.1", "pandas"]


def test_a_model_without_any_requirements_file(tmp_path: Path) -> None:
    error = refused(save(tmp_path / "m", requirements_txt=None, python_env_yaml=None, conda_yaml=None))
    assert "says nothing about its packages" in str(error)


def test_a_folder_that_is_no_model(tmp_path: Path) -> None:
    (tmp_path / "m" / "iris").mkdir(parents=True)
    (tmp_path / "m" / "iris" / "MLmodel").write_text("x")
    error = refused(tmp_path / "m")
    assert "no MLmodel" in str(error)
    assert "iris" in str(error.hint)


def test_no_python_function(tmp_path: Path) -> None:
    error = refused(save(tmp_path / "m", {"flavors": {"sklearn": {}, "onnx": {}}}))
    assert "no python_function flavor" in str(error)
    assert "it has: onnx, sklearn" in str(error)


@pytest.mark.parametrize("name", ["model.pkl", "serving_input_example.json"])
def test_a_missing_file_is_named_with_the_key_that_names_it(tmp_path: Path, name: str) -> None:
    error = refused(save(tmp_path / "m", None, **{name: None}))
    assert f"'{name}', which " in str(error)
    assert str(error.where).endswith("/MLmodel")


def test_missing_artifacts_and_code(tmp_path: Path) -> None:
    said = document()
    said["flavors"]["python_function"] |= {"artifacts": {"w": {"path": "artifacts/w.bin", "uri": "x"}}, "code": "code"}
    assert "python_function.code" in str(refused(save(tmp_path / "m", said)))
    assert "python_function.artifacts.w" in str(refused(save(tmp_path / "n", said, **{"code/a.py": ""})))
    described(save(tmp_path / "o", said, **{"code/a.py": "", "artifacts/w.bin": ""}))


@pytest.mark.parametrize("path", ["../../etc/passwd", "/etc/passwd", "..\\x"])
def test_a_path_out_of_the_model(tmp_path: Path, path: str) -> None:
    said = document()
    said["flavors"]["python_function"]["model_path"] = path
    assert "the file name" in str(refused(save(tmp_path / "m", said)))


BOMB = "a: &a [x, x]\n" + "".join(
    f"{chr(98 + n)}: &{chr(98 + n)} [{', '.join(['*' + chr(97 + n)] * 10)}]\n" for n in range(9)
)
MERGES = "a: &a {x: 1}\nflavors: {<<: *a}\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("flavors: [", "not valid YAML"),
        ("flavors: {python_function: {loader_module: x", "not valid YAML"),
        ("- a\n- b\n", "not a YAML mapping"),
        ("", "not a YAML mapping"),
        ("a: !!python/object/apply:os.system [touch /tmp/pwned]\n", "not valid YAML"),
        ("a: &a [*a]\n" + "b: *a\n" * 0 + "flavors: 1", "no flavors"),
        (BOMB, "too entangled"),
        (MERGES, "too entangled"),
        ("a: " + "[" * 2000, "too deep|not valid YAML"),
        ("a: " + "{b: " * 500, "too deep"),
        ("flavors: {}\n", "no flavors"),
        ("x: 1\n", "no flavors"),
        ("flavors: {python_function: {python_version: '3.11'}}\n", "no loader_module"),
        ("flavors: {python_function: {loader_module: x, python_version: two}}\n", "no Python version"),
        ("flavors: {python_function: {loader_module: x}}\nsignature: [1]\n", "signature is damaged"),
        ("flavors: {python_function: {loader_module: x}}\nsignature: {inputs: '[{'}\n", "inputs is not JSON"),
        ("flavors: {python_function: {loader_module: x}}\nsignature: {inputs: '[3]'}\n", "an item of inputs"),
        ("flavors: {python_function: {loader_module: x}}\nsignature: {params: '[{}]'}\n", "an item of params"),
    ],
)
def test_a_damaged_mlmodel_is_refused_quickly_and_precisely(tmp_path: Path, text: str, message: str) -> None:
    folder = save(tmp_path / "m", text or "\n")
    started = time.process_time()
    with pytest.raises(SpecError, match=message) as caught:
        described(folder)
    assert time.process_time() - started < 20
    assert "MLmodel" in str(caught.value.where)


def test_an_mlmodel_that_is_no_text_or_too_large(tmp_path: Path) -> None:
    folder = save(tmp_path / "m")
    (folder / "MLmodel").write_bytes(b"\xff\xfe\x00")
    assert "not UTF-8" in str(refused(folder))
    with (folder / "MLmodel").open("wb") as file:
        file.truncate(9 << 20)
    assert "larger than 8 MB" in str(refused(folder))


def test_yaml_errors_name_the_line(tmp_path: Path) -> None:
    assert str(refused(save(tmp_path / "m", "a: 1\nb: 2\nc: [\n")).where).rpartition(":")[2] in {"3", "4"}


def test_a_folder_that_vanished(tmp_path: Path) -> None:
    folder = save(tmp_path / "m")
    resolved = resolve(folder)
    folder.rename(tmp_path / "n")
    with pytest.raises(NotFound):
        read_metadata(resolved)


def test_paths_are_resolved_and_near_names_are_offered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save(tmp_path / "iris")
    (tmp_path / "current").symlink_to("iris")
    monkeypatch.chdir(tmp_path)
    for uri in ("iris", "./iris/", "current", f"file://{tmp_path}/iris"):
        found = resolve(uri)
        assert (found.uri, found.resolved, found.kind) == (uri, str((tmp_path / "iris").resolve()), "path")
    with pytest.raises(NotFound) as caught:
        resolve("iirs")
    assert "did you mean iris" in str(caught.value.hint)
    with pytest.raises(SpecError, match="this is a file") as file:
        resolve("iris/MLmodel")
    assert "name the folder: iris" in str(file.value.hint)
    with pytest.raises(DeployerError):
        resolve("nowhere/at/all")


def test_an_example_that_is_not_named_is_still_found(tmp_path: Path) -> None:
    """The serving runtime answers it before it is ready, so the plan must know of it."""
    folder = save(tmp_path / "m", document(saved_input_example_info=None))
    found = read_metadata(resolve(folder), example=True)
    assert found.example_path == "serving_input_example.json"
    assert found.example is not None
