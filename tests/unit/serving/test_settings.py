from __future__ import annotations

import pytest

from deployer.serving.settings import read_settings


def test_defaults() -> None:
    settings = read_settings([], {})
    assert (settings.model, settings.host, settings.port, settings.uds) == ("/opt/ml/model", "0.0.0.0", 8080, None)
    assert (settings.max_body, settings.timeout, settings.tolerance, settings.drain) == (104_857_600, 60.0, 0.0, 30.0)
    assert 1 <= settings.threads <= 4
    assert settings.trusted_hosts == ()
    assert read_settings(["serve"], {}) == settings


def test_a_private_socket_alone_opens_no_port() -> None:
    assert read_settings(["--uds", "/x"], {}).port is None
    assert read_settings(["--uds", "/x", "--port", "0"], {}).port == 0


def test_the_environment_is_the_fallback() -> None:
    environment = {
        "DEPLOYER_SERVING_MODEL": "/m",
        "DEPLOYER_SERVING_MAX_BODY": "5",
        "DEPLOYER_SERVING_TIMEOUT": "7",
        "DEPLOYER_SERVING_TRUSTED_HOSTS": "Localhost., [::1] ,,127.0.0.1",
        "DEPLOYER_SERVING_LOG_LEVEL": "WARNING",
        "MLFLOW_SCORING_SERVER_REQUEST_TIMEOUT": "9",
    }
    settings = read_settings(["--model", "/n"], environment)
    assert (settings.model, settings.max_body, settings.timeout, settings.log_level) == ("/n", 5, 7.0, "warning")
    assert settings.trusted_hosts == ("localhost", "::1", "127.0.0.1")
    del environment["DEPLOYER_SERVING_TIMEOUT"]
    assert read_settings([], environment).timeout == 9.0


@pytest.mark.parametrize(
    "arguments",
    [
        ["--port", "65536"],
        ["--port", "-1"],
        ["--port", "8\u0660"],
        ["--revision", "a b"],
        ["--revision", "x" * 65],
        ["--revision", "a\r\nx: y"],
        ["--max-body", "0"],
        ["--threads", "1.5"],
        ["--timeout", "0"],
        ["--timeout", "nan"],
        ["--timeout", "inf"],
        ["--tolerance", "-1"],
        ["--tolerance", "much"],
        ["--log-level", "loud"],
        ["--behind", "nginx"],
        ["--mod", "/x"],
        ["run"],
    ],
)
def test_what_is_not_usable(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        read_settings(arguments, {})
    assert ended.value.code == 2
    assert "usage: serve" in capsys.readouterr().err


def test_an_unusable_environment_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        read_settings([], {"DEPLOYER_SERVING_PORT": "many"})
    assert ended.value.code == 2
    assert "'many' is not a port" in capsys.readouterr().err


def test_keys_and_digest() -> None:
    assert (read_settings([], {}).api_keys, read_settings([], {}).model_digest) == (None, None)
    environment = {
        "DEPLOYER_SERVING_API_KEYS": "/run/keys",
        "DEPLOYER_SERVING_MODEL_DIGEST": "sha256:" + "Ab" * 32,
    }
    settings = read_settings([], environment)
    assert (settings.api_keys, settings.model_digest) == ("/run/keys", "ab" * 32)
    assert read_settings(["--model-digest", "c" * 64], environment).model_digest == "c" * 64


@pytest.mark.parametrize("name", ["API_KEYS", "MODEL_DIGEST"])
def test_an_empty_variable_is_not_taken_for_none(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A reference that was not filled in must not open the door, nor let any model in."""
    with pytest.raises(SystemExit) as ended:
        read_settings([], {f"DEPLOYER_SERVING_{name}": ""})
    assert ended.value.code == 2
    assert "argument --" + name.lower().replace("_", "-") in capsys.readouterr().err


@pytest.mark.parametrize("digest", ["a" * 63, "a" * 65, "g" * 64, "md5:" + "a" * 64])
def test_what_is_no_digest(digest: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        read_settings(["--model-digest", digest], {})
    assert "64 hexadecimal digits" in capsys.readouterr().err


def test_the_port_that_sagemaker_gives() -> None:
    """One container of several listens where AWS says; the target tells all of them the usual port."""
    bound = {"SAGEMAKER_BIND_TO_PORT": "9001"}
    assert read_settings([], bound).port == 9001
    assert read_settings([], {**bound, "DEPLOYER_SERVING_PORT": "8080"}).port == 8080
    behind = {**bound, "DEPLOYER_SERVING_PORT": "8080", "DEPLOYER_SERVING_BEHIND": "SageMaker"}
    assert (read_settings([], behind).port, read_settings([], behind).behind) == (9001, "sagemaker")
    assert read_settings(["--port", "7"], behind).port == 7
    assert read_settings([], {"DEPLOYER_SERVING_BEHIND": "sagemaker", "SAGEMAKER_BIND_TO_PORT": ""}).port == 8080


def test_behind_azureml_nobody_but_us_says_the_port() -> None:
    given = {"DEPLOYER_SERVING_BEHIND": "AzureML", "SAGEMAKER_BIND_TO_PORT": "9001", "DEPLOYER_SERVING_PORT": "8080"}
    assert (read_settings([], given).behind, read_settings([], given).port) == ("azureml", 8080)


def test_references_into_a_vault_are_any_number() -> None:
    assert read_settings([], {}).vault == {}
    given = {"DEPLOYER_SERVING_VAULT_API_TOKEN": "arn:a", "DEPLOYER_SERVING_VAULT_DB": "arn:b"}
    assert read_settings([], {**given, "VAULT_X": "arn:c"}).vault == {"API_TOKEN": "arn:a", "DB": "arn:b"}
