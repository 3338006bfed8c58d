"""``python -m deployer.testing.azureml``: the double as a process, which tells where it is in one line of JSON."""

from __future__ import annotations

import argparse
import json
import sys
from importlib import import_module
from pathlib import Path

from deployer.errors import DeployerError
from deployer.testing.azureml.behaviours import guesses
from deployer.testing.azureml.double import Double
from deployer.testing.azureml.options import Durations, Options, Registry
from deployer.testing.cloud.containers import Containers
from deployer.testing.cloud.ending import Ending

LABEL = "deployer.azureml-double"


def _arguments(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m deployer.testing.azureml", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="where it listens; it trusts whoever asks")
    parser.add_argument("--port", type=int, default=0, help="0: a free one")
    parser.add_argument("--proxy", action="store_true", help="with a proxy, for clients that use Azure's own names")
    parser.add_argument("--workspace", action="append", default=[], metavar="NAME", help="by default: ws")
    parser.add_argument("--registry", default="", metavar="HOST:PORT", help="a real registry that stands in for ACR's")
    parser.add_argument("--registry-user", default="")
    parser.add_argument("--registry-password-file", type=Path, metavar="FILE")
    parser.add_argument("--registry-ca", default="", metavar="FILE", help="its authority, PEM; without one: no TLS")
    parser.add_argument("--registry-prefix", default="", help="what each repository's name begins with there")
    runner = parser.add_mutually_exclusive_group()
    runner.add_argument("--docker", metavar="SOCKET", help="a Docker engine for real containers, unix:///...")
    runner.add_argument("--in-process", metavar="MODULE:NAME", help="a function that makes the containers, or: echo")
    parser.add_argument("--name", default="azureml-double", help="what containers' names begin with")
    parser.add_argument("--built", default="", metavar="IMAGE", help="what Azure builds of a model without environment")
    parser.add_argument("--credentials", default="AccountKey", choices=["AccountKey", "Sas", "None"])
    parser.add_argument("--scale", type=float, default=1.0, help="real seconds of a nominal one: 0.01 is fast")
    parser.add_argument("--probes", type=float, default=1.0, help="nominal seconds for one of a probe's settings")
    parser.add_argument("--grace", type=float, default=30.0, metavar="SECONDS", help="between SIGTERM and SIGKILL")
    parser.add_argument("--retry-after", type=int, default=0, metavar="MS", help="what an operation's answers say")
    parser.add_argument("--rights", type=Path, metavar="FILE", help="permissions of roles that must allow every call")
    parser.add_argument("--quota", action="append", default=[], metavar="FAMILY=VCPUS")
    parser.add_argument(
        "--guess",
        action="append",
        default=[],
        metavar="NAME=yes|no",
        help=f"one of {', '.join(sorted(guesses({}).all()))}",
    )
    return parser.parse_args(arguments)


def _containers(asked: argparse.Namespace, registry: Registry | None) -> Containers | None:
    if asked.docker:
        from deployer.testing.cloud.engine import DockerContainers

        host = f"unix://{asked.docker}" if asked.docker.startswith("/") else asked.docker
        return DockerContainers(host, registry, asked.name, LABEL)
    if asked.in_process and asked.in_process != "echo":
        module, _, name = asked.in_process.partition(":")
        made: Containers = getattr(import_module(module), name)()
        return made
    return None


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
        )
    return Options(
        host=asked.host,
        port=asked.port,
        proxy=asked.proxy,
        workspaces=tuple(asked.workspace) or ("ws",),
        scale=asked.scale,
        durations=Durations(probes=asked.probes, grace=asked.grace),
        retry_after=asked.retry_after,
        registry=registry,
        containers=_containers(asked, registry),
        built=asked.built,
        credentials=asked.credentials,
        rights=tuple(json.loads(asked.rights.read_text())) if asked.rights else None,
        quotas={name: int(value) for name, _, value in (each.partition("=") for each in asked.quota)},
        guesses={name: value == "yes" for name, _, value in (each.partition("=") for each in asked.guess)},
    )


def main(arguments: list[str]) -> int:
    """Run it until SIGTERM or SIGINT; everything that it started is gone then."""
    ending = Ending()
    try:
        options = _options(_arguments(arguments))
        with Double(options) as double:
            told = {
                "url": double.url,
                "ca": double.ca,
                "workspace": double.workspace,
                "environment": double.environment,
                "proxied": double.proxied if options.proxy else {},
            }
            sys.stdout.write(json.dumps(told) + "\n")
            sys.stdout.flush()
            ending.wait()
    except (DeployerError, ValueError, OSError) as error:
        hint = getattr(error, "hint", None)
        sys.stderr.write(f"{error}\n" + (f"{hint}\n" if hint and hint not in str(error) else ""))
        return int(getattr(error, "exit_code", 2))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
