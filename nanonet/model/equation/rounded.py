"""The fewest digits of a folded model that move no prediction by more than ε."""

import math
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from nanonet.model.equation.folded import ACTIVATIONS, Folded, entering
from nanonet.model.export.layers import DenseLayer

#: So many digits tell all float64 apart.
ALL_DIGITS = 17

#: A unit of these has a spread that depends on the rows.
UNBOUNDED = ("identity", "relu", "softplus")


class Rounded(NamedTuple):
    """A model whose numbers are the decimal ones that are written."""

    folded: Folded
    digits: int
    """Of the largest term of each sum; the others are written to the same place."""

    change: Float[np.ndarray, " outputs"]
    """By how much a prediction moved at the most."""


def fewest_digits(
    folded: Folded,
    rows: Float[np.ndarray, "n inputs"],
    spread: Float[np.ndarray, " inputs"],
    predicted: Float[np.ndarray, "n outputs"],
    tolerance: Float[np.ndarray, " outputs"],
) -> Rounded:
    """Round more and more finely until no row's prediction moves beyond tolerance.

    Args:
      folded: what is rounded.
      rows: the inputs whose predictions are watched.
      spread: by how much each input varies; 1 of a category, and of an indicator.
      predicted: what the model says of the rows.
      tolerance: of each output.

    Raises:
      ValueError: not even all digits do.
    """
    change = np.full(len(tolerance), np.inf)
    for digits in range(1, ALL_DIGITS + 1):
        found = round_to(folded, rows, spread, digits)
        change = np.max(np.abs(found(rows) - predicted), axis=0)
        if np.all(change <= tolerance):
            return Rounded(found, digits, change)
    raise ValueError(
        f"tolerance={tolerance.max():.3g} is less than float64 can tell here: with all "
        f"digits a prediction moves by {change.max():.3g}."
    )


def round_to(
    folded: Folded,
    rows: Float[np.ndarray, "n inputs"],
    spread: Float[np.ndarray, " inputs"],
    digits: int,
) -> Folded:
    """Write the largest term of each sum z = Σ w x + b with so many digits.

    A term's size is w times the spread of x, and all terms, b too, are written to the
    place that matters as much. b is chosen after the weights, so that on average over
    the rows z is what it was: years of 2000 ± 5 cost no more digits than of 0 ± 5.
    """
    found = folded._replace(fill=_written(folded.fill, spread, digits))
    a, a_written = (each.filled(rows)[None] for each in (folded, found))
    cells, cells_written = a, a_written
    layers, of_units = [], np.zeros((1, 0))
    for w, b, activation in folded.layers:
        x, x_written = entering(a, cells, w), entering(a_written, cells_written, w)
        of_input = _beside(of_units, spread, w)
        size = np.max(np.abs(w) * of_input[..., None], axis=1, initial=0.0)
        unit = np.where(size > 0, size, np.abs(b))
        written = _written(w, unit[:, None, :] / of_input[..., None], digits)
        z = x @ w + b[:, None]
        left = np.mean(z - x_written @ written, axis=1)
        layers.append(DenseLayer(written, _written(left, unit, digits), activation))
        f = ACTIVATIONS[activation]
        a, a_written = f(z), f(x_written @ written + layers[-1].b[:, None])
        of_units = _spread(a, activation)
    scale = _written(folded.scale, np.abs(folded.scale), digits)
    mean = _written(folded.mean, np.abs(folded.scale), digits)
    return found._replace(layers=tuple(layers), mean=mean, scale=scale)


def _spread(
    a: Float[np.ndarray, "members n width"], activation: str
) -> Float[np.ndarray, "members width"]:
    """By how much each unit varies: 1 where it is bounded."""
    of_rows = np.std(a, axis=1)
    if activation not in UNBOUNDED:
        return np.ones_like(of_rows)
    return np.where(of_rows > 0, of_rows, 1.0)


def _beside(
    of_units: Float[np.ndarray, "_ width"],
    of_cells: Float[np.ndarray, " inputs"],
    w: Float[np.ndarray, "members n_in n_out"],
) -> Float[np.ndarray, "_ n_in"]:
    """How much all varies that a layer reads; see `entering`."""
    found = entering(of_units[:, None], of_cells[None, None], w)
    return found[:, 0]


def _written(values: np.ndarray, unit: np.ndarray, digits: int) -> np.ndarray:
    """Each value at the decimal place where its unit has its last digit."""
    pairs = zip(
        values.ravel().tolist(),
        np.broadcast_to(unit, values.shape).ravel().tolist(),
        strict=True,
    )
    return np.array([_round(*pair, digits) for pair in pairs]).reshape(values.shape)


def _round(value: float, unit: float, digits: int) -> float:
    if not unit or digits >= ALL_DIGITS:
        return value
    # Python rounds to the nearest decimal number, np.round only about so.
    return round(value, digits - 1 - math.floor(math.log10(unit))) + 0.0
