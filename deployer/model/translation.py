"""MLflow's errors, told again as ours.

MLflow has many for the same thing: an unknown alias is INVALID_PARAMETER_VALUE, a download's failures are one text, and
what the HTTP library or a cloud's SDK raises comes through or not (tried with MLflow 3.17.2). So the whole chain of
causes is looked at: modules that are missing, error codes, HTTP statuses, then words.
"""

from __future__ import annotations

import errno
import re
from typing import TYPE_CHECKING

from deployer.errors import BuildError, DeployerError, NotFound, SpecError, TargetUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["CREDENTIALS_HINT", "SERVER_HINT", "redacted", "translated"]

_INSTALL = {
    "boto3": "boto3",
    "botocore": "boto3",
    "google": "google-cloud-storage",
    "azure": "azure-storage-blob azure-storage-file-datalake azure-identity",
    "sqlalchemy": "mlflow",
    "alembic": "mlflow",
    "databricks": "'mlflow-skinny[databricks]'",
    "pyarrow": "pyarrow",
    "pysftp": "pysftp",
}
"""The distribution that brings a module which MLflow wants for one scheme of URIs."""

SERVER_HINT = "export MLFLOW_TRACKING_URI=http://HOST:5000"

CREDENTIALS_HINT = (
    "set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN, in the environment"
)


def translated(error: Exception, where: str, address: str) -> DeployerError:
    """The error of ours that stands for one of MLflow's or of a client library below it.

    Args:
        error: What was raised.
        where: The model's URI.
        address: The tracking server's address, without credentials.
    """
    chain = list(_chain(error))
    for found in chain:
        if isinstance(found, ModuleNotFoundError):
            return _missing_module(found, where)
        if isinstance(found, OSError) and found.errno == errno.ENOSPC:
            return BuildError("the disk is full", where=found.filename or where, hint="free some space and try again")
    text = " ".join(str(found) for found in chain)
    code = next((str(found.error_code) for found in chain if hasattr(found, "error_code")), "")
    status = next((s for s in map(_status, chain) if s), None) or _status_in(text)
    setting = _setting(text, where, address)
    if setting:
        return setting
    return _answered(code, status, text, where, address) or TargetUnavailable(
        f"MLflow could not read the model: {_first_line(text)}",
        where=where,
        hint=f"tracking server: {address}",
    )


def _setting(text: str, where: str, address: str) -> SpecError | None:
    """What is wrong with the tracking URI itself."""
    if "tracking URI must be a valid http or https URI" in text:
        return SpecError(
            f"mlflow-artifacts: is served by a tracking server, and {address} is none", where=where, hint=SERVER_HINT
        )
    if "filesystem tracking backend" in text:
        return SpecError(
            f"MLflow reads models by name no longer from a folder of runs ({address})",
            where=where,
            hint=f"name the model's folder itself, or {SERVER_HINT}",
        )
    if address.startswith("arn:") and re.search(
        r"Supported URI schemes|UnsupportedModelRegistryStore|Unexpected URI", text
    ):
        return SpecError(
            f"MLflow's client knows a tracking server by its ARN with AWS's plug-in alone ({address})",
            where=where,
            hint="pip install 'mlflow-deployer[sagemaker-mlflow]'",
        )
    if address.startswith("azureml:") and re.search(
        r"Supported URI schemes|UnsupportedModelRegistryStore|Unexpected URI", text
    ):
        return SpecError(
            "MLflow's client knows the runs of Azure ML by its plug-in alone",
            where=where,
            hint="register the model, and give azureml:NAME:VERSION; or pip install azureml-mlflow",
        )
    if "sqlalchemy" in text or re.search(r"Supported URI schemes|UnsupportedModelRegistryStore", text):
        return SpecError(
            f"MLflow's client cannot use {address}",
            where=where,
            hint=f"for a database: pip install mlflow; or {SERVER_HINT}",
        )
    return None


