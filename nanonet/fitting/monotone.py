"""Signs of weights by which a network's answer rises with an input, or falls."""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np
from jaxtyping import Array, Float, PyTree

from nanonet._internal.checks import check_choice
from nanonet.network.layers import ACTIVATIONS, Layer, SkipLayer, activation
from nanonet.network.network import Network
from nanonet.network.two_two_one import TwoTwoOne
from nanonet.objectives.bounded import Box
from nanonet.table.columns import Column

#: +1, -1 or 0: for all columns, for each, or for some by their name or position.
Monotone = int | Sequence[int] | np.ndarray | Mapping[Any, int] | None

#: The activations that nowhere fall, unit by unit.
RISING = [f for name, f in ACTIVATIONS.items() if name != "softmax"]


def monotone_bounds(
    network: Network, params: PyTree, inputs: Sequence[Column], monotone: Monotone
) -> Box:
    r"""Bounds of weights, by which ŷ rises with some inputs and falls with others.

    ::

        sᵢ wᵢⱼ sⱼ ≥ 0       for each weight from unit i to unit j
        s = 1: the unit, or the input, is to rise;  -1: to fall;  0, of inputs: is free

    Outputs rise, of two softmax outputs only the second, and hidden units rise and fall
    by turns. As no activation f falls anywhere, all of them do so, by induction along
    the layers. Units that fall cost nothing where f(z) - f(0) is odd, as of tanh and
    sigmoid; of relu and softplus those that rise give convex functions only.

    Sigmoids in one hidden layer come as near as one likes to any continuous function
    that rises with one input; in as many layers as inputs, with several.

    Raises:
      ValueError: a column that is not there or holds categories, another sign, several
        classes, an activation that is not known to rise everywhere, or a network that
        is not known to be made of layers.

    Source: Sill, "Monotonic networks", 1998, for weights of one sign; Daniels &
    Velikova, "Monotone and partially monotone neural networks", 2010, for free inputs
    and how near such networks come; Runje & Shankaranarayana, "Constrained monotonic
    neural networks", 2023, for units that fall.

    >>> from nanonet.network.network import mlp
    >>> import jax
    >>> network, columns = mlp([2, 2, 1]), (Column("age"), Column("height"))
    >>> params = network.init(key=jax.random.key(0))
    >>> box = monotone_bounds(network, params, columns, {"age": 1})
    >>> print(box.lower[0].w, box.upper[0].w, sep="\n")
    [[  0. -inf]
     [-inf -inf]]
    [[inf  0.]
     [inf inf]]
    """
    signs = _signs(inputs, monotone)
    if network.architecture is None:
        raise ValueError(
            "monotone needs a network whose layers are known, as mlp makes it; for "
            "another give the bounds of its weights, bounds=(lower, upper)."
        )
    sizes, hidden, output, _, skip = network.architecture
    outputs = np.ones(sizes[-1])
    if output == "softmax":
        if len(outputs) != 2:
            raise ValueError(
                f"monotone is for numbers and for two classes; of {len(outputs)} "
                "classes none is the one to rise."
            )
        outputs, output = np.array([-1.0, 1.0]), "identity"
    for name, choice in ("hidden", hidden), ("output", output):
        if activation(name, choice) not in RISING:
            raise ValueError(
                f"monotone: {name}={choice!r} is not known to rise everywhere, as "
                "sigmoid, tanh, relu, softplus and identity do."
            )
    units = [signs, *((-1.0) ** np.arange(n) for n in sizes[1:-1]), outputs]
    lower, upper = [], []
    for below, above in itertools.pairwise(units):
        least, most = _bounds_of(np.outer(below, above))
        free = np.full(len(above), np.inf)
        lower.append(Layer(least, jax.device_put(-free)))
        upper.append(Layer(most, jax.device_put(free)))
    if skip:
        least, most = _bounds_of(np.outer(signs, outputs))
        lower[-1] = SkipLayer(lower[-1].w, least, lower[-1].b)
        upper[-1] = SkipLayer(upper[-1].w, most, upper[-1].b)
    make = TwoTwoOne.from_layers if isinstance(params, TwoTwoOne) else tuple
    return Box(make(lower), make(upper))


def _bounds_of(sign: Float[np.ndarray, "below above"]) -> tuple[Array, Array]:
    """The least and the most of weights of these signs; by NumPy: nothing compiles."""
    least, most = np.where(sign > 0, 0, -np.inf), np.where(sign < 0, 0, np.inf)
    return jax.device_put((least, most))


def _signs(inputs: Sequence[Column], monotone: Any) -> Float[np.ndarray, " inputs"]:
    """The sign of each number that encodes a row."""
    names = [column.name for column in inputs]
    given = monotone
    if isinstance(monotone, Mapping):
        given = [0] * len(names)
        for column, sign in monotone.items():
            position = column if column in range(len(names)) else None
            if position is None or column in names:
                check_choice("monotone", column, names)
                position = names.index(column)
            given[position] = sign
    try:
        shape = len(names) if np.ndim(given) else 1  # one for all is no list of one
        signs = np.asarray(given, float).reshape(shape) + np.zeros(len(names))
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"monotone={monotone!r} must be a number, or one for each of {len(names)} "
            "columns, or a dict of such by name or position."
        ) from error
    for column, sign in zip(inputs, signs.tolist(), strict=True):
        if sign not in (-1, 0, 1):
            raise ValueError(
                f"monotone of {column.name!r} is {sign:g}; it must be +1 where the "
                "answer is to rise with the column, -1 where it is to fall, or 0."
            )
        if sign and column.levels is not None:
            raise ValueError(
                f"monotone: {column.name!r} holds categories, which have no order; "
                "leave it out, or make numbers of it."
            )
    # What an indicator adds where a cell is missing does not change with the cell.
    return np.concatenate(
        [
            np.append(sign, np.zeros(column.width - 1))
            for column, sign in zip(inputs, signs, strict=True)
        ]
    )
