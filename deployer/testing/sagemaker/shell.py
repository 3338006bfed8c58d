"""The WSGI application in front of moto: reads each call, lets it go wrong, asks the policy, answers or passes on."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from traceback import format_exception
from typing import TYPE_CHECKING, Any

from deployer.testing.sagemaker import autoscaling, metrics, percentiles
from deployer.testing.sagemaker.admin import Admin
from deployer.testing.sagemaker.answers import Answer, Refusal, refused, said
from deployer.testing.sagemaker.control import Control, name_of
from deployer.testing.sagemaker.ecr import LAYERS, Ecr
from deployer.testing.sagemaker.endpoints import remove
from deployer.testing.sagemaker.guard import Guard
from deployer.testing.sagemaker.journal import Recorded
from deployer.testing.sagemaker.pushing import Pushing
from deployer.testing.sagemaker.quotas import Quotas
from deployer.testing.sagemaker.runtime import Runtime
from deployer.testing.sagemaker.tagging import Tagging
from deployer.testing.sagemaker.wire import Call, read

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

    from deployer.testing.sagemaker.faults import Fault
    from deployer.testing.sagemaker.world import World

__all__ = ["Shell"]

_SERVED_BESIDE = frozenset({"CreateEndpoint", "UpdateEndpoint", "UpdateEndpointWeightsAndCapacities", "DeleteEndpoint"})
"""A delay of these is of what goes on beside, not of the answer."""


class Shell:
    """The application.

    Args:
        world: The double.
        moto: moto's own application, which serves all that is not SageMaker's.
    """

    def __init__(self, world: World, moto: WSGIApplication) -> None:
        self._world, self._moto = world, moto
        self.control, self.guard = Control(world), Guard(world)
        self._runtime, self._ecr = Runtime(world), Ecr(world)
        self._tagging, self._quotas = Tagging(world), Quotas(world)
        self._admin = Admin(world, self.control, self.guard)
        registry = world.options.registry
        proxied = registry is not None and registry.proxied
        self._pushing = Pushing(world, self.guard, registry) if registry is not None and proxied else None

    def __call__(self, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        body = _body(environ)
        if str(environ["PATH_INFO"]).startswith("/_double/"):
            return _send(self._admin.answer(environ, body), start)
        if str(environ["PATH_INFO"]).startswith(LAYERS):
            return _send(self._ecr.layer(str(environ["PATH_INFO"])), start)
        if self._pushing is not None and _pushes(environ):
            return _send(self._pushing.answer(environ, body), start)
        call = read(environ, body, self._world.options.region)
        account, principal = self._world.options.account, ""
        name, statements = name_of(call.parameters), list[str]()
        fault = self._world.faults.take(call.service, call.operation, name)
        try:
            account, principal = self.guard.identity(call.key, call.region)
            self._spoil(call, account, name, fault)
            statements = self.guard.check(call, account, principal)
            answer = self._answer(call, (account, principal), fault, environ)
            if fault is not None and fault.error:
                raise Refusal(fault.error, fault.message, fault.status)
        except Refusal as refusal:
            self._note(call, principal, refusal.status, refusal.code, statements)
            return _send(refused(refusal, call.protocol), start)
        except Exception as error:  # a bug of the double's: told, and seen by whoever looks at its figures
            self._world.trouble.append(f"{call.service} {call.operation}: {''.join(format_exception(error))}")
            self._note(call, principal, 500, "InternalFailure", statements)
            return _send(refused(Refusal("InternalFailure", f"the double: {error!r}", 500), call.protocol), start)
        if fault is not None and fault.lost:
            self._note(call, principal, 0, statements=statements)
            raise ConnectionResetError("the answer is lost, as was asked")  # the server closes the connection then
        self._note(call, principal, answer.status, _code(answer), statements)
        return _send(answer, start)

    def _spoil(self, call: Call, account: str, name: str, fault: Fault | None) -> None:
        if fault is None:
            return
        if fault.delay and call.operation not in _SERVED_BESIDE:
            self._world.clock.wait(fault.delay, self._world.closing)
        if fault.vanish:
            self.vanish(account, call.region, fault.vanish, fault.name or name)
        if fault.error and not fault.done:
            raise Refusal(fault.error, fault.message, fault.status)

    def vanish(self, account: str, region: str, kind: str, name: str) -> None:
        """Delete a resource as somebody else would, whatever it is doing; nothing where it is gone."""
        about = self._world.region(account, region)
        if kind == "endpoint" and name in about.endpoints:
            remove(self._world, about, about.endpoints[name])
        with self._world.lock:
            if kind == "model":
                about.models.pop(name, None)
            elif kind == "endpoint-config":
                about.configs.pop(name, None)

    def _answer(self, call: Call, who: tuple[str, str], fault: Fault | None, environ: WSGIEnvironment) -> Answer:
        account, principal = who
        if call.service == "sagemaker":
            return said(self.control.answer(call, account, fault), call.protocol)
        if call.service == "sagemaker-runtime":
            return self._runtime.answer(call, account)
        if (call.service, call.operation) == ("iam", "SimulatePrincipalPolicy"):
            return self.guard.simulated(call)
        if (call.service, call.operation) == ("sts", "GetCallerIdentity"):
            return self.guard.caller(call)
        ours: dict[str, Tagging | Quotas]
        ours = {"resourcegroupstaggingapi": self._tagging, "service-quotas": self._quotas}
        if call.service == "ecr":
            done = self._ecr.answer(call, account, principal)
        else:
            done = ours[call.service].answer(call, account) if call.service in ours else None
        if done is not None:
            return said(done, call.protocol)
        self._prepare(call, account)
        if call.service == "cloudwatch" and (figures := percentiles.answered(self._world, call, account)) is not None:
            return said(figures, call.protocol)
        passed = self._pass(environ, account, call.body)
        if passed.status == 200:
            self._keep(call, account)
        return self._ecr.rewritten(passed) if call.service == "ecr" else passed

    def _prepare(self, call: Call, account: str) -> None:
        """What must be done or checked before moto is asked."""
        if call.service == "logs":
            self._ship()
        elif call.service == "cloudwatch":
            metrics.publish(self._world)
        elif call.service == "application-autoscaling":
            autoscaling.check(self._world, account, call)
        elif call.service == "s3":
            self._world.owners.check(call)

    def _keep(self, call: Call, account: str) -> None:
        """What the double has to know beside moto."""
        if call.operation == "CreateBucket":
            self._world.owners.set(str(call.parameters["Bucket"]), account)
        elif call.operation == "RegisterScalableTarget":
            self._world.scaled.add(account)
        elif call.operation == "PutMetricData" and call.protocol in ("json", "cbor"):
            namespace, data = str(call.parameters["Namespace"]), call.parameters.get("MetricData") or ()
            self._world.points.add(account, call.region, namespace, data, self._world.clock.now())

    def _ship(self) -> None:
        with self._world.lock:
            regions = list(self._world.regions.values())
            instances = [
                each for region in regions for endpoint in region.endpoints.values() for each in endpoint.instances
            ]
        for instance in instances:
            instance.ship()

    def _pass(self, environ: WSGIEnvironment, account: str, body: bytes) -> Answer:
        """Moto's answer."""
        environ["wsgi.input"] = io.BytesIO(body)
        environ["HTTP_X_MOTO_ACCOUNT_ID"] = account
        told: dict[str, Any] = {}

        def start(status: str, headers: list[tuple[str, str]], exc_info: object = None) -> Any:
            del exc_info
            told.update(status=int(status.split(maxsplit=1)[0]), headers=dict(headers))
            return None

        pieces = self._moto(environ, start)
        try:
            answered = b"".join(pieces)
        finally:
            if hasattr(pieces, "close"):
                pieces.close()
        return Answer(told["status"], told["headers"], [answered])

    def _note(self, call: Call, principal: str, status: int, error: str = "", statements: Sequence[str] = ()) -> None:
        now, name = self._world.clock.now(), name_of(call.parameters)
        about = (call.service, call.operation, call.names, call.region, name, principal)
        self._world.journal.add(Recorded(now, *about, status, error, list(statements)))


