"""The runtime's version, a name for people; what a revision is made of is the digest of this folder."""

from __future__ import annotations

RUNTIME_VERSION = "1.1.0"
