"""A model as the MATLAB function that genFunction would have written for it."""

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from nanonet._internal.files import write_whole
from nanonet.model.export.layers import DenseLayer, dense_layers, origin
from nanonet.model.matlab.module_functions import ACTIVATIONS, KNOWN
from nanonet.model.model import Model, check_affine
from nanonet.table.columns import Column, scaling

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
    others; the comment at its top lists them. Of classes it returns the probabilities.
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
    check_affine(model, "function of MATLAB is written")
    layers = dense_layers(model)
    if _is_one_network(layers):
        layers = _as_one_network(layers)
    lines = list(_heading(model, layers, name))
    if len(layers[0].w) == 1:
        lines += [*_network(model, layers), "end\n"]
    else:
        lines += _functions_of(model, layers, name)
    used = [function for function in KNOWN if f"{function}(" in "\n".join(lines)]
    functions = [str(KNOWN[function]) for function in used]
    return "\n".join([*lines, "% ===== MODULE FUNCTIONS ========\n", *functions])


def _functions_of(model: Model, layers: list[DenseLayer], name: str) -> Iterator[str]:
    """The mean of a committee, and the function of each member."""
    members = [f"{name}_member{m + 1}" for m in range(len(layers[0].w))]
    answers = " + ".join(f"{member}(x1)" for member in members)
    yield f"y1 = ({answers}) / {len(members)};\nend\n"
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
    wide, members = [], len(layers[0].w)
    for i, (w, b, activation) in enumerate(layers):
        columns, rows = np.concatenate(w, axis=1), np.concatenate(w)
        last = i + 1 == len(layers)
        if last:
            whole = w.mean(axis=0) if i == 0 else rows / members
            bias = b.mean(axis=0)
        else:
            whole = columns if i == 0 else _block_diagonal(w)
            bias = b.ravel()
        wide.append(DenseLayer(whole[None], bias[None], activation))
    return wide


def _block_diagonal(w: np.ndarray) -> np.ndarray:
    members, n_in, n_out = w.shape
    whole = np.zeros((members, n_in, members, n_out))
    whole[np.arange(members), :, np.arange(members)] = w
    return whole.reshape(members * n_in, members * n_out)


def _heading(model: Model, layers: list[DenseLayer], name: str) -> Iterator[str]:
    n_in, n_out = layers[0].w.shape[1], layers[-1].w.shape[2]
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
        for level in [""] if column.levels is None else column.levels:
            is_met = f" = {str(level)!a}" if column.levels else ""
            yield f"%       row {row}: {column.name!a}{is_met}"
            row += 1


def _network(model: Model, layers: list[DenseLayer]) -> Iterator[str]:
    yield from _constants(model, layers)
    yield from _simulation(model, layers)


def _constants(model: Model, layers: list[DenseLayer]) -> Iterator[str]:
    yield "% ===== NEURAL NETWORK CONSTANTS =====\n"
    for letter, title, columns in _processed(model):
        mean, scale = scaling(columns)
        with np.errstate(divide="ignore", over="ignore"):
            gain = 1 / scale
        if not np.isfinite(gain).all():
            raise ValueError("model: a column's scale is too small for MATLAB's gain.")
        yield f"% {title}"
        yield f"{letter}1_step1.xoffset = {_matrix(mean[:, None])};"
        yield f"{letter}1_step1.gain = {_matrix(gain[:, None])};"
        yield f"{letter}1_step1.ymean = 0;\n"
    for i, (w, b, _) in enumerate(layers, 1):
        yield f"% Layer {i}"
        yield f"b{i} = {_matrix(b[0][:, None])};"
        yield f"{_weights(i)} = {_matrix(w[0].T)};\n"


def _processed(model: Model) -> Iterator[tuple[str, str, tuple[Column, ...]]]:
    for letter, title, columns in (
        ("x", "Input 1", model.inputs),
        ("y", "Output 1", model.targets),
    ):
        if any((column.mean, column.scale) != (0.0, 1.0) for column in columns):
            yield letter, title, columns


def _weights(i: int) -> str:
    return "IW1_1" if i == 1 else f"LW{i}_{i - 1}"


def _matrix(values: np.ndarray) -> str:
    rows = [" ".join(repr(float(value)) for value in row) for row in values]
    return rows[0] if values.size == 1 else f"[{';'.join(rows)}]"


def _simulation(model: Model, layers: list[DenseLayer]) -> Iterator[str]:
    processed = [letter for letter, _, _ in _processed(model)]
    yield "% ===== SIMULATION ========\n"
    yield "% Dimensions\nQ = size(x1,2); % samples\n"
    a = "x1"
    if "x" in processed:
        yield "% Input 1\nxp1 = mapstd_apply(x1,x1_step1);\n"
        a = "xp1"
    for i, layer in enumerate(layers, 1):
        z, transfer = (
            f"repmat(b{i},1,Q) + {_weights(i)}*{a}",
            _TRANSFER[layer.activation],
        )
        a = f"a{i}"
        yield f"% Layer {i}"
        yield f"{a} = {z if transfer == 'purelin' else f'{transfer}_apply({z})'};\n"
    yield "% Output 1"
    yield f"y1 = {f'mapstd_reverse({a},y1_step1)' if 'y' in processed else a};"
