"""Run with a model's own interpreter: what ``mlflow.pyfunc`` answers in that very process, as JSON.

    python asked.py MODEL REQUEST.json    # {"columns": {"name": [values]}} or {"tensor": [...], "dtype": "float32"}, "params"
"""

import json
import sys
import warnings

warnings.filterwarnings("ignore")

import mlflow.pyfunc  # noqa: E402
import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402


def plain(answer):
    """Tables as records, everything else as the lists and scalars that JSON has."""
    if isinstance(answer, pd.DataFrame):
        return answer.to_dict(orient="records")
    if isinstance(answer, (pd.Series, np.ndarray)):
        return answer.tolist()
    return answer


def main(model, request):
    """Load, ask, print."""
    with open(request) as file:
        asked = json.load(file)
    loaded = mlflow.pyfunc.load_model(model)
    if "tensor" in asked:
        data = np.array(asked["tensor"], dtype=asked["dtype"])
    else:
        data = pd.DataFrame(asked["columns"])
    params = {"params": asked["params"]} if asked.get("params") else {}
    print(json.dumps(plain(loaded.predict(data, **params))))


if __name__ == "__main__":
    main(*sys.argv[1:])
