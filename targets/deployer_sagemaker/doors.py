"""Where endpoints are asked: at SageMaker's runtime, by their names; and which revision has answered."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from deployer.errors import DeployerError, NotFound, TargetUnavailable
from deployer.spec import DeploymentSpec
from deployer.target import Request, Response
from deployer.target.exchange import pass_on, passed_on
from deployer.value import JSON
from deployer_sagemaker.client import Aws, told
from deployer_sagemaker.configs import config_of
from deployer_sagemaker.errors import Refused, mapped
from deployer_sagemaker.facts import SERVING, EndpointFact, Facts
from deployer_sagemaker.invoking import answer_of, answer_of_model_error, failure_of, invocation, parts_of, stream_of
from deployer_sagemaker.models import HOSTNAME, largest_body
from deployer_sagemaker.queue import Queue
from deployer_sagemaker.record import Bucket
from deployer_sagemaker.survey import Surveyor

__all__ = ["Doors"]

_KNOWN = 2.0
"""Seconds for which it is gone on with what was found of an endpoint: a prediction takes less than a look."""
_COLD = 0.5
"""Seconds between two requests to a serverless endpoint that says ModelNotReady: the first one starts it."""
_STREAM = 480.0
"""Seconds that an answer in events may take."""
_LONGEST = 70.0
"""Seconds: AWS ends a request after 60 (Developer Guide, your-algorithms-inference-code)."""


@dataclass(frozen=True)
class _Way:
    """How one revision, or whoever has the traffic, is asked."""

    endpoint: str
    variant: str | None = None
    container: str | None = None
    largest: int | None = None
    revisions: Mapping[str, str] = field(default_factory=dict)
    """Variant -> revision, where it is certain who answers."""
    queue: bool = False

    @property
    def sole(self) -> str | None:
        """The revision that answers, where only one can."""
        return next(iter(self.revisions.values())) if len(set(self.revisions.values())) == 1 else None

    def told(self, answer: Response) -> Response:
        """An answer with its revision, where the server does not tell it, as that of a ready image."""
        variant = answer.headers.get("x-amzn-invoked-production-variant", "")
        known = answer.revision or self.revisions.get(variant) or self.sole
        return replace(answer, headers={**answer.headers, "deployer-revision": known}) if known else answer


class Doors:
    """The ways into an account's endpoints.

    Args:
        aws: The connection.
        site: The target's name.
        surveyor: Finds out how an endpoint is.
        bucket: Where large requests to a queue lie.
    """

    def __init__(self, aws: Aws, site: str, surveyor: Surveyor, bucket: Callable[[], Bucket]) -> None:
        self._aws = aws
        self._site = site
        self._surveyor = surveyor
        self._queue = Queue(aws, bucket)
        self._lock = threading.Lock()
        self._known: dict[str, tuple[float, Facts]] = {}

    def send(self, endpoint: str, request: Request) -> Response:
        """As `deployer.target.Target.invoke`."""
        facts = self._glance(endpoint)
        main = facts.endpoint
        if main is None:
            if facts.there:
                raise self._nothing(endpoint)
            raise NotFound(f"there is no endpoint {endpoint}", where=self._site, hint="deployer list")
        if main.marks is not None and main.marks.traffic is None:
            raise self._nothing(endpoint)
        try:
            return self._ask(_way(facts, main), request)
        except NotFound as error:
            if self._surveyor.survey(endpoint).there:  # it went a moment ago, and something of it is left
                raise self._nothing(endpoint) from error
            raise

    def send_to(self, endpoint: str, revision: str, request: Request) -> Response:
        """As `deployer.target.InvokesRevision.invoke_revision`."""
        facts = self._surveyor.survey(endpoint)
        marked = replace(request, headers={**request.headers, "Deployer-Revision": revision})
        for each in (facts.verify, facts.main):
            if each is None or each.status not in SERVING or revision not in facts.run_by(each.config).values():
                continue
            way = _way(facts, each, revision)
            answer = self._ask(way, marked)
            if answer.revision not in (None, revision):
                # While AWS moves an endpoint, instances of both configurations answer.
                raise TargetUnavailable(
                    f"{answer.revision} answered in place of {revision}", transient=True, where=endpoint
                )  # fmt: skip
            return replace(answer, headers={**answer.headers, "deployer-revision": revision})
        if facts.endpoint is None and not facts.there:
            raise NotFound(f"there is no endpoint {endpoint}", where=self._site, hint="deployer list")
        raise TargetUnavailable(f"{revision} of {endpoint} does not serve", transient=True, where=self._site)

    def _nothing(self, endpoint: str) -> TargetUnavailable:
        return TargetUnavailable(
            f"{endpoint} serves no revision", transient=True, where=self._site, hint=f"deployer status {endpoint}"
        )

    def _glance(self, endpoint: str) -> Facts:
        with self._lock:
            at, known = self._known.get(endpoint, (float("-inf"), None))
        if known is not None and time.monotonic() - at < _KNOWN:
            return known
        found = self._surveyor.glance(endpoint)
        with self._lock:
            self._known[endpoint] = (time.monotonic(), found)
        return found

    def forget(self, endpoint: str) -> None:
        """Look anew before the next request: a verb has changed something."""
        with self._lock:
            self._known.pop(endpoint, None)

    def _ask(self, way: _Way, request: Request) -> Response:
        if way.queue:
            return way.told(passed_on(request, self._queue.ask(way.endpoint, request)))
        until = time.monotonic() + request.timeout
        while True:
            try:
                return self._once(way, request)
            except Refused as refused:
                failure = failure_of(refused, way.endpoint) or self._denied_of_nothing(refused, way.endpoint)
                if refused.code == "ModelNotReadyException" and time.monotonic() + _COLD < until:
                    time.sleep(_COLD)
                    continue
                if failure is not None:
                    self.forget(way.endpoint)
                    raise failure from refused
                raise mapped(refused, f"ask {way.endpoint}", way.endpoint) from refused

    def _denied_of_nothing(self, refused: Refused, name: str) -> NotFound | None:
        """Whether it is denied since there is nothing: what is gone has no tags, by which a policy allows.

        Where that cannot be found out, the denial is what is told.
        """
        try:
            with told(f"look at {name}", name):
                gone = refused.denied and self._surveyor.endpoint(name) is None
        except DeployerError:
            return None
        if not gone:
            return None
        return NotFound(f"there is no endpoint {name}", hint="deployer list")

    def _once(self, way: _Way, request: Request) -> Response:
        asked = invocation(way.endpoint, request, largest=way.largest, variant=way.variant, container=way.container)
        seconds = float(round(min(max(1.0, request.timeout), _LONGEST)))
        with _no_refusals(f"ask {way.endpoint}", way.endpoint):
            try:
                if request.passed is not None:
                    return self._streamed(way, asked, request.passed)
                output = self._aws.ask("sagemaker-runtime", "InvokeEndpoint", asked, timeout=seconds)
                return way.told(answer_of(output, bytes(output["Body"].read())))
            except Refused as refused:
                # Its log's stream tells the variant; attributes it has none.
                variant = stream_of(refused.response).partition("/")[0]
                revision = way.revisions.get(variant) or way.sole
                answer = answer_of_model_error(refused.response, revision) if refused.code == "ModelError" else None
                if answer is None:
                    raise
                return answer

    def _streamed(self, way: _Way, asked: Mapping[str, JSON], passed: Callable[[bytes], None]) -> Response:
        """As events, which AWS gives 8 minutes in all."""
        operation = "InvokeEndpointWithResponseStream"
        output = self._aws.ask("sagemaker-runtime", operation, asked, timeout=_STREAM)

        def pieces() -> Iterator[bytes]:
            with _no_refusals(f"ask {way.endpoint}", way.endpoint):
                try:
                    with self._aws.refusals(operation):
                        yield from parts_of(output["Body"])
                except Refused as refused:
                    raise failure_of(refused, way.endpoint) or refused from refused

        pass_on(pieces(), passed, way.endpoint)
        return way.told(answer_of(output, b""))


@contextlib.contextmanager
def _no_refusals(doing: str, where: str) -> Iterator[None]:
    """What is no answer of AWS, in our words; what is one is for the caller to read."""
    try:
        yield
    except Refused:
        raise
    except Exception:
        with told(doing, where):
            raise


def _way(facts: Facts, endpoint: EndpointFact, revision: str | None = None) -> _Way:
    """To whoever has the traffic of an endpoint, or to one of its revisions."""
    runs = facts.run_by(endpoint.config)
    idle = {each.name for each in endpoint.variants if not each.weight and not each.weighed}
    if revision is None and len(runs) > 1:
        runs = {variant: runner for variant, runner in runs.items() if variant not in idle} or runs
    named = revision or next(iter(runs.values()), "")
    release = facts.record.releases.get(named) if facts.record is not None else None
    wish = release.spec if release is not None and release.spec else facts.record.spec if facts.record else None
    config = config_of(DeploymentSpec(**wish)) if wish else None
    pipeline = config.pipeline if config is not None else None
    one = next((variant for variant, runner in runs.items() if runner == revision), None) if len(runs) > 1 else None
    return _Way(
        endpoint.name,
        variant=one,
        container=HOSTNAME if pipeline is not None and pipeline.mode == "direct" else None,
        largest=largest_body(config) if config is not None else None,
        revisions=runs if endpoint.settled or not endpoint.pending else {},
        queue=config is not None and config.async_inference is not None and endpoint is facts.endpoint,
    )
