"""What the command line and the environment say, as one frozen value."""

from __future__ import annotations

import argparse
import math
import os
import re
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .version import RUNTIME_VERSION

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["Settings", "read_settings"]

PREFIX = "DEPLOYER_SERVING_"
MODEL_FOLDER = "/opt/ml/model"
DEFAULT_PORT = 8080
REVISION = re.compile(r"[A-Za-z0-9._-]{1,64}")
DIGEST = re.compile(r"(?:sha256:)?([0-9a-f]{64})")
NEVER_EMPTY = ("api-keys", "model-digest")
VAULT = f"{PREFIX}VAULT_"
BIND = "SAGEMAKER_BIND_TO_PORT"
"""What SageMaker tells each of several containers of an endpoint (Developer Guide, inference-pipeline-real-time)."""


@dataclass(frozen=True)
class Settings:
    """How to serve. Times are seconds, sizes are bytes.

    Attributes:
        model: Folder of the packaged model (the one that holds ``MLmodel``).
        model_digest: The digest that the folder must have before it is loaded, 64 hexadecimal digits; None checks none.
        revision: Sent as ``Deployer-Revision`` on every answer; None sends and checks none.
        host: Address to listen on.
        port: TCP port; None listens on no port of its own.
        uds: Path of a private Unix socket, or None.
        control: Path of the control socket, or None.
        api_keys: File of the digests of the keys that let in over TCP, see :mod:`keys`; None asks for no key.
        secrets: Folder whose files' names and contents become environment variables, or None.
        max_body: Largest request body that is read.
        timeout: Longest time from the whole body read to the answer.
        threads: How many predictions run at once.
        tolerance: Absolute or relative difference that still counts as equal in a verification.
        example: File with a JSON body that is answered before the server is ready; None takes the model's own.
        drain: Longest time from SIGTERM to the exit.
        trusted_hosts: Names that ``Host`` and ``Origin`` may have over TCP; empty lets in all.
        log_level: debug, info, warning or error.
        behind: ``sagemaker``: headers of ours come and go in the one that passes there, see :mod:`attributes`;
            ``azureml``: all requests come to one route, and ``Deployer-Path`` says where they are meant for; None where
            headers and paths simply pass.
        vault: Name of an environment variable -> where the vault is that has its value, see :mod:`vault`.
    """

    model: str
    model_digest: str | None
    revision: str | None
    host: str
    port: int | None
    uds: str | None
    control: str | None
    api_keys: str | None
    secrets: str | None
    max_body: int
    timeout: float
    threads: int
    tolerance: float
    example: str | None
    drain: float
    trusted_hosts: tuple[str, ...]
    log_level: str
    behind: str | None = None
    vault: Mapping[str, str] = field(default_factory=dict)


def read_settings(arguments: Sequence[str], environment: Mapping[str, str]) -> Settings:
    """Read the command line; what it leaves out comes from ``DEPLOYER_SERVING_*``, then from the built-in defaults.

    ``MLFLOW_SCORING_SERVER_REQUEST_TIMEOUT``, which MLflow's own server reads, is the time-out's second fallback, and
    ``SAGEMAKER_BIND_TO_PORT`` the port's; behind SageMaker it counts before ``DEPLOYER_SERVING_PORT``, since AWS alone
    knows which port is whose. ``DEPLOYER_SERVING_VAULT_NAME`` has no option, since there may be any number of them.

    Raises:
        SystemExit: 2, with the reason on stderr, for an option or a value that is not usable; 0 for ``--help``.
    """
    given = _parser(_bound(environment)).parse_args(arguments)
    port = DEFAULT_PORT if given.port is None and given.uds is None else given.port
    return Settings(
        model=given.model,
        model_digest=given.model_digest,
        revision=given.revision,
        host=given.host,
        port=port,
        uds=given.uds,
        control=given.control,
        api_keys=given.api_keys,
        secrets=given.secrets,
        max_body=given.max_body,
        timeout=given.timeout,
        threads=given.threads,
        tolerance=given.tolerance,
        example=given.example,
        drain=given.drain,
        trusted_hosts=given.trusted_hosts,
        log_level=given.log_level,
        behind=given.behind,
        vault={name[len(VAULT) :]: value for name, value in environment.items() if name.startswith(VAULT)},
    )


