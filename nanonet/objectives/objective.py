"""Objectives: how wrong the network is, J(params), a pure function (page 2)."""

import dataclasses
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jax.flatten_util import ravel_pytree
from jax.scipy.special import xlogy
from jaxtyping import Array, Float, PyTree
from numpy.typing import ArrayLike

from nanonet._internal.checks import check_choice, check_number
from nanonet.network.network import Network

Loss = Callable[[Float[Array, "*out"], Float[Array, "*out"]], Float[Array, ""]]


def half_squared_error(
    prediction: Float[Array, "*out"], target: Float[Array, "*out"]
) -> Float[Array, ""]:
    """J = ½ Σ (ŷ - y)², summed over the outputs of one example (page 2 of the notes).

    >>> float(half_squared_error(jnp.array([0.75, 0.5]), jnp.array([0.25, 1.0])))
    0.25
    """
    return jnp.sum((prediction - target) ** 2) / 2


def mean_squared_error(
    prediction: Float[Array, "*out"], target: Float[Array, "*out"]
) -> Float[Array, ""]:
    """J = mean of (ŷ - y)² over the outputs of one example.

    Its mean over a data set is the mean squared error.
    """
    return jnp.mean((prediction - target) ** 2)


def binary_cross_entropy(
    prediction: Float[Array, "*out"], target: Float[Array, "*out"]
) -> Float[Array, ""]:
    """J = -Σ y ln ŷ + (1 - y) ln(1 - ŷ), for ŷ and y between 0 and 1.

    Of a network with sigmoid outputs, `objective` computes the same number from the
    logits: J = Σ softplus(z) - y z, which neither overflows nor loses digits where ŷ
    rounds to 0 or 1.

    Source: Goodfellow, Bengio & Courville, *Deep Learning*, section 6.2.2.2.
    """
    return -jnp.sum(xlogy(target, prediction) + xlogy(1 - target, 1 - prediction))


def binary_cross_entropy_of_logits(
    logits: Float[Array, "*out"], target: Float[Array, "*out"]
) -> Float[Array, ""]:
    """`binary_cross_entropy` of ŷ = sigmoid(z), from z."""
    return jnp.sum(jax.nn.softplus(logits) - target * logits)


def cross_entropy(
    prediction: Float[Array, " classes"], target: Float[Array, " classes"]
) -> Float[Array, ""]:
    """J = -Σ y ln ŷ over classes, for ŷ and y that each sum to 1 (y: one-hot, say).

    Of a network with softmax outputs, `objective` computes the same number from the
    logits: J = -Σ y (z - ln Σ e^z).

    Source: Goodfellow, Bengio & Courville, *Deep Learning*, section 6.2.2.3.
    """
    return -jnp.sum(xlogy(target, prediction))


def cross_entropy_of_logits(
    logits: Float[Array, " classes"], target: Float[Array, " classes"]
) -> Float[Array, ""]:
    """`cross_entropy` of ŷ = softmax(z), from z."""
    return -jnp.sum(target * jax.nn.log_softmax(logits))


#: Losses that are better computed from the logits of this output activation.
_OF_LOGITS: dict[tuple[Loss, object], Loss] = {
    (binary_cross_entropy, "sigmoid"): binary_cross_entropy_of_logits,
    (cross_entropy, "softmax"): cross_entropy_of_logits,
}


def l2_penalty(params: PyTree) -> Float[Array, ""]:
    """½ Σ w², over the weights: every leaf whose own name does not begin with b.

    Biases are left out because they do not make a network's output any steeper
    (Bishop, *Pattern Recognition and Machine Learning*, section 5.5.1).

    >>> from nanonet.network.layers import Layer
    >>> float(l2_penalty([Layer(w=jnp.full((2, 1), 3.0), b=jnp.ones(1))]))
    9.0
    """
    terms = [jnp.sum(w * w) / 2 for w in _weights(params)]
    return jnp.asarray(sum(terms, 0.0))


