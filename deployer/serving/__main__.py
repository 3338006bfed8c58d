"""``python -m deployer.serving serve ...``, in a checkout."""

from __future__ import annotations

from .main import main

raise SystemExit(main())
