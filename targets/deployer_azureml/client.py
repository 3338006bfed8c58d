"""The connection to Azure: who asks, which workspace, documents both ways, and its errors in our words.

Documents go through azure-core's pipeline, tokens come from azure-identity, and both are imported when they are used.
Proxies (``HTTPS_PROXY``), ``REQUESTS_CA_BUNDLE`` and the ways of DefaultAzureCredential are the libraries' own affair.
A change is sent once, so that whoever waits decides; a question is asked again a few times, for a moment.
"""

from __future__ import annotations

import contextlib
import json
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from urllib.parse import urlencode, urlsplit

from deployer.errors import DeployerError, TargetUnavailable
from deployer.importing import library
from deployer.target.dated import ServiceClock
from deployer.target.steady import Changes
from deployer_azureml.addresses import address_of, below, in_manager
from deployer_azureml.config import AzureMLOptions
from deployer_azureml.credentials import Credentials
from deployer_azureml.errors import Refused, mapped, refused_of, unreachable
from deployer_azureml.wheres import Where, where_of

__all__ = ["CHANGES", "REQUEST", "SENT", "STORAGE", "Answer", "Azure", "told"]

REQUEST = "deployer.azureml.request"
"""The audit event of each change that is about to be asked for, so that a test can stop a process before it."""
SENT = "deployer.azureml.sent"
"""The same once Azure has answered: it is at work then, and nobody knows of it yet."""
STORAGE = "https://storage.azure.com/.default"
"""What tokens for blobs are asked for, in each cloud ("Authorize access to blobs using Microsoft Entra ID")."""
TIMEOUT = 60.0
"""Seconds that an answer may take."""
CONNECTING = 10.0
"""Seconds that an address may take to be reached."""
AGAIN: tuple[float, ...] = (0.3, 1.0)
"""Seconds before a question is asked again that got no answer, a 5xx, or was throttled."""
_LONGEST = 5.0
"""Seconds of a Retry-After that are waited for here; what is longer is for whoever waits."""
CHANGES = Changes()
"""Those of this process, to Azure's manager."""
_AGENT = "deployer"
_CHANGES = frozenset({"PUT", "PATCH", "DELETE"})
_OURS = ("azure", "msal", "requests", "urllib3")


@dataclass(frozen=True)
class Answer:
    """An answer, whatever its status.

    Attributes:
        status: Of HTTP.
        body: All of it; nothing where it was passed on.
        headers: By name in lower case.
    """

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def good(self) -> bool:
        """Whether it is a success."""
        return 200 <= self.status < 300


@dataclass(frozen=True)
class _Sent:
    method: str
    url: str
    body: bytes | None
    headers: Mapping[str, str]
    scope: str
    timeout: float
    passed: Callable[[Iterator[bytes]], None] | None


@contextlib.contextmanager
def told(doing: str, where: str | None = None) -> Iterator[None]:
    """Turn every refusal of Azure, and every error of its SDK and of the system, into one of ours.

    Args:
        doing: What is not done then, after "cannot": ``read the record of iris``.
        where: The resource.
    """
    try:
        yield
    except DeployerError:
        raise
    except Refused as refused:
        raise mapped(refused, doing, where) from refused
    except Exception as error:
        if type(error).__module__.partition(".")[0] in _OURS or isinstance(error, OSError):
            raise unreachable(error, doing, where) from error
        raise


