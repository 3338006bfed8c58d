"""What the suite needs of the SageMaker target: the double in this process, with containers that are threads.

The real runtime in real containers is behind the double where an engine is there; here the target's own logic is under
test, with its life cycle, its refusals and its eventual consistency.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from deployer.endpoint import ImageRef
from deployer.testing.cloud.in_process import Started
from deployer.testing.conformance import Failure, Lot, Workbench
from deployer.testing.sagemaker import InProcess
from deployer.testing.sagemaker.faults import Fault
from deployer_sagemaker import kind
from deployer_sagemaker.attributes import HEADER, headers_in
from deployer_sagemaker.client import Aws, changes
from deployer_sagemaker.config import SageMakerOptions
from deployer_sagemaker.records import Records, bucket_of
from tests.unit.sagemaker.shipped import trusted

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from deployer.endpoint import Release
    from deployer.target import Site, Target, TargetKind
    from deployer.testing.cloud.containers import Wish
    from deployer.testing.sagemaker import Double
    from deployer.value import JSON

__all__ = ["ROLE", "Lots", "SageMakerWorkbench", "hosting_role"]

ROLE = "arn:aws:iam::123456789012:role/hosting"
SURE = ("adopt", "configure", "route", "stage", "write_record")
"""Verbs that certainly ask for a change, whatever AWS is at; of others the first question fails."""
ALONE = ("configure", "write_record")
"""Of these there is one change: half of it is all of it, with its answer lost."""
DRAIN = 0.15
"""Seconds."""
_ERRORS: Mapping[Failure, tuple[str, int, str]] = {
    "throttled": ("ThrottlingException", 400, "Rate exceeded"),
    "server-error": ("InternalFailure", 500, "Request to service failed."),
    "permission": ("AccessDeniedException", 400, "User: arn:aws:iam::123456789012:user/x is not authorized to perform"),
}
_EVENTS: Mapping[str, Mapping[str, JSON]] = {
    "load-fails": {"event": "load-failed", "error_type": "UnpicklingError", "error": "invalid load key, 'x'."},
    "missing-dependency": {
        "event": "load-failed",
        "error_type": "ModuleNotFoundError",
        "error": "No module named 'absent'",
        "missing_module": "absent",
    },
}
"""What our server says of such a model, as it logs it."""


class _Draining(Started):
    """Answers those who were on their way when it was told to end, as our server does."""

    def stop(self, grace: float) -> None:
        time.sleep(DRAIN)
        super().stop(grace)


class Lots(InProcess):
    """Containers of the suite's four models."""

    def __init__(self) -> None:
        super().__init__({"": _server})

    def start(self, wish: Wish) -> Started:
        container = _Draining(wish, _server)
        self.started.append(container)
        for lot, event in _EVENTS.items():
            if lot in wish.image:
                container.write(json.dumps(event))
                container.end(1)
        return container


def _server(wish: Wish, write: Callable[[str], None]) -> WSGIApplication:
    """As our own server answers, as far as the suite looks."""
    revision = wish.environment.get("DEPLOYER_SERVING_REVISION")
    write(f"serving {wish.image}")

    def application(environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        status, answer = "200 OK", b""
        headers = [("Content-Type", "application/json")]
        if environ["PATH_INFO"] != "/ping":
            try:
                rows = json.loads(environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0)))["inputs"]
                answer = json.dumps({"predictions": [sum(row) for row in rows]}).encode()
            except ValueError:
                status, answer = "400 Bad Request", b'{"error": "that is no JSON"}'
            asked = headers_in(environ.get("HTTP_X_AMZN_SAGEMAKER_CUSTOM_ATTRIBUTES", ""))
            if revision and asked.get("deployer-revision", revision) != revision:
                status, answer = "421 Misdirected Request", b'{"error": "another revision is meant"}'
            told = f"deployer-revision={revision}" if revision else ""
            told += ",deployer-parity=equal" if asked.get("deployer-verify") else ""
            if told:
                headers.append((HEADER, told))
        start(status, [*headers, ("Content-Length", str(len(answer)))])
        return [answer]

    return application


@dataclass(frozen=True, kw_only=True)
class _Next(Fault):
    """The next call that is a change, or any."""

    change: bool = True
    where: str = ""

    def fits(self, service: str, operation: str, name: str) -> bool:
        del name
        if self.where and service != self.where:
            return False
        return bool(operation) and (changes(operation) or not self.change)


def hosting_role(aws: Aws) -> None:
    """Have the execution role and the bucket in a double's account, as infra/aws makes them."""
    trust = {"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"}
    if "hosting" not in {each["RoleName"] for each in aws.all("iam", "ListRoles", "Roles", {})}:
        document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
        aws.ask("iam", "CreateRole", {"RoleName": "hosting", "AssumeRolePolicyDocument": document})
        where = {"LocationConstraint": aws.region}
        aws.ask("s3", "CreateBucket", {"Bucket": bucket_of(aws).name, "CreateBucketConfiguration": where})


