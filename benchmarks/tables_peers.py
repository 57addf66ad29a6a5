"""What others fit to a table: each method predicts the rows held out of each fold.

Inputs are standardized on the rows of training, and targets too where a method wants
it. Penalties are chosen by cross-validation within these rows.
"""

import importlib.util
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from scipy.stats import norm
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import (
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.gaussian_process import (
    GaussianProcessClassifier,
    GaussianProcessRegressor,
)
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel
from sklearn.linear_model import LogisticRegressionCV, RidgeCV
from sklearn.model_selection import GridSearchCV
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, SVR
from tables_data import Task

PENALTIES = np.logspace(-3, 2, 6)
# A Gaussian process of classes takes the cube of the rows, once for each class.
MOST_FOR_A_PROCESS = 2000


class Answer(NamedTuple):
    """Of the rows held out: numbers, or the probabilities of the classes."""

    mean: np.ndarray
    deviation: np.ndarray | None = None


Method = Callable[[Task, np.ndarray, np.ndarray], Answer]
"""A table, the rows of training and those held out."""


def of_model(make: Callable[[Task], Any], *, deviation: bool = False) -> Method:
    """A model of scikit-learn's kind, on standardized inputs."""

    def run(task: Task, train: np.ndarray, test: np.ndarray) -> Answer:
        model = make_pipeline(StandardScaler(), make(task))
        model.fit(task.x[train], task.y[train])
        if task.classes:
            p = np.zeros((len(test), task.classes))
            p[:, model.classes_] = model.predict_proba(task.x[test])
            return Answer(p)
        if deviation:
            return Answer(*model.predict(task.x[test], return_std=True))
        return Answer(model.predict(task.x[test]))

    return run


def in_its_unit(regressor: Any) -> Any:
    """With standardized targets."""
    return TransformedTargetRegressor(regressor, transformer=StandardScaler())


def linear(task: Task) -> Any:
    if task.classes:
        return LogisticRegressionCV(Cs=10, scoring="neg_log_loss", max_iter=5000)
    return RidgeCV(np.logspace(-4, 4, 25))


def mlp(task: Task) -> Any:
    kind: Any = MLPClassifier if task.classes else MLPRegressor
    one = kind(
        hidden_layer_sizes=(10,),
        activation="tanh",
        solver="lbfgs",
        max_iter=2000,
        random_state=0,
    )
    scoring = "neg_log_loss" if task.classes else "neg_mean_squared_error"
    search = GridSearchCV(one, {"alpha": PENALTIES}, cv=5, scoring=scoring)
    return search if task.classes else in_its_unit(search)


def process(task: Task) -> Any:
    lengths: Any = np.ones(task.x.shape[1])  # one for each input
    signal = ConstantKernel() * RBF(lengths, (1e-2, 1e4))
    if task.classes:
        return GaussianProcessClassifier(ConstantKernel() * RBF(1.0), random_state=0)
    noise = WhiteKernel(noise_level_bounds=(1e-8, 1e2))
    return GaussianProcessRegressor(signal + noise, normalize_y=True, random_state=0)


def boosting(task: Task) -> Any:
    kind: Any = (
        GradientBoostingClassifier if task.classes else GradientBoostingRegressor
    )
    return kind(random_state=0)


def forest(task: Task) -> Any:
    if task.classes:
        return RandomForestClassifier(500, random_state=0)
    return RandomForestRegressor(500, random_state=0)


def svm(task: Task) -> Any:
    grid = {"C": [0.1, 1, 10, 100], "gamma": [0.001, 0.01, 0.1]}
    if task.classes:
        search = GridSearchCV(SVC(), grid, cv=5)
        once: Any = False
        return CalibratedClassifierCV(search, cv=5, ensemble=once)
    return in_its_unit(GridSearchCV(SVR(), grid, cv=5))


AVNNET = """
library(caret)
frame <- read.csv("train.csv"); new <- read.csv("test.csv")
y <- frame$y; frame$y <- NULL
if (is.character(y)) y <- factor(y)
center <- if (is.factor(y)) 0 else mean(y); unit <- if (is.factor(y)) 1 else sd(y)
if (!is.factor(y)) y <- (y - center) / unit
set.seed(0)
found <- train(frame, y, method = "avNNet", linout = !is.factor(y), trace = FALSE,
  maxit = 500, MaxNWts = 10000, preProcess = c("center", "scale"),
  tuneGrid = expand.grid(size = 10, decay = 10^(-3:1), bag = FALSE),
  trControl = trainControl(method = "cv", number = 5))
if (is.factor(y)) p <- predict(found, new, type = "prob") else
  p <- data.frame(y = predict(found, new) * unit + center)
write.csv(p, "predicted.csv", row.names = FALSE)
"""


def avnnet(task: Task, train: np.ndarray, test: np.ndarray) -> Answer:
    """R's committee of networks, its decay chosen by cross-validation."""
    # A column that is constant in training has no scale.
    x = task.x[:, task.x[train].std(0) > 0]
    heads = ",".join(f"x{i}" for i in range(x.shape[1]))
    y = task.y[train]
    labels = [f"c{v}" if task.classes else repr(v) for v in y.tolist()]
    with tempfile.TemporaryDirectory() as folder:
        rows = [",".join(map(repr, row)) for row in x[train].tolist()]
        lines = [f"{row},{label}" for row, label in zip(rows, labels, strict=True)]
        Path(folder, "train.csv").write_text("\n".join([f"{heads},y", *lines]))
        rows = [",".join(map(repr, row)) for row in x[test].tolist()]
        Path(folder, "test.csv").write_text("\n".join([heads, *rows]))
        Path(folder, "run.R").write_text(AVNNET)
        subprocess.run(
            ["Rscript", "run.R"], cwd=folder, check=True, capture_output=True
        )
        names, *lines = Path(folder, "predicted.csv").read_text().splitlines()
    found = np.array([line.split(",") for line in lines], float)
    if not task.classes:
        return Answer(found[:, 0])
    p = np.zeros((len(test), task.classes))
    p[:, [int(name.strip('"')[1:]) for name in names.split(",")]] = found
    return Answer(p)


def realmlp(task: Task) -> Any:
    """A network with tuned defaults, of Holzmüller, Grinsztajn & Steinwart, 2024."""
    from pytabkit import (  # pyright: ignore[reportMissingImports]
        RealMLP_TD_Classifier,
        RealMLP_TD_Regressor,
    )

    how: Any = dict(device="cpu", random_state=0, n_threads=2)
    return (RealMLP_TD_Classifier if task.classes else RealMLP_TD_Regressor)(**how)


def peers() -> dict[str, Method]:
    """Those that are installed."""
    found = {
        "linear": of_model(linear),
        "MLP": of_model(mlp),
        "Gaussian process": of_model(process, deviation=True),
        "boosting": of_model(boosting),
        "forest": of_model(forest),
        "SVM": of_model(svm),
    }
    if shutil.which("Rscript"):
        found["avNNet"] = avnnet
    if importlib.util.find_spec("pytabkit"):
        found["RealMLP"] = of_model(realmlp)
    return found


def suits(name: str, task: Task) -> bool:
    """Whether a method comes to an end on so large a table."""
    rows = len(task.x) * (task.classes if task.classes > 2 else 1)
    return name != "Gaussian process" or rows <= MOST_FOR_A_PROCESS


def crps(y: np.ndarray, answer: Answer) -> float:
    """Of a normal distribution; Gneiting & Raftery, 2007, equation 21."""
    assert answer.deviation is not None
    z = (y - answer.mean) / answer.deviation
    own = z * (2 * norm.cdf(z) - 1) + 2 * norm.pdf(z) - 1 / np.sqrt(np.pi)
    return float(np.mean(answer.deviation * own))
