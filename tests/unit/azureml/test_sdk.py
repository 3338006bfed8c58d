"""The SDK's own edges: where it is not installed, which cloud it is told of, and what its errors become."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from deployer.errors import SpecError, TargetUnavailable
from deployer_azureml.client import Azure
from deployer_azureml.clouds import CLOUDS, Cloud
from deployer_azureml.config import AzureMLOptions
from deployer_azureml.model_uris import Kept
from deployer_azureml.sdk import Sdk, _answered, _cloud, _Scoped

WHERE = {"subscription": "22222222-0000-4000-8000-000000000002", "resource_group": "rg", "workspace": "ws"}


def _sdk(**options: Any) -> Sdk:
    return Sdk(Azure(AzureMLOptions.model_validate({**WHERE, **options})))


@pytest.mark.parametrize(
    "use",
    [
        lambda sdk: sdk.model("iris", version="3"),
        lambda sdk: sdk.register("iris", "3", "azureml://datastores/a/paths/b", type_="custom_model", tags={}),
        lambda sdk: sdk.container(Kept("b", "a"), "azureml:iris:3").__enter__(),
    ],
)
def test_without_it_one_sentence_says_what_to_install(
    use: Callable[[Sdk], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "azure.ai.ml", None)
    with pytest.raises(SpecError, match="which is not installed") as refused:
        use(_sdk())
    assert refused.value.hint == "pip install 'mlflow-deployer[azureml]'"


@pytest.mark.parametrize("word", [*CLOUDS])
def test_clouds_that_it_knows_are_named(word: str) -> None:
    assert _cloud(CLOUDS[word]) == (CLOUDS[word].name, None)


def test_other_clouds_are_told_by_their_addresses() -> None:
    stack = Cloud(
        name="Stack", manager="https://management.local.azurestack", blobs="https://{account}.blob.local.stack"
    )
    name, addresses = _cloud(stack)
    assert addresses is not None
    assert addresses["resource_manager"] == "https://management.local.azurestack/"
    assert addresses["storage_endpoint"] == "local.stack"
    # The SDK takes a name once in a process.
    assert name != _cloud(stack.model_copy(update={"manager": "https://management.other"}))[0]


def test_tokens_are_asked_for_the_audience_that_the_cloud_has() -> None:
    class Seen:
        def get_token(self, *scopes: str, **_: Any) -> tuple[str, ...]:
            return scopes

    azure = Azure(
        AzureMLOptions.model_validate(
            {**WHERE, "cloud": {"manager": "https://m.local", "audience": "https://arm.local"}}
        )
    )
    azure.credentials = Seen()  # type: ignore[assignment]
    scoped = _Scoped(azure)
    assert scoped.get_token("https://m.local/.default") == ("https://arm.local/.default",)
    assert scoped.get_token("https://m.local//.default") == ("https://arm.local/.default",)
    assert scoped.get_token("https://storage.azure.com/.default") == ("https://storage.azure.com/.default",)


class MlException(Exception):
    """As the SDK's: with colours, and help that nobody asked for."""

    __module__ = "azure.ai.ml.exceptions"


class HttpResponseError(Exception):
    """As azure-core's."""

    __module__ = "azure.core.exceptions"

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status_code = status
        self.response = type("Response", (), {"text": lambda _: text})()


def _raised(error: Exception) -> Iterator[None]:
    with _answered("read the model iris:3", "azureml:iris:3"):
        raise error
    yield


def test_its_own_errors_come_without_colours() -> None:
    with pytest.raises(SpecError) as refused:
        next(_raised(MlException("\x1b[91mNo such\n  asset\x1b[39m")))
    assert refused.value.message == "Azure's SDK does not read the model iris:3: No such asset"


def test_answers_are_read_by_their_body() -> None:
    said = "x does not have authorization to perform action 'a/read' over scope 's'"
    text = json.dumps({"error": {"code": "AuthorizationFailed", "message": said}})
    with pytest.raises(TargetUnavailable, match="a/read is not allowed on s"):
        next(_raised(HttpResponseError(403, text)))
    with pytest.raises(TargetUnavailable) as busy:
        next(_raised(HttpResponseError(503, "")))
    assert busy.value.transient
