"""An equation as steps, name = expression, which every language writes in its way."""

import dataclasses
from collections.abc import Iterator, Sequence

from nanonet.model.equation.folded import Folded
from nanonet.model.export.layers import DenseLayer
from nanonet.table.columns import Column, begins


@dataclasses.dataclass(frozen=True)
class Symbol:
    """Something that has a name and a value."""

    kind: str
    """x: an input column. f: what is read of one that has gaps; g: 1 where it has one,
    else 0. h: a hidden unit. s, z: a sum. o: an output of one member. y: an answer."""

    index: tuple[int, ...]
    """Counted from 0; of a unit: its layer, where there are several, and its place."""


@dataclasses.dataclass(frozen=True)
class Missing:
    """1 where the cell of a column is missing, else 0."""

    column: Symbol


@dataclasses.dataclass(frozen=True)
class Filled:
    """The number in a column, or, where it is missing, another."""

    column: Symbol
    value: float


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


Expression = Symbol | Missing | Filled | Linear | Call | Share | Mean
Step = tuple[Symbol, Expression]


def steps_of(
    folded: Folded, inputs: Sequence[Column], outputs: int
) -> tuple[Step, ...]:
    """Every unit in the order it can be computed in, gaps first, the answers last.

    Without units that no answer reads, such as those that evidence has switched off.
    ``outputs``: how many answers there are; of two classes the folded model has one.
    """
    read, kept = set(), []
    for name, is_ in reversed(list(_steps(folded, inputs, outputs))):
        if name.kind == "y" or name in read:
            read |= set(_read(is_))
            kept.append((name, is_))
    return tuple(kept[::-1])


def _read(expression: Expression | None) -> Iterator[Symbol]:
    """All symbols in an expression."""
    match expression:
        case Symbol():
            yield expression
        case Missing(column) | Filled(column, _):
            yield column
        case Call(_, z):
            yield from _read(z)
        case Share(_, parts) | Mean(parts):
            for part in parts:
                yield from _read(part)
        case Linear(_, terms, _):
            for _, term in terms:
                yield from _read(term)


def _steps(folded: Folded, inputs: Sequence[Column], outputs: int) -> Iterator[Step]:
    *hidden, last = folded.layers
    for i, (begin, column) in enumerate(zip(begins(inputs), inputs, strict=True)):
        if column.missing:
            cell = Symbol("x", (i,))
            yield Symbol("g", (i,)), Missing(cell)
            yield Symbol("f", (i,)), Filled(cell, float(folded.fill[begin]))
    below: list[Symbol] = []
    for i, layer in enumerate(hidden):
        where = (i,) if len(hidden) > 1 else ()
        sums = list(_sums(layer, below, inputs))
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
    yield from _answers(folded, list(_sums(last, below, inputs)), outputs)


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
        yield answer, _back(folded.targets, k, whole)
    if width < outputs:  # the first of two classes
        yield Symbol("y", (0,)), Linear(1.0, ((-1.0, answers[0]),))


def _of_members(kind: str, members: int, width: int) -> list[Symbol]:
    """A symbol for each output of each member; of one, the output's number will do."""
    return [
        Symbol(kind, (m, k) if members > 1 else (k,))
        for m in range(members)
        for k in range(width)
    ]


def _back(targets: Sequence[Column], k: int, answer: Expression) -> Expression:
    """The k-th answer, of a target that is learnt by its logarithm the exponential."""
    if targets[0].levels is not None or targets[k].transform is None:
        return answer
    whole = answer if isinstance(answer, Linear) else Linear(0.0, ((1.0, answer),))
    return Call({"log": "exp"}[str(targets[k].transform)], whole)


def _call(f: str, z: Linear) -> Expression:
    return z if f == "identity" else Call(f, z)


def _sums(
    layer: DenseLayer, below: Sequence[Symbol], inputs: Sequence[Column]
) -> Iterator[Linear]:
    """z of each unit, member by member: of the units below, then of the inputs."""
    members, n_in, n_out = layer.w.shape
    units = len(below) // members
    columns = inputs if n_in > units else ()
    for m in range(members):
        read = below[m * units : (m + 1) * units]
        for j in range(n_out):
            weights, constant = layer.w[m, :, j].tolist(), float(layer.b[m, j])
            pairs = zip(weights[:units], read, strict=True)
            terms: list[tuple[float, Expression]] = [(v, of) for v, of in pairs if v]
            of_columns, choices = _of_columns(weights[units:], columns)
            yield Linear(constant, (*terms, *of_columns), choices)


def _of_columns(
    weights: list[float], columns: Sequence[Column]
) -> tuple[tuple[tuple[float, Symbol], ...], tuple[Choice, ...]]:
    terms, choices = [], []
    for i, (begin, column) in enumerate(zip(begins(columns), columns, strict=True)):
        values = weights[begin : begin + column.width]
        if column.levels is not None:
            if any(values):
                choices.append(Choice(Symbol("x", (i,)), tuple(values)))
            continue
        kinds = "fg" if column.missing else "x"
        pairs = zip(values, kinds, strict=True)
        terms += [(value, Symbol(kind, (i,))) for value, kind in pairs if value]
    return tuple(terms), tuple(choices)
