"""Writes the first spec file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from deployer.cli.render.commands import command
from deployer.errors import Conflict, SpecError

if TYPE_CHECKING:
    from deployer.cli.session import Session

__all__ = ["TEMPLATE", "print_schema", "write_spec"]

TEMPLATE = """\
# One endpoint, as you wish it to be. All fields but name and model may be left out.
#
#   deployer plan                     what would happen
#   deployer apply -f {file}    make it so; again and again, it changes only what differs
#
# A path is relative to this file. --set KEY=VALUE on the command line goes before what stands here.

apiVersion: deployer/v1
name: {name}
model: {model}
target: {target}

# Changed in place, while it serves.
replicas: 1
# labels: {{team: risk}}
# history_limit: 5                     # releases that are kept, stopped, for: deployer rollback {name}
# network: {{expose: loopback}}

# A change of these makes a new revision, which is verified before it gets traffic.
# env: {{LOG_LEVEL: info}}
# secrets: {{API_TOKEN: {{env: MY_TOKEN}}}}                 # by reference only
# requirements: {{extra: [category-encoders==2.8.1]}}     # what the model's own requirements forgot
# resources: {{cpu: 1, memory: 2Gi}}
# config: {{}}                           # the target's own: deployer targets {target}

# How a release is judged.
# health: {{timeout: 10m, consecutive: 3, soak: 0s}}
# rollout: {{strategy: rolling}}

# Other places, other values.
# overrides: {{prod: {{replicas: 3}}}}
"""


def write_spec(now: Session, *, name: str | None, model: str | None, target: str | None, out: str, force: bool) -> int:
    """Write it; returns the exit code.

    Raises:
        Conflict: The file is there already.
        SpecError: It cannot be written, or the name is not usable.
    """
    import json

    from deployer.spec import Document, build_spec, document_layer

    place = now.place(target).name
    fields = {"name": name or "iris", "model": model or "models:/iris@champion", "target": place}
    build_spec([document_layer(Document(dict(fields), out))])
    quoted = {key: value if _is_plain(value) else json.dumps(value) for key, value in fields.items()}
    text = TEMPLATE.format(file=out if out != "-" else "deployer.yaml", **quoted)
    if out == "-":
        now.screen.write(text)
        return 0
    try:
        with Path(out).open("w" if force else "x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise Conflict(f"{out} is there already", hint="--force writes over it; --out FILE writes another") from None
    except OSError as error:
        raise SpecError(f"cannot be written: {(error.strerror or 'unknown reason').lower()}", where=out) from None
    following = command("plan") if out == "deployer.yaml" else command("plan", "-f", out)
    now.screen.tell([f"{out} is written.  Then:  {following}"])
    return 0


def _is_plain(text: str) -> bool:
    return all(char.isalnum() or char in "/:.@_-" for char in text) and text[:1] not in "@-:" and ": " not in text


def print_schema(now: Session, *, target: str | None) -> int:
    """The JSON Schema of a spec file, ``config`` as the target has it; returns the exit code."""
    import json

    from deployer.spec import schema

    kind = now.registry.kind(now.place(target).kind)
    now.screen.data(json.dumps(schema(kind.config), indent=2))
    return 0
