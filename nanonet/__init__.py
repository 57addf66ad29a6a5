"""Small neural networks, trained exactly; the public names, by page of the notes.

A network is a pure function, an objective J is one, and an update rule is one optax
transformation::

    network = nanonet.two_two_one()
    params = network.init(key=jax.random.key(0))
    J = nanonet.objective(network, nanonet.half_squared_error, x, y)
    result = nanonet.minimize(J, params, nanonet.adam(0.1), max_steps=2000)

Page 1, the network: `two_two_one`, `mlp`, `Layer`, `SkipLayer`.

Page 2, how wrong it is, and gradient descent: `half_squared_error`,
`mean_squared_error`, `huber`, `student_t`, `binary_cross_entropy`, `cross_entropy`,
`l2_penalty`, `objective`, `residuals`; `gradient_descent`.

Page 3, the chain rule: `gradient`, `value_and_gradient`, `jacobian`; every number of a
step: `explain`; and to compute by hand: `worksheet`.

Pages 3 and 4, averages that forget, and their bias: `ewma`, `ewma_of`, `ewma_weights`,
`ema`.

Page 5, momentum in its forms: `momentum`, `convert_learning_rate`, `sgd`, `trace`.

Page 6, RMSprop and Adam: `rmsprop`, `adam`, and what grew out of it, `adamw`,
`amsgrad`, `adagrad`.

Page 7, zeros of functions: `root`.

Pages 8 and 9, Newton's method for minima: `newton`, `newton_cg`, `gauss_newton`,
`levenberg_marquardt`; curvature: `hessian`, `hessian_vector_product`,
`gauss_newton_matrix`, `stationary_point`.

Page 10, quasi-Newton methods: `secant`, `barzilai_borwein`, `bfgs`, `lbfgs`.

Pages 2 to 10, every number of a rule's steps: `explain_rule`.

Training, a rule repeated until it stops: `minimize`, `least_squares`, `covariance`,
`compare`. Many problems at once: `minimize_many`,
`least_squares_many`, `fit_many`.

A table of real data: `read_table`, `fit`, `fit_table`, `cross_validate`; was a network
needed: `Fit.skill`; would more rows help: `learning_curve`; the network with its
columns: `predict`, `predict_interval`, `predict_set`, `save_model`, `load_model`,
`export_numpy`, `export_c`, `export_onnx`, as an equation: `Model.equation`; from and to
MATLAB: `import_matlab`, `export_matlab`; of a series: `lagged`, `simulate`; for
scikit-learn: `nanonet.estimator`.

Pictures are in `nanonet.plot`, a run under sliders is `explore`, and how XLA compiles
on a CPU is in `nanonet.xla`.
"""

from nanonet._internal import program as _program

if _program.is_program():  # what follows takes a second
    _program.end_at_interrupt()

from importlib.metadata import version as _version
from typing import TYPE_CHECKING as _TYPE_CHECKING

# Pages 1 and 2: the network, and how wrong it is.
from nanonet.network.layers import Layer, SkipLayer
from nanonet.network.two_two_one import TwoTwoOne
from nanonet.network.network import Architecture, Network, mlp, two_two_one
from nanonet.objectives.losses import (
    Loss,
    binary_cross_entropy,
    cross_entropy,
    half_squared_error,
    huber,
    mean_squared_error,
    student_t,
)
from nanonet.objectives.objective import Objective, objective
from nanonet.objectives.penalty import l2_penalty
from nanonet.objectives.residuals import residuals

# Page 3: the chain rule; pages 8 and 9: second derivatives.
from nanonet.objectives.derivatives import (
    gradient,
    hessian,
    hessian_vector_product,
    jacobian,
    value_and_gradient,
)
from nanonet.objectives.normal import gauss_newton_matrix

# Page 3, number by number.
from nanonet.explanation.chain_rule import ChainRule
from nanonet.explanation.explain import explain
from nanonet.explanation.worksheet import Worksheet, worksheet

# Page 2: gradient descent.
from nanonet.rules.gradient_descent import gradient_descent

# Pages 3 and 4: the exponentially weighted moving average.
from nanonet.rules.ewma import ema, ewma, ewma_of, ewma_weights

# Pages 5 and 10: momentum.
from nanonet.rules.momentum import convert_learning_rate, momentum, sgd, trace

# Page 6: RMSprop, and Adagrad.
from nanonet.rules.rmsprop import adagrad, rmsprop, scale_by_rms, scale_by_stddev

# Page 6: Adam, and what grew out of it.
from nanonet.rules.adam import adam, adamw, amsgrad, scale_by_adam

# Page 7: zeros of functions.
from nanonet.roots.result import Root
from nanonet.roots.root import root

