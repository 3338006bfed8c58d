"""References into a vault: what they mean, what is asked, and what is told when they cannot be read."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError, NoCredentialsError

from deployer.serving import secretsmanager
from deployer.serving.secretsmanager import Reference, parse
from deployer.serving.vault import SecretUnavailable, resolve
from deployer_sagemaker.causes import denied_action
from deployer_sagemaker.vault import secret_of

ARN = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:team/token-AbCdEf"
VALUE = "s3cr3t-of-a-test"


class Vault:
    """In the place of botocore's client: what it holds, or what it raises."""

    def __init__(self, held: Mapping[str, Any] | Exception) -> None:
        self.held, self.asked = held, list[dict[str, str]]()
        self.regions: list[str] = []

    def get_secret_value(self, **asked: str) -> Mapping[str, Any]:
        self.asked.append(asked)
        if isinstance(self.held, Exception):
            raise self.held
        return self.held


@pytest.fixture
def holding(monkeypatch: pytest.MonkeyPatch) -> Callable[[Any], Vault]:
    def make(held: Any) -> Vault:
        vault = Vault(held)

        def client(region: str) -> Vault:
            vault.regions.append(region)
            return vault

        monkeypatch.setattr(secretsmanager, "_client", client)
        return vault

    return make


def refused(code: str, message: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, "GetSecretValue")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (ARN, Reference(ARN, "eu-west-1")),
        (f"{ARN}:password::", Reference(ARN, "eu-west-1", key="password")),
        (f"{ARN}::AWSPREVIOUS:", Reference(ARN, "eu-west-1", stage="AWSPREVIOUS")),
        (f"{ARN}:a key::0a1b2c3d-1", Reference(ARN, "eu-west-1", key="a key", version="0a1b2c3d-1")),
        (
            "arn:aws-us-gov:secretsmanager:us-gov-west-1:111122223333:secret:x",
            Reference("arn:aws-us-gov:secretsmanager:us-gov-west-1:111122223333:secret:x", "us-gov-west-1"),
        ),
        (f"{ARN}:password", None),
        (f"{ARN}:password:", None),
        ("arn:aws:secretsmanager:eu-west-1:1111:secret:x", None),
        ("arn:aws:ssm:eu-west-1:111122223333:parameter/x", None),
    ],
)
def test_a_reference(text: str, expected: Reference | None) -> None:
    assert parse(text) == expected
    assert (secret_of(text) is None) == (expected is None)  # what a plan takes is what the server reads


def test_a_whole_secret_and_its_keys_are_asked_for_once(holding: Callable[[Any], Vault]) -> None:
    vault = holding({"SecretString": json.dumps({"user": "ada", "port": 5432, "tls": True, "more": {"a": None}})})
    found = resolve(
        {
            "USER": f"{ARN}:user::",
            "PORT": f"{ARN}:port::",
            "TLS": f"{ARN}:tls::",
            "MORE": f"{ARN}:more::",
            "ALL": ARN,
            "OLD": f"{ARN}:user:AWSPREVIOUS:",
        }
    )
    assert (found["USER"], found["PORT"], found["TLS"], found["MORE"]) == ("ada", "5432", "true", '{"a": null}')
    assert json.loads(found["ALL"])["user"] == found["OLD"] == "ada"
    assert vault.asked == [{"SecretId": ARN}, {"SecretId": ARN, "VersionStage": "AWSPREVIOUS"}]
    assert vault.regions == ["eu-west-1"]


def test_a_value_is_as_it_lies_there(holding: Callable[[Any], Vault]) -> None:
    holding({"SecretString": f" {VALUE}\n"})
    assert resolve({"A": ARN}) == {"A": f" {VALUE}\n"}
    holding({"SecretBinary": b"caf\xc3\xa9"})
    assert resolve({"A": ARN}) == {"A": "café"}


@pytest.mark.parametrize(
    ("raised", "action", "words"),
    [
        (
            refused(
                "AccessDeniedException",
                "User: arn:aws:sts::111122223333:assumed-role/model/SageMaker is not authorized to perform: "
                f"secretsmanager:GetSecretValue on resource: {ARN} because no identity-based policy allows it",
            ),
            ("secretsmanager:GetSecretValue", ARN),
            "assumed-role/model",
        ),
        (refused("AccessDeniedException", "Access to KMS is not allowed"), ("kms:Decrypt", ""), ARN),
        (refused("DecryptionFailure", ""), ("kms:Decrypt", ""), ARN),
        (refused("AccessDeniedException", ""), ("secretsmanager:GetSecretValue", ARN), ARN),
        (refused("ResourceNotFoundException", "Secrets Manager can't find it"), None, f"there is no secret {ARN}"),
        (refused("UnrecognizedClientException", "The security token is invalid"), None, "UnrecognizedClientException"),
        (NoCredentialsError(), None, "no AWS credentials"),
        (ConnectTimeoutError(endpoint_url="https://x"), None, "eu-west-1 was not reached"),
        (ModuleNotFoundError("No module named 'botocore'", name="botocore"), None, "botocore is not installed"),
    ],
)
def test_why_it_cannot_be_read_is_one_sentence(
    holding: Callable[[Any], Vault], raised: Exception, action: tuple[str, str] | None, words: str
) -> None:
    """And where a right is missing, the target's diagnosis finds in it which one."""
    holding(raised)
    with pytest.raises(SecretUnavailable) as told:
        resolve({"API_TOKEN": ARN})
    text = str(told.value)
    assert text.startswith("API_TOKEN is not read: ")
    assert "\n" not in text
    assert words in text
    assert ARN in text
    assert denied_action(text) == action
    assert told.value.__cause__ is told.value.__context__ is None


@pytest.mark.parametrize(
    ("held", "reference", "words"),
    [
        ({"SecretString": VALUE}, f"{ARN}:user::", "is no JSON object"),
        ({"SecretString": f'["{VALUE}"]'}, f"{ARN}:user::", "is no JSON object"),
        ({"SecretString": json.dumps({"password": VALUE})}, f"{ARN}:user::", "has no key 'user'"),
        ({"SecretString": f"{VALUE}\0"}, ARN, "a NUL"),
        ({"SecretString": VALUE}, f"{ARN}:user", "is no reference"),
        ({"SecretString": VALUE}, "vault://team/token", "leads to no vault that is known here"),
    ],
)
def test_what_is_not_usable_is_told_without_the_value(
    holding: Callable[[Any], Vault], held: dict[str, str], reference: str, words: str
) -> None:
    holding(held)
    with pytest.raises(SecretUnavailable, match=words) as told:
        resolve({"A": reference})
    assert VALUE not in str(told.value)


def test_a_name_that_no_variable_has() -> None:
    with pytest.raises(SecretUnavailable, match="'A-B'"):
        resolve({"A-B": ARN})


def test_the_sdk_writes_no_answer_into_the_log(
    holding: Callable[[Any], Vault], caplog: pytest.LogCaptureFixture
) -> None:
    """botocore's debugging has whole bodies, and at that time the log does not know the values yet."""
    caplog.set_level(logging.DEBUG)
    logging.getLogger("botocore").setLevel(logging.DEBUG)

    class Loud(dict[str, str]):
        def __getitem__(self, name: str) -> str:
            logging.getLogger("botocore.parsers").debug("Response body: %s", VALUE)
            return super().__getitem__(name)

    holding(Loud(SecretString=VALUE))
    try:
        assert resolve({"A": ARN}) == {"A": VALUE}
        assert VALUE not in caplog.text
        assert logging.getLogger("botocore").level == logging.DEBUG
    finally:
        logging.getLogger("botocore").setLevel(logging.NOTSET)
