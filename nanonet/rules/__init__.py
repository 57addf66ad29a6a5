"""Update rules, one per file, each an optax transformation."""

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

# Pages 8 and 9: Newton's method, and its heir for least squares.
from nanonet.rules.gauss_newton import gauss_newton as gauss_newton
from nanonet.rules.levenberg_marquardt import levenberg_marquardt as levenberg_marquardt
from nanonet.rules.newton import newton as newton
from nanonet.rules.newton_cg import newton_cg as newton_cg

# Page 10: quasi-Newton methods.
from nanonet.rules.bfgs import bfgs as bfgs
from nanonet.rules.lbfgs import lbfgs as lbfgs
from nanonet.rules.secant import secant as secant
