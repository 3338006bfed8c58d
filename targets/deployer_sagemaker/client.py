"""The connection to AWS: whose account, which region, and its errors in our words. The SDK is imported when it is used.

Nothing here is SageMaker's: a call is a service, an operation and its parameters, as botocore's service models have
them; boto3's own clients are botocore's. ``AWS_ENDPOINT_URL``, ``AWS_ENDPOINT_URL_SAGEMAKER`` and the like,
``AWS_CA_BUNDLE``, profiles and proxies are botocore's own affair, and hold for every service, since every client is
made in one place.
"""

from __future__ import annotations

import contextlib
import functools
import os
import re
import sys
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from deployer.errors import DeployerError, SpecError, TargetUnavailable
from deployer.importing import library
from deployer.target.dated import ServiceClock
from deployer.target.steady import Changes
from deployer_sagemaker.config import SageMakerOptions
from deployer_sagemaker.errors import Refused, mapped, refused_of, unreachable

__all__ = ["CHANGES", "REQUEST", "SENT", "Aws", "Identity", "changes", "told"]

REQUEST = "deployer.sagemaker.request"
"""The audit event of each change that is about to be asked for, so that a test can stop a process before it."""
SENT = "deployer.sagemaker.sent"
"""The same once AWS has answered: it is at work then, and nobody knows of it yet."""
CONNECTING = 10
"""Seconds that an address may take to be reached."""
TIMEOUT = 60
"""Seconds that an answer may take."""
ATTEMPTS = 6
"""How often one request is sent at most, with back-off and, after the first throttling, more slowly (botocore's
``adaptive``, which is ``standard`` with a rate limiter); AWS_MAX_ATTEMPTS and AWS_RETRY_MODE say otherwise."""
CHANGES = Changes()
"""Those of this process, to all but S3."""
_AGENT = "deployer"
_READS = re.compile(r"(BatchCheck|BatchGet|Describe|Filter|Get|Head|Invoke|List|Simulate)[A-Z]")
_ROLE_SESSION = "deployer"


@dataclass(frozen=True)
class Identity:
    """Who asks.

    Attributes:
        account: Twelve digits.
        arn: Theirs.
    """

    account: str
    arn: str

    @property
    def partition(self) -> str:
        """``aws``, ``aws-cn``, ``aws-us-gov`` and so on; what every ARN of that account begins with."""
        return self.arn.split(":")[1]


def changes(operation: str) -> bool:
    """Whether an operation changes anything; what models are asked does not count."""
    return not _READS.match(operation)


