"""The supervisor's own control socket: ``reload``, ``status``, ``wait``; one JSON object per line."""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import Any

from .supervisor import Supervisor

__all__ = ["answer", "serve_client"]


async def answer(supervisor: Supervisor, request: Any) -> dict[str, Any]:
    """What a command is answered with."""
    do = request.get("do") if isinstance(request, dict) else None
    if do == "reload":
        supervisor.wake()
        return {"ok": True, "changes": supervisor.changes}
    if do == "status":
        return {"ok": True, **supervisor.describe()}
    if do == "wait":
        seen, seconds = request.get("seen"), request.get("seconds")
        if isinstance(seen, int) and isinstance(seconds, int | float):
            return {"ok": True, "changes": await supervisor.wait(seen, float(seconds))}
    return {"ok": False, "error": "no such command: reload, status, wait (with seen and seconds)"}


async def serve_client(supervisor: Supervisor, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer each line of a connection until it is hung up."""
    with contextlib.suppress(OSError, asyncio.LimitOverrunError, ValueError):
        while line := await reader.readline():
            try:
                request = json.loads(line)
            except (ValueError, RecursionError):
                request = None
            writer.write(json.dumps(await answer(supervisor, request)).encode() + b"\n")
            await writer.drain()
    writer.close()
