"""What would be sent, as documents."""

from __future__ import annotations

import json
from typing import Any

from deployer_docker.config import DockerOptions
from deployer_docker.rendering import documents
from tests.unit.docker.values import REVISION, release, spec


def _rendered(numbers: dict[str, int] | None = None, **fields: Any) -> list[dict[str, Any]]:
    made = release(secrets=numbers) if numbers else release()
    return [*documents(spec(**fields), made, DockerOptions(), "team")]


def test_each_request_is_there_in_its_order() -> None:
    requests = [each.get("request", "files") for each in _rendered(replicas=2)]
    assert requests == [
        "POST /networks/create",
        "POST /networks/create",
        "POST /volumes/create",
        "POST /containers/create?name=iris--gateway",
        "POST /images/tag",
        f"POST /containers/create?name=iris--{REVISION}-1",
        f"POST /containers/create?name=iris--{REVISION}-2",
        "files",
    ]


def test_the_gateway_s_files_name_the_replicas() -> None:
    *_, last = _rendered(replicas=2)
    text = json.dumps(last)
    assert "haproxy.cfg" in text
    assert REVISION in text


def test_secrets_keys_and_certificates_are_named_only() -> None:
    fields: dict[str, Any] = {
        "auth": {"api_keys": [{"env": "KEY_A"}]},
        "network": {"expose": "0.0.0.0", "tls": {"cert": "/no/cert.pem", "key": "/no/key.pem"}},
    }
    found = _rendered({"TOKEN": 1}, **fields)
    volumes = [each["body"]["Name"] for each in found if each.get("request") == "POST /volumes/create"]
    assert volumes == ["iris--gateway", "iris--keys", f"iris--secrets.{REVISION}"]
    assert found == _rendered({"TOKEN": 1}, **fields)
