"""`explain`: one training step on the page."""

import itertools
import math
from collections.abc import Iterable

import jax
import numpy as np
from jax.flatten_util import ravel_pytree
from jaxtyping import PyTree
from numpy.typing import ArrayLike

from nanonet._internal.checks import (
    check_choice,
    check_finite,
    check_match,
    check_number,
    check_parameters,
    check_untraced,
    whole_as_floats,
)
from nanonet.explanation.backward import (
    Derivative,
    Path,
    Quantity,
    check_size,
    mean_over_rows,
    paths_to_parameters,
)
from nanonet.explanation.chain_rule import ChainRule
from nanonet.explanation.formulas import MERGED, check_known
from nanonet.explanation.graph import Node, forward_pass
from nanonet.network.names import parameter_names
from nanonet.network.network import Architecture, Network
from nanonet.network.symbol import Symbol
from nanonet.objectives.losses import Loss, usual_loss
from nanonet.objectives.objective import Objective, objective


def explain(
    network: Network,
    params: PyTree,
    x: ArrayLike,
    y: ArrayLike,
    *,
    loss: Loss | None = None,
    learning_rate: float | None = None,
    back_through: str = "old",
) -> ChainRule:
    """Write ∂J/∂θ of every weight and bias as products of local derivatives.

    ::

        ∂J/∂w1 = ∂J/∂ŷ · ∂ŷ/∂z_o1 · ∂z_o1/∂out_h1 · ∂out_h1/∂z_h1 · ∂z_h1/∂w1

    and, with a learning rate, w1_new = w1_old - α·∂J/∂w1. Each factor is computed where
    it stands, from the numbers of the forward pass; `jax.grad` is only asked for the
    column that checks the result.

    Where several units lie between a parameter and J, each way through them is a path,
    and ∂J/∂θ is the sum of the paths' products; over several examples, it is the mean
    of these sums, as J is the mean of the examples' losses. Every output of a softmax
    depends on every z of its layer, so paths go through each of them; together with
    `cross_entropy` they add up to ŷ·Σy - y, which is shown as one factor ∂J/∂z, as is
    the ŷ - y of `binary_cross_entropy` after a sigmoid.

    With ``skip=True``, z_o1 = … + x1·w_x1_o1 + … + b_o1, and ∂z_o1/∂w_x1_o1 = x1: such
    a weight's paths do not go through the hidden units.

    The notes' network has the notes' symbols; for those of an `mlp`, see
    `nanonet.network.names` and `nanonet.explanation.graph`.

    Args:
      network: `two_two_one`, or an `mlp` with activations that have a name.
      params: the weights and biases.
      x: inputs of one example, [inputs], or of several, [examples, inputs].
      y: targets, [outputs] or [examples, outputs]; one output needs no axis.
      loss: `half_squared_error`, `mean_squared_error`, `binary_cross_entropy` or
        `cross_entropy`; by default the one that goes with the output units, see
        `nanonet.objectives.losses.usual_loss`.
      learning_rate: α; shows the update.
      back_through: "old" weights; or "new" ones, a mistake worth seeing: each layer
        is updated before the error goes back through it. Wants a learning rate.

    Raises:
      ValueError: the network is not made of layers, has an activation or a loss whose
        derivative is not known here, or too many paths; params are of another network;
        params, x, y or what is computed from them are not finite; widths do not fit.
      TypeError: params are not floating point, or the call is inside `jax.jit`.

    Source: page 3 of the notes. The mistake: a widely read worked example of
    backpropagation (Mazur, 2015), whose error after one step it explains.

    >>> import nanonet
    >>> network = nanonet.two_two_one()
    >>> params = nanonet.TwoTwoOne(  # of which the notes' example comes about
    ...     w1=1.0, w2=-1.0, w3=math.log(4) - 1, w4=1.0, w5=1.0, w6=0.4,
    ...     b3=0.0, b4=0.0, b5=-1.0)
    >>> loss = nanonet.half_squared_error
    >>> w5 = explain(network, params, [1.0, 1.0], 0.0, loss=loss)["w5"]
    >>> for factor in w5.paths[0].factors:
    ...     print(f"{factor.symbol} = {factor.formula} = {factor.value:.4f}")
    ∂J/∂ŷ = ŷ − y = 0.5000
    ∂ŷ/∂z_o1 = ŷ·(1 − ŷ) = 0.2500
    ∂z_o1/∂w5 = out_h1 = 0.8000
    >>> print(f"{w5.value:.4f}, autograd {w5.autograd:.4f}")
    0.1000, autograd 0.1000
    """
    check_choice("back_through", back_through, ["old", "new"])
    if learning_rate is not None:
        check_number("learning_rate", learning_rate, at_least=0, below=math.inf)
    elif back_through == "new":
        raise ValueError("back_through='new' weights needs a learning_rate.")
    params = whole_as_floats(params)
    loss = usual_loss(network) if loss is None else loss
    architecture = _check_network(network, params, loss)
    J = objective(network, loss, x, y)
    for argument, tree in {"params": params, "x": J.x, "y": J.y}.items():
        check_finite(argument, tree)
    check_size(architecture, loss, rows=len(J.x))

    losses, gradient = _losses_and_gradient(J, params)
    updated_by = learning_rate if back_through == "new" else None
    with np.errstate(divide="ignore", invalid="ignore"):  # found by Path.then
        given, levels = forward_pass(params, J, np.asarray(losses, float))
        paths = paths_to_parameters(levels, updated_by=updated_by)
    return ChainRule(
        value=float(np.mean(losses)),
        loss=getattr(loss, "__name__", repr(loss)),
        learning_rate=learning_rate,
        notes=_notes(architecture, loss, len(J.x), back_through),
        given=_quantities(given),
        forward=_quantities(itertools.chain.from_iterable(levels)),
        derivatives=_derivatives(paths, params, gradient, learning_rate),
        params=params,
    )


