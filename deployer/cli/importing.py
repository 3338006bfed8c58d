"""Shows the spec of an endpoint that is there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deployer.cli.patience import patiently
from deployer.cli.render.spec import note_lines, spec_document, spec_lines
from deployer.cli.screen import Form
from deployer.cli.wishes import learn_recorded

if TYPE_CHECKING:
    from deployer.cli.session import Session

__all__ = ["show_spec"]


def show_spec(now: Session, name: str, target: str) -> int:
    """Write it to stdout; as JSON without comments, which are said on stderr instead.

    Raises:
        NotFound: There is no such endpoint.
        Conflict: It is not ours, and what it is cannot be told; or it is ours, and its Record is lost.
        SpecError: The target tells nothing of what deployer did not make.
    """
    screen = now.screen
    with patiently(screen, "ask", f"asking {target}"):
        found = now.deployer.import_(name, target=target)
    learn_recorded(now, found.spec if "model" in found.spec else None)
    mine = found.owner == now.deployer.owner
    if screen.form is Form.JSON:
        screen.tell(note_lines(found, mine=mine))
        screen.document(spec_document(found))
        return 0
    lines = spec_lines(found, mine=mine, unicode=screen.marks.unicode, hide=screen.redact.document)
    screen.data(*(["```yaml", *lines, "```"] if screen.form is Form.MARKDOWN else lines))
    return 0
