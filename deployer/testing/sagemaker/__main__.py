"""``python -m deployer.testing.sagemaker``: the double as a process, which tells its URL in one line of JSON."""

from __future__ import annotations

import argparse
import json
import sys
from importlib import import_module
from pathlib import Path

from deployer.errors import DeployerError
from deployer.testing.cloud.containers import Containers
from deployer.testing.cloud.ending import Ending
from deployer.testing.cloud.images import Registry
from deployer.testing.sagemaker.behaviours import guesses
from deployer.testing.sagemaker.double import Double
from deployer.testing.sagemaker.options import Options


def _arguments(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m deployer.testing.sagemaker", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="where it listens; it trusts whoever asks")
    parser.add_argument("--port", type=int, default=0, help="0: a free one")
    parser.add_argument("--account", default="123456789012")
    parser.add_argument("--region", default="us-east-1")
    parser.add_argument("--registry", default="", metavar="HOST:PORT", help="a real registry that stands in for ECR's")
    parser.add_argument("--registry-user", default="")
    parser.add_argument("--registry-password-file", type=Path, metavar="FILE")
    parser.add_argument("--registry-ca", default="", metavar="FILE", help="its authority, PEM; without one: no TLS")
    parser.add_argument("--registry-prefix", default="", help="what each repository's name begins with there")
    parser.add_argument("--registry-proxy", action="store_true", help="push and pull through the double, as ECR checks")
    runner = parser.add_mutually_exclusive_group()
    runner.add_argument("--docker", metavar="SOCKET", help="a Docker engine for real containers, unix:///...")
    runner.add_argument("--in-process", metavar="MODULE:NAME", help="a function that makes the containers, or: echo")
    parser.add_argument("--name", default="sagemaker-double", help="what containers' names begin with")
    parser.add_argument("--scale", type=float, default=1.0, help="real seconds of a nominal one: 0.01 is fast")
    parser.add_argument("--policy", type=Path, metavar="FILE", help="an IAM policy that every call must be allowed by")
    parser.add_argument("--quota", action="append", default=[], metavar="TYPE=N")
    parser.add_argument(
        "--guess",
        action="append",
        default=[],
        metavar="NAME=yes|no",
        help=f"one of {', '.join(sorted(guesses({}).all()))}",
    )
    parser.add_argument("--autoscale-every", type=float, default=0.0, metavar="SECONDS")
    return parser.parse_args(arguments)


def _containers(asked: argparse.Namespace, registry: Registry | None) -> Containers:
    from deployer.testing.cloud.engine import DockerContainers
    from deployer.testing.cloud.in_process import InProcess
    from deployer.testing.sagemaker.echo import echo

    if asked.in_process:
        if asked.in_process == "echo":
            return InProcess({"": echo})
        module, _, name = asked.in_process.partition(":")
        made: Containers = getattr(import_module(module), name)()
        return made
    host = asked.docker or ""
    return DockerContainers(f"unix://{host}" if host.startswith("/") else host, registry, asked.name)


def _options(asked: argparse.Namespace) -> Options:
    registry = None
    if asked.registry:
        secret = asked.registry_password_file
        registry = Registry(
            address=asked.registry,
            user=asked.registry_user,
            password=secret.read_text().strip() if secret else "",
            ca=asked.registry_ca,
            prefix=asked.registry_prefix,
            proxied=asked.registry_proxy,
        )
    return Options(
        host=asked.host,
        port=asked.port,
        account=asked.account,
        region=asked.region,
        scale=asked.scale,
        registry=registry,
        containers=_containers(asked, registry),
        policy=json.loads(asked.policy.read_text()) if asked.policy else None,
        quotas={name: int(value) for name, _, value in (each.partition("=") for each in asked.quota)},
        guesses={name: value == "yes" for name, _, value in (each.partition("=") for each in asked.guess)},
        autoscale_every=asked.autoscale_every,
    )


def main(arguments: list[str]) -> int:
    """Run it until SIGTERM or SIGINT; everything that it started is gone then."""
    ending = Ending()
    try:
        with Double(_options(_arguments(arguments))) as double:
            sys.stdout.write(json.dumps({"url": double.url, "environment": double.environment}) + "\n")
            sys.stdout.flush()
            ending.wait()
    except (DeployerError, ValueError, OSError) as error:
        hint = getattr(error, "hint", None)
        sys.stderr.write(f"{error}\n" + (f"{hint}\n" if hint and hint not in str(error) else ""))
        return int(getattr(error, "exit_code", 2))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