def _weights(params: PyTree) -> list[Array]:
    return [
        jnp.asarray(leaf)
        for path, leaf in jax.tree_util.tree_leaves_with_path(params)
        if not jax.tree_util.keystr(path[-1:], simple=True).startswith("b")
    ]


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Objective:
    """J(params); a pytree of its numbers, so that new data need no new compilation."""

    network: Network = dataclasses.field(metadata={"static": True})
    loss: Loss = dataclasses.field(metadata={"static": True})
    reduction: str = dataclasses.field(metadata={"static": True})
    x: Float[Array, "n n_in"]
    y: Float[Array, "n ..."]
    l2: float | Float[Array, ""] = 0.0
    weights: Float[Array, " n"] | None = None

    def __call__(self, params: PyTree) -> Float[Array, ""]:
        """J at ``params``."""
        losses = self.losses(params)
        count = len(losses)
        if self.weights is not None:
            losses, count = self.weights * losses, jnp.sum(self.weights)
        total = jnp.sum(losses)
        if self.reduction == "mean":
            total /= count
        return total + self.l2 * l2_penalty(params)

    def losses(self, params: PyTree) -> Float[Array, " n"]:
        """The loss of each example, unweighted."""
        compute, loss = _stable(self.network, self.loss)
        outputs = jax.vmap(compute, in_axes=(None, 0))(params, self.x)
        return jax.vmap(loss)(outputs, _targets_like(outputs, self.y))

    @property
    def residuals(self) -> "Residuals":
        """r(params) with J = ½‖r‖², where the loss is a sum of squares.

        ŷ - y by the root of its weight in J, and after it √l2 w for each weight.

        Raises:
          ValueError: the loss is not `half_squared_error` or `mean_squared_error`.
        """
        if self.loss not in (half_squared_error, mean_squared_error):
            name = getattr(self.loss, "__name__", repr(self.loss))
            raise ValueError(
                f"J of {name} is not half a sum of squares; this needs an objective "
                "of half_squared_error or mean_squared_error."
            )
        weight = 1.0
        if self.reduction == "mean":
            weight /= len(self.x) if self.weights is None else jnp.sum(self.weights)
        if self.loss is mean_squared_error:
            weight *= 2 * len(self.y) / self.y.size
        return Residuals(
            self.network, self.x, self.y, weight, self.l2, weights=self.weights
        )


def objective(
    network: Network,
    loss: Loss,
    x: ArrayLike,
    y: ArrayLike,
    *,
    reduction: str = "mean",
    l2: float = 0.0,
    weights: ArrayLike | None = None,
) -> Objective:
    """Make J(params) = mean (or sum) of loss(ŷ, y) over the examples + l2·½Σw².

    With ``weights`` s, the sum is Σ s·loss, and the mean is that over Σ s: an example
    of weight 2 counts as two, one of weight 0 as none.

    Args:
      network: computes ŷ from one example x.
      loss: of one example: `half_squared_error`, `mean_squared_error`,
        `binary_cross_entropy`, `cross_entropy`, or any function loss(ŷ, y) → number.
      x: inputs, shape [n, inputs], or [inputs] for a single example.
      y: targets, shape [n, outputs]; [n] will do for one output.
      reduction: "mean" or "sum" over the examples.
      l2: λ, the weight of `l2_penalty`.
      weights: s ≥ 0, one for each example; all 1 by default.

    Raises:
      ValueError: no examples, x and y of different length, widths that the network
        does not have, negative ``l2``, unknown ``reduction``, weights that are not one
        for each example, negative, or all 0.
      TypeError: x or y are not numbers.

    Source: page 2 of the notes.

    >>> from nanonet.network.network import mlp
    >>> network = mlp([2, 2, 1])
    >>> J = objective(network, half_squared_error, jnp.eye(2), jnp.array([0.0, 1.0]))
    >>> params = network.init(key=jax.random.key(0))
    >>> bool(0 < J(params) < 0.5)
    True
    """
    check_choice("reduction", reduction, ["mean", "sum"])
    check_number("l2", l2, at_least=0)
    x, y = _check_data(network, x, y)
    if weights is not None:
        weights = check_weights("weights", weights, len(x))
    return Objective(network, loss, reduction, x, y, l2, weights)


