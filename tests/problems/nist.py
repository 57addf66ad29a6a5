"""NIST StRD nonlinear regression: 27 data sets with certified least-squares fits.

The data, starts and certified values in ``nist.json`` are NIST's, in the public domain:
https://www.itl.nist.gov/div898/strd/nls/nls_main.shtml. The models are those that the
data sets state. They are meant for float64; Lanczos1, fitted to 1e-13, needs more.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np


class NistProblem(NamedTuple):
    name: str
    level: str
    """Lower, average or higher difficulty."""
    model: Callable
    """(b, x) → the predicted y."""
    x: np.ndarray
    """[rows], for Nelson [2, rows]."""
    y: np.ndarray
    """The response [rows]; for Nelson its logarithm, as the model says."""
    starts: np.ndarray
    """[2, parameters]."""
    certified: np.ndarray
    """[parameters], to 11 digits."""
    standard_deviations: np.ndarray
    """Of the certified parameters."""
    residual_sum_of_squares: float
    residual_standard_deviation: float

    def residuals(self, b):
        return self.model(b, self.x) - self.y


def bennett5(b, x):
    return b[0] * (b[1] + x) ** (-1 / b[2])


def box_bod(b, x):
    return b[0] * (1 - jnp.exp(-b[1] * x))


def chwirut(b, x):
    return jnp.exp(-b[0] * x) / (b[1] + b[2] * x)


def dan_wood(b, x):
    return b[0] * x ** b[1]


def enso(b, x):
    def wave(cosine, sine, period):
        angle = 2 * jnp.pi * x / period
        return cosine * jnp.cos(angle) + sine * jnp.sin(angle)

    return b[0] + wave(b[1], b[2], 12) + wave(b[4], b[5], b[3]) + wave(b[7], b[8], b[6])


def eckerle4(b, x):
    return b[0] / b[1] * jnp.exp(-0.5 * ((x - b[2]) / b[1]) ** 2)


def gauss(b, x):
    def peak(height, centre, width):
        return height * jnp.exp(-((x - centre) ** 2) / width**2)

    return b[0] * jnp.exp(-b[1] * x) + peak(*b[2:5]) + peak(*b[5:8])


def hahn1(b, x):
    return (b[0] + x * (b[1] + x * (b[2] + x * b[3]))) / (
        1 + x * (b[4] + x * (b[5] + x * b[6]))
    )


def kirby2(b, x):
    return (b[0] + x * (b[1] + x * b[2])) / (1 + x * (b[3] + x * b[4]))


def lanczos(b, x):
    return sum(b[i] * jnp.exp(-b[i + 1] * x) for i in (0, 2, 4))


def mgh09(b, x):
    return b[0] * (x**2 + x * b[1]) / (x**2 + x * b[2] + b[3])


def mgh10(b, x):
    return b[0] * jnp.exp(b[1] / (x + b[2]))


def mgh17(b, x):
    return b[0] + b[1] * jnp.exp(-x * b[3]) + b[2] * jnp.exp(-x * b[4])


def misra1b(b, x):
    return b[0] * (1 - (1 + b[1] * x / 2) ** -2)


def misra1c(b, x):
    return b[0] * (1 - (1 + 2 * b[1] * x) ** -0.5)


def misra1d(b, x):
    return b[0] * b[1] * x / (1 + b[1] * x)


def nelson(b, x):
    return b[0] - b[1] * x[0] * jnp.exp(-b[2] * x[1])


def rat42(b, x):
    return b[0] / (1 + jnp.exp(b[1] - b[2] * x))


def rat43(b, x):
    return b[0] / (1 + jnp.exp(b[1] - b[2] * x)) ** (1 / b[3])


def roszman1(b, x):
    return b[0] - b[1] * x - jnp.arctan(b[2] / (x - b[3])) / jnp.pi


#: The models that serve several data sets, or are named otherwise.
_SHARED = {
    "BoxBOD": box_bod,
    "Chwirut1": chwirut,
    "Chwirut2": chwirut,
    "DanWood": dan_wood,
    "Gauss1": gauss,
    "Gauss2": gauss,
    "Gauss3": gauss,
    "Lanczos1": lanczos,
    "Lanczos2": lanczos,
    "Lanczos3": lanczos,
    "Misra1a": box_bod,
    "Thurber": hahn1,
}


def _problem(name: str, record: dict) -> NistProblem:
    x, y = np.array(record.pop("x")), np.array(record.pop("y"))
    return NistProblem(
        name=name,
        level=record["level"],
        model=_SHARED.get(name) or globals()[name.lower()],
        x=x if len(x) > 1 else x[0],
        y=np.log(y) if name == "Nelson" else y,
        starts=np.array(record["starts"]),
        certified=np.array(record["certified"]),
        standard_deviations=np.array(record["standard_deviations"]),
        residual_sum_of_squares=record["residual_sum_of_squares"],
        residual_standard_deviation=record["residual_standard_deviation"],
    )


NIST = [
    _problem(name, record)
    for name, record in json.loads(
        Path(__file__).with_name("nist.json").read_text()
    ).items()
]
