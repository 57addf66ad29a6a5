"""Small neural networks, trained exactly; the public names, by page of the notes."""

# Pages 1 and 2: the network, and how wrong it is.
from nanonet.network.layers import Layer
from nanonet.network.network import Architecture, Network, TwoTwoOne, mlp, two_two_one
from nanonet.objectives.losses import (
    Loss,
    binary_cross_entropy,
    cross_entropy,
    half_squared_error,
    mean_squared_error,
)
from nanonet.objectives.objective import Objective, objective
from nanonet.objectives.penalty import l2_penalty
from nanonet.objectives.residuals import residuals

# Page 3: the chain rule; pages 8 and 9: second derivatives.
from nanonet.objectives.derivatives import (
    gauss_newton_matrix,
    gradient,
    hessian,
    hessian_vector_product,
    jacobian,
    value_and_gradient,
)

# Page 3, number by number.
from nanonet.explanation.chain_rule import ChainRule
from nanonet.explanation.explain import explain

# Page 2: gradient descent.
from nanonet.rules.gradient_descent import gradient_descent

# Pages 3 and 4: the exponentially weighted moving average.
from nanonet.rules.ewma import ema, ewma, ewma_of, ewma_weights

# Pages 5 and 10: momentum.
from nanonet.rules.momentum import convert_learning_rate, momentum, sgd, trace

# Page 6: RMSprop.
from nanonet.rules.rmsprop import rmsprop, scale_by_rms, scale_by_stddev

# Page 6: Adam, and what grew out of it.
from nanonet.rules.adam import adam, scale_by_adam
from nanonet.rules.adamw import adamw
from nanonet.rules.amsgrad import amsgrad
from nanonet.rules.adagrad import adagrad

# Page 7: zeros of functions.
from nanonet.roots.root import Root, root


# Pages 8 and 9: Newton's method for minima, and its heirs for least squares.
from nanonet.rules.newton import newton, scale_by_inverse_hessian
from nanonet.rules.newton_cg import newton_cg, scale_by_newton_cg
from nanonet.rules.gauss_newton import gauss_newton, scale_by_gauss_newton
from nanonet.rules.levenberg_marquardt import levenberg_marquardt
from nanonet.solve.stationary import Kind, StationaryPoint, stationary_point

# Page 10: quasi-Newton methods.
from nanonet.rules.barzilai_borwein import barzilai_borwein
from nanonet.rules.secant import secant
from nanonet.rules.bfgs import bfgs, scale_by_bfgs
from nanonet.rules.lbfgs import lbfgs
from nanonet.rules._parts.line_search import scale_by_wolfe_search

# Training: a rule repeated until it stops.
from nanonet.solve.minimize import minimize
from nanonet.solve.least_squares import covariance, least_squares
from nanonet.solve.result import History, Result, Status
from nanonet.solve.compare import Comparison, compare

# Many networks at once.
from nanonet.many.fit_many import fit_many
from nanonet.many.fits import Fits

# A table of real data.
from nanonet.table.checks import DataWarning
from nanonet.table.read import read_table
from nanonet.table.splits import Split
from nanonet.fitting.fit import fit
from nanonet.fitting.fitted import Fit
from nanonet.fitting.fit_table import fit_table
from nanonet.fitting.cross_validation import CrossValidation, cross_validate
from nanonet.fitting.evidence import Evidence
from nanonet.fitting.intervals import Interval

# A network with its columns, kept and taken elsewhere.
from nanonet.model.model import Model, predict
from nanonet.model.storage import load_model, save_model
from nanonet.model.export.c_source import export_c
from nanonet.model.export.numpy_source import export_numpy
from nanonet.model.export.onnx_graph import export_onnx

# Pictures, a run under sliders, and how XLA compiles on a CPU.
from nanonet.explorer.explore import explore
from nanonet import plot, xla

__all__ = [
    # Pages 1 and 2: the network, and how wrong it is.
    "Layer",
    "Architecture",
    "Network",
    "TwoTwoOne",
    "mlp",
    "two_two_one",
    "Loss",
    "Objective",
    "binary_cross_entropy",
    "cross_entropy",
    "half_squared_error",
    "l2_penalty",
    "mean_squared_error",
    "objective",
    "residuals",
    # Page 3: the chain rule; pages 8 and 9: second derivatives.
    "gauss_newton_matrix",
    "gradient",
    "hessian",
    "hessian_vector_product",
    "jacobian",
    "value_and_gradient",
    # Page 3, number by number.
    "ChainRule",
    "explain",
    # Page 2: gradient descent.
    "gradient_descent",
    # Pages 3 and 4: the exponentially weighted moving average.
    "ema",
    "ewma",
    "ewma_of",
    "ewma_weights",
    # Pages 5 and 10: momentum.
    "convert_learning_rate",
    "momentum",
    "sgd",
    "trace",
    # Page 6: RMSprop.
    "rmsprop",
    "scale_by_rms",
    "scale_by_stddev",
    # Page 6: Adam, and what grew out of it.
    "adam",
    "scale_by_adam",
    "adamw",
    "amsgrad",
    "adagrad",
    # Page 7: zeros of functions.
    "Root",
    "root",
    # Pages 8 and 9: Newton's method for minima, and its heirs for least squares.
    "newton",
    "scale_by_inverse_hessian",
    "newton_cg",
    "scale_by_newton_cg",
    "gauss_newton",
    "scale_by_gauss_newton",
    "levenberg_marquardt",
    "Kind",
    "StationaryPoint",
    "stationary_point",
    # Page 10: quasi-Newton methods.
    "secant",
    "barzilai_borwein",
    "bfgs",
    "scale_by_bfgs",
    "lbfgs",
    "scale_by_wolfe_search",
    # Training: a rule repeated until it stops.
    "minimize",
    "covariance",
    "least_squares",
    "History",
    "Result",
    "Status",
    "Comparison",
    "compare",
    # Many networks at once.
    "fit_many",
    "Fits",
    # A table of real data.
    "DataWarning",
    "read_table",
    "Split",
    "fit",
    "Fit",
    "fit_table",
    "CrossValidation",
    "cross_validate",
    "Evidence",
    "Interval",
    # A network with its columns, kept and taken elsewhere.
    "Model",
    "predict",
    "load_model",
    "save_model",
    "export_c",
    "export_numpy",
    "export_onnx",
    # Pictures, a run under sliders, and how XLA compiles on a CPU.
    "explore",
    "plot",
    "xla",
]
