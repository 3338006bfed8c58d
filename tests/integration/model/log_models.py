"""Run in the server's environment: trains, logs and registers small models as people do, and prints their ids."""

from __future__ import annotations

import json
import sys
import tempfile
import warnings
from pathlib import Path

import mlflow
import sklearn
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

warnings.filterwarnings("ignore")
data = load_iris(as_frame=True)
client = mlflow.MlflowClient()
needs = [f"mlflow=={mlflow.__version__}", f"scikit-learn=={sklearn.__version__}", "pandas"]  # else MLflow looks long
versions = []
for regularisation in (1.0, 0.1):
    fitted = LogisticRegression(C=regularisation, max_iter=500).fit(data.data, data.target)
    with mlflow.start_run() as run:
        logged = mlflow.sklearn.log_model(
            fitted,
            name="model",
            registered_model_name="iris",
            input_example=data.data.head(2),
            pip_requirements=needs,
        )
        with tempfile.TemporaryDirectory() as place:
            mlflow.sklearn.save_model(fitted, f"{place}/m", pip_requirements=needs, serialization_format="cloudpickle")
            mlflow.log_artifacts(f"{place}/m", "old")
            (Path(place) / "notes").mkdir()
            (Path(place) / "notes" / "read.me").write_text("no model\n")
            mlflow.log_artifacts(f"{place}/notes", "notes")
    versions.append({"run": run.info.run_id, "model": logged.model_id, "artifacts": run.info.artifact_uri})
client.set_registered_model_alias("iris", "champion", "1")
client.set_registered_model_alias("iris", "challenger", "2")
client.transition_model_version_stage("iris", "1", "Production")
client.create_registered_model("empty")
client.create_registered_model("cat.schema.iris")
first = versions[0]
client.create_model_version("cat.schema.iris", f"models:/{first['model']}", first["run"], model_id=first["model"])
client.set_registered_model_alias("cat.schema.iris", "champion", "1")
json.dump(versions, sys.stdout)