def _quantities(nodes: Iterable[Node]) -> tuple[Quantity, ...]:
    """Example by example, in the order of the nodes."""
    nodes = list(nodes)
    return tuple(
        Quantity(
            row, symbol, formula.symbols, formula.at(row).numbers, float(values[row])
        )
        for row in range(len(nodes[0].values))
        for symbol, formula, values, _ in nodes
    )


@jax.jit
def _losses_and_gradient(J: Objective, params: PyTree) -> tuple[jax.Array, PyTree]:
    return J.losses(params), jax.grad(lambda params: J(params))(params)


def _derivatives(
    paths: dict[Symbol, list[Path]],
    params: PyTree,
    gradient: PyTree,
    learning_rate: float | None,
) -> tuple[Derivative, ...]:
    """Add up the paths, in the order of `jax.flatten_util.ravel_pytree`."""
    names = parameter_names(params)
    slopes, theta = (ravel_pytree(tree)[0].tolist() for tree in (gradient, params))
    found = []
    for name, autograd, old in zip(names, slopes, theta, strict=True):
        value = mean_over_rows(paths[name])
        new = None if learning_rate is None else old - learning_rate * value
        found.append(Derivative(name, tuple(paths[name]), value, autograd, old, new))
    return tuple(found)


def _check_network(network: Network, params: PyTree, loss: Loss) -> Architecture:
    if network.architecture is None:
        raise ValueError(
            "network has no architecture: explain follows the layers of two_two_one "
            "or an mlp; for other networks, see nanonet.gradient."
        )
    check_known(network.architecture, loss)
    check_parameters("params", params)
    check_untraced("explain", params)
    expected = jax.eval_shape(lambda: network.init(key=jax.random.key(0)))
    check_match("params", params, "network.init(key=key)", expected)
    return network.architecture


def _notes(
    architecture: Architecture, loss: Loss, rows: int, back_through: str
) -> tuple[str, ...]:
    notes = []
    merged = MERGED.get((loss, architecture.output))
    if merged is not None:
        notes.append(merged.note)
    if rows > 1:
        notes.append(
            f"J is the mean over {rows} examples, and each ∂J/∂θ the mean of the "
            "examples' sums of products."
        )
    if back_through == "new":
        notes.append(
            "A mistake, to be seen: the error goes back through weights that have been "
            "updated already (⁺), so that only the last layer agrees with autograd."
        )
    return tuple(notes)
