"""Reads a request of any AWS protocol: which service, which operation, with what.

Only as far as faults, the list of calls and the policy need it; the service itself reads the request again.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from urllib.parse import parse_qs, unquote

from deployer.testing.sagemaker import cbor, shapes

__all__ = ["Call", "read"]


@dataclass(frozen=True)
class Call:
    """One request.

    Attributes:
        service: botocore's name (``sagemaker``, ``sagemaker-runtime``, ``s3``); the signature's where it has none.
        operation: ``CreateModel``; the empty text where that cannot be told.
        parameters: By their names in the service model. A query's nested ones are told as ``Tags.member.1.Key``.
        region: Of the signature.
        key: The access key's id.
        protocol: ``json``, ``rest-json``, ``rest-xml``, ``query``, ``cbor``: how it is answered.
        body: As it came.
        unreadable: Whether the body is not what the protocol says.
    """

    service: str
    operation: str
    parameters: Mapping[str, Any]
    region: str
    key: str
    protocol: str
    body: bytes = field(default=b"", repr=False)
    unreadable: bool = False

    @property
    def names(self) -> list[str]:
        """The top-level parameters' names, sorted."""
        return sorted({name.split(".")[0] for name in self.parameters})


def read(environ: Mapping[str, Any], body: bytes, region: str) -> Call:
    """The call that a WSGI request makes.

    Args:
        environ: The request.
        body: Its body.
        region: For a request without a signature.
    """
    key, region, signed = _signature(environ, region)
    path = str(environ.get("PATH_INFO", "/"))
    runtime = signed == "sagemaker" and path.startswith("/endpoints/")
    model = shapes.model(signed, "/endpoints/" if runtime else "")
    service = model.service_name if model is not None else signed

    def call(operation: str, protocol: str, parameters: Any, *, unreadable: bool = False) -> Call:
        known = parameters if isinstance(parameters, Mapping) else {}
        return Call(service, operation, known, region, key, protocol, body, unreadable)

    if target := environ.get("HTTP_X_AMZ_TARGET"):
        return _loaded(call, str(target).rpartition(".")[2], body, "json")
    if found := re.fullmatch(r"/service/[^/]+/operation/(\w+)", path):
        return _loaded(call, found[1], body, "cbor")
    if model is not None and str(model.metadata.get("protocol", "")).startswith("rest"):
        return call(*_rest(model, environ, path))
    form = {key: values[0] for key, values in parse_qs(body.decode(errors="replace"), keep_blank_values=True).items()}
    form.pop("Version", None)
    return call(form.pop("Action", ""), "query", form)


def _loaded(call: Any, operation: str, body: bytes, protocol: str) -> Call:
    try:
        value = (json.loads if protocol == "json" else cbor.decode)(body) if body else {}
    except ValueError:
        return call(operation, protocol, {}, unreadable=True)  # type: ignore[no-any-return]
    return call(operation, protocol, value, unreadable=not isinstance(value, dict))  # type: ignore[no-any-return]


def _signature(environ: Mapping[str, Any], region: str) -> tuple[str, str, str]:
    """Access key, region and service of a SigV4 signature, in a header or in the URL."""
    query = parse_qs(str(environ.get("QUERY_STRING", "")))
    said = str(environ.get("HTTP_AUTHORIZATION", "")) or f"Credential={query.get('X-Amz-Credential', [''])[0]}"
    found = re.search(r"Credential=([^/,\s]+)/\d+/([^/]+)/([^/]+)/aws4_request", said)
    return (found[1], found[2], found[3].lower()) if found else ("", region, "s3")


@cache
def _routes(service: str, runtime: bool) -> list[tuple[str, re.Pattern[str], dict[str, str], Any]]:
    """(method, path, fixed query, operation) of a REST service, the most particular first."""
    model = shapes.model(service, "/endpoints/" if runtime else "")
    found = []
    for name in model.operation_names:
        operation = model.operation_model(name)
        template, _, query = operation.http["requestUri"].partition("?")
        fixed = {part.partition("=")[0]: part.partition("=")[2] for part in query.split("&") if part}
        pattern = re.sub(
            r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+)", re.sub(r"\\\{(\w+)\\\+\\\}", r"(?P<\1>.+)", re.escape(template))
        )
        found.append((operation.http["method"], re.compile(pattern + "/?"), fixed, operation))
    return sorted(found, key=lambda each: (-len(each[2]), -each[1].pattern.count("/"), each[3].name))


def _rest(model: Any, environ: Mapping[str, Any], path: str) -> tuple[str, str, dict[str, Any]]:
    query = parse_qs(str(environ.get("QUERY_STRING", "")), keep_blank_values=True)
    protocol = str(model.metadata["protocol"])
    best: tuple[int, str, dict[str, Any]] = (-1, "", {})
    for method, pattern, fixed, operation in _routes(model.signing_name, model.service_name == "sagemaker-runtime"):
        if method != environ["REQUEST_METHOD"] or (found := pattern.fullmatch(path)) is None:
            continue
        if any(name not in query or (value and query[name][0] != value) for name, value in fixed.items()):
            continue
        parameters = _members(
            operation, environ, query, {key: unquote(each) for key, each in found.groupdict().items()}
        )
        wanted = operation.input_shape.required_members if operation.input_shape is not None else []
        if any(name not in parameters and _placed(operation, name) for name in wanted):
            continue  # UploadPart is a PutObject with a number, CopyObject one with a source
        if (score := 10 * len(fixed) + len(parameters)) > best[0]:
            best = score, operation.name, parameters
    return best[1], protocol, best[2]


def _placed(operation: Any, name: str) -> bool:
    return operation.input_shape.members[name].serialization.get("location") in ("header", "querystring")


def _members(
    operation: Any, environ: Mapping[str, Any], query: dict[str, list[str]], uri: dict[str, str]
) -> dict[str, Any]:
    if operation.input_shape is None:
        return {}
    found: dict[str, Any] = {}
    for name, shape in operation.input_shape.members.items():
        where, called = shape.serialization.get("location"), shape.serialization.get("name", name)
        if where == "uri" and called in uri:
            found[name] = uri[called]
        elif where == "querystring" and called in query:
            found[name] = query[called][0]
        elif where == "header" and (value := environ.get(_header(called))):
            # In a header everything is a text; one that is no number stays one, and is refused.
            number = shape.type_name in ("integer", "long") and re.fullmatch(r"-?\d+", value)
            found[name] = int(value) if number else value
        elif operation.input_shape.serialization.get("payload") == name and int(environ.get("CONTENT_LENGTH") or 0):
            found[name] = b""
    return found


def _header(name: str) -> str:
    plain = name.upper().replace("-", "_")
    return plain if plain in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{plain}"
