"""The backward pass: the paths from J to every parameter, factor by factor."""

import itertools

import numpy as np

from nanonet.explanation.chains import Path
from nanonet.explanation.formulas import LOSSES, MERGED, UNITS, softmax_slope
from nanonet.explanation.forward import Forward
from nanonet.explanation.symbols import J, Symbol, fill, partial
from nanonet.network.network import Architecture
from nanonet.objectives.losses import Loss

Paths = list[Path]


def count_paths(architecture: Architecture, loss: Loss, rows: int) -> int:
    """How many paths `paths_to_parameters` would find.

    >>> from nanonet.objectives.losses import half_squared_error
    >>> count_paths(Architecture((2, 2, 2), "tanh", "tanh", ""), half_squared_error, 1)
    18
    """
    sizes, hidden, output, _ = architecture
    mixes = output == "softmax" and (loss, output) not in MERGED
    to_each_z = rows * (sizes[-1] if mixes else 1)
    count = 0
    for n_in, n_out in reversed(list(itertools.pairwise(sizes))):
        count += (n_in + 1) * n_out * to_each_z
        to_each_z *= n_out * (n_in if hidden == "softmax" else 1)
    return count


def paths_to_parameters(
    forward: Forward, loss: Loss, *, updated_by: float | None = None
) -> dict[Symbol, Paths]:
    """Find the paths from J to each parameter, by its symbol, last layer first.

    With ``updated_by`` = α, the error goes back through weights that have been updated
    already, w⁺ = w - α·∂J/∂w: a mistake.
    """
    names = forward.names
    found: dict[Symbol, Paths] = {}
    to_z = _to_outputs(forward, loss)
    for depth in reversed(range(len(forward.layers))):
        z, below = names.z[depth], names.out[depth]
        w, b = names.layers[depth]
        for (i, k), symbol in np.ndenumerate(w):
            found[symbol] = [
                path.then(
                    partial(z[k], symbol), below[i], forward.out[depth][path.row, i]
                )
                for path in to_z[k]
            ]
        for k, symbol in enumerate(b):
            found[symbol] = [
                path.then(partial(z[k], symbol), Symbol("1"), 1.0) for path in to_z[k]
            ]
        if depth == 0:
            break
        weights, mark = forward.layers[depth].w, "{w}"
        if updated_by is not None:
            slopes = np.vectorize(lambda symbol: mean_over_rows(found[symbol]))(w)
            weights, mark = weights - updated_by * slopes, "{w}⁺"
        to_out = [
            [
                path.then(partial(z[k], out), fill(mark, w=w[i, k]), weights[i, k])
                for k in range(len(z))
                for path in to_z[k]
            ]
            for i, out in enumerate(below)
        ]
        to_z = _through_activation(forward, depth - 1, to_out)
    return found


def mean_over_rows(paths: Paths) -> float:
    """Sum the paths' products, and take the mean over the examples."""
    rows = {path.row for path in paths}
    return sum(path.product for path in paths) / len(rows)


def _to_outputs(forward: Forward, loss: Loss) -> list[Paths]:
    """Find the paths from J to each of the last layer's z."""
    outputs, targets = forward.names.out[-1], forward.names.targets
    last = len(forward.z) - 1
    values, y = forward.out[-1], forward.targets
    rows = [Path(row, ()) for row in range(len(y))]
    merged = MERGED.get((loss, forward.activation(last)))
    if merged is not None:
        return [
            [
                path.then(
                    partial(J, forward.names.z[-1][k]),
                    fill(merged.slope, out=out, y=targets[k]),
                    merged.value(
                        values[path.row, k], y[path.row, k], y[path.row].sum()
                    ),
                )
                for path in rows
            ]
            for k, out in enumerate(outputs)
        ]
    formula, n = LOSSES[loss], len(outputs)
    to_out = [
        [
            path.then(
                partial(J, out),
                fill(formula.slope, out=out, y=targets[k], n=n),
                formula.value(values[path.row, k], y[path.row, k], n),
            )
            for path in rows
        ]
        for k, out in enumerate(outputs)
    ]
    return _through_activation(forward, last, to_out)


def _through_activation(
    forward: Forward, depth: int, to_out: list[Paths]
) -> list[Paths]:
    """Carry the paths from what each unit of a layer gives on to its z."""
    sums, outs = forward.names.z[depth], forward.names.out[depth + 1]
    z, out = forward.z[depth], forward.out[depth + 1]
    name = forward.activation(depth)
    if name == "softmax":
        return [
            [
                path.then(
                    partial(outs[m], sums[k]),
                    *softmax_slope(
                        outs[m], outs[k], out[path.row, m], out[path.row, k]
                    ),
                )
                for m, paths in enumerate(to_out)
                for path in paths
            ]
            for k in range(len(sums))
        ]
    unit = UNITS[name]
    return [
        [
            path.then(
                partial(outs[k], sums[k]),
                fill(unit.slope, out=outs[k], z=sums[k]),
                unit.value(out[path.row, k], z[path.row, k]),
            )
            for path in paths
        ]
        for k, paths in enumerate(to_out)
    ]