@contextlib.contextmanager
def told(doing: str, where: str | None = None) -> Iterator[None]:
    """Turn every refusal of AWS, and every error of its SDK and of the system, into one of ours.

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
        if _is_sdks(error):
            raise unreachable(error, doing, where) from error
        raise


def _is_sdks(error: Exception) -> bool:
    module = type(error).__module__.partition(".")[0]
    return module in ("boto3", "botocore", "urllib3", "awscrt") or isinstance(error, OSError)


class Aws:
    """One account and region, as a person, a profile or a role.

    Args:
        options: Which.
    """

    def __init__(self, options: SageMakerOptions) -> None:
        self.options = options
        self._lock = threading.RLock()
        self._core: Any = None
        self._clients: dict[tuple[str, float], Any] = {}
        self._identity: Identity | None = None
        self.clock = ServiceClock()

    # Asking.

    def ask(self, service: str, operation: str, request: Mapping[str, Any], *, timeout: float = TIMEOUT) -> Any:
        """Make one call, and return what it answers.

        Args:
            service: botocore's name, ``sagemaker``.
            operation: ``CreateModel``.
            request: Its parameters.
            timeout: Seconds that the answer may take.

        Raises:
            Refused: AWS answers with an error; `told` has the words.
        """
        method = self._method(service, operation, timeout)
        changing = changes(operation)
        noted = changing and service != "s3"  # the Record is read with each look, and never late
        if noted:
            CHANGES.note()
        if changing:
            sys.audit(REQUEST, f"{service} {operation}")
        try:
            with self.refusals(operation):
                answer = method(**request)
        finally:
            if noted:
                CHANGES.note()
        if changing:
            sys.audit(SENT, f"{service} {operation}")
        self.clock.note(_date(answer))
        return answer

    def all(self, service: str, operation: str, key: str, request: Mapping[str, Any]) -> Iterator[Any]:
        """The things that a listing tells, page by page, to the end.

        Args:
            service: botocore's name.
            operation: ``ListEndpoints``.
            key: Where they are in an answer: ``Endpoints``.
            request: Its parameters.

        Raises:
            Refused: AWS answers with an error.
        """
        client = self.client(service)
        with self.refusals(operation):
            for page in client.get_paginator(_method_name(operation)).paginate(**request):
                self.clock.note(_date(page))
                yield from page.get(key) or ()

    @contextlib.contextmanager
    def refusals(self, operation: str) -> Iterator[None]:
        """Turn what AWS refuses by its SDK into a `Refused`."""
        try:
            yield
        except Exception as error:
            response = getattr(error, "response", None)
            if not isinstance(response, Mapping) or "Error" not in response:
                raise
            raise refused_of(response, getattr(error, "operation_name", operation)) from error

    def _method(self, service: str, operation: str, timeout: float) -> Any:
        client, name = self.client(service, timeout), _method_name(operation)
        if not hasattr(client, name):
            raise SpecError(
                f"this botocore knows no {operation} of {service}", hint="pip install --upgrade boto3"
            )  # fmt: skip
        return getattr(client, name)

    def client(self, service: str, timeout: float = TIMEOUT) -> Any:
        """The SDK's client of a service; made once, since that takes longer than a call. May be used by many threads.

        Args:
            service: botocore's name.
            timeout: Seconds between two signs of life.
        """
        with self._lock:
            found = self._clients.get((service, timeout))
            if found is None:
                found = self._clients[service, timeout] = self._made(service, timeout)
            return found

    def _made(self, service: str, timeout: float) -> Any:
        config = library("botocore.config")
        more: dict[str, Any] = {}
        if service.startswith("sagemaker-runtime"):
            # A prediction that took too long is not asked again behind the caller's back.
            more["retries"] = {"total_max_attempts": 1}
        else:
            wished = {"AWS_RETRY_MODE": ("mode", "adaptive"), "AWS_MAX_ATTEMPTS": ("total_max_attempts", ATTEMPTS)}
            more["retries"] = dict(each for variable, each in wished.items() if not os.environ.get(variable))
        settings = config.Config(
            connect_timeout=CONNECTING, read_timeout=timeout, user_agent_extra=_AGENT, max_pool_connections=16, **more
        )
        return self.core.create_client(service, region_name=self.region, config=settings)

    # Who, and where.

    @property
    def core(self) -> Any:
        """The session of botocore, which has the credentials."""
        with self._lock:
            if self._core is None:
                with told("find credentials of AWS"):
                    self._core = _session(self.options)
            return self._core

    @property
    def region(self) -> str:
        """The one that is meant.

        Raises:
            SpecError: None is given.
        """
        found = self.options.region or os.environ.get("AWS_REGION") or self.core.get_config_variable("region")
        if not found:
            raise SpecError(
                "no region is given", where="region",
                hint="export AWS_REGION=eu-west-1, or give the target one in deployer.toml",
            )  # fmt: skip
        return str(found)

    @property
    def identity(self) -> Identity:
        """Who asks; asked once.

        Raises:
            SpecError: It is another account than the one that is meant.
            TargetUnavailable: There are no credentials, or AWS does not know them.
        """
        with self._lock:
            if self._identity is None:
                with told("tell who asks", "sts:GetCallerIdentity"):
                    answer = self.ask("sts", "GetCallerIdentity", {})
                found = Identity(str(answer["Account"]), str(answer["Arn"]))
                if self.options.account not in (None, found.account):
                    raise SpecError(
                        f"these credentials are of account {found.account}, and {self.options.account} is meant",
                        where="account", hint="AWS_PROFILE chooses others; aws sts get-caller-identity tells whose",
                    )  # fmt: skip
                self._identity = found
            return self._identity

    def arn(self, service: str, resource: str) -> str:
        """Of a resource of this account and region: ``arn:aws:sagemaker:eu-west-1:123456789012:endpoint/iris``."""
        who = self.identity
        return f"arn:{who.partition}:{service}:{self.region}:{who.account}:{resource}"

    # When.

    def now(self) -> float:
        """AWS's clock, seconds since the epoch, good to a second: what its answers are dated with."""
        if not self.clock.fresh:
            with told("read AWS's clock", "sts:GetCallerIdentity"):
                self.ask("sts", "GetCallerIdentity", {})
        found = self.clock.now()
        if found is None:
            raise TargetUnavailable("AWS does not tell its time", where="sts:GetCallerIdentity")
        return found


def _date(answer: Any) -> str | None:
    found: str | None = ((answer.get("ResponseMetadata") or {}).get("HTTPHeaders") or {}).get("date")
    return found


def _method_name(operation: str) -> str:
    name: str = library("botocore").xform_name(operation)
    return name


@functools.cache
def _loader(folders: str | None) -> Any:
    """What reads botocore's models: one for all sessions of the process, since it takes longer than a call."""
    return library("botocore.loaders").create_loader(folders)


def _session(options: SageMakerOptions) -> Any:
    """A session of a profile; with ``assume_role`` as that role, whose keys are renewed before they end."""
    session, credentials = library("botocore.session"), library("botocore.credentials")
    found = session.Session(profile=options.profile)
    found.register_component("data_loader", _loader(found.get_config_variable("data_path")))
    if options.region is not None:
        found.set_config_variable("region", options.region)
    elif os.environ.get("AWS_REGION"):
        found.set_config_variable("region", os.environ["AWS_REGION"])
    if options.assume_role is None:
        return found
    own = found.get_credentials()
    if own is None:
        raise library("botocore.exceptions").NoCredentialsError
    extra = {"RoleSessionName": _ROLE_SESSION}
    if options.external_id is not None:
        extra["ExternalId"] = options.external_id
    fetcher = credentials.AssumeRoleCredentialFetcher(found.create_client, own, options.assume_role, extra_args=extra)
    assumed = session.Session(profile=options.profile)
    assumed.register_component("data_loader", found.get_component("data_loader"))
    if (region := found.get_config_variable("region")) is not None:
        assumed.set_config_variable("region", region)
    # As botocore's own providers do; there is no public way to give a session credentials that renew themselves.
    assumed._credentials = credentials.DeferredRefreshableCredentials(  # noqa: SLF001
        refresh_using=fetcher.fetch_credentials, method="assume-role"
    )
    return assumed
