"""YAML that reads back as the same values: PyYAML leaves some of Unicode's line breaks bare, which a reader folds."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import TYPE_CHECKING, Any

from deployer.value import JSON

if TYPE_CHECKING:
    import yaml

__all__ = ["yaml_text"]


def yaml_text(documents: Iterable[JSON], *, unicode: bool = True, marked: bool = False) -> str:
    """One or several documents, keys in their order.

    Args:
        documents: JSON values.
        unicode: Whether all characters may stand there; else those beyond ASCII are escaped.
        marked: Whether each document begins with ``---``, the first too.
    """
    import yaml

    options: dict[str, Any] = {"sort_keys": False, "allow_unicode": unicode, "width": 1000, "explicit_start": marked}
    return str(yaml.dump_all(documents, Dumper=_dumper(), **options))


@cache
def _dumper() -> type[yaml.SafeDumper]:
    import yaml

    class Dumper(yaml.SafeDumper):
        """Quotes and escapes every text that has more than printable characters."""

        def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - equal values are written out, as in JSON
            return True

    def text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
        style = None if value.isprintable() else '"'
        return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)

    Dumper.add_representer(str, text)
    return Dumper