class SageMakerWorkbench(Workbench):
    """One account.

    Args:
        double: Its double.
        scope: What the names of a test begin with.
        config: Of each spec.
    """

    address = "deployer_sagemaker:kind"
    patience = 30.0
    pace = 0.1
    stride = 1 if os.environ.get("DEPLOYER_TEST_EVERY_STOP") else 3  # each of them takes a new endpoint
    shares = False

    def __init__(self, double: Double, scope: str, config: Mapping[str, JSON] | None = None) -> None:
        self.double = double
        self._scope = scope
        self._config = dict(config or {})
        self._targets: list[Target] = []
        self.aws = trusted(Aws(self.options))
        hosting_role(self.aws)

    @property
    def kind(self) -> TargetKind:
        return kind

    @property
    def options(self) -> SageMakerOptions:
        return SageMakerOptions(role=ROLE)

    def connect(self, site: Site | None = None) -> Target:
        made = super().connect(site)
        self._targets.append(made)
        return made

    def config(self, lot: Lot) -> dict[str, JSON]:
        del lot
        return {"startup": "60s", **self._config}

    def release(self, lot: Lot = "first", secrets: Mapping[str, int] | None = None) -> Release:
        plain = super().release(lot, secrets)
        image = ImageRef(id="", reference=f"conformance-{lot}:1")
        return plain.model_copy(update={"image": image, "spec": self.spec("any", lot).wish()})

    def inject(self, verb: str, failure: Failure) -> bool:
        if failure == "timeout":
            return False
        for target in self._targets:
            vars(target)["_aws"].clock.forget()  # as one that has not asked for the time of late
            if "_doors" in vars(target):
                vars(target)["_doors"]._known.clear()
        sure = verb in SURE
        # Of what is asked side by side, a Record that may not be read is told as such, and is no error of the look.
        where = "sagemaker" if verb in ("list", "observe") else "sagemaker-runtime" if verb.startswith("invoke") else ""
        wanted: dict[str, Any] = {"operation": "any", "change": sure, "where": where}
        if failure == "lost" or (failure == "half" and verb in ALONE):
            fault = _Next(**wanted, lost=True)
        elif failure == "half":
            fault = _Next(**wanted, skip=1, error="InternalFailure", status=500)
        else:
            code, status, message = _ERRORS[failure]
            fault = _Next(**wanted, error=code, status=status, message=message)
        self.double.world.faults.clear()
        self.double.world.faults.add(fault)
        return True

    def foreign_image(self) -> str:
        """What an endpoint of another tool runs."""
        return "conformance-first:1"

    def put_foreign(self, name: str) -> None:
        model = {"Image": self.foreign_image(), "Environment": {"DEPLOYER_SERVING_REVISION": ""}}
        names = {"ModelName": f"{name}-model", "ExecutionRoleArn": self.options.role}
        tags = [{"Key": "by", "Value": "hand"}]
        self.aws.ask("sagemaker", "CreateModel", {**names, "PrimaryContainer": model, "Tags": tags})
        variant = {
            "VariantName": "AllTraffic", "ModelName": f"{name}-model", "InstanceType": "ml.m5.large",
            "InitialInstanceCount": 1,
        }  # fmt: skip
        config = {"EndpointConfigName": f"{name}-config", "ProductionVariants": [variant], "Tags": tags}
        self.aws.ask("sagemaker", "CreateEndpointConfig", config)
        endpoint = {"EndpointName": name, "EndpointConfigName": f"{name}-config", "Tags": tags}
        self.aws.ask("sagemaker", "CreateEndpoint", endpoint)
        self._until(lambda: self._described(name)["EndpointStatus"] == "InService")

    def _described(self, name: str) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.aws.ask("sagemaker", "DescribeEndpoint", {"EndpointName": name})
        return found

    def _until(self, there: Callable[[], bool]) -> None:
        end = time.monotonic() + self.patience
        while not there():
            assert time.monotonic() < end
            time.sleep(self.pace)

    def foreign_untouched(self, name: str) -> bool:
        found = self._described(name)
        tags = self.aws.ask("sagemaker", "ListTags", {"ResourceArn": found["EndpointArn"]})["Tags"]
        return bool(found["EndpointStatus"] == "InService" and tags == [{"Key": "by", "Value": "hand"}])

    def running(self, name: str) -> JSON:
        region = self.double.world.region("123456789012", self.double.options.region)
        with self.double.world.lock:
            found = region.endpoints.get(name)
            return sorted(each.id for each in found.instances) if found is not None else []

    def leftovers(self) -> list[str]:
        """Models, configurations, endpoints, groups of logs and Records of the test's own."""
        region = self.double.world.region("123456789012", self.double.options.region)
        with self.double.world.lock:
            things = [*region.models, *region.configs, *region.endpoints]
        # What an endpoint wrote is kept as long as it has a Record, whatever of it is gone.
        groups = [each["logGroupName"] for each in self.aws.all("logs", "DescribeLogGroups", "logGroups", {})]
        kept = [*Records(self.aws).names()]
        things += [each for each in groups if each.rpartition("/")[2].partition("--")[0] not in kept]
        return sorted(each for each in things if self._scope in each)
