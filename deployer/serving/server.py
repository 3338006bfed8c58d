"""One serving process from its first listening socket to its end: loading, ready, draining."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
from typing import TYPE_CHECKING, Any

from .application import Application, Limits
from .control import Control, Refused
from .digest import check_digest
from .doors import Door
from .failure import evidence
from .keys import KeyFile
from .sockets import is_listening_tcp
from .standing import DRAINING, FAILED, LOADING, READY, Standing
from .threads import Pool
from .version import RUNTIME_VERSION

if TYPE_CHECKING:
    import socket
    from collections.abc import Mapping

    from .answers import Answer
    from .attributes import Attributes
    from .log import Log
    from .settings import Settings
    from .sockets import Listeners

__all__ = ["Server"]

TICK = 1.0
GLANCE = 0.02
LAST_WORDS = 0.1
LONGEST_ANSWER = 2000


class Server:
    """Serves until it is told to end. :meth:`run` is its whole life.

    It listens at once, checks the model's digest if one is wished, loads the model in a thread, answers the example,
    and only then is ready. SIGTERM and SIGINT drain it: not ready, no new connections, requests in flight are finished,
    idle connections stay and the next answer on each says ``Connection: close``; it ends when all are closed, or after
    ``settings.drain`` seconds.
    """

    def __init__(self, settings: Settings, listeners: Listeners, log: Log, loop: asyncio.AbstractEventLoop) -> None:
        self._settings = settings
        self._listeners = listeners
        self._log = log
        self._loop = loop
        self._standing = Standing()
        self._pool = Pool(settings.threads, loop)
        limits = Limits(settings.revision, settings.max_body, settings.timeout, settings.trusted_hosts)
        keys = KeyFile(settings.api_keys, log) if settings.api_keys is not None else None
        self._application = Application(
            limits,
            self._standing,
            self._pool,
            log,
            keys,
            attributes=_attributes(settings),
            one_route=settings.behind == "azureml",
        )
        headers = [(b"deployer-revision", settings.revision.encode())] if settings.revision else []
        self._public = Door(self._application.door(True, self._public_closes), headers, loop, log)
        self._private = Door(self._application.door(False, self._draining), headers, loop, log)
        self._control: Control | None = None
        self._ceased = False
        self._end: asyncio.Future[int] = loop.create_future()

    def run(self) -> int:
        """Serve, and answer the exit code: 0 after a drain, 1 when the model is refused, fails to load or to answer."""
        self._open_doors()
        for number in (signal.SIGTERM, signal.SIGINT):
            self._loop.add_signal_handler(number, self._told_to_end, number)
        self._tick()
        threading.Thread(target=self._load, name="load", daemon=True).start()
        try:
            return self._loop.run_until_complete(self._end)
        finally:
            self._close()

    # What a supervisor can ask, over the control socket.

    def status(self) -> dict[str, Any]:
        """The status line; ``connections`` counts those of the public listener, ``private`` the others."""
        standing = self._standing
        return {
            "revision": self._settings.revision,
            "pid": os.getpid(),
            "state": standing.state,
            "accepting": self._public.accepting,
            "connections": self._public.connections,
            "private": self._private.connections,
            "in_flight": standing.in_flight,
            "answered": standing.answered,
            "failed": standing.failed,
            "stuck": self._pool.stuck,
            "since": standing.since,
        }

    def accept(self, listener: socket.socket) -> None:
        """Accept on a listening TCP socket too; a further one is closed, and all is well.

        Raises:
            Refused: The server is not ready, or the socket is not a listening TCP one.
        """
        if self._standing.state != READY:
            listener.close()
            raise Refused(f"not ready: the state is {self._standing.state}")
        if not is_listening_tcp(listener):
            listener.close()
            raise Refused("what came is not a listening TCP socket")
        self._ceased = False
        if self._public.accepting:
            listener.close()
            return
        self._public.open(listener)
        self._log.event("accepting", address=_address(listener))

    def cease(self) -> int:
        """Stop accepting on the public listener and close this process's copy; answers the connections left there."""
        self._ceased = True
        if self._public.accepting:
            self._public.close()
            self._log.event("ceased", connections=self._public.connections)
        return self._public.connections

    def give(self) -> socket.socket:
        """The public listener.

        Raises:
            Refused: There is none.
        """
        if self._public.listener is None:
            raise Refused("there is no public listener here")
        return self._public.listener

    # Beginning.

    def _open_doors(self) -> None:
        if self._listeners.tcp is not None:
            self._public.open(self._listeners.tcp)
        if self._listeners.private is not None:
            self._private.open(self._listeners.private)
        if self._listeners.control is not None:
            self._control = Control(self._listeners.control, self, self._loop)
            self._standing.on_change.append(self._control.tell_subscribers)
        self._log.event(
            "listening",
            runtime=RUNTIME_VERSION,
            revision=self._settings.revision,
            pid=os.getpid(),
            address=_address(self._listeners.tcp) if self._listeners.tcp else None,
            uds=self._settings.uds,
            control=self._settings.control,
        )

    def _tick(self) -> None:
        self._public.renew_date()
        self._private.renew_date()
        self._loop.call_later(TICK, self._tick)

    # Loading, in a thread of its own.

    def _load(self) -> None:
        settings = self._settings
        asyncio.set_event_loop(asyncio.new_event_loop())  # code that asks for one at import finds it, as in MLflow's
        try:
            if settings.vault:
                self._open_vault(settings.vault)
        except Exception as error:
            self._tell(self._not_loaded, "start-failed", evidence(error))
            return
        try:
            if settings.model_digest is not None:
                check_digest(settings.model, settings.model_digest, self._log)
            began = time.perf_counter()
            from .scorer import load, packaged_example

            example = packaged_example(settings.model, settings.example)
            scorer = load(settings.model, settings.tolerance, self._log.redacted)
            loaded = time.perf_counter()
            answer = scorer.answer(*example) if example is not None else None
        except BaseException as error:  # SystemExit at a model's import is a failed load too
            self._tell(self._not_loaded, "load-failed", evidence(error, settings.model))
            return
        if answer is not None and answer.status != 200:
            self._tell(self._not_loaded, "example-failed", _unanswered(answer, settings.model))
            return
        fields = {
            "load_ms": round((loaded - began) * 1000),
            "example": example is not None,
            "example_ms": round((time.perf_counter() - loaded) * 1000),
        }
        self._tell(self._loaded, scorer, fields)

    def _open_vault(self, references: Mapping[str, str]) -> None:
        """Put the values into the environment, where the model looks for them; the log hides them from here on.

        Raises:
            SecretUnavailable: One cannot be had.
        """
        from .vault import resolve

        began = time.perf_counter()
        values = resolve(references)
        self._log.hide(values.values())
        os.environ.update(values)
        self._log.event("secrets", names=sorted(values), ms=round((time.perf_counter() - began) * 1000))

    def _tell(self, what: Any, *arguments: Any) -> None:
        try:
            self._loop.call_soon_threadsafe(what, *arguments)
        except RuntimeError:
            return  # the loop is closed: the server has ended meanwhile

    def _loaded(self, scorer: Any, fields: dict[str, Any]) -> None:
        if self._standing.state != LOADING:
            return
        self._application.scorer = scorer
        self._log.event("ready", **fields)
        self._standing.become(READY)

    def _not_loaded(self, event: str, fields: dict[str, Any]) -> None:
        if self._standing.state != LOADING:
            return
        self._log.event(event, "error", **fields)
        self._standing.become(FAILED)
        self._finish(1)

    # Ending.

    def _draining(self) -> bool:
        return self._standing.state == DRAINING

    def _public_closes(self) -> bool:
        return self._ceased or self._draining()

    def _told_to_end(self, number: int) -> None:
        if self._draining():
            if number == signal.SIGINT:
                self._finish(0)
            return
        loaded = self._standing.state == READY
        self._log.event(
            "draining", signal=signal.Signals(number).name, in_flight=self._standing.in_flight, connections=self._left()
        )
        for door in (self._public, self._private):
            door.sweep()
            door.close()
        self._standing.become(DRAINING)
        if not loaded:
            self._finish(0)
            return
        self._drain(self._loop.time() + self._settings.drain)

    def _drain(self, deadline: float) -> None:
        if not self._left() and not self._public.busy and not self._private.busy:
            self._finish(0)
        elif self._loop.time() < deadline:
            self._loop.call_later(GLANCE, self._drain, deadline)
        else:
            self._log.event("drain-deadline", "warning", in_flight=self._standing.in_flight, connections=self._left())
            self._public.hang_up()
            self._private.hang_up()
            self._loop.call_later(LAST_WORDS, self._finish, 0)

    def _left(self) -> int:
        return self._public.connections + self._private.connections

    def _finish(self, code: int) -> None:
        if not self._end.done():
            self._end.set_result(code)

    def _close(self) -> None:
        self._public.close()
        self._private.close()
        if self._control is not None:
            self._control.close()
        self._log.event("ended", answered=self._standing.answered, failed=self._standing.failed)


def _attributes(settings: Settings) -> Attributes | None:
    if settings.behind != "sagemaker":
        return None
    from .attributes import Attributes  # imported where it is used alone

    return Attributes(settings.revision)


def _unanswered(answer: Answer, model: str) -> dict[str, Any]:
    text = answer.body.decode(errors="replace")[:LONGEST_ANSWER]
    cause = answer.cause or ValueError(f"the example was answered with {answer.status}")
    return {**evidence(cause, model), "status": answer.status, "answer": text}


def _address(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