def _answered(code: str, status: int | None, text: str, where: str, address: str) -> DeployerError | None:
    if status == 401 or code == "UNAUTHENTICATED":
        return TargetUnavailable(f"{address} wants credentials (401)", where=where, hint=CREDENTIALS_HINT)
    if status == 403 or code == "PERMISSION_DENIED":
        return TargetUnavailable(
            f"{address} does not let this user read the model (403)",
            where=where,
            hint="ask for READ permission on the model, or " + CREDENTIALS_HINT,
        )
    if _NO_CREDENTIALS.search(text):
        return TargetUnavailable(
            f"credentials are wanted: {_first_line(text)}",
            where=where,
            hint="sign in with the cloud's own tool, or set its environment variables",
        )
    if code in {"RESOURCE_DOES_NOT_EXIST", "ENDPOINT_NOT_FOUND", "NOT_FOUND"} or status == 404:
        return NotFound(f"not found: {_first_line(text)}", where=where, hint=f"looked on {address}")
    if code in {"INVALID_PARAMETER_VALUE", "BAD_REQUEST"} or status == 400:
        return SpecError(f"MLflow refuses the request: {_first_line(text)}", where=where)
    return _not_reached(code, status, text, where, address)


def _not_reached(code: str, status: int | None, text: str, where: str, address: str) -> DeployerError | None:
    if re.search(r"CERTIFICATE_VERIFY_FAILED|SSLError|certificate verify failed", text):
        return TargetUnavailable(
            f"the certificate of {address} cannot be verified",
            where=where,
            hint="name your authority's certificates: export REQUESTS_CA_BUNDLE=/path/to/ca.pem",
        )
    if code in {"TEMPORARILY_UNAVAILABLE", "REQUEST_LIMIT_EXCEEDED"} or (status or 0) >= 500 or status == 429:
        return TargetUnavailable(
            f"{address} cannot answer now: {_busy(status, text)}", transient=True, where=where, hint="try again"
        )
    if _NOT_REACHED.search(text):
        return TargetUnavailable(
            f"{address} cannot be reached: {_why(text)}",
            transient=True,
            where=where,
            hint="check MLFLOW_TRACKING_URI, the network and the proxy settings",
        )
    return None


_NO_CREDENTIALS = re.compile(
    r"NoCredentials|credential configuration failed|Unable to locate credentials|DefaultCredentialsError|"
    r"ClientAuthenticationError"
)
_NOT_REACHED = re.compile(
    r"Connection ?Error|Connection refused|NameResolutionError|Name or service not known|Max retries exceeded|"
    r"timed out|Read timeout|ConnectTimeout|EndpointConnectionError|RemoteDisconnected|Connection aborted|"
    r"No route to host|Network is unreachable|getaddrinfo failed|ProxyError|nodename nor servname",
    re.IGNORECASE,
)
_REASONS = (
    ("connection refused", "nothing listens there (connection refused)"),
    ("name or service not known", "its name is not known"),
    ("nameresolution", "its name is not known"),
    ("nodename nor servname", "its name is not known"),
    ("getaddrinfo", "its name is not known"),
    ("proxy", "the proxy refuses"),
    ("timed out", "no answer in time"),
    ("timeout", "no answer in time"),
    ("no route", "no route to it"),
    ("unreachable", "no route to it"),
)


def _busy(status: int | None, text: str) -> str:
    return f"it answers {status}" if status else _first_line(text)


def _why(text: str) -> str:
    lowered = text.lower()
    return next((reason for sign, reason in _REASONS if sign in lowered), "the connection broke")


def _missing_module(error: ModuleNotFoundError, where: str) -> SpecError:
    module = (error.name or "").partition(".")[0]
    install = _INSTALL.get(module, module)
    return SpecError(
        f"reading this URI needs the Python module {error.name}, which is not installed",
        where=where,
        hint=f"pip install {install}",
    )


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        yield current
        current = current.__cause__ or current.__context__


def _status(error: BaseException) -> int | None:
    response = getattr(error, "response", None)
    status = getattr(response, "status_code", None)
    if status is None and isinstance(response, dict):  # botocore
        status = response.get("ResponseMetadata", {}).get("HTTPStatusCode")
    return status if isinstance(status, int) else None


def _status_in(text: str) -> int | None:
    match = re.search(r"\b([45]\d\d) (?:Client|Server) Error|error code (\d{3})\b|too many (\d{3}) error", text)
    return int(next(group for group in match.groups() if group)) if match else None


def _first_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#####")]
    line = next((found for found in lines if not found.startswith("The following failures")), lines[0] if lines else "")
    line = re.sub(r"^(RESOURCE_DOES_NOT_EXIST|INVALID_PARAMETER_VALUE|INTERNAL_ERROR): ", "", redacted(line))
    line = "".join(sign if sign.isprintable() else "?" for sign in line).rstrip(".")
    return line if len(line) <= 200 else f"{line[:197]}..."


def redacted(text: str) -> str:
    """The text without the user information of any URL in it."""
    return re.sub(r"(://)[^/@\s'\"]+@", r"\1***@", text)