def _pushes(environ: WSGIEnvironment) -> bool:
    """Whether it is the registry's protocol, and no object of a bucket `v2`."""
    signed = str(environ.get("HTTP_AUTHORIZATION", "")).startswith("AWS4") or "X-Amz-" in str(
        environ.get("QUERY_STRING")
    )
    return str(environ["PATH_INFO"]).startswith("/v2/") and not signed


def _code(answer: Answer) -> str:
    """The code of moto's own error; the empty text where it is none."""
    if answer.status < 400 or not isinstance(answer.body, list | tuple):
        return ""
    found = re.search(rb'<Code>(\w+)</Code>|"__type": *"(?:[^"#]*#)?(\w+)"', b"".join(answer.body))
    return (found[1] or found[2]).decode() if found else str(answer.status)


def _body(environ: WSGIEnvironment) -> bytes:
    stream = environ["wsgi.input"]
    length = int(environ.get("CONTENT_LENGTH") or 0)
    if not length and not environ.get("wsgi.input_terminated"):
        return b""
    found: bytes = stream.read(length) if length else stream.read()
    return found


def _send(answer: Answer, start: StartResponse) -> Iterable[bytes]:
    headers: Mapping[str, str] = answer.headers
    if isinstance(answer.body, list | tuple) and not any(key.lower() == "content-length" for key in headers):
        headers = {**headers, "Content-Length": str(sum(len(each) for each in answer.body))}
    try:
        phrase = HTTPStatus(answer.status).phrase
    except ValueError:
        phrase = "Error"
    start(f"{answer.status} {phrase}", list(headers.items()))
    return answer.body
