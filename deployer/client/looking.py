"""What the Python API tells without changing anything, and what it asks an endpoint."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from deployer.client.connected import Connected
from deployer.endpoint import Endpoint, HistoryEntry
from deployer.engine.importing import Imported, imported
from deployer.engine.keys import key_headers
from deployer.engine.observing import observe
from deployer.engine.sources import cache_folder
from deployer.engine.surveying import (
    Listing,
    Removal,
    Status,
    collect_orphans,
    examine,
    list_endpoints,
    status_of,
)
from deployer.errors import NotFound, SpecError
from deployer.spec import DeploymentSpec
from deployer.target import Check, LogLine, Logs, Request, Response, Target

if TYPE_CHECKING:
    from deployer.model import PackagedModel

__all__ = ["Looking"]


def _keys(backend: Target, name: str) -> Mapping[str, str]:
    stored = backend.read_record(name)
    return key_headers(DeploymentSpec(**stored[0].spec).auth.api_keys, os.environ) if stored else {}


class Looking(Connected):
    """The verbs that only look and ask."""

    def get(self, name: str, *, target: str | None = None) -> Endpoint:
        """One endpoint as it is now.

        Raises:
            NotFound: There is none of that name.
        """
        return self.status(name, target=target).endpoint

    def status(self, name: str, *, target: str | None = None, window: float | None = None) -> Status:
        """One endpoint with its Record and, for revisions that are not well, why.

        Args:
            name: Of the endpoint.
            target: Where it is; by default the settings' target.
            window: Seconds of requests to be counted, too, where the target measures them.
        """
        where = target or self.settings.default_target
        backend = self._target(where)
        observed = observe(backend, name, self.clock)
        found = status_of(backend, observed, where, window=window)
        if found is None:
            raise NotFound(f"there is no endpoint {name} on {where}", hint=self._nearest(name, backend))
        return found.model_copy(update={"endpoint": self._bound(found.endpoint)})

    def list(self, *, target: str | None = None, everything: bool = False) -> Listing:
        """The endpoints of one target, or of all that are configured, asked at once.

        Args:
            target: One target only.
            everything: Also what is not ours.
        """
        return list_endpoints(self._places(target), everything=everything)

    def history(self, name: str, *, target: str | None = None) -> tuple[HistoryEntry, ...]:
        """What was released, refused and taken back, the newest first."""
        observed = self.status(name, target=target).observed
        return observed.record.history if observed.record else ()

    def logs(
        self, name: str, *, target: str | None = None, revision: str | None = None, tail: int | None = None,
        since: float | None = None, follow: bool = False,
    ) -> Iterator[LogLine]:  # fmt: skip
        """Lines of an endpoint's replicas, merged."""
        where = target or self.settings.default_target
        backend = self._target(where)
        if not isinstance(backend, Logs):
            raise SpecError(f"{where} keeps no logs that can be read", hint="deployer targets")
        return backend.logs(name, revision=revision, tail=tail, since=since, follow=follow)

    def import_(self, name: str, *, target: str | None = None) -> Imported:
        """The spec of an endpoint that is there, as ``apply`` takes it: the recorded one, or what can be told.

        Raises:
            NotFound: There is none of that name.
            Conflict: What it is cannot be told.
        """
        where = target or self.settings.default_target
        backend = self._target(where)
        observed = observe(backend, name, self.clock)
        if observed.absent:
            raise NotFound(f"there is no endpoint {name} on {where}", hint=self._nearest(name, backend, verb="import"))
        return imported(name, observed, backend, self._kind(where), where)

    def check(self, model: str) -> PackagedModel:
        """What a packaged model is, read as data: nothing of it is executed.

        Raises:
            SpecError: It is not a model, or a damaged one.
            NotFound: There is none.
        """
        from deployer.model import read_metadata, resolve

        return read_metadata(resolve(model))

    def doctor(self, target: str | None = None) -> dict[str, tuple[Check, ...]]:
        """What each target needs, looked at; changes nothing."""
        return examine(self._places(target))

    def gc(
        self, target: str | None = None, *, remove: bool = True, older_than: float = 3600.0,
        cache_older_than: float = 30 * 86400.0,
    ) -> tuple[Removal, ...]:  # fmt: skip
        """Remove what is ours and nothing refers to any more, and what this machine's cache holds and nobody used.

        Args:
            target: One target only, and not the cache.
            remove: False: only tell.
            older_than: Seconds; younger things are left alone.
            cache_older_than: Seconds; what of the cache was used since is left alone, as is what was used in the last
                hour, which a command that runs may still need.
        """
        found = collect_orphans(self._places(target), remove=remove, older_than=older_than)
        if target is not None:
            return found
        from deployer.engine.clearing import clear_cache

        cache = cache_folder(None, os.environ)
        return (*found, *clear_cache(cache, remove=remove, older_than=cache_older_than, now=self.clock.now()))

    def invoke(self, name: str, request: Request, *, target: str | None = None) -> Response:
        """Send one HTTP request to an endpoint, as it stands."""
        return self._target(target or self.settings.default_target).invoke(name, request)

    def predict(self, name: str, data: Any, *, target: str | None = None, **options: Any) -> Any:
        """Predictions for data: a DataFrame gives a DataFrame, lists and arrays give lists.

        Raises:
            PredictionError: The endpoint refused the data, or failed on it.
        """
        from deployer.scoring import predict_data

        return predict_data(data, self.sender(name, target=target), **options)

    def sender(
        self, name: str, *, target: str | None = None, passed: Callable[[bytes], None] | None = None
    ) -> Callable[[str, bytes, Mapping[str, str]], Response]:
        """What `deployer.scoring` sends its requests with.

        Args:
            name: The endpoint.
            target: Where; by default the default target.
            passed: Handed each piece of a good answer as it comes; the answer has no body then.
        """
        backend = self._target(target or self.settings.default_target)
        keys: list[Mapping[str, str]] = []

        def send(path: str, body: bytes, headers: Mapping[str, str]) -> Response:
            given = {**headers, **(keys or [{}])[0]}
            answer = backend.invoke(name, Request(path=path, body=body, headers=given, passed=passed))
            if answer.status == 401 and not keys:  # only now is it worth asking which keys there are
                keys.append(_keys(backend, name))
                return send(path, body, headers) if keys[0] else answer
            return answer

        return send

    def _bound(self, endpoint: Endpoint | None) -> Endpoint | None:
        if endpoint is None:
            return None
        name, target = endpoint.name, endpoint.target
        endpoint._predict = lambda data, **options: self.predict(name, data, target=target, **options)  # noqa: SLF001
        return endpoint
