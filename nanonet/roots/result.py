"""What a search for a root returns."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Bool, Float, Int, PyTree

from nanonet.roots.iteration import max_norm
from nanonet.solve.result import Status, describe


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True, eq=False)
class Root:
    """Where a search for a root ended, and how it went; a pytree."""

    x: PyTree
    """The root; after a failure, the iterate where the largest |f| was smallest."""

    value: PyTree
    """f(x)."""

    steps: int | Int[Array | np.ndarray, "*batch"]
    """Steps taken, int32."""

    evaluations: int | Int[Array | np.ndarray, "*batch"]
    """Evaluations of f, int32; Newton's derivatives, one a step, are not among them."""

    status: Status | Int[Array | np.ndarray, "*batch"]
    """Why the search stopped; inside `jax.jit` or `jax.vmap` its number, int32."""

    iterates: PyTree
    """x(0), x(1), ... along a leading axis of max_steps + 1; NaN after the last."""

    aux: PyTree[Any] = None
    """What the function returns beside f(x), with ``has_aux``."""

    @property
    def converged(self) -> bool | Bool[Array, ""]:
        """Whether what was found is a root."""
        return self.status == Status.CONVERGED

    def __repr__(self) -> str:
        return (
            f"Root: x = {describe(self.x)} after {int(self.steps)} steps, "
            f"{int(self.evaluations)} evaluations of f.\n"
            f"{Status(int(self.status))}"
        )

    @property
    def order(self) -> Float[Array, ""]:
        """The order of convergence observed: 1 linear, 1.618 secant, 2 Newton.

        From the last three steps that stand clear of rounding; NaN where there are
        fewer. Of many roots from `jax.vmap`, map this too.
        """
        with jax.debug_nans(False):  # iterates end in NaN, and the order may be one
            return _order(self.iterates)


@jax.jit
def _order(iterates: PyTree) -> Float[Array, ""]:
    """log(Δ₃/Δ₂) / log(Δ₂/Δ₁) of the last three lengths of step clear of rounding."""
    points = jax.vmap(lambda x: ravel_pytree(x)[0])(iterates)
    lengths = jax.vmap(max_norm)(jnp.diff(points, axis=0))
    eps = jnp.finfo(lengths.dtype).eps
    clear = lengths > 100 * eps * jnp.nanmax(jnp.abs(points))
    last = jnp.max(jnp.where(clear, jnp.arange(clear.size), -1))
    before, middle, after = (lengths[last - back] for back in (2, 1, 0))
    order = jnp.log(after / middle) / jnp.log(middle / before)
    return jnp.where(last >= 2, order, jnp.nan)
