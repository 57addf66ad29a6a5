"""Losses: how wrong the network's outputs are for one example (page 2 of the notes)."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax.scipy.special import xlogy
from jaxtyping import Array, Float

from nanonet.network.network import Network

Loss = Callable[[Float[Array, "*out"], Float[Array, "*out"]], Float[Array, "..."]]


def half_squared_error(
    prediction: Float[Array, "*out"], target: Float[Array, "*out"]
) -> Float[Array, ""]:
    """J = ½ Σ (ŷ - y)², summed over the outputs of one example (page 2 of the notes).

    Args:
      prediction: ŷ, what the network answers.
      target: y, what it should have answered, of the same shape.

    >>> float(half_squared_error(jnp.array([0.75, 0.5]), jnp.array([0.25, 1.0])))
    0.25
    """
    return jnp.sum((prediction - target) ** 2) / 2


def mean_squared_error(
    prediction: Float[Array, "*out"], target: Float[Array, "*out"]
) -> Float[Array, ""]:
    """J = mean of (ŷ - y)² over the outputs of one example.

    Its mean over a data set is the mean squared error. Arguments are those of
    `half_squared_error`, of which it is twice the share of one output.

    >>> float(mean_squared_error(jnp.array([0.75, 0.5]), jnp.array([0.25, 1.5])))
    0.625
    """
    return jnp.mean((prediction - target) ** 2)


#: Where Huber's loss ceases to be a square: 95 % as efficient as squares, of normal
#: errors; and the degrees of freedom of Student's distribution.
DELTA, NU = 1.345, 4.0


def huber(
    prediction: Float[Array, "*out"], target: Float[Array, "*out"]
) -> Float[Array, ""]:
    """J = Σ ½u² where |u| ≤ δ, else δ(|u| - ½δ), of u = ŷ - y; δ = 1.345.

    Errors are in the unit of their noise: `fit` finds that unit itself, and of
    ``loss="huber"`` tells it in ``found.robust``. An outlier pulls no harder than δ.

    Source: Huber, "Robust estimation of a location parameter", 1964.

    >>> print(f"{huber(jnp.array([0.5, 10.0]), jnp.zeros(2)):.4f}")
    12.6705
    """
    u = jnp.abs(prediction - target)
    return jnp.sum(jnp.where(u <= DELTA, u * u / 2, DELTA * (u - DELTA / 2)))


def student_t(
    prediction: Float[Array, "*out"], target: Float[Array, "*out"]
) -> Float[Array, ""]:
    """J = Σ ½(ν + 1) ln(1 + u²/ν), u = ŷ - y: -ln p of Student's distribution, ν = 4.

    Errors are in the unit of their noise, as for `huber`; the farther off an outlier,
    the less it pulls.

    Source: Lange, Little & Taylor, "Robust statistical modeling using the t
    distribution", 1989.

    >>> print(f"{student_t(jnp.array([2.0]), jnp.zeros(1)):.4f}")  # 2.5 ln 2
    1.7329
    """
    u = prediction - target
    return jnp.sum((NU + 1) / 2 * jnp.log1p(u * u / NU))


def binary_cross_entropy(
    prediction: Float[Array, "*out"], target: Float[Array, "*out"]
) -> Float[Array, ""]:
    """J = -Σ y ln ŷ + (1 - y) ln(1 - ŷ), for ŷ and y between 0 and 1.

    Of a network with sigmoid outputs, `objective` computes the same number from the
    logits: J = Σ softplus(z) - y z, which neither overflows nor loses digits where ŷ
    rounds to 0 or 1.

    Source: Goodfellow, Bengio & Courville, *Deep Learning*, section 6.2.2.2.

    >>> undecided = binary_cross_entropy(jnp.array(0.5), jnp.array(1.0))
    >>> print(f"{undecided:.4f}")  # ln 2
    0.6931
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

    >>> shares, second = jnp.array([0.5, 0.25, 0.25]), jnp.array([0.0, 1.0, 0.0])
    >>> print(f"{cross_entropy(shares, second):.4f}")  # ln 4
    1.3863
    """
    return -jnp.sum(xlogy(target, prediction))


def cross_entropy_of_logits(
    logits: Float[Array, " classes"], target: Float[Array, " classes"]
) -> Float[Array, ""]:
    """`cross_entropy` of ŷ = softmax(z), from z."""
    return -jnp.sum(target * jax.nn.log_softmax(logits))


#: The losses that are sums of squares: J = ½‖r‖² of residuals r.
SQUARED: tuple[Loss, ...] = (half_squared_error, mean_squared_error)

#: The losses that give outliers little weight, by their names.
ROBUST: dict[str, Loss] = {"huber": huber, "student_t": student_t}

# By output activation: the loss that goes with it, and the same from the logits.
_USUAL: dict[object, tuple[Loss, Loss]] = {
    "sigmoid": (binary_cross_entropy, binary_cross_entropy_of_logits),
    "softmax": (cross_entropy, cross_entropy_of_logits),
}


def usual_loss(network: Network) -> Loss:
    """The loss that goes with the output units, the default everywhere.

    `binary_cross_entropy` for sigmoid outputs, `cross_entropy` for softmax, and
    `mean_squared_error` for all others: each is the negative log likelihood of its kind
    of target, up to constants.

    >>> from nanonet.network.network import mlp
    >>> usual_loss(mlp([4, 8, 3], "tanh", "softmax")).__name__
    'cross_entropy'
    """
    return _usual(network)[0]


def stable(network: Network, loss: Loss) -> tuple[Callable, Loss]:
    """The outputs or the logits, whichever the loss is better computed from."""
    usual, of_logits = _usual(network)
    if loss is usual and of_logits is not None and network.logits is not None:
        return network.logits, of_logits
    return network.apply, loss


def _usual(network: Network) -> tuple[Loss, Loss | None]:
    output = network.architecture and network.architecture.output
    return _USUAL.get(output, (mean_squared_error, None))
