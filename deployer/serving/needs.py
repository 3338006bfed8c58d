"""What the runtime needs in the model's environment, as pip requirements. The model's own pins win.

uvicorn 0.22 is the first whose protocol classes take the application's state. httptools and uvloop are used when they
are there and not asked for; without them uvicorn's h11 and asyncio's own loop serve.
MLflow, pandas and numpy are the model's: every model that MLflow saves requires them itself.
"""

from __future__ import annotations

REQUIREMENTS: tuple[str, ...] = ("uvicorn>=0.22,<1",)