def _parser(environment: Mapping[str, str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="serve",
        description="Serve a packaged MLflow model over HTTP.",
        epilog=f"Each option can also be given as {PREFIX}NAME in the environment.",
        allow_abbrev=False,
    )
    parser.add_argument("command", nargs="?", choices=["serve"], default="serve", help="what to do; there is one thing")
    parser.add_argument("--version", action="version", version=RUNTIME_VERSION)

    def option(name: str, default: str | None, kind: object, metavar: str, text: str) -> None:
        value = environment.get(PREFIX + name.upper().replace("-", "_"))
        if value is None or (value == "" and name not in NEVER_EMPTY):
            value = default
        parser.add_argument(f"--{name}", default=value, type=kind, metavar=metavar, help=text)  # type: ignore[arg-type]

    wait = environment.get("MLFLOW_SCORING_SERVER_REQUEST_TIMEOUT") or "60"
    option("model", MODEL_FOLDER, str, "DIR", "folder of the model")
    option("model-digest", None, _digest, "SHA256", "digest that the model's folder must have to be loaded")
    option("revision", None, _revision, "ID", "sent with every answer, as Deployer-Revision")
    option("host", "0.0.0.0", str, "ADDRESS", "address to listen on")  # noqa: S104 - a container's whole point
    option("port", None, _port, "PORT", f"port to listen on; {DEFAULT_PORT} unless --uds is given")
    option("uds", None, str, "PATH", "private Unix socket to listen on")
    option("control", None, str, "PATH", "Unix socket for the supervisor")
    option("api-keys", None, _file, "FILE", "digests of the API keys that let in over TCP: lines [NAME] sha256:HEX")
    option("secrets", None, str, "DIR", "folder of files NAME, each the value of the environment variable NAME")
    option("max-body", str(100 * 1024 * 1024), _count, "BYTES", "largest request body")
    option("timeout", wait, _positive, "SECONDS", "longest prediction")
    option("threads", str(min(4, _cpus())), _count, "N", "predictions at once")
    option("tolerance", "0", _tolerance, "FLOAT", "difference that a verification allows")
    option("example", None, str, "FILE", "JSON request to answer before being ready; by default the model's own")
    option("drain", "30", _tolerance, "SECONDS", "longest time from SIGTERM to the exit")
    option("trusted-hosts", "", _names, "HOSTS", "names, with commas between, that Host and Origin may have over TCP")
    option("log-level", "info", _level, "LEVEL", "debug, info, warning or error")
    option("behind", None, _behind, "SERVICE", "sagemaker, azureml: how headers and paths pass there")
    return parser


def _bound(environment: Mapping[str, str]) -> Mapping[str, str]:
    """The environment with the port that SageMaker asks for, where it counts."""
    port, own = environment.get(BIND), f"{PREFIX}PORT"
    behind = environment.get(f"{PREFIX}BEHIND", "").lower() == "sagemaker"
    return {**environment, own: port} if port and (behind or not environment.get(own)) else environment


def _cpus() -> int:
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _revision(text: str) -> str:
    if not REVISION.fullmatch(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a revision's id: up to 64 letters, digits, '.', '_', '-'")
    return text


def _digest(text: str) -> str:
    found = DIGEST.fullmatch(text.lower())
    if found is None:
        raise argparse.ArgumentTypeError(f"{text!r} is not a SHA-256: 64 hexadecimal digits")
    return found[1]


def _file(text: str) -> str:
    if not text:
        raise argparse.ArgumentTypeError("'' names no file; leave it out to serve without keys")
    return text


def _port(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port: 0 to 65535")
    return int(text)


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)


def _tolerance(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not math.isfinite(value) or value < 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of 0 or more")
    return value


def _positive(text: str) -> float:
    value = _tolerance(text)
    if value == 0:
        raise argparse.ArgumentTypeError("0 is too short")
    return value


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip().strip("[]").rstrip(".").lower() for name in text.split(",") if name.strip())


def _behind(text: str) -> str:
    if text.lower() not in ("sagemaker", "azureml"):
        raise argparse.ArgumentTypeError(f"{text!r} is not one of sagemaker, azureml")
    return text.lower()


def _level(text: str) -> str:
    if text.lower() not in ("debug", "info", "warning", "error"):
        raise argparse.ArgumentTypeError(f"{text!r} is not one of debug, info, warning, error")
    return text.lower()
