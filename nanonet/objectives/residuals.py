"""Residuals of a network, r with J = ½‖r‖² (page 9 of the notes)."""

import dataclasses
from collections.abc import Sequence

import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float, PyTree
from numpy.typing import ArrayLike

from nanonet.network.network import Network
from nanonet.objectives.data import (
    as_l2,
    check_examples,
    describe_data,
    in_dtype_of,
    targets_like,
)
from nanonet.objectives.modes import in_some_mode
from nanonet.objectives.normal import NormalEquations, of_matrix
from nanonet.objectives.penalty import each_l2, weights_of
from nanonet.objectives.rows import sum_over_rows

# Of the Jacobian, at once: a last cache holds it, and all cores have enough to do.
BYTES_PER_BLOCK = 2**22


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Residuals:
    """r(params); a pytree of its numbers, so that new data need no new compilation."""

    network: Network = dataclasses.field(metadata={"static": True})
    x: Float[Array, "n n_in"]
    y: Float[Array, "n ..."]
    weight: float | Float[Array, ""] = 1.0
    """Of all examples alike: r is √weight (ŷ - y)."""

    l2: float | Float[Array, "*groups"] | None = None
    sample_weight: Float[Array, " n"] | None = None

    def __call__(self, params: PyTree) -> Float[Array, " m"]:
        """Compute r at ``params``."""
        x, y = in_dtype_of(params, self.x, self.y)
        outputs = jax.vmap(self.network.apply, in_axes=(None, 0))(params, x)
        errors = self._weighted(outputs - targets_like(outputs, y))
        return jnp.concatenate([jnp.ravel(errors), *self._penalties(params)])

    def jacobian(self, params: PyTree) -> Float[Array, "m n"]:
        """∂r/∂θ, example by example in reverse mode.

        An example has few outputs, and a network many parameters: over all examples at
        once, forward mode takes a step for each parameter.
        """
        theta, unravel = ravel_pytree(params)
        (x,) = in_dtype_of(params, self.x)

        def of_one(theta: Array, x: Array) -> Array:
            return jnp.ravel(self.network.apply(unravel(theta), x))

        slopes = in_some_mode(
            lambda: jax.vmap(jax.jacrev(of_one), in_axes=(None, 0))(theta, x),
            lambda: jax.vmap(jax.jacfwd(of_one), in_axes=(None, 0))(theta, x),
        )
        rows = jnp.reshape(self._weighted(slopes), (-1, theta.size))

        def penalties(theta: Array) -> Array:
            parts = self._penalties(unravel(theta))
            return jnp.concatenate(parts) if parts else jnp.zeros(0, theta.dtype)

        return jnp.concatenate([rows, jax.jacrev(penalties)(theta)])

    def normal_equations(self, params: PyTree) -> NormalEquations:
        """½‖r‖², Aᵀr and AᵀA with A = ∂r/∂θ, summed over blocks of rows.

        A million rows so need no matrix of a million rows.
        """
        theta, _ = ravel_pytree(params)
        data = self.x, self.y, self.sample_weight

        def of_rows(rows: tuple[Array, ...]) -> NormalEquations:
            x, y, *weights = rows
            s = weights[0] if weights else None
            part = dataclasses.replace(self, x=x, y=y, l2=None, sample_weight=s)
            return part.equations(params)

        rows = tuple(row for row in data if row is not None)
        bytes_per_row = self.y.size // len(self.y) * theta.size * theta.dtype.itemsize
        most = max(1, BYTES_PER_BLOCK // bytes_per_row)
        total = sum_over_rows(of_rows, rows, most)
        if self.l2 is None:
            return total
        l2 = each_l2(params, self.l2)
        return NormalEquations(
            total.value + jnp.sum(l2 * theta**2) / 2,
            total.slope + l2 * theta,
            total.matrix + jnp.diag(l2),
        )

    def equations(self, params: PyTree) -> NormalEquations:
        """Of these rows at once."""
        return of_matrix(self(params), self.jacobian(params))

    def __repr__(self) -> str:
        data = describe_data(self.x, self.l2, self.sample_weight)
        return f"Residuals of {self.network!r}: {data}"

    def _weighted(self, of_example: Float[Array, "n ..."]) -> Float[Array, "n ..."]:
        weight = jnp.sqrt(jnp.asarray(self.weight, of_example.dtype))
        if self.sample_weight is not None:
            weight *= jnp.sqrt(self.sample_weight.astype(of_example.dtype))
            weight = jnp.reshape(weight, (-1,) + (1,) * (of_example.ndim - 1))
        return weight * of_example

    def _penalties(self, params: PyTree) -> list[Float[Array, " w"]]:
        """√l2 w of each leaf of weights."""
        if self.l2 is None:
            return []
        return [jnp.sqrt(l2) * jnp.ravel(w) for w, l2 in weights_of(params, self.l2)]


def residuals(
    network: Network,
    x: ArrayLike,
    y: ArrayLike,
    *,
    sample_weight: ArrayLike | None = None,
    l2: float | Array | Sequence[float] | None = None,
) -> Residuals:
    """Make r(params) = ŷ - y, over all examples and outputs, as one vector.

    ½‖r‖² is the sum of `half_squared_error`. With ``sample_weight`` s, each example's
    residuals are √s (ŷ - y); with ``l2`` λ, √λ w of each weight follows, so that ½‖r‖²
    is the sum of s·loss, and λ times `l2_penalty`. Arguments and errors: see
    `objective`.

    >>> from nanonet.network.network import mlp
    >>> network = mlp([1, 1], output="identity")
    >>> r = residuals(network, jnp.ones((3, 1)), jnp.zeros(3))
    >>> r(network.init(jax.random.key(0))).shape
    (3,)
    """
    x, y, s = check_examples(network, x, y, sample_weight, l2)
    return Residuals(network, x, y, l2=as_l2(l2), sample_weight=s)