def check_weights(argument: str, weights: ArrayLike, n: int) -> Float[Array, " n"]:
    """Return the weights as floats, or raise unless they weigh ``n`` examples."""
    s = _as_floats(argument, weights)
    if s.shape != (n,):
        raise ValueError(f"{argument} has shape {s.shape}; it must be ({n},), as x.")
    if not isinstance(s, Tracer):
        check_number(argument, s, at_least=0, below=np.inf)
        if not np.any(s):
            raise ValueError(f"{argument} are all 0: nothing is left to learn from.")
    return s


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Residuals:
    """r(params); a pytree of its numbers, as `Objective` is."""

    network: Network = dataclasses.field(metadata={"static": True})
    x: Float[Array, "n n_in"]
    y: Float[Array, "n ..."]
    weight: float | Float[Array, ""] = 1.0
    l2: float | Float[Array, ""] | None = None
    weights: Float[Array, " n"] | None = None

    def __call__(self, params: PyTree) -> Float[Array, " m"]:
        """R at ``params``."""
        outputs = jax.vmap(self.network.apply, in_axes=(None, 0))(params, self.x)
        errors = self._weighted(outputs - _targets_like(outputs, self.y))
        return jnp.concatenate([jnp.ravel(errors), *self._penalties(params)])

    def jacobian(self, params: PyTree) -> Float[Array, "m n"]:
        """∂r/∂θ, example by example in reverse mode.

        An example has few outputs, and a network many parameters: on 442 examples of a
        10-10-1 network, that takes a twentieth of the time of forward mode over all.
        """
        theta, unravel = ravel_pytree(params)

        def of_one(theta: Array, x: Array) -> Array:
            return jnp.ravel(self.network.apply(unravel(theta), x))

        slopes = jax.vmap(jax.jacrev(of_one), in_axes=(None, 0))(theta, self.x)
        rows = jnp.reshape(self._weighted(slopes), (-1, theta.size))

        def penalties(theta: Array) -> Array:
            parts = self._penalties(unravel(theta))
            return jnp.concatenate(parts) if parts else jnp.zeros(0, theta.dtype)

        return jnp.concatenate([rows, jax.jacrev(penalties)(theta)])

    def _weighted(self, of_example: Float[Array, "n ..."]) -> Float[Array, "n ..."]:
        weight = jnp.sqrt(jnp.asarray(self.weight, of_example.dtype))
        if self.weights is not None:
            weight *= jnp.sqrt(self.weights.astype(of_example.dtype))
            weight = jnp.reshape(weight, (-1,) + (1,) * (of_example.ndim - 1))
        return weight * of_example

    def _penalties(self, params: PyTree) -> list[Float[Array, " w"]]:
        """√l2 w of each leaf of weights."""
        if self.l2 is None:
            return []
        return [
            jnp.sqrt(jnp.asarray(self.l2, w.dtype)) * jnp.ravel(w)
            for w in _weights(params)
        ]


def residuals(network: Network, x: ArrayLike, y: ArrayLike) -> Residuals:
    """Make r(params) = ŷ - y, over all examples and outputs, as one vector.

    ½‖r‖² is the sum of `half_squared_error`. Arguments and errors: see `objective`.

    >>> from nanonet.network.network import mlp
    >>> network = mlp([1, 1], output="identity")
    >>> r = residuals(network, jnp.ones((3, 1)), jnp.zeros(3))
    >>> r(network.init(key=jax.random.key(0))).shape
    (3,)
    """
    return Residuals(network, *_check_data(network, x, y))


def _stable(network: Network, loss: Loss) -> tuple[Callable, Loss]:
    """The outputs or the logits, whichever the loss is better computed from."""
    if network.logits is not None and network.architecture is not None:
        of_logits = _OF_LOGITS.get((loss, network.architecture.output))
        if of_logits is not None:
            return network.logits, of_logits
    return network.apply, loss


def _targets_like(outputs: Array, y: Array) -> Array:
    """Give y the outputs' shape, where only axes of length 1 differ."""
    if outputs.size != y.size:
        raise ValueError(
            f"y has shape {y.shape}, but the network's outputs have {outputs.shape}."
        )
    return jnp.reshape(y, outputs.shape)


def _check_data(
    network: Network, inputs: ArrayLike, targets: ArrayLike
) -> tuple[Array, Array]:
    """Return x as [n, inputs] and y as [n, ...], floating point."""
    x, y = _as_floats("x", inputs), _as_floats("y", targets)
    if x.ndim < 2:
        x, y = jnp.atleast_1d(x)[None], y[None]
    if not len(x):
        raise ValueError("x holds no examples.")
    if y.ndim == 0 or len(x) != len(y):
        raise ValueError(
            f"x of shape {x.shape} and y of shape {y.shape} must hold equally many "
            "examples along their first axis."
        )
    if network.architecture is not None:
        n_in, n_out = network.architecture.sizes[0], network.architecture.sizes[-1]
        if x.shape[1:] != (n_in,):
            raise ValueError(
                f"x has shape {x.shape}, but the network has {n_in} inputs: "
                f"x must be [examples, {n_in}]."
            )
        if y.size != len(y) * n_out:
            raise ValueError(
                f"y has shape {y.shape}, but the network has {n_out} outputs: "
                f"y must be [examples, {n_out}]."
            )
    return x, y


def _as_floats(argument: str, values: ArrayLike) -> Array:
    array = values if isinstance(values, jax.Array) else np.asarray(values)
    if array.dtype.kind not in "biufV":  # V: bfloat16 is none of NumPy's own kinds
        raise TypeError(f"{argument} has dtype {array.dtype}; it must be real numbers.")
    array = jnp.asarray(array)
    return array if jnp.issubdtype(array.dtype, jnp.floating) else array.astype(float)
