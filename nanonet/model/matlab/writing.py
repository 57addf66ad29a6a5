"""A model as the MATLAB function that genFunction would have written for it."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from nanonet._internal.files import write_whole
from nanonet.model.export.layers import (
    DenseLayer,
    dense_layers,
    mean_of_members,
    origin,
    sees_inputs,
)
from nanonet.model.matlab.module_functions import ACTIVATIONS, KNOWN
from nanonet.model.model import Model
from nanonet.table.columns import Column, begins, scaling, told

#: Words that name no function.
_KEYWORDS = (
    *("break", "case", "catch", "classdef", "continue", "else", "elseif", "end", "for"),
    *("function", "global", "if", "otherwise", "parfor", "persistent", "return"),
    *("spmd", "switch", "try", "while"),
)
_TRANSFER = {ours: matlabs for matlabs, ours in ACTIVATIONS.items()}


def export_matlab(model: Model, path: str | Path) -> None:
    """Write a model as a MATLAB function, as genFunction does, named as its file.

    It needs no toolbox, and runs in Octave too. Its input has a row for each number of
    a sample: of a categorical column one for each level, 1 at the level and 0 at the
    others; the comment at its top lists them. A number that is missing is NaN, where
    the table had such in its column. Of classes it returns the probabilities.
    `import_matlab` reads it, unless it is a committee of other outputs than identity:
    that is a function for each member, and their mean.

    Raises:
      ValueError: as `nanonet.model.model.named_activations`; or a file whose name
        cannot be a function's.
      OSError: the file cannot be written.
    """
    write_whole(path, matlab_source(model, Path(path).stem).encode("utf8"))


def matlab_source(model: Model, name: str) -> str:
    """The content of ``name.m``; see `export_matlab`.

    >>> from nanonet.network.network import mlp
    >>> from nanonet.network.layers import Layer
    >>> layer = Layer(w=np.array([[2.0]]), b=np.array([0.5]))
    >>> columns = (Column("age", None, 40.0, 8.0),), (Column("y"),)
    >>> source = matlab_source(Model(mlp([1, 1]), (layer,), *columns), "net")
    >>> print(source[source.index("% Input 1") :].split("% Layer")[0].rstrip())
    % Input 1
    x1_step1.xoffset = 40.0;
    x1_step1.gain = 0.125;
    x1_step1.ymean = 0;
    """
    if not re.fullmatch(r"[A-Za-z]\w{0,54}", name, re.ASCII) or name in _KEYWORDS:
        raise ValueError(
            f"{name!r} cannot name a function of MATLAB, nor so its file: a letter, "
            "then letters, digits and _, 55 at the most, and no keyword."
        )
    layers = dense_layers(model)
    if _is_one_network(layers):
        layers = _as_one_network(layers)
    lines = list(_heading(model, layers, name))
    if len(layers[0].w) == 1:
        lines += [*_network(model, layers), *_back(model), "end\n"]
    else:
        lines += _functions_of(model, layers, name)
    used = [function for function in KNOWN if f"{function}(" in "\n".join(lines)]
    functions = [str(KNOWN[function]) for function in used]
    return "\n".join([*lines, "% ===== MODULE FUNCTIONS ========\n", *functions])


def _functions_of(model: Model, layers: list[DenseLayer], name: str) -> Iterator[str]:
    """The mean of a committee, and the function of each member."""
    members = [f"{name}_member{m + 1}" for m in range(len(layers[0].w))]
    answers = " + ".join(f"{member}(x1)" for member in members)
    yield f"y1 = ({answers}) / {len(members)};"
    yield from _back(model)
    yield "end\n"
    for m, member in enumerate(members):
        own = [DenseLayer(w[m : m + 1], b[m : m + 1], f) for w, b, f in layers]
        yield f"function [y1] = {member}(x1)"
        yield from _network(model, own)
        yield "end\n"


def _is_one_network(layers: list[DenseLayer]) -> bool:
    """Whether the members' mean is one wide network: not of units that share a sum."""
    activations = [layer.activation for layer in layers]
    return activations[-1] == "identity" and "softmax" not in activations


def _as_one_network(layers: list[DenseLayer]) -> list[DenseLayer]:
    """One network that answers as the committee does: its members side by side."""
    wide = []
    for i, (w, b, activation) in enumerate(layers[:-1]):
        whole = _block_diagonal(w) if i else np.concatenate(w, axis=1)
        wide.append(DenseLayer(whole[None], b.reshape(1, -1), activation))
    return [*wide, mean_of_members(layers)]


def _block_diagonal(w: np.ndarray) -> np.ndarray:
    members, n_in, n_out = w.shape
    whole = np.zeros((members, n_in, members, n_out))
    whole[np.arange(members), :, np.arange(members)] = w
    return whole.reshape(members * n_in, members * n_out)


