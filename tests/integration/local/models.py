"""Small packaged models, written by hand: a loader module in ``code/``, and what can go wrong with it."""

from __future__ import annotations

import json
from pathlib import Path

MLMODEL = """\
flavors:
  python_function:
    code: code
    loader_module: doubling
    python_version: 3.11.7
mlflow_version: 2.20.0
model_uuid: 9c7b36de00094000ba2940d7ca6c1f65
signature:
  inputs: '[{"type": "double", "name": "a", "required": true}]'
  outputs: null
  params: null
utc_time_created: '2026-01-01 00:00:00.000000'
"""
LOADER = """\
import os
import pickle

import features


class Model:
    def predict(self, frame, params=None):
        if (frame["a"] < 0).any():
            os.abort()
        return (frame["a"] * features.FACTOR).tolist()


def _load_pyfunc(path):
    features.load()
    return Model()
"""
FEATURES = {
    "first": "FACTOR = 2.0\n\n\ndef load():\n    pass\n",
    "second": "FACTOR = 3.0\n\n\ndef load():\n    pass\n",
    "missing-dependency": '"""Features."""\n\nimport json\n\nFACTOR = 2.0\n\nimport category_encoders.woe\n',
    "load-fails": "import pickle\n\nFACTOR = 2.0\n\n\ndef load():\n    pickle.loads(b'not a pickle')\n",
    "out-of-memory": "FACTOR = 2.0\n\n\ndef load():\n    raise MemoryError('cannot allocate 8 GiB')\n",
    "dies": "import os\n\nFACTOR = 2.0\n\n\ndef load():\n    print('about to end')\n    os.kill(os.getpid(), 9)\n",
    "wrong-example": "FACTOR = 2.0\n\n\ndef load():\n    pass\n",
}


def write_model(folder: Path, lot: str) -> None:
    """Write the model of a lot into a folder that is there."""
    (folder / "code").mkdir()
    (folder / "MLmodel").write_text(MLMODEL)
    (folder / "code" / "doubling.py").write_text(LOADER)
    (folder / "code" / "features.py").write_text(FEATURES[lot])
    column = "b" if lot == "wrong-example" else "a"
    example = {"dataframe_split": {"columns": [column], "data": [[1.0], [2.0]]}}
    (folder / "serving_input_example.json").write_text(json.dumps(example))
