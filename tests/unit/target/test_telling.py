"""Which variables may be shown: better one too few than a password."""

from __future__ import annotations

import pytest

from deployer.target import holds_secret, told_variables


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("API_TOKEN", "x"),
        ("AWS_SECRET_ACCESS_KEY", "x"),
        ("POSTGRES_PASSWORD", "x"),
        ("DB_PASS", "x"),
        ("apikey", "x"),
        ("OPENAI_API_KEY", "x"),
        ("SENTRY_DSN", "x"),
        ("GOOGLE_APPLICATION_CREDENTIALS", "/run/key.json"),
        ("URL", "https://ada:hunter2@db.example/x"),
        ("BLOB", "https://x.blob.example/c?sig=abcdefghijkl"),
        ("PEM", "-----BEGIN RSA PRIVATE KEY-----\nMII"),
        ("WHO", "ghp_abcdefghij"),
        ("JWT", "eyJhbGciOiJIUzI1NiJ9.e30.x"),
        ("ID", "AKIAIOSFODNN7EXAMPLE"),
        ("OPAQUE", "a81b7c0d9e4f4a21b3c5d7e9f1a2b3c4"),
    ],
)
def test_what_looks_secret_is_named_only(name: str, value: str) -> None:
    assert told_variables({name: value, "A": "1"}) == ({"A": "1"}, (name,))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("LOG_LEVEL", "info"),
        ("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"),
        ("MLFLOW_TRACKING_URI", "http://mlflow.example:5000"),
        ("PYTHON_VERSION", "3.11.7"),
        ("OMP_NUM_THREADS", "4"),
        ("MONKEY", "banana"),
        ("KEYBOARD", "querty"),
        ("AUTHOR", "ada"),
        ("MODEL", "models:/iris@champion"),
        ("DISABLE_NGINX", "true"),
        ("API_TOKEN", ""),
    ],
)
def test_what_is_ordinary_is_told(name: str, value: str) -> None:
    assert told_variables({name: value}) == ({name: value}, ())


@pytest.mark.parametrize(
    "words",
    [
        ["--model", "m", "--api-key", "letmein"],
        ["--api-key=letmein"],
        ["serve", "hf_abcdefghijklmnopqrstuv"],
        ["--db", "postgres://me:hush@host/x"],
        ["-e", "x", "--password", "p"],
    ],
)
def test_arguments_that_look_secret(words: list[str]) -> None:
    assert holds_secret(words)


@pytest.mark.parametrize("words", [[], ["serve"], ["--model", "org/name-7b", "--port", "8000", "--max-model-len=4096"]])
def test_arguments_that_do_not(words: list[str]) -> None:
    assert not holds_secret(words)
