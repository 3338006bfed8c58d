"""``deployer history``."""

from __future__ import annotations

from deployer.cli import options
from deployer.cli.screen import Form
from deployer.cli.session import configure

EXAMPLES = ("deployer history iris", "deployer history fraud -t prod -o json")


def command(
    *,
    name: options.RequiredName,
    target: options.Target = None,
    owner: options.Owner = None,
    output: options.Output = Form.TABLE,
) -> int:
    """What was released, refused and taken back, by whom and when, the newest first."""
    import time

    from deployer.cli.patience import patiently
    from deployer.cli.render.documents import history_document
    from deployer.cli.render.layout import markdown_table, table
    from deployer.cli.render.tables import HISTORY, history_rows
    from deployer.cli.wishes import learn_recorded

    now = configure(output=output, owner=owner)
    screen, place = now.screen, now.place(target).name
    with patiently(now.screen, "ask", f"asking {place}"):
        status = now.deployer.status(name, target=place)
    record = status.observed.record
    learn_recorded(now, record.spec if record else None)
    history = record.history if record else ()
    if screen.documents:
        screen.document({"name": name, "target": place, "history": history_document(history)})
        return 0
    rows = history_rows(history, record, status.endpoint, time.time())
    if not rows:
        screen.tell([f"{name} has no history yet."])
    elif screen.form is Form.MARKDOWN:
        screen.data(*markdown_table(HISTORY, rows))
    else:
        screen.data(*table(HISTORY, rows, width=screen.width, paint=screen.paint_out, dots=screen.marks.dots))
    return 0
