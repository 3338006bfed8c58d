"""Long-running operations: begun by a change, asked about by their own URL, kept for ever."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import threading
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from deployer.testing.azureml.answers import Answer, Refusal, told

if TYPE_CHECKING:
    from deployer.testing.azureml.wire import Asked
    from deployer.testing.azureml.world import World

__all__ = ["Operation", "Operations", "headers", "paced", "result", "stamp", "status", "unsigned"]


def stamp(at: float) -> str:
    """A moment as Azure writes it: ``2026-03-03T20:17:59.3400000+00:00``."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f0+00:00")


@dataclass
class Operation:
    """One operation.

    Attributes:
        id: ``oeidp:WORKSPACE:GUID`` of an endpoint, ``odidp:...`` of a deployment (recorded).
        began: Seconds since the epoch.
        status: ``Updating`` until it is ``Succeeded`` or ``Failed`` (recorded).
        ended: When it ended.
        error: ARM's error object, where it failed.
    """

    id: str
    began: float
    status: str = "Updating"
    ended: float = 0.0
    error: dict[str, Any] | None = None


class Operations:
    """All of them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._all: dict[str, Operation] = {}
        self._secret = secrets.token_bytes(16)

    def begin(self, kind: str, workspace: str, now: float) -> Operation:
        """A new one."""
        made = Operation(f"{kind}:{workspace}:{uuid.uuid4()}", now)
        with self._lock:
            self._all[made.id] = made
        return made

    def finish(self, operation: Operation, now: float, error: dict[str, Any] | None = None) -> None:
        """Let it end; nothing where it has ended."""
        with self._lock:
            if operation.ended:
                return
            operation.ended, operation.error = now, error
            operation.status = "Succeeded" if error is None else "Failed"

    def find(self, name: str) -> Operation:
        """The operation of an id.

        Raises:
            Refusal: There is none.
        """
        with self._lock:
            if name not in self._all:
                raise Refusal(404, "NotFound", f"The operation {name} was not found.")
            return self._all[name]

    def sign(self, name: str) -> str:
        """What a signed URL of an operation has as ``h``."""
        return hmac.new(self._secret, name.encode(), hashlib.sha256).hexdigest()[:32]


def _url(world: World, asked: Asked, kind: str, operation: Operation) -> str:
    options = world.options
    return (
        f"{asked.base}/subscriptions/{options.subscription}/providers/Microsoft.MachineLearningServices/locations/"
        f"{options.location}/{kind}/{operation.id}?api-version={asked.version}"
    )


def headers(world: World, asked: Asked, operation: Operation, *, location: str = "") -> dict[str, str]:
    """What the answer that began an operation has.

    Args:
        world: The double.
        asked: The call.
        operation: The operation.
        location: Of a PUT the resource's own URL (recorded); by default the URL of the result.
    """
    signature = f"&t={int(operation.began)}&c=double&s=double&h={world.operations.sign(operation.id)}"
    return {
        "Azure-AsyncOperation": _url(world, asked, "mfeOperationsStatus", operation) + signature,
        "Location": location or _url(world, asked, "mfeOperationResults", operation) + signature,
        "x-ms-async-operation-timeout": "PT30M",
        **paced(world),
    }


def unsigned(world: World, asked: Asked, operation: Operation) -> str:
    """What properties.AzureAsyncOperationUri says (recorded)."""
    return _url(world, asked, "mfeOperationsStatus", operation)


def paced(world: World) -> dict[str, str]:
    """When to ask again, where the double was told to say it; Azure does not."""
    return {"retry-after-ms": str(world.options.retry_after)} if world.options.retry_after else {}


def _found(world: World, asked: Asked) -> Operation:
    operation = world.operations.find(asked.names["operation"])
    signed = asked.call.query.get("h")
    if signed != world.operations.sign(operation.id) and (signed or not world.guesses["unsigned-operation"]):
        raise Refusal(403, "AuthorizationFailed", "The signature of the operation's URL is invalid.")
    return operation


def status(world: World, asked: Asked) -> Answer:
    """GET mfeOperationsStatus; always 200 (recorded)."""
    operation = _found(world, asked)
    body: dict[str, Any] = {
        "id": asked.path,
        "name": operation.id,
        "startTime": stamp(operation.began),
        "percentComplete": 100.0 if operation.ended else 0.0,
        "status": operation.status,
    }
    if operation.ended:
        body["endTime"] = stamp(operation.ended)
    if operation.error is not None:
        body["error"] = operation.error
    return told(body, headers={} if operation.ended else paced(world))


def result(world: World, asked: Asked) -> Answer:
    """GET mfeOperationResults: 202 while it goes on, then 204 (guessed: that of a failed one is its error, 400)."""
    operation = _found(world, asked)
    if operation.error is not None:
        return told({"error": operation.error}, 400)
    return Answer(204 if operation.ended else 202, {} if operation.ended else paced(world))
