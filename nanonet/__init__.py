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

# Pages 2 to 6: update rules.
from nanonet.rules.gradient_descent import gradient_descent as gradient_descent

# Page 7: zeros of functions.
from nanonet.root_search import RootStatus as RootStatus
from nanonet.roots import root as root
from nanonet.roots import Root as Root

# Training.
from nanonet.minimize import minimize as minimize
from nanonet.result import History as History
from nanonet.result import Result as Result
from nanonet.result import Status as Status
