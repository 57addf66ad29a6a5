"""Small neural networks, trained exactly; the public names, by page of the notes."""

# Pages 1 and 2: the network, and how wrong it is.
from nanonet.network import mlp as mlp
from nanonet.network import Network as Network
from nanonet.network import two_two_one as two_two_one
from nanonet.network import TwoTwoOne as TwoTwoOne
from nanonet.objective import binary_cross_entropy as binary_cross_entropy
from nanonet.objective import cross_entropy as cross_entropy
from nanonet.objective import half_squared_error as half_squared_error
from nanonet.objective import l2_penalty as l2_penalty
from nanonet.objective import objective as objective
from nanonet.objective import residuals as residuals
from nanonet.objective import squared_error as squared_error

# Page 3: the chain rule; pages 8 and 9: second derivatives.
from nanonet.derivatives import gauss_newton_matrix as gauss_newton_matrix
from nanonet.derivatives import gradient as gradient
from nanonet.derivatives import hessian as hessian
from nanonet.derivatives import hessian_vector_product as hessian_vector_product
from nanonet.derivatives import jacobian as jacobian
from nanonet.derivatives import value_and_gradient as value_and_gradient

# Page 2: gradient descent.
from nanonet.rules.gradient_descent import gradient_descent as gradient_descent

# Pages 3 and 4: the exponentially weighted moving average.
from nanonet.rules.ewma import ema as ema
from nanonet.rules.ewma import ewma as ewma
from nanonet.rules.ewma import ewma_of as ewma_of
from nanonet.rules.ewma import ewma_weights as ewma_weights

# Pages 5 and 10: momentum.
from nanonet.rules.momentum import convert_learning_rate as convert_learning_rate
from nanonet.rules.momentum import momentum as momentum
from nanonet.rules.momentum import sgd as sgd
from nanonet.rules.momentum import trace as trace

# Page 6: RMSprop.
from nanonet.rules.rmsprop import rmsprop as rmsprop
from nanonet.rules.rmsprop import scale_by_rms as scale_by_rms
from nanonet.rules.rmsprop import scale_by_stddev as scale_by_stddev

# Page 6: Adam, and what came of it.
from nanonet.rules.adagrad import adagrad as adagrad
from nanonet.rules.adam import adam as adam
from nanonet.rules.adam import scale_by_adam as scale_by_adam
from nanonet.rules.adamw import adamw as adamw
from nanonet.rules.amsgrad import amsgrad as amsgrad

# Page 7: zeros of functions.
from nanonet.root_search import RootStatus as RootStatus
from nanonet.roots import root as root
from nanonet.roots import Root as Root

# Pages 8 and 9: Newton's method for minima, and its heir for least squares.
from nanonet.curvature import Kind as Kind
from nanonet.curvature import stationary_point as stationary_point
from nanonet.curvature import StationaryPoint as StationaryPoint
from nanonet.least_squares import covariance as covariance
from nanonet.least_squares import least_squares as least_squares
from nanonet.rules.gauss_newton import gauss_newton as gauss_newton
from nanonet.rules.levenberg_marquardt import levenberg_marquardt as levenberg_marquardt
from nanonet.rules.newton import newton as newton
from nanonet.rules.newton_cg import newton_cg as newton_cg

# Page 10: quasi-Newton methods.
from nanonet.rules.bfgs import bfgs as bfgs
from nanonet.rules.lbfgs import lbfgs as lbfgs
from nanonet.rules.secant import secant as secant

# Training.
from nanonet.minimize import minimize as minimize
from nanonet.result import History as History
from nanonet.result import Result as Result
from nanonet.result import Status as Status

# Training many networks at once.
from nanonet.ensemble import fit_many as fit_many
from nanonet.ensemble import Fits as Fits

# Pictures.
from nanonet import plot as plot

# A table of real data.
from nanonet.arrays import DataWarning as DataWarning
from nanonet.fit import cross_validate as cross_validate
from nanonet.fit import CrossValidation as CrossValidation
from nanonet.export import export_c as export_c
from nanonet.export import export_numpy as export_numpy
from nanonet.export import export_onnx as export_onnx
from nanonet.fit import fit as fit
from nanonet.fit import Fit as Fit
from nanonet.fit_table import fit_table as fit_table
from nanonet.model import Model as Model
from nanonet.model import predict as predict
from nanonet.storage import load_model as load_model
from nanonet.storage import save_model as save_model
from nanonet.tables import read_table as read_table

# Page 3, number by number.
from nanonet.explain import ChainRule as ChainRule
from nanonet.explain import explain as explain

# Several rules from one start.
from nanonet.compare import compare as compare
from nanonet.compare import Comparison as Comparison

# A training run under your hands.
from nanonet.explorer import explore as explore

# How XLA compiles on a CPU.
from nanonet import xla as xla