def _heading(model: Model, layers: list[DenseLayer], name: str) -> Iterator[str]:
    n_in, n_out = len(list(_rows(model.inputs))), layers[-1].w.shape[2]
    yield f"function [y1] = {name}(x1)"
    yield f"%{name.upper()} neural network simulation function.\n%"
    yield f"% A {origin(model)}.\n%"
    yield f"% [y1] = {name}(x1) takes these arguments:"
    yield f"%   x = {n_in}xQ matrix, input #1"
    yield from _rows(model.inputs)
    yield "% and returns:"
    yield f"%   y = {n_out}xQ matrix, output #1"
    yield from _rows(model.targets)
    yield "% where Q is the number of samples.\n\n%#ok<*RPMT0>\n"


def _rows(columns: tuple[Column, ...]) -> Iterator[str]:
    row = 1
    for column in columns:
        for level in [None] if column.levels is None else column.levels:
            of = ", or NaN where it is missing" * column.missing
            if column.levels is not None:
                others = column.rare and level == column.levels[-1]
                of = f" = {told(level)!a}{', or any that is not listed' * others}"
            yield f"%       row {row}: {column.name!a}{of}"
            row += 1


def _network(model: Model, layers: list[DenseLayer]) -> Iterator[str]:
    yield from _constants(model, layers)
    yield from _simulation(model, layers)


def _constants(model: Model, layers: list[DenseLayer]) -> Iterator[str]:
    yield "% ===== NEURAL NETWORK CONSTANTS =====\n"
    for letter, title, columns in (
        ("x", "Input 1", model.inputs),
        ("y", "Output 1", model.targets),
    ):
        for i, step in enumerate(_steps(columns), 1):
            yield from [f"% {title}"] if i == 1 else []
            for field, value in step.settings.items():
                yield f"{letter}1_step{i}.{field} = {value};"
            yield ""
    for i, layer in enumerate(layers, 1):
        yield f"% Layer {i}"
        yield f"b{i} = {_matrix(layer.b[0][:, None])};"
        for name, w in _weights(layers, i).items():
            yield f"{name} = {_matrix(w.T)};"
        yield ""


class Step(NamedTuple):
    """A function that processes a matrix, and its settings."""

    name: str
    settings: dict[str, str]


def _steps(columns: tuple[Column, ...]) -> Iterator[Step]:
    mean, scale = scaling(columns)
    gaps = [at for at, c in zip(begins(columns), columns, strict=True) if c.missing]
    if gaps:
        indicators, places = np.array(gaps) + 1, np.arange(len(mean))
        rows = places - np.searchsorted(indicators, places, side="right")
        of_gaps = {"rows": rows[None] + 1, "indicators": indicators[None] + 1}
        of_gaps["means"] = mean[gaps][:, None]
        yield Step("missingcells", {k: _matrix(of) for k, of in of_gaps.items()})
    if np.any(mean != 0) or np.any(scale != 1):
        with np.errstate(divide="ignore", over="ignore"):
            gain = 1 / scale
        if not np.isfinite(gain).all():
            raise ValueError("model: a column's scale is too small for MATLAB's gain.")
        offset, gain = _matrix(mean[:, None]), _matrix(gain[:, None])
        yield Step("mapstd", {"xoffset": offset, "gain": gain, "ymean": "0"})


def _weights(layers: list[DenseLayer], i: int) -> dict[str, np.ndarray]:
    """The weights of the i-th layer; those by which it sees the inputs are others."""
    [w] = layers[i - 1].w
    if i == 1:
        return {"IW1_1": w}
    if i < len(layers) or not sees_inputs(layers):
        return {f"LW{i}_{i - 1}": w}
    of_units, of_inputs = np.split(w, [-layers[0].w.shape[1]])
    return {f"IW{i}_1": of_inputs, f"LW{i}_{i - 1}": of_units}


def _matrix(values: np.ndarray) -> str:
    rows = [" ".join(repr(float(value)) for value in row) for row in values]
    return rows[0] if values.size == 1 else f"[{';'.join(rows)}]"


def _simulation(model: Model, layers: list[DenseLayer]) -> Iterator[str]:
    yield "% ===== SIMULATION ========\n"
    yield "% Dimensions\nQ = size(x1,2); % samples\n"
    x = "x1"
    for i, step in enumerate(_steps(model.inputs), 1):
        yield from ["% Input 1"] if i == 1 else []
        yield f"xp1 = {step.name}_apply({x},x1_step{i});"
        x = "xp1"
    a = x
    for i, layer in enumerate(layers, 1):
        read = {"I": x, "L": a}
        terms = (f" + {name}*{read[name[0]]}" for name in _weights(layers, i))
        z, transfer = f"repmat(b{i},1,Q){''.join(terms)}", _TRANSFER[layer.activation]
        a = f"a{i}"
        yield f"\n% Layer {i}"
        yield f"{a} = {z if transfer == 'purelin' else f'{transfer}_apply({z})'};"
    yield "\n% Output 1"
    steps = [step.name for step in _steps(model.targets)]
    yield f"y1 = {f'{steps[0]}_reverse({a},y1_step1)' if steps else a};"


def _back(model: Model) -> Iterator[str]:
    """From what is learnt to the targets, whose logarithm it may be."""
    logs = [column.transform == "log" for column in model.targets]
    if all(logs):
        yield "y1 = exp(y1);"
    elif any(logs):
        rows = _matrix(np.flatnonzero(logs)[None] + 1)
        yield f"y1({rows},:) = exp(y1({rows},:));"
