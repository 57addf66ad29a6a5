"""The backward pass: the paths from J to every parameter, factor by factor."""

import itertools
from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from nanonet.explanation.chains import Path
from nanonet.explanation.formulas import LOSSES, MERGED, UNITS, softmax_slope
from nanonet.explanation.forward import Forward
from nanonet.explanation.symbols import J, Symbol, fill, partial
from nanonet.network.network import Architecture
from nanonet.objectives.losses import Loss

Paths = list[Path]
Link = Callable[[Symbol, Symbol, Symbol, ArrayLike], None]


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
    """Find the paths from J to each quantity that it depends on, last layer first.

    With ``updated_by`` = α, the error goes back through weights that have been updated
    already, w⁺ = w - α·∂J/∂w: a mistake.
    """
    names, rows = forward.names, len(forward.targets)
    paths: dict[Symbol, Paths] = {J: [Path(row, ()) for row in range(rows)]}

    def link(of: Symbol, by: Symbol, formula: Symbol, slope: ArrayLike) -> None:
        """Go on from ``of`` to ``by``, by ∂of/∂by of each row."""
        slopes, longer = np.broadcast_to(slope, rows), paths.setdefault(by, [])
        for path in paths[of]:
            slope = float(slopes[path.row])
            longer.append(path.then(partial(of, by), formula, slope))

    _link_loss(link, forward, loss)
    for depth in reversed(range(len(forward.layers))):
        z, below = names.z[depth], names.out[depth]
        if z[0] not in paths:
            _link_activation(link, forward, depth)
        w, b = names.layers[depth]
        for (i, k), weight in np.ndenumerate(w):
            link(z[k], weight, below[i], forward.out[depth][:, i])
        for k, bias in enumerate(b):
            link(z[k], bias, Symbol("1"), 1.0)
        if depth == 0:
            break
        weights, mark = forward.layers[depth].w, "{w}"
        if updated_by is not None:
            slopes = np.vectorize(lambda weight: mean_over_rows(paths[weight]))(w)
            weights, mark = weights - updated_by * slopes, "{w}⁺"
        for (i, k), weight in np.ndenumerate(w):
            link(z[k], below[i], fill(mark, w=weight), weights[i, k])
    return paths


def mean_over_rows(paths: Paths) -> float:
    """Sum the paths' products, and take the mean over the examples."""
    rows = {path.row for path in paths}
    return sum(path.product for path in paths) / len(rows)


def _link_loss(link: Link, forward: Forward, loss: Loss) -> None:
    """From J to each ŷ, or to each z where the two derivatives are merged."""
    names, y = forward.names, forward.targets
    merged = MERGED.get((loss, forward.activation(len(forward.z) - 1)))
    n = len(names.targets)
    for k, (out, target) in enumerate(zip(names.out[-1], names.targets, strict=True)):
        answer = forward.out[-1][:, k]
        if merged is not None:
            formula = fill(merged.slope, out=out, y=target)
            slope = merged.value(answer, y[:, k], y.sum(axis=1))
            link(J, names.z[-1][k], formula, slope)
        else:
            formula = fill(LOSSES[loss].slope, out=out, y=target, n=n)
            link(J, out, formula, LOSSES[loss].value(answer, y[:, k], n))


def _link_activation(link: Link, forward: Forward, depth: int) -> None:
    """From what each unit of a layer gives to its z, or of a softmax to all z."""
    sums, outs = forward.names.z[depth], forward.names.out[depth + 1]
    z, out = forward.z[depth].T, forward.out[depth + 1].T
    name = forward.activation(depth)
    for k, m in itertools.product(range(len(sums)), repeat=2):
        if name == "softmax":
            link(outs[m], sums[k], *softmax_slope(outs[m], outs[k], out[m], out[k]))
        elif k == m:
            unit = UNITS[name]
            formula = fill(unit.slope, out=outs[k], z=sums[k])
            link(outs[k], sums[k], formula, unit.value(out[k], z[k]))
