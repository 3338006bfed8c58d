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
