"""Every form of URI, told apart without asking anybody."""

from __future__ import annotations

import pytest

from deployer.errors import SpecError
from deployer.model.uri import Kind, parse_uri


@pytest.mark.parametrize(
    ("text", "kind", "parts"),
    [
        ("models/iris", Kind.PATH, ("models/iris", None, None, None, None)),
        ("/srv/a b", Kind.PATH, ("/srv/a b", None, None, None, None)),
        ("C:\\models\\iris", Kind.PATH, ("C:\\models\\iris", None, None, None, None)),
        ("file:///srv/a%20b", Kind.PATH, ("/srv/a b", None, None, None, None)),
        ("models:/iris/3", Kind.REGISTRY, ("iris", "3", None, None, None)),
        ("models:/iris/003", Kind.REGISTRY, ("iris", "3", None, None, None)),
        ("models:/iris@champion", Kind.REGISTRY, ("iris", None, "champion", None, None)),
        ("models:/a@b@champion", Kind.REGISTRY, ("a@b", None, "champion", None, None)),
        ("models:/iris/latest", Kind.REGISTRY, ("iris", None, None, "latest", None)),
        ("models:/iris/LATEST", Kind.REGISTRY, ("iris", None, None, "latest", None)),
        ("models:/iris/Production", Kind.REGISTRY, ("iris", None, None, "Production", None)),
        ("models:/cat.schema.iris/1", Kind.REGISTRY, ("cat.schema.iris", "1", None, None, None)),
        ("models:/cat.schema.iris@champion", Kind.REGISTRY, ("cat.schema.iris", None, "champion", None, None)),
        ("models:/m-0123456789abcdef", Kind.LOGGED_MODEL, ("m-0123456789abcdef", None, None, None, None)),
        ("runs:/0123abcd/model", Kind.RUN, ("0123abcd", None, None, None, "model")),
        ("runs:/0123abcd/a/b", Kind.RUN, ("0123abcd", None, None, None, "a/b")),
        ("mlflow-artifacts:/0/x/", Kind.ARTIFACTS, ("mlflow-artifacts:/0/x", None, None, None, None)),
        ("s3://bucket/m", Kind.OBJECT_STORE, ("s3://bucket/m", None, None, None, None)),
        ("abfss://box@account.dfs.core.windows.net/m", Kind.OBJECT_STORE, None),
        ("dbfs:/models/m", Kind.OBJECT_STORE, ("dbfs:/models/m", None, None, None, None)),
    ],
)
def test_forms(text: str, kind: Kind, parts: tuple[str | None, ...] | None) -> None:
    found = parse_uri(text)
    assert found.kind is kind
    assert found.text == text
    if parts:
        assert (found.name, found.version, found.alias, found.stage, found.path) == parts


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "empty"),
        ("models:/iris", "names no version"),
        ("models:/", "not a models:/ URI"),
        ("models://iris/1", "not a models:/ URI"),
        ("models:/iris/1/2", "not a models:/ URI"),
        ("models:/iris@", "needs a name and an alias"),
        ("models:/@x", "needs a name and an alias"),
        ("models:/iris@champion/3x", "not both"),
        ("runs:/abc", "not a runs:/ URI"),
        ("runs:/abc/../x", "not a runs:/ URI"),
        ("ftp2://x/y", "not read from ftp2"),
        ("file://server/x", "this machine only"),
        ("models:/a\nb/1", "control characters"),
    ],
)
def test_what_is_no_uri_is_refused_with_the_forms_that_work(text: str, message: str) -> None:
    with pytest.raises(SpecError, match=message) as caught:
        parse_uri(text)
    assert caught.value.hint


def test_a_name_alone_is_answered_with_the_forms_that_work() -> None:
    with pytest.raises(SpecError) as caught:
        parse_uri("models:/iris")
    assert "models:/iris/1" in str(caught.value.hint)
    assert "models:/iris@champion" in str(caught.value.hint)
    assert "models:/iris/latest" in str(caught.value.hint)


@pytest.mark.parametrize(
    "text",
    [
        "s3://key:secret@bucket/m",
        "mlflow-artifacts://me:secret@host/m",
        "file://me:secret@/m",
        "azureml://me:secret@host/m",
    ],
)
def test_user_info_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(SpecError, match="must not carry") as caught:
        parse_uri(text)
    assert "secret" not in f"{caught.value} {caught.value.where} {caught.value.hint}"
