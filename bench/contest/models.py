"""The models: the example, the same with other weights, and a second one that shares half its requirements."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from pathlib import Path

from bench.contest.running import clean_environment, run

__all__ = ["Models", "requirements"]

IRIS = Path(__file__).resolve().parents[2] / "examples" / "models" / "iris"
_SHARED = ("mlflow-skinny", "numpy", "pandas")

_OTHER_WEIGHTS = """
import sys, skops.io
path, factor = sys.argv[1], float(sys.argv[2])
model = skops.io.load(path, trusted=skops.io.get_untrusted_types(file=path))
step = model[-1] if hasattr(model, "steps") else model
step.coef_ *= factor
skops.io.dump(model, path)
"""
_SECOND = """
import sys, warnings
import numpy, pandas, mlflow.statsmodels
import statsmodels.api as sm
warnings.simplefilter("ignore")
rows = pandas.DataFrame(numpy.random.default_rng(7).normal(size=(200, 4)), columns=list("abcd"))
target = rows.sum(axis=1) + 1
fitted = sm.OLS(target.to_numpy(), rows.to_numpy()).fit()  # frames would be pickled with their columns, by pyarrow
mlflow.statsmodels.save_model(fitted, sys.argv[1], pip_requirements=sys.argv[2:], input_example=rows.head(3))
"""


def requirements() -> dict[str, str]:
    """The example's requirements: names and versions."""
    lines = (IRIS / "requirements.txt").read_text().split()
    return dict(line.split("==") for line in lines)


@dataclass
class Models:
    """Makes models below a folder, with the Python of an environment that has MLflow and what they need."""

    folder: Path
    python: Path
    first: Path = IRIS
    _made: int = field(default=0, repr=False)

    def body(self, model: Path) -> bytes:
        """The request that the model brings along as its example."""
        return (model / "serving_input_example.json").read_bytes()

    def other_weights(self) -> Path:
        """The example with weights that no model had before."""
        self._made += 1
        copy = self.folder / f"iris-{self._made}"
        shutil.copytree(self.first, copy)
        factor = str(1 + self._made / 1000)
        self._python(_OTHER_WEIGHTS, str(copy / "model.skops"), factor)
        return copy

    def second(self) -> Path:
        """A statsmodels model: three of its six requirements are the example's, at the same versions."""
        versions = requirements()
        wanted = [f"{name}=={versions[name]}" for name in _SHARED] + ["statsmodels", "patsy", "scipy"]
        made = self.folder / "second"
        if made.exists():
            return made
        self._python(_SECOND, str(made), *wanted)
        return made

    def _python(self, program: str, *arguments: str) -> None:
        run([self.python, "-c", program, *arguments], clean_environment(), self.folder)
