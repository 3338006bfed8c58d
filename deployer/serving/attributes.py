"""Our headers in SageMaker's one: what its runtime passes on both ways is ``X-Amzn-SageMaker-Custom-Attributes`` alone.

``deployer-revision=r1a2b3c4,deployer-verify=1`` and what a caller puts beside it. AWS asks a container at
``POST /invocations`` alone, so another path is named there, too: ``deployer-path=/ready``. AWS hands the text on as it
is, at most 1,024 visible ASCII characters (API reference, InvokeEndpoint: CustomAttributes).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

__all__ = ["LONGEST", "Attributes", "Carried"]

LONGEST = 1024
PATH = "deployer-path"
READ = ("deployer-revision", "deployer-verify")
WRITTEN = ("deployer-parity", "deployer-parity-detail")
PART = re.compile(r"(?P<name>deployer-[a-z-]+)=(?P<value>[A-Za-z0-9._/%-]*)")


@dataclass(frozen=True)
class Carried:
    """What came in a request's attributes.

    Attributes:
        headers: Ours, their names in lower case.
        path: Where the request is meant for; None for where it came.
        theirs: The caller's own attributes, as they were.
    """

    headers: Mapping[str, str] = field(default_factory=dict)
    path: str | None = None
    theirs: str = ""


@dataclass(frozen=True)
class Attributes:
    """Reads a request's attributes, and writes an answer's.

    Attributes:
        revision: Of this server, told with every answer.
    """

    revision: str | None

    def read(self, values: Sequence[str]) -> Carried:
        """What came in them; a part that begins with our word and is none of ours is passed over.

        Args:
            values: Of each such header, usually one.
        """
        headers: dict[str, str] = {}
        path: str | None = None
        theirs = []
        for part in ",".join(values).split(","):
            found = PART.fullmatch(part.strip())
            if found is None:
                theirs.append(part)
            elif found["name"] in READ:
                headers[found["name"]] = found["value"]
            elif found["name"] == PATH:
                path = found["value"]
        return Carried(headers, path, ",".join(theirs).strip(" ,"))

    def write(self, headers: Iterable[tuple[bytes, bytes]], theirs: str) -> bytes:
        """At most 1,024 visible ASCII characters; empty for nothing to tell.

        A caller's own are sent back beside ours, so that it can tell answers apart by them. They are its own text, of
        which a part would be another text: where they do not fit whole, they are left out.

        Args:
            headers: Of the answer; those of ours that SageMaker would drop are taken.
            theirs: What the request had.
        """
        told = {name.decode("latin-1"): value.decode("latin-1") for name, value in headers}
        ours = [("deployer-revision", self.revision), *((name, told.get(name)) for name in WRITTEN)]
        text = ""
        for part in (*(f"{name}={quote(value, safe='')}" for name, value in ours if value), theirs):
            longer = f"{text},{part}" if text and part else text or part
            if len(longer) <= LONGEST and longer.isascii() and longer.isprintable():
                text = longer
        return text.encode("ascii")
