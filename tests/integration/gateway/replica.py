"""A replica: a real HTTP server that says which revision it is, as the serving runtime does."""

from __future__ import annotations

import asyncio
import json
import threading
from dataclasses import dataclass, field

from deployer.gateway import Member


@dataclass(frozen=True)
class Seen:
    """One request that arrived, health checks excepted."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Replica:
    """One server on loopback; all of a `Replicas` run on its event loop.

    Attributes:
        revision: What it is; a request for another one is answered 421.
        ready: What ``/ready`` answers: 200, or 503.
        heeds: Whether it heeds ``Deployer-Revision`` of a request, and of a health check.
        gate: While it is clear, requests wait.
        tells: Whether its answers tell its revision.
        drops: Whether it hangs up instead of answering.
        seen: The requests that came.
    """

    revision: str
    port: int = 0
    ready: bool = True
    heeds: bool = True
    drops: bool = False
    tells: bool = True
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    seen: list[Seen] = field(default_factory=list)
    arrived: threading.Event = field(default_factory=threading.Event)
    server: asyncio.Server | None = None
    writers: set[asyncio.StreamWriter] = field(default_factory=set)

    @property
    def member(self) -> Member:
        return Member("127.0.0.1", self.port)

    async def start(self) -> None:
        self.server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, reuse_address=True)
        self.port = self.server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """As when the process is gone: nobody listens, every connection is closed."""
        if self.server is not None:
            self.server.close()
            for writer in list(self.writers):
                writer.close()
            self.server = None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writers.add(writer)
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
                method, path, _ = head[0].split(" ")
                headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])}
                body = await reader.readexactly(int(headers.get("content-length") or 0))
                answer = await self._answer(method, path, headers, body)
                if answer is None:
                    break
                writer.write(answer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self.writers.discard(writer)
            writer.close()

    async def _answer(self, method: str, path: str, headers: dict[str, str], body: bytes) -> bytes | None:
        """The whole answer; None where it hangs up instead."""
        misdirected = self.heeds and headers.get("deployer-revision", self.revision) != self.revision
        status = "421 Misdirected Request" if misdirected else "200 OK"
        if path == "/ready":
            if not misdirected and not self.ready:
                status = "503 Service Unavailable"
        else:
            self.seen.append(Seen(method, path, headers, body))
            self.arrived.set()
            await self.gate.wait()
            if self.drops:
                return None
        text = json.dumps({"revision": self.revision, "port": self.port}).encode()
        told = f"Deployer-Revision: {self.revision}\r\n" if self.tells else ""
        head = f"HTTP/1.1 {status}\r\nContent-Length: {len(text)}\r\n{told}\r\n"
        return head.encode() + (b"" if method == "HEAD" else text)


class Replicas:
    """Replicas on an event loop in a thread of its own."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self._all: list[Replica] = []

    def start(self, revision: str, **options: bool) -> Replica:
        """A new replica that listens."""
        replica = Replica(revision, **options)  # type: ignore[arg-type]
        replica.gate.set()
        self._all.append(replica)
        self.again(replica)
        return replica

    def again(self, replica: Replica) -> None:
        """Let a replica listen where it did."""
        asyncio.run_coroutine_threadsafe(replica.start(), self._loop).result(10)

    def stop(self, replica: Replica) -> None:
        asyncio.run_coroutine_threadsafe(replica.stop(), self._loop).result(10)

    def hold(self, replica: Replica) -> None:
        """Let requests wait from now on."""
        replica.arrived.clear()
        self._loop.call_soon_threadsafe(replica.gate.clear)

    def release(self, replica: Replica) -> None:
        self._loop.call_soon_threadsafe(replica.gate.set)

    def close(self) -> None:
        for replica in self._all:
            self.release(replica)
            self.stop(replica)

        async def finish() -> None:
            tasks = asyncio.all_tasks() - {asyncio.current_task()}
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

        asyncio.run_coroutine_threadsafe(finish(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()
