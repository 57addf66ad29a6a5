"""Residuals of any shape as one vector."""

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree

from nanonet.objectives.data import in_dtype_of

ResidualFunction = Callable[[PyTree], Float[Array, "..."]]

_ARRAY = jax.tree.structure(0.0)


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class AsVector:
    """Residuals as one vector in the parameters' precision; a pytree, as they may be.

    Calling it raises TypeError if the residuals are not one array, and ValueError if
    there are none.
    """

    residuals: Callable[..., Float[Array, "..."]]

    def __call__(self, params: PyTree, *args: Any) -> Float[Array, " m"]:
        r = self.residuals(params, *args)
        if jax.tree.structure(r) != _ARRAY:
            raise TypeError(
                f"residuals must return one array, not {type(r).__name__}: join their "
                "parts, e.g. jnp.concatenate([jnp.ravel(a), jnp.ravel(b)])."
            )
        if not jnp.size(r):
            raise ValueError("residuals returns no numbers: there is nothing to fit.")
        (r,) = in_dtype_of(params, jnp.ravel(r))
        return r

    @property
    def jacobian(self) -> Callable[[PyTree], Float[Array, "m n"]]:
        """That of the residuals, where they know it; else `AttributeError`."""
        return self.residuals.jacobian  # pyright: ignore

    @property
    def normal_equations(self) -> Any:
        """Those that the residuals know; else `AttributeError`."""
        return self.residuals.normal_equations  # pyright: ignore