# Pages 8 and 9: Newton's method for minima, and its heirs for least squares.
from nanonet.rules.newton import (
    gauss_newton,
    newton,
    scale_by_gauss_newton,
    scale_by_inverse_hessian,
)
from nanonet.rules.newton_cg import newton_cg, scale_by_newton_cg
from nanonet.rules.levenberg_marquardt import levenberg_marquardt
from nanonet.solve.stationary import Kind, StationaryPoint, stationary_point

# Page 10: quasi-Newton methods.
from nanonet.rules.secant import barzilai_borwein, secant
from nanonet.rules.bfgs import bfgs, lbfgs, scale_by_bfgs
from nanonet.rules._parts.line_search import scale_by_wolfe_search

# Pages 2 to 10, number by number.
from nanonet.explanation.rule_steps import RuleSteps
from nanonet.explanation.explain_rule import explain_rule

# Training: a rule repeated until it stops.
from nanonet.solve.minimize import minimize
from nanonet.solve.least_squares import covariance, least_squares
from nanonet.solve.result import History, Result, Status
from nanonet.solve.compare import Comparison, compare

# Many networks at once.
from nanonet.many.fit_many import fit_many
from nanonet.many.fits import Fits
from nanonet.many.minimize_many import least_squares_many, minimize_many

# A table of real data.
from nanonet.table.checks import DataWarning
from nanonet.table.read import read_table
from nanonet.table.lagged import lagged
from nanonet.table.splits import Split
from nanonet.fitting.fit import fit
from nanonet.fitting.fitted import Fit
from nanonet.fitting.fit_table import fit_table
from nanonet.fitting.cross_validation import CrossValidation, cross_validate
from nanonet.fitting.evidence import Evidence
from nanonet.fitting.skill import Skill
from nanonet.fitting.more_rows import LearningCurve, learning_curve

# A network with its columns, kept and taken elsewhere.
from nanonet.model.intervals import Interval
from nanonet.model.conformal import PredictionSet
from nanonet.model.model import Model, predict
from nanonet.model.uncertainty import predict_interval, predict_set
from nanonet.model.storage import load_model, save_model
from nanonet.model.equation.equation import Equation
from nanonet.model.export.c_source import export_c
from nanonet.model.export.numpy_source import export_numpy
from nanonet.model.export.onnx_graph import export_onnx
from nanonet.model.matlab.reading import import_matlab
from nanonet.model.matlab.writing import export_matlab
from nanonet.model.series import simulate

# Pictures, a run under sliders, and how XLA compiles on a CPU.
from nanonet.explorer.explore import explore
from nanonet import plot, xla
from nanonet._internal import deprecated as _deprecated

__version__ = _version("nanonet")

if not _TYPE_CHECKING:  # a checker of types should know the new names alone

    def __getattr__(name: str) -> object:
        return globals()[_deprecated.new_name(name)]


# In the order of the imports, which is that of the pages.
# fmt: off
__all__ = [
    "Layer", "SkipLayer", "TwoTwoOne", "Architecture", "Network", "mlp", "two_two_one",
    "Loss",
    "binary_cross_entropy", "cross_entropy", "half_squared_error", "huber",
    "mean_squared_error", "student_t",
    "Objective", "objective", "l2_penalty", "residuals", "gradient", "hessian",
    "hessian_vector_product", "jacobian", "value_and_gradient", "gauss_newton_matrix",
    "ChainRule", "explain", "Worksheet", "worksheet", "gradient_descent", "ema",
    "ewma", "ewma_of",
    "ewma_weights", "convert_learning_rate", "momentum", "sgd", "trace", "adagrad",
    "rmsprop", "scale_by_rms", "scale_by_stddev", "adam", "adamw", "amsgrad",
    "scale_by_adam", "Root", "root", "gauss_newton", "newton", "scale_by_gauss_newton",
    "scale_by_inverse_hessian", "newton_cg", "scale_by_newton_cg",
    "levenberg_marquardt", "Kind", "StationaryPoint", "stationary_point",
    "barzilai_borwein", "secant", "bfgs", "lbfgs", "scale_by_bfgs",
    "scale_by_wolfe_search", "RuleSteps", "explain_rule", "minimize", "covariance",
    "least_squares", "History", "Result", "Status", "Comparison", "compare",
    "fit_many", "Fits", "least_squares_many", "minimize_many", "DataWarning",
    "read_table", "lagged", "Split", "fit", "Fit", "fit_table", "CrossValidation",
    "cross_validate", "Evidence", "Skill", "LearningCurve", "learning_curve",
    "Interval", "PredictionSet", "Model", "predict",
    "predict_interval", "predict_set", "load_model", "save_model", "Equation",
    "export_c", "export_numpy", "export_onnx", "import_matlab", "export_matlab",
    "simulate", "explore", "plot", "xla",
]
# fmt: on
