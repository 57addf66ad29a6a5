"""An equation as steps, name = expression, which every language writes in its way."""

import dataclasses
from collections.abc import Iterator, Sequence

import numpy as np

from nanonet.model.equation.folded import Folded
from nanonet.table.columns import Column


@dataclasses.dataclass(frozen=True)
class Symbol:
    """Something that has a name and a value."""

    kind: str
    """x: an input column. h: a hidden unit. s, z: a sum. o: an output of one member.
    y: an answer."""

    index: tuple[int, ...]
    """Counted from 0; of a unit: its layer, where there are several, and its place."""


@dataclasses.dataclass(frozen=True)
class Choice:
    """A number for each level of a categorical column."""

    column: Symbol
    values: tuple[float, ...]


@dataclasses.dataclass(frozen=True)
class Linear:
    """Constant + Σ factor · term + Σ choice."""

    constant: float
    terms: "tuple[tuple[float, Expression], ...]"
    choices: tuple[Choice, ...] = ()


@dataclasses.dataclass(frozen=True)
class Call:
    """f(z), f by its name."""

    f: str
    z: Linear


@dataclasses.dataclass(frozen=True)
class Share:
    """Softmax: e^(z of that place) / Σ e^z; None is a z that is 0."""

    place: int
    z: tuple[Symbol | None, ...]


@dataclasses.dataclass(frozen=True)
class Mean:
    """The mean of several."""

    of: "tuple[Expression, ...]"


Expression = Symbol | Linear | Call | Share | Mean
Step = tuple[Symbol, Expression]


def steps_of(
    folded: Folded, inputs: Sequence[Column], outputs: int
) -> tuple[Step, ...]:
    """Every unit in the order it can be computed in, the answers last.

    ``outputs``: how many answers there are; of two classes the folded model has one.
    """
    return tuple(_steps(folded, inputs, outputs))


def _steps(folded: Folded, inputs: Sequence[Column], outputs: int) -> Iterator[Step]:
    *hidden, last = folded.layers
    below: list[Symbol] = []
    for i, layer in enumerate(hidden):
        where = (i,) if len(hidden) > 1 else ()
        sums = list(_sums(layer.w, layer.b, below, None if i else inputs))
        kept = [Symbol("h", (*where, j)) for j in range(len(sums))]
        if layer.activation == "softmax":
            z = [Symbol("s", unit.index) for unit in kept]
            yield from zip(z, sums, strict=True)
            width = layer.w.shape[-1]
            for j, unit in enumerate(kept):
                member = slice(j // width * width, (j // width + 1) * width)
                yield unit, Share(j % width, tuple(z[member]))
        else:
            f = layer.activation
            yield from ((u, _call(f, z)) for u, z in zip(kept, sums, strict=True))
        below = kept
    sums = list(_sums(last.w, last.b, below, None if hidden else inputs))
    yield from _answers(folded, sums, outputs)


def _answers(folded: Folded, sums: list[Linear], outputs: int) -> Iterator[Step]:
    last = folded.layers[-1]
    members, _, width = last.w.shape
    answers = [Symbol("y", (k,)) for k in range(outputs)][outputs - width :]
    if last.activation == "softmax":
        z = _of_members("z", members, width)
        yield from (
            (name, sum_) for name, sum_ in zip(z, sums, strict=True) if name.index[-1]
        )
        parts: list[Expression] = [
            Share(k, (None, *z[m * width + 1 : (m + 1) * width]))
            for m in range(members)
            for k in range(width)
        ]
    else:
        parts = [_call(last.activation, z) for z in sums]
        if members > 1:
            o = _of_members("o", members, width)
            yield from zip(o, parts, strict=True)
            parts = list(o)
    for k, answer in enumerate(answers):
        of_members = tuple(parts[k::width])
        whole = of_members[0] if members == 1 else Mean(of_members)
        scale, mean = float(folded.scale[k]), float(folded.mean[k])
        if (scale, mean) != (1.0, 0.0):
            whole = Linear(mean, ((scale, whole),))
        yield answer, whole
    if width < outputs:  # the first of two classes
        yield Symbol("y", (0,)), Linear(1.0, ((-1.0, answers[0]),))


def _of_members(kind: str, members: int, width: int) -> list[Symbol]:
    """A symbol for each output of each member; of one, the output's number will do."""
    return [
        Symbol(kind, (m, k) if members > 1 else (k,))
        for m in range(members)
        for k in range(width)
    ]


def _call(f: str, z: Linear) -> Expression:
    return z if f == "identity" else Call(f, z)


def _sums(
    w: np.ndarray,
    b: np.ndarray,
    below: Sequence[Symbol],
    columns: Sequence[Column] | None,
) -> Iterator[Linear]:
    """z of each unit, member by member; ``columns``: of the first layer."""
    members, n_in, n_out = w.shape
    for m in range(members):
        for j in range(n_out):
            weights, constant = w[m, :, j].tolist(), float(b[m, j])
            if columns is not None:
                yield _of_columns(weights, constant, columns)
                continue
            read = below[m * n_in : (m + 1) * n_in] if members > 1 else below
            pairs = zip(weights, read, strict=True)
            yield Linear(constant, tuple((v, unit) for v, unit in pairs if v))


def _of_columns(
    weights: list[float], constant: float, columns: Sequence[Column]
) -> Linear:
    terms: list[tuple[float, Expression]] = []
    choices, begin = [], 0
    for i, column in enumerate(columns):
        values = weights[begin : begin + column.width]
        begin += column.width
        if column.levels is not None:
            if any(values):
                choices.append(Choice(Symbol("x", (i,)), tuple(values)))
        elif values[0]:
            terms.append((values[0], Symbol("x", (i,))))
    return Linear(constant, tuple(terms), tuple(choices))
