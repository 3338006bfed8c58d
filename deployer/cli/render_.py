"""``deployer render``."""

from __future__ import annotations

from deployer.cli import options
from deployer.cli.screen import Form
from deployer.cli.session import configure

EXAMPLES = (
    "deployer render -f deployer.yaml -t staging > staging.yaml",
    "deployer render iris --model models:/iris@champion -o json",
)


def command(
    *,
    name: options.Name = None,
    model: options.Model = None,
    target: options.Target = None,
    file: options.File = None,
    sets: options.Sets = None,
    upgrade: options.Upgrade = False,
    owner: options.Owner = None,
    output: options.Output = Form.TABLE,
) -> int:
    """Print, as YAML or JSON, exactly what the target would be sent, and change nothing.

    Takes what plan takes. Of secrets there are references and numbers, never values. Only targets that take documents
    can do it: deployer targets says which.
    """
    from deployer.cli.documenting import show_documents
    from deployer.cli.wishes import Asked

    now = configure(output=output, owner=owner)
    return show_documents(now, Asked.typed(name, model, target, file, sets), upgrade=upgrade)