class Azure:
    """One workspace, as whoever the credentials are of.

    Args:
        options: Which.
    """

    def __init__(self, options: AzureMLOptions) -> None:
        self.options = options
        self.cloud = options.cloud
        self._lock = threading.RLock()
        self._pipelines: dict[str, Any] = {}
        self.clock = ServiceClock()

    # Who, and where.

    @cached_property
    def credentials(self) -> Credentials:
        """Who asks."""
        return Credentials(self.options)

    def token(self, scope: str) -> str:
        """A token for a scope, such as ``https://ml.azure.com/.default``; kept until shortly before it ends."""
        return self.credentials.token(scope)

    @cached_property
    def where(self) -> Where:
        """Subscription, group and workspace.

        Raises:
            SpecError: One of them is not said anywhere.
        """
        return where_of(self.options)

    @property
    def workspace(self) -> str:
        """The workspace's id: ``/subscriptions/.../workspaces/team``."""
        return self.where.workspace_id

    @property
    def group(self) -> str:
        """The resource group's id."""
        return self.where.group_id

    # Documents.

    def ask(self, method: str, path: str, body: Any = None, *, version: str = "", timeout: float = TIMEOUT) -> Any:
        """Make one request to Azure Resource Manager, and return the document that it answers; None for none.

        Args:
            method: Of HTTP. ``PUT``, ``PATCH`` and ``DELETE`` are changes.
            path: Below the workspace (``onlineEndpoints/iris``), of the manager (``/subscriptions/...``), or an address
                that Azure told.
            body: A document.
            version: Of the API; by default what belongs to the provider.
            timeout: Seconds that the answer may take.

        Raises:
            Refused: Azure answers with an error; `told` has the words.
        """
        return self._document(self.send_to_manager(method, path, body, version=version, timeout=timeout), method, path)

    def send_to_manager(
        self, method: str, path: str, body: Any = None, *, version: str = "", timeout: float = TIMEOUT
    ) -> Answer:
        """As `ask`, and return the whole answer, whatever its status: some tell in their headers."""
        url = address_of(path, self.workspace, self.options, version)
        if not in_manager(url, self.cloud):
            raise TargetUnavailable(f"{urlsplit(url).netloc} is not where Azure's manager is", where=path)
        data = None if body is None else json.dumps(body).encode()
        headers = {"Accept": "application/json", **({} if data is None else {"Content-Type": "application/json"})}
        return self.send(method, url, data, headers, scope=self.cloud.manager_scope, timeout=timeout)

    def get(self, path: str, *, version: str = "") -> Any:
        """The document of a thing; None when there is none.

        Raises:
            Refused: Azure answers with another error: also that there is no such workspace.
        """
        try:
            return self.ask("GET", path, version=version)
        except Refused as refused:
            if refused.missing:
                return None
            raise

    def all(self, path: str, query: Mapping[str, str] | None = None, *, version: str = "") -> Iterator[Any]:
        """The things that a listing tells, page by page, to the end; nothing where that is not there.

        Raises:
            Refused: Azure answers with another error.
        """
        following: str | None = path + (f"?{urlencode(query)}" if query else "")
        while following:
            page = self.get(following, version=version)
            if page is None:
                return
            yield from page.get("value") or ()
            following = page.get("nextLink")

    def _document(self, answer: Answer, method: str, path: str) -> Any:
        if not answer.good:
            raise refused_of(answer.status, answer.body, f"{method} {below(path, self.workspace)}")
        try:
            return json.loads(answer.body) if answer.body.strip() else None
        except ValueError as error:
            said = answer.body[:200].decode(errors="replace")
            raise Refused(502, (), f"that is no document: {said}", f"{method} {path}") from error

    # Requests.

    def send(
        self,
        method: str,
        url: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        *,
        scope: str = "",
        timeout: float = TIMEOUT,
        passed: Callable[[Iterator[bytes]], None] | None = None,
    ) -> Answer:
        """Send a request, and return the answer, whatever its status.

        Args:
            method: Of HTTP.
            url: Whole.
            body: What is sent.
            headers: The same.
            scope: Of the token that goes with it; "": none.
            timeout: Seconds between two signs of life.
            passed: Handed the body of a success, in pieces as they come; the answer has none of it then.

        Raises:
            azure.core.exceptions.AzureError: There is no answer, or no token; `told` has the words.
        """
        change = method in _CHANGES
        what = f"{method} {below(url, self.workspace)}" if change else ""
        noted = change and in_manager(url, self.cloud)  # the Record, a blob, is read with each look, and never late
        if noted:
            CHANGES.note()
        if change:
            sys.audit(REQUEST, what)
        sent = _Sent(method, url, body, headers or {}, scope, timeout, passed)
        try:
            answer = self._patiently(() if change or method == "POST" else AGAIN, sent)
            if answer.status == 401 and scope:  # not done: a token that ended on its way, or was taken back
                self.credentials.forget(scope)
                answer = self._once(sent)
        finally:
            if noted:
                CHANGES.note()
        if change:
            sys.audit(SENT, what)
        return answer

    def _patiently(self, pauses: tuple[float, ...], sent: _Sent) -> Answer:
        errors = library("azure.core.exceptions")
        for pause in pauses:
            try:
                answer = self._once(sent)
            except (errors.ServiceRequestError, errors.ServiceResponseError):
                time.sleep(pause)
                continue
            if answer.status not in (429, 500, 502, 503, 504):
                return answer
            wait = _seconds(answer.headers.get("retry-after"), pause)
            if wait > _LONGEST:
                return answer
            time.sleep(wait)
        return self._once(sent)

    def _once(self, sent: _Sent) -> Answer:
        made = library("azure.core.rest").HttpRequest
        request = made(sent.method, sent.url, content=sent.body, headers=dict(sent.headers))
        times = {"connection_timeout": min(CONNECTING, sent.timeout), "read_timeout": sent.timeout}
        with self._pipeline(sent.scope).send_request(request, stream=True, **times) as response:
            self.clock.note(response.headers.get("Date"))
            found = {str(name).lower(): str(value) for name, value in response.headers.items()}
            found.pop("content-encoding", None)  # unpacked below
            if sent.passed is not None and 200 <= response.status_code < 300:
                sent.passed(response.iter_bytes())
                return Answer(response.status_code, b"", found)
            return Answer(response.status_code, b"".join(response.iter_bytes()), found)

    def _pipeline(self, scope: str) -> Any:
        """What sends requests with tokens of a scope; made once. May be used by many threads."""
        with self._lock:
            found = self._pipelines.get(scope)
            if found is None:
                core, policies = library("azure.core"), library("azure.core.pipeline.policies")
                used = [policies.RequestIdPolicy(), policies.UserAgentPolicy(base_user_agent=_AGENT)]
                if scope:
                    used.append(policies.BearerTokenCredentialPolicy(self.credentials, scope))
                found = self._pipelines[scope] = core.PipelineClient(
                    self.cloud.manager, policies=used, transport=self._transport
                )
            return found

    @cached_property
    def _transport(self) -> Any:
        verify = self.cloud.ca_bundle or True
        return library("azure.core.pipeline.transport").RequestsTransport(connection_verify=verify)

    # When.

    def now(self) -> float:
        """Azure's clock, seconds since the epoch, good to a second: what its answers are dated with."""
        if not self.clock.fresh:
            with told("read Azure's clock", self.workspace):
                self.ask("GET", self.workspace)
        found = self.clock.now()
        if found is None:
            raise TargetUnavailable("Azure does not tell its time", where=self.workspace)
        return found


def _seconds(text: str | None, otherwise: float) -> float:
    try:
        return max(0.0, float(text)) if text is not None else otherwise
    except ValueError:
        return otherwise
