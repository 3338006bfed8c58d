"""A spec as a file that ``apply -f`` takes, with comments for what could not be told. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from deployer.cli.render.escape import one_line
from deployer.cli.render.yaml_text import yaml_text
from deployer.value import JSON

if TYPE_CHECKING:
    from deployer.client import Imported

__all__ = ["note_lines", "spec_document", "spec_lines"]


def spec_document(found: Imported) -> dict[str, JSON]:
    """As a file has it, the name first."""
    first: dict[str, JSON] = {"apiVersion": "deployer/v1", "name": found.name}
    return first | {key: found.spec[key] for key in ("model", "target") if key in found.spec} | found.spec


def spec_lines(
    found: Imported, *, mine: bool, unicode: bool = True, hide: Callable[[JSON], JSON] = lambda value: value
) -> list[str]:
    """The file's lines.

    Args:
        found: What is there.
        mine: Whether it belongs to the owner who asks.
        unicode: Whether the stream takes more than ASCII.
        hide: Takes known secrets out.
    """
    text = yaml_text([hide(spec_document(found))], unicode=unicode)
    return [*(f"# {each}" for each in note_lines(found, mine=mine)), *text.rstrip("\n").split("\n")]


def note_lines(found: Imported, *, mine: bool) -> list[str]:
    """What a reader has to know beside the fields."""
    where = f"{one_line(found.name)} on {one_line(found.target)}"
    if found.owner is None:
        lines = [f"{where}: {one_line(found.what)}, which deployer did not make, as far as it can be told.", _ADOPT]
    elif not mine:
        lines = [f"{where} belongs to the owner {one_line(found.owner)!r}.", _ADOPT]
    else:
        lines = []
    if found.under_way:
        lines.append(f"{one_line(found.under_way)} is under way: deployer status {found.name}")
    return [*lines, *(_untold(field, why) for field, why in found.untold.items())]


_ADOPT = "deployer apply -f FILE --adopt takes it over as it runs, without a restart if this file is not changed."


def _untold(field: str, why: str) -> str:
    group, _, name = field.partition(".")
    by_reference = f"; by reference:  secrets: {{{name}: {{env: {name}}}}}" if group == "env" and name else ""
    return one_line(f"{field} is not told, since {why}{by_reference}")
