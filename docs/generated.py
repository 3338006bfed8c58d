"""Pages that are made from the code when the documentation is built, so that they cannot fall behind it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator

from deployer import errors


def _tree(error: type[errors.DeployerError], depth: int = 0) -> Iterator[tuple[int, type[errors.DeployerError]]]:
    yield depth, error
    for child in sorted(error.__subclasses__(), key=lambda each: (each.exit_code, each.__name__)):
        if child.__module__ == errors.__name__:
            yield from _tree(child, depth + 1)


def _promise(error: type[errors.DeployerError]) -> str:
    paragraph = (inspect.getdoc(error) or "").split("\n\n")[0]
    return " ".join(paragraph.split()).replace("|", "\\|")


def exit_codes() -> str:
    """One row for each error, in the order of the exit codes."""
    rows = [(error.exit_code, error.__name__, _promise(error)) for depth, error in _tree(errors.DeployerError) if depth]
    table = "\n".join(f"| {code} | `{name}` | {promise} |" for code, name, promise in sorted(rows))
    return f"| exit code | error | what it means |\n| --- | --- | --- |\n{table}\n"


GENERATED: dict[str, Callable[[], str]] = {"<!-- exit codes -->": exit_codes}


def on_page_markdown(markdown: str, **_: object) -> str:
    """Put what is generated where a page asks for it (called by MkDocs for each page)."""
    for marker, make in GENERATED.items():
        if marker in markdown:
            markdown = markdown.replace(marker, make())
    return markdown
