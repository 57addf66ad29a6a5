"""How wrong the network is: J(params) (page 2 of the notes)."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree
from numpy.typing import ArrayLike

from nanonet._internal.checks import check_choice
from nanonet._internal.deprecated import renamed
from nanonet.network.network import Network
from nanonet.objectives.data import (
    as_l2,
    check_examples,
    describe_data,
    in_dtype_of,
    targets_like,
)
from nanonet.objectives.losses import (
    SQUARED,
    Loss,
    mean_squared_error,
    stable,
    usual_loss,
)
from nanonet.objectives.penalty import weighted_penalty
from nanonet.objectives.residuals import Residuals
from nanonet.objectives.rows import sum_over_rows


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Objective:
    """J(params); a pytree of its numbers, so that new data need no new compilation."""

    network: Network = dataclasses.field(metadata={"static": True})
    loss: Loss = dataclasses.field(metadata={"static": True})
    reduction: str = dataclasses.field(metadata={"static": True})
    x: Float[Array, "n n_in"]
    y: Float[Array, "n ..."]
    l2: float | Float[Array, "*groups"] = 0.0
    sample_weight: Float[Array, " n"] | None = None
    chunk: int | None = dataclasses.field(default=None, metadata={"static": True})
    """No more rows are computed at once: a loop over few keeps programs short."""

    def __call__(self, params: PyTree) -> Float[Array, ""]:
        """J at ``params``."""
        total = self._total(params)
        if self.reduction == "mean":
            total /= self._count(total.dtype)
        return total + weighted_penalty(params, self.l2)

    def losses(self, params: PyTree) -> Float[Array, " n"]:
        """The loss of each example, unweighted."""
        return self._losses(params, self.x, self.y)

    @property
    def residuals(self) -> Residuals:
        """r(params) with J = ½‖r‖², where the loss is a sum of squares.

        ŷ - y by the root of its weight in J, and after it √l2 w for each weight.

        Raises:
          ValueError: the loss is not `half_squared_error` or `mean_squared_error`.
        """
        if self.loss not in SQUARED:
            raise ValueError(
                f"J of {_name(self.loss)} is not half a sum of squares; this needs an "
                "objective of half_squared_error or mean_squared_error."
            )
        weight = 1.0
        if self.reduction == "mean":
            weight /= self._count()
        if self.loss is mean_squared_error:
            weight *= 2 * len(self.y) / self.y.size
        return Residuals(
            self.network, self.x, self.y, weight, self.l2, self.sample_weight
        )

    def __repr__(self) -> str:
        data = describe_data(self.x, self.l2, self.sample_weight)
        what = f"{self.reduction} {_name(self.loss)}"
        return f"Objective of {self.network!r}: {what}, {data}"

    def _count(self, dtype: Any = None) -> int | Array:
        s = self.sample_weight
        return len(self.x) if s is None else jnp.sum(s).astype(dtype or s.dtype)

    def _total(self, params: PyTree) -> Float[Array, ""]:
        """Σ s·loss, over all rows at once or chunk by chunk."""
        s = self.sample_weight
        rows = (self.x, self.y) if s is None else (self.x, self.y, s)

        def total_of(rows: tuple[Array, ...], params: PyTree) -> Array:
            x, y, *weights = rows
            losses = self._losses(params, x, y)
            for s in weights:
                losses = s.astype(losses.dtype) * losses
            return jnp.sum(losses)

        if self.chunk is not None and len(self.x) > self.chunk:
            # Without it, the gradient would store each chunk's way forward.
            total_of = jax.checkpoint(total_of, prevent_cse=False)
        return sum_over_rows(lambda rows: total_of(rows, params), rows, self.chunk)

    def _losses(self, params: PyTree, x: Array, y: Array) -> Float[Array, " rows"]:
        x, y = in_dtype_of(params, x, y)
        compute, loss = stable(self.network, self.loss)
        outputs = jax.vmap(compute, in_axes=(None, 0))(params, x)
        losses = jax.vmap(loss)(outputs, targets_like(outputs, y))
        if not isinstance(losses, Array):
            raise TypeError(
                "loss must return one number for each example, or an array of numbers "
                f"to be added up, not {type(losses).__name__}."
            )
        # A loss that gives a number for each output counts by their sum.
        return losses if losses.ndim == 1 else losses.reshape(len(x), -1).sum(axis=1)


@renamed(weights="sample_weight")
def objective(
    network: Network,
    loss: Loss | None = None,
    x: ArrayLike | None = None,
    y: ArrayLike | None = None,
    *,
    reduction: str = "mean",
    l2: float | Array | Sequence[float] = 0.0,
    sample_weight: ArrayLike | None = None,
) -> Objective:
    """Make J(params) = mean (or sum) of loss(ŷ, y) over the examples + l2·½Σw².

    With ``sample_weight`` s, the sum is Σ s·loss, and the mean is that over Σ s: an
    example of weight 2 counts as two, one of weight 0 as none. J is computed in the
    precision of its parameters.

    Args:
      network: computes ŷ from one example x.
      loss: of one example: `half_squared_error`, `mean_squared_error`,
        `binary_cross_entropy`, `cross_entropy`, or any function loss(ŷ, y) → number,
        or numbers, which are then added up. By default the one that goes with the
        network's output units, see `nanonet.objectives.losses.usual_loss`.
      x: inputs, shape [n, inputs], or [inputs] for a single example.
      y: targets, shape [n, outputs]; [n] will do for one output.
      reduction: "mean" or "sum" over the examples.
      l2: λ, the weight of `l2_penalty`; of a network with ``skip`` also a pair: λ of
        the weights of the layers, and λ of those from inputs to outputs.
      sample_weight: s ≥ 0, one for each example; all 1 by default.

    Raises:
      ValueError: no examples, x and y of different length, widths that the network
        does not have, negative ``l2``, unknown ``reduction``, a ``sample_weight`` that
        is not one for each example, negative, or all 0.
      TypeError: x or y are missing, or not numbers.

    Source: page 2 of the notes.

    >>> from nanonet.network.network import mlp
    >>> from nanonet.objectives.losses import half_squared_error
    >>> network = mlp([2, 2, 1])
    >>> objective(network, half_squared_error, jnp.eye(2), jnp.array([0.0, 1.0]))
    Objective of mlp 2-2-1, sigmoid, sigmoid: mean half_squared_error, 2 examples
    >>> J = objective(network, x=jnp.eye(2), y=jnp.array([0.0, 1.0]))
    >>> params = network.init(jax.random.key(0))
    >>> bool(0 < J(params) < 2)
    True
    """
    if x is None or y is None:
        raise TypeError("objective needs x and y: objective(network, loss, x, y).")
    check_choice("reduction", reduction, ["mean", "sum"])
    x, y, s = check_examples(network, x, y, sample_weight, l2)
    loss = usual_loss(network) if loss is None else loss
    return Objective(network, loss, reduction, x, y, as_l2(l2), s)


def _name(loss: Loss) -> str:
    return getattr(loss, "__name__", repr(loss))
