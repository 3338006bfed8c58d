"""The double as a whole: a server on loopback, in this process or in one of its own."""

from __future__ import annotations

import json
import threading
import urllib.request
from collections.abc import Iterable, Mapping
from importlib import import_module, metadata
from typing import TYPE_CHECKING, Any

from deployer.errors import SpecError, TargetUnavailable
from deployer.testing.sagemaker.options import Options

if TYPE_CHECKING:
    from types import TracebackType

    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

    from deployer.testing.sagemaker.world import World

__all__ = ["MOTO", "Double"]

MOTO = "5.2.5"
"""The version that this was made with; the double asks it by AWS's API alone, and starts it by these three names."""

_RUNNING = threading.Lock()


class Double:
    """A SageMaker that is none, as a context manager.

    moto keeps its state in modules, so that a process can have one double at a time; it is empty when it starts.

    Args:
        options: Its options.

    Attributes:
        url: For ``AWS_ENDPOINT_URL``; known inside the ``with`` block.
        world: Its state, for tests in the same process.

    Raises:
        SpecError: moto is not installed, or is another version; or this process has a double already.
    """

    def __init__(self, options: Options | None = None) -> None:
        self.options = options or Options()
        self.url = ""
        self._world: World | None = None
        self._server: Any = None
        self._thread: threading.Thread | None = None

    @property
    def world(self) -> World:
        if self._world is None:
            raise RuntimeError("a double is used in a with block")
        return self._world

    @property
    def environment(self) -> dict[str, str]:
        """What a client of it needs in its environment: address, region, and credentials that mean nothing."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_DEFAULT_REGION": self.options.region,
            "AWS_ACCESS_KEY_ID": "double",
            "AWS_SECRET_ACCESS_KEY": "double",
        }

    def __enter__(self) -> Double:
        moto = _moto()
        if not _RUNNING.acquire(blocking=False):
            raise SpecError(
                "this process has a SageMaker double already",
                where="deployer.testing.sagemaker",
                hint="end the other one first, or start this one by: python -m deployer.testing.sagemaker",
            )
        try:
            self._start(moto)
        except BaseException:
            self._end()
            raise
        return self

    def _start(self, moto: Any) -> None:
        from deployer.testing.sagemaker.inside import Inside
        from deployer.testing.sagemaker.shell import Shell
        from deployer.testing.sagemaker.world import World

        application = _OneAtATime(moto.DomainDispatcherApplication(moto.create_backend_app))
        _forget(application)
        self._world = World(self.options, Inside(application))
        shell = Shell(self._world, application)
        handler = type(
            "Handler",
            (moto.MotoRequestHandler,),
            {"log_request": _quiet, "log": _quiet, "connection_dropped": _hang_up},
        )
        serving = import_module("werkzeug.serving")
        self._server = serving.make_server(
            self.options.host, self.options.port, shell, threaded=True, request_handler=handler
        )
        self._server.daemon_threads = True
        self.url = f"http://{self.options.host}:{self._server.server_port}"
        self._world.url = self.url
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, name="sagemaker double", daemon=True
        )
        self._thread.start()
        if self.options.autoscale_every:
            self._world.spawn(self._autoscale, "autoscaling")

    def _autoscale(self) -> None:
        from deployer.testing.sagemaker import autoscaling

        world = self.world
        while not world.clock.wait(self.options.autoscale_every, world.closing):
            autoscaling.look(world)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def _end(self) -> None:
        try:
            if self._server is not None:
                self._server.shutdown()
                self._server.server_close()
            if self._thread is not None:
                self._thread.join()
            if self._world is not None:
                self._world.close()
        finally:
            self._server = self._thread = self._world = None
            _RUNNING.release()

    def tell(self, method: str, route: str, value: Any = None) -> Any:
        """Ask an admin route (`deployer.testing.sagemaker.admin`).

        Args:
            method: ``GET``, ``POST``, ``PUT``, ``DELETE``.
            route: ``faults``.
            value: What is sent, as JSON.

        Raises:
            SpecError: It cannot be done; with the double's own reason.
            TargetUnavailable: Nobody answers.
        """
        return tell(self.url, method, route, value)

    def fault(self, operation: str, **more: Any) -> None:
        """Let something go wrong: the members of `deployer.testing.sagemaker.faults.Fault`."""
        self.tell("POST", "faults", {"operation": operation, **more})


def tell(url: str, method: str, route: str, value: Any = None) -> Any:
    """Ask an admin route of the double at a URL; see `Double.tell`."""
    data = None if value is None else json.dumps(value).encode()
    about = f"{url}/_double/{route}"
    request = urllib.request.Request(about, data, {"Content-Type": "application/json"}, method=method)  # noqa: S310
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=60) as response:
            return json.load(response)
    except urllib.request.HTTPError as error:
        said: Mapping[str, Any] = json.load(error)
        raise SpecError(str(said["error"]), where=f"{method} /_double/{route}") from error
    except OSError as error:
        raise TargetUnavailable(f"the SageMaker double does not answer: {error}", where=url) from error


class _OneAtATime:
    """Lets moto do one request at a time: its own checks and changes are not of one piece (a conditional put, say)."""

    def __init__(self, application: WSGIApplication) -> None:
        self._application = application
        self._lock = threading.RLock()

    def __call__(self, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        with self._lock:
            pieces = self._application(environ, start)
            try:
                return list(pieces)
            finally:
                if hasattr(pieces, "close"):
                    pieces.close()


def _hang_up(handler: Any, *_: object) -> None:
    """Werkzeug would keep the connection of an answer that was lost open, and its client would wait."""
    handler.close_connection = True


def _quiet(*_: object) -> None:
    return None


def _moto() -> Any:
    """Moto's server, imported now.

    Raises:
        SpecError: It is not there, or is another version.
    """
    try:
        found = metadata.version("moto")
        server = import_module("moto.moto_server.werkzeug_app")
    except (ImportError, metadata.PackageNotFoundError) as error:
        raise SpecError(
            f"the SageMaker double needs moto's server: {error}",
            where="deployer.testing.sagemaker",
            hint="pip install 'mlflow-deployer[rehearse]'",
        ) from error
    if found.split(".")[:2] != MOTO.split(".")[:2]:
        raise SpecError(
            f"the SageMaker double was made with moto {MOTO}, and {found} is installed",
            where="deployer.testing.sagemaker",
            hint="pip install 'mlflow-deployer[rehearse]'",
        )
    return server


def _forget(application: Any) -> None:
    """Let moto have nothing: its own reset route, asked from within."""
    from werkzeug.test import EnvironBuilder, run_wsgi_app

    environ = EnvironBuilder("/moto-api/reset", method="POST").get_environ()
    _, status, _ = run_wsgi_app(application, environ, buffered=True)
    if not status.startswith("200"):
        raise TargetUnavailable(f"moto does not reset: {status}", where="/moto-api/reset")
