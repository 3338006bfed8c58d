"""The double as a whole: a server on loopback, in this process or in one of its own."""

from __future__ import annotations

import json
import ssl
import threading
import urllib.request
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from deployer.errors import SpecError, TargetUnavailable
from deployer.testing.azureml.options import Options

if TYPE_CHECKING:
    from types import TracebackType

    from deployer.testing.azureml.certificates import Pair
    from deployer.testing.azureml.proxy import Proxy
    from deployer.testing.azureml.server import Server
    from deployer.testing.azureml.world import World

__all__ = ["Double", "tell"]


class Double:
    """An Azure ML that is none, as a context manager; empty when it starts.

    Args:
        options: Its options.

    Attributes:
        url: Where ARM, the token endpoint, the registry, blobs and scoring are; known inside the ``with`` block.

    Raises:
        SpecError: cryptography is not installed.
    """

    def __init__(self, options: Options | None = None) -> None:
        self.options = options or Options()
        self.url = ""
        self._world: World | None = None
        self._server: Server | None = None
        self._proxy: Proxy | None = None
        self._pair: Pair | None = None
        self._thread: threading.Thread | None = None

    @property
    def world(self) -> World:
        """Its state, for tests in the same process."""
        if self._world is None:
            raise RuntimeError("a double is used in a with block")
        return self._world

    @property
    def ca(self) -> str:
        """The file of its authority, PEM."""
        if self._pair is None:
            raise RuntimeError("a double is used in a with block")
        return str(self._pair.ca)

    @property
    def environment(self) -> dict[str, str]:
        """What a client needs in its environment to come to the double's own address (way A of the SDK)."""
        return {**self._identity, "AZUREML_DEV_URL_MFE": self.url, "AZURE_AUTHORITY_HOST": self.url}

    @property
    def proxied(self) -> dict[str, str]:
        """What a client needs to come by Azure's own names (way D); needs ``Options.proxy``."""
        if self._proxy is None:
            raise RuntimeError("the double has no proxy; start it with Options(proxy=True)")
        # Both spellings: libraries differ in which one counts.
        return {**self._identity, "HTTPS_PROXY": self._proxy.url, "https_proxy": self._proxy.url}

    @property
    def hosts(self) -> list[str]:
        """Every ``HOST:PORT`` that its proxy was asked for."""
        return list(self._proxy.hosts) if self._proxy is not None else []

    @property
    def _identity(self) -> dict[str, str]:
        options = self.options
        return {
            "REQUESTS_CA_BUNDLE": self.ca,
            "SSL_CERT_FILE": self.ca,
            "AZURE_TENANT_ID": options.tenant,
            "AZURE_CLIENT_ID": options.client,
            "AZURE_CLIENT_SECRET": options.secret,
        }

    @property
    def workspace(self) -> str:
        """The path of the usual workspace in ARM."""
        return next(iter(self.world.workspaces.values())).id

    def __enter__(self) -> Double:
        try:
            self._start()
        except BaseException:
            self._end()
            raise
        return self

    def _start(self) -> None:
        from deployer.testing.azureml import certificates
        from deployer.testing.azureml.proxy import Proxy
        from deployer.testing.azureml.server import Server
        from deployer.testing.azureml.shell import Shell
        from deployer.testing.azureml.world import World

        options = self.options
        self._world = World(options)
        folder = self._world.folder / "tls"
        folder.mkdir(0o755)
        self._pair = certificates.make(folder, options.location, options.host)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self._pair.chain, self._pair.key)
        self._server = Server((options.host, options.port), context, Shell(self._world).answer)
        self._world.authority = f"{options.host}:{self._server.server_address[1]}"
        self.url = f"https://{self._world.authority}"
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, name="azureml double", daemon=True
        )
        self._thread.start()
        if options.proxy:
            self._proxy = Proxy((options.host, int(self._server.server_address[1])))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def _end(self) -> None:
        try:
            if self._proxy is not None:
                self._proxy.close()
            if self._server is not None and self._thread is not None:
                self._server.shutdown()
                self._thread.join()
            if self._server is not None:
                self._server.server_close()
            if self._world is not None:
                self._world.close()
        finally:
            self._proxy = self._server = self._thread = self._world = self._pair = None

    def tell(self, method: str, route: str, value: Any = None) -> Any:
        """Ask an admin route (`deployer.testing.azureml.admin`).

        Args:
            method: ``GET``, ``POST``, ``PUT``, ``DELETE``.
            route: ``faults``.
            value: What is sent, as JSON.

        Raises:
            SpecError: It cannot be done; with the double's own reason.
            TargetUnavailable: Nobody answers.
        """
        return tell(self.url, self.ca, method, route, value)

    def fault(self, operation: str, **more: Any) -> None:
        """Let something go wrong: the members of `deployer.testing.azureml.faults.Fault`."""
        self.tell("POST", "faults", {"operation": operation, **more})


def tell(url: str, ca: str, method: str, route: str, value: Any = None) -> Any:
    """Ask an admin route of the double at a URL, whose authority is in that file; see `Double.tell`."""
    data = None if value is None else json.dumps(value).encode()
    about = f"{url}/_double/{route}"
    request = urllib.request.Request(about, data, {"Content-Type": "application/json"}, method=method)  # noqa: S310
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({}),
        urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=ca)),
    )
    try:
        with opener.open(request, timeout=60) as response:
            return json.load(response)
    except urllib.request.HTTPError as error:
        said: Mapping[str, Any] = json.load(error)
        raise SpecError(str(said["error"]), where=f"{method} /_double/{route}") from error
    except OSError as error:
        raise TargetUnavailable(f"the Azure ML double does not answer: {error}", where=url) from error
