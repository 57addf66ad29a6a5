"""What a network of MATLAB is made of, as its function says."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

Matrix = Float[np.ndarray, "rows columns"]


class Process(NamedTuple):
    """mapminmax, mapstd or removeconstantrows, of an input or an output.

    Or what nanonet writes: missingcells, of an input; exp, of an output.
    """

    name: str
    settings: str
    line: int


class MatlabLayer(NamedTuple):
    """a = f(b + W a of the layer before), or, with ``skip``, + W x of the input too."""

    activation: str
    b: str
    w: str
    skip: str | None
    line: int


class Simulation(NamedTuple):
    """A feed-forward network, whose numbers are ``constants`` by name."""

    constants: dict[str, Matrix]
    inputs: tuple[Process, ...]
    layers: tuple[MatlabLayer, ...]
    outputs: tuple[Process, ...]
