"""A provider of Terraform with the schema of a real one and nothing behind it: enough for ``terraform validate``.

The real ones are in no registry of packages. Their schemas are: ``aws_schema.json`` has what the bindings of
``cdktf-cdktf-provider-aws`` 21.22.1 (generated from hashicorp/aws 6.25) tell of the things that infra/aws makes,
``azure_schema.json`` what those of ``cdktf-cdktf-provider-azurerm`` 14.23.1 and ``cdktn-provider-azurerm`` 18.9.0
(generated from hashicorp/azurerm 4.55.0 and 5.10.0) tell of those that infra/azure makes.
Terraform is told to talk to this process (TF_REATTACH_PROVIDERS), in its plug-in protocol 5 (Terraform's repository,
docs/plugin-protocol/tfplugin5.proto), of which these few messages are written by hand.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from pathlib import Path
from types import TracebackType
from typing import Any

__all__ = ["Provider"]

SCHEMA: Mapping[str, Any] = json.loads((Path(__file__).parent / "aws_schema.json").read_text(encoding="utf-8"))
_NO_SETTINGS: Mapping[str, Any] = {"attributes": {}, "blocks": {}}
_NESTING = {"single": 2, "list": 2, "set": 3}
"""tfplugin5's numbers; a single one is a list of at most one, as in the real provider's schema."""
_SERVICE = "tfplugin5.Provider"


def _varint(number: int) -> bytes:
    found = b""
    while number > 127:
        found, number = found + bytes([number & 127 | 128]), number >> 7
    return found + bytes([number])


def _field(number: int, value: bytes | str | int) -> bytes:
    """One field of a message of protobuf."""
    if isinstance(value, int):
        return _varint(number << 3) + _varint(value)
    raw = value.encode() if isinstance(value, str) else value
    return _varint(number << 3 | 2) + _varint(len(raw)) + raw


def _attribute(name: str, about: Mapping[str, Any]) -> bytes:
    required, computed = bool(about.get("required")), bool(about.get("computed"))
    kind = 4 if required else 6 if computed else 5
    return _field(1, name) + _field(2, json.dumps(about["type"])) + _field(kind, 1)


def _block(about: Mapping[str, Any]) -> bytes:
    found = b"".join(_field(2, _attribute(name, each)) for name, each in about["attributes"].items())
    return found + b"".join(_field(3, _nested(name, each)) for name, each in about["blocks"].items())


def _nested(name: str, about: Mapping[str, Any]) -> bytes:
    found = _field(1, name) + _field(2, _block(about)) + _field(3, _NESTING[about["nesting"]])
    found += _field(4, 1) if about.get("required") else b""
    return found + (_field(5, 1) if about["nesting"] == "single" else b"")


def _schemas(number: int, things: Iterable[tuple[str, Mapping[str, Any]]]) -> bytes:
    """A map of names to schemas."""
    return b"".join(_field(number, _field(1, name) + _field(2, _field(2, _block(each)))) for name, each in things)


def _answer(schema: Mapping[str, Any]) -> bytes:
    """Of GetSchema: the provider's own settings, resources, data sources."""
    things = schema["things"].items()
    data = [(name.removeprefix("data."), each) for name, each in things if name.startswith("data.")]
    resources = [(name, each) for name, each in things if not name.startswith("data.")]
    settings = _block(schema.get("settings", _NO_SETTINGS))
    return _field(1, _field(2, settings)) + _schemas(2, resources) + _schemas(3, data)


class Provider:
    """A server on loopback, as a context manager.

    Args:
        name: Of the real one.
        schema: Its ``things``, and its own ``settings`` where it has some.

    Attributes:
        environment: What Terraform is told.
    """

    def __init__(self, name: str = "hashicorp/aws", schema: Mapping[str, Any] = SCHEMA) -> None:
        self._name = name
        grpc = import_module("grpc")
        self.environment: dict[str, str] = {}
        self._server: Any = grpc.server(ThreadPoolExecutor(4))
        answers = {
            "GetSchema": _answer(schema), "PrepareProviderConfig": b"", "ValidateResourceTypeConfig": b"",
            "ValidateDataSourceConfig": b"", "Stop": b"",
        }  # fmt: skip
        handlers = {
            name: grpc.unary_unary_rpc_method_handler(lambda _asked, _context, told=told: told)
            for name, told in answers.items()
        }
        self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(_SERVICE, handlers),))

    def __enter__(self) -> Provider:
        port = self._server.add_insecure_port("127.0.0.1:0")
        self._server.start()
        where = {"Network": "tcp", "String": f"127.0.0.1:{port}"}
        about = {"Protocol": "grpc", "ProtocolVersion": 5, "Pid": os.getpid(), "Test": True, "Addr": where}
        registries = ("registry.terraform.io", "registry.opentofu.org")
        attached = {f"{each}/{self._name}": about for each in registries}
        self.environment = {"TF_REATTACH_PROVIDERS": json.dumps(attached)}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.stop(0).wait(10)
