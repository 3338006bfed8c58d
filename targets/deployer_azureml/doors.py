"""Where endpoints are asked: at their own addresses, by a key or token that is kept, once more where that has ended."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from deployer.errors import NotFound, TargetUnavailable
from deployer.spec import DeploymentSpec
from deployer.target import Request, Response
from deployer.target.exchange import pass_on, passed_on
from deployer_azureml import nocode
from deployer_azureml.client import Azure, told
from deployer_azureml.config import AzureMLConfig
from deployer_azureml.facts import EndpointFact, Facts
from deployer_azureml.invoking import Sent, answer_of, key_refused, sent, trouble_of_answer
from deployer_azureml.names import endpoint_path
from deployer_azureml.requests import config_of
from deployer_azureml.survey import Surveyor

__all__ = ["Doors", "Key"]

_KNOWN = 2.0
"""Seconds for which it is gone on with what was found of an endpoint: a prediction takes less than a look."""


@dataclass(frozen=True)
class Key:
    """What lets a caller in.

    Attributes:
        endpoint: The id of the endpoint and when that was made: another one of its name has other keys.
        mode: The endpoint's ``authMode`` by which it is one.
        value: It itself.
        until: When it is to be fetched anew, by this process's clock; None: while it is taken.
    """

    endpoint: str
    mode: str
    value: str
    until: float | None = None

    def __repr__(self) -> str:
        return f"Key({self.endpoint!r}, {self.mode!r})"


class Doors:
    """The ways into a workspace's endpoints.

    Args:
        azure: The connection.
        site: The target's name.
        surveyor: Finds out how an endpoint is.
    """

    def __init__(self, azure: Azure, site: str, surveyor: Surveyor) -> None:
        self._azure = azure
        self._site = site
        self._surveyor = surveyor
        self._lock = threading.Lock()
        self._known: dict[str, tuple[float, Facts]] = {}
        self._keys: dict[str, Key] = {}

    def send(self, endpoint: str, request: Request) -> Response:
        """As `deployer.target.Target.invoke`."""
        facts, fresh = self._glance(endpoint)
        try:
            return self._through(facts, request)
        except TargetUnavailable:
            now = facts if fresh else self._surveyor.glance(endpoint)
            if now.endpoint is None:  # it went a moment ago
                return self._through(now, request)
            raise

    def send_to(self, endpoint: str, revision: str, request: Request) -> Response:
        """As `deployer.target.InvokesRevision.invoke_revision`."""
        facts = self._surveyor.glance(endpoint)
        marked = replace(request, headers={**request.headers, "Deployer-Revision": revision})
        answer = self._through(facts, marked, revision)
        if answer.revision not in (None, revision):
            raise TargetUnavailable(
                f"{answer.revision} answered in place of {revision}", transient=True, where=endpoint
            )  # fmt: skip
        return replace(answer, headers={**answer.headers, "deployer-revision": revision})

    def forget(self, endpoint: str) -> None:
        """Look anew before the next request: a verb has changed something."""
        with self._lock:
            self._known.pop(endpoint, None)

    def _glance(self, endpoint: str) -> tuple[Facts, bool]:
        """What was found of it, and whether that was just now."""
        with self._lock:
            at, known = self._known.get(endpoint, (float("-inf"), None))
        if known is not None and time.monotonic() - at < _KNOWN:
            return known, False
        found = self._surveyor.glance(endpoint)
        with self._lock:
            self._known[endpoint] = (time.monotonic(), found)
        return found, True

    def _through(self, facts: Facts, request: Request, revision: str | None = None) -> Response:
        if facts.endpoint is None and (facts.record is not None or facts.record_trouble):
            raise TargetUnavailable(
                f"{facts.name} serves no revision", transient=True, where=self._site,
                hint=f"deployer status {facts.name}",
            )  # fmt: skip
        config = _config_of(facts, revision)
        if config is not None and config.no_code:
            return self._to_azures_server(facts, request, revision)
        return self._ask(facts, request, revision, config.max_body if config is not None else None)

    def _to_azures_server(self, facts: Facts, request: Request, revision: str | None) -> Response:
        """It has MLflow's models, and neither MLflow's protocol nor our server's other paths."""
        if request.path != "/invocations":
            found = facts.find(revision) if revision is not None else None
            sent(facts, request, revision=revision)  # what is wrong with it
            ready = found is None or found.state == "Succeeded"
            told_by = {"deployer-revision": revision} if revision is not None else {}
            return Response(200 if ready else 503, b"", told_by)  # Azure's own probe is what tells
        plain = replace(request, body=nocode.asked(request.body), passed=None)
        answer = self._ask(facts, plain, revision, None)
        if answer.status == 200:
            answer = replace(answer, body=nocode.answered(answer.body))
        return passed_on(request, answer)

    def _ask(self, facts: Facts, request: Request, revision: str | None, largest: int | None) -> Response:
        asked = sent(facts, request, revision=revision, largest=largest)
        main = facts.endpoint
        if main is None:
            raise NotFound(f"there is no endpoint {facts.name} in the workspace", hint="deployer list")
        with told(f"ask {facts.name}", facts.name):
            answer = self._once(asked, request.passed, self._key(main), facts.name)
            if key_refused(answer.status, answer.headers):
                answer = self._once(asked, request.passed, self._key(main, anew=True), facts.name)
        trouble = trouble_of_answer(facts, answer.status, answer.body, answer.headers)
        if trouble is not None:
            self.forget(facts.name)
            raise trouble
        return answer_of(facts, answer.status, answer.body, answer.headers)

    def _once(self, asked: Sent, passed: Callable[[bytes], None] | None, key: str, where: str) -> Response:
        if urlsplit(asked.url).scheme != "https":
            raise TargetUnavailable(f"{asked.url} has no TLS, and would be told the key", where=where)

        def handed(pieces: Iterator[bytes]) -> None:
            if passed is not None:
                pass_on(_in_our_words(pieces, where), passed, where)

        headers = {"Accept-Encoding": "identity", **asked.headers, "Authorization": f"Bearer {key}"}
        answer = self._azure.send(
            asked.method, asked.url, asked.body, headers, timeout=asked.timeout, passed=handed if passed else None
        )
        return Response(answer.status, answer.body, answer.headers)

    # Keys.

    def _key(self, main: EndpointFact, *, anew: bool = False) -> str:
        """Of the endpoint; kept for as long as it is taken."""
        identity = f"{main.id}@{main.created:.3f}"
        with self._lock:
            known = self._keys.get(main.name)
        fits = known is not None and (known.endpoint, known.mode) == (identity, main.auth_mode)
        if known is not None and fits and not anew and (known.until is None or time.monotonic() < known.until):
            return known.value
        found = self._fetched(main, identity, anew=anew)
        with self._lock:
            self._keys[main.name] = found
        return found.value

    def _fetched(self, main: EndpointFact, identity: str, *, anew: bool) -> Key:
        if main.auth_mode == "AADToken":
            scope = self._azure.cloud.scoring_scope
            if anew:
                self._azure.credentials.forget(scope)
            return Key(identity, main.auth_mode, self._azure.token(scope), time.monotonic())  # kept by who fetches it
        if main.auth_mode == "AMLToken":
            found = self._azure.ask("POST", f"{endpoint_path(main.name)}/token")
            left = float(found.get("refreshAfterTimeUtc") or 0) - self._azure.now()
            return Key(identity, main.auth_mode, str(found["accessToken"]), time.monotonic() + max(0.0, left))
        found = self._azure.ask("POST", f"{endpoint_path(main.name)}/listKeys")
        return Key(identity, main.auth_mode, str(found["primaryKey"]))


def _config_of(facts: Facts, revision: str | None) -> AzureMLConfig | None:
    """What was wished of who answers, where the Record tells."""
    record = facts.record
    if record is None:
        return None
    main = facts.endpoint
    served = [facts.runs(name) for name, _ in sorted(main.traffic.items())] if main is not None else []
    release = record.releases.get(revision or (served[0] if served else ""))
    wish = release.spec if release is not None and release.spec else record.spec
    return config_of(DeploymentSpec(**wish)) if wish else None


def _in_our_words(pieces: Iterator[bytes], where: str) -> Iterator[bytes]:
    while True:
        with told(f"read the answer of {where}", where):
            piece = next(pieces, b"")
        if not piece:
            return
        yield piece
