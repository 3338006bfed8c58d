"""``deployer import``."""

from __future__ import annotations

from deployer.cli import options
from deployer.cli.screen import Form
from deployer.cli.session import configure

EXAMPLES = (
    "deployer import iris > iris.yaml",
    "deployer import fraud -t staging > fraud.yaml && deployer apply -f fraud.yaml --adopt",
)


def command(
    *,
    name: options.RequiredName,
    target: options.Target = None,
    owner: options.Owner = None,
    output: options.Output = Form.TABLE,
) -> int:
    """Print the spec of an endpoint that is there, as apply takes it, and change nothing.

    Of one that deployer made it is the recorded spec. Of one that somebody else made it is what the target can tell;
    what it cannot, and what looks secret, stands there as a comment. apply --adopt then takes it over as it runs.
    """
    from deployer.cli.importing import show_spec

    now = configure(output=output, owner=owner)
    return show_spec(now, name, now.place(target).name)
