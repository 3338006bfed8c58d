"""Shows what a target would be sent: YAML as a stream of documents, JSON as a list."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from deployer.cli.planning import plans_of
from deployer.cli.render.yaml_text import yaml_text
from deployer.cli.screen import Form
from deployer.cli.wishes import Asked, documents, target_of
from deployer.errors import SpecError

if TYPE_CHECKING:
    from deployer.cli.session import Session

__all__ = ["show_documents"]


def show_documents(now: Session, asked: Asked, *, upgrade: bool) -> int:
    """Write them to stdout, and to stderr what of it they do not hold.

    Raises:
        SpecError: The target takes no documents, or Markdown was asked for.
        Conflict: What is there is not ours.
    """
    screen = now.screen
    if screen.form is Form.MARKDOWN:
        raise SpecError("render writes documents: -o yaml or -o json", hint="deployer plan -o markdown is for people")
    for document in documents(asked) or (None,):
        now.deployer.refuse_unrenderable(target_of(now, asked, document))
    plans, _ = plans_of(now, asked, None, retry=False, upgrade=upgrade, verify=False)
    found = [each for plan in plans for each in now.deployer.render(plan)]
    for line in dict.fromkeys(line for plan in plans for line in now.deployer.unrendered(plan)):
        screen.say(screen.paint_err(line, "warn"))
    clean = screen.redact.document(found)
    if screen.form is Form.JSON:
        screen.write(json.dumps(clean, indent=2, ensure_ascii=not screen.marks.unicode) + "\n")
        return 0
    screen.write(yaml_text(clean, unicode=screen.marks.unicode, marked=True))
    return 0
