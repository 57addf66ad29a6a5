"""A model as Python source that needs NumPy only."""

from collections.abc import Iterable, Iterator

import numpy as np
from jaxtyping import Float

from nanonet.model.export.layers import (
    DenseLayer,
    dense_layers,
    listing,
    origin,
    sees_inputs,
)
from nanonet.model.model import Model
from nanonet.table.columns import Column

#: f(z), for z of one row per example, member by member.
ACTIVATIONS = {
    "identity": "{}",
    "sigmoid": "sigmoid({})",
    "tanh": "np.tanh({})",
    "relu": "np.maximum({}, 0.0)",
    "softplus": "np.logaddexp({}, 0.0)",
    "softmax": "softmax({})",
}

HELPERS = {
    "is_none": '''
def is_none(cell):
    """Whether a cell is missing: None, NaN, or text without a letter."""
    return cell is None or cell != cell or (isinstance(cell, str) and not cell.strip())
''',
    "numbers": '''
def numbers(cells):
    """Cells as float64, NaN where they are missing."""
    return np.array([np.nan if is_none(cell) else float(cell) for cell in cells])
''',
    "standardize": '''
def standardize(cells, name, mean, scale):
    """(x - mean) / scale."""
    z = (numbers(cells) - mean) / scale
    if not np.isfinite(z).all():
        raise ValueError(f"column {name!r} holds a number that is missing or infinite")
    return z[:, None]
''',
    "indicated": '''
def indicated(cells, name, mean, scale):
    """(x - mean) / scale and 0; or 0 and 1, where x is missing."""
    x = numbers(cells)
    missing = np.isnan(x)
    z = standardize(np.where(missing, mean, x), name, mean, scale)
    return np.hstack([z, missing[:, None]])
''',
    "one_hot": '''
def one_hot(cells, name, levels, rare=False):
    """1 at the cell's level, 0 at the others; rare: the last is for all others."""
    positions = {level: position for position, level in enumerate(levels)}
    texts = ["" if is_none(cell) else str(cell).strip() for cell in cells]
    if rare:
        texts = [text if text in positions else levels[-1] for text in texts]
    for text in texts:
        if text not in positions:
            raise ValueError(f"column {name!r}: {text!r} is none of {levels}")
    return np.eye(len(levels))[[positions[text] for text in texts]]
''',
    "sigmoid": '''
def sigmoid(z):
    """1 / (1 + e^(-z))."""
    with np.errstate(over="ignore"):
        return 1.0 / (1.0 + np.exp(-z))
''',
    "softmax": '''
def softmax(z):
    """e^z / sum of e^z, row by row."""
    e = np.exp(z - z.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)
''',
}

PREDICT = '''
def predict(x):
    """Predict {what} for each row of x, whose cells follow INPUTS."""
    x = np.asarray(x, dtype=object)
    if x.ndim != 2 or x.shape[1] != len(INPUTS):
        raise ValueError(f"x must have columns {{INPUTS}}; it has shape {{x.shape}}")
    a = np.hstack(
        [
{columns}
        ]
    )
{layers}
    a = a.mean(axis=0)  # over the networks
    return {answer}
'''


def export_numpy(model: Model) -> str:
    """Write a model as Python source, with one function ``predict(x)``.

    x holds one row per example and one cell per input column, as the table had them:
    numbers, and categories as text; a `pandas.DataFrame` of the columns ``INPUTS`` will
    do. Where the table had missing cells, None, NaN and "" are such. Computes in
    float64, and raises a ValueError for a cell that does not fit.

    Raises:
      ValueError: the network is not one of `mlp`, with activations given by name.

    >>> import numpy as np
    >>> from nanonet.network.network import mlp
    >>> from nanonet.network.layers import Layer
    >>> layer = Layer(w=np.array([[1.0], [0.0], [10.0]]), b=np.array([-0.5]))
    >>> inputs = Column("weight", None, mean=2.0), Column("kind", ("cat", "dog"))
    >>> network = mlp([3, 1], output="identity")
    >>> exported = {}
    >>> exec(export_numpy(Model(network, (layer,), inputs, (Column("y"),))), exported)
    >>> exported["predict"]([[3.0, "cat"], [3.5, "dog"]])
    array([ 0.5, 11. ])
    """
    layers = dense_layers(model)
    steps = [
        f"    a = {ACTIVATIONS[layer.activation].format(f'a @ W{i} + b{i}')}"
        for i, layer in enumerate(layers, 1)
    ]
    if sees_inputs(layers):
        steps = ["    z = a", *steps]
        beside = "[a, np.broadcast_to(z, (len(a), *z.shape))]"
        steps.insert(-1, f"    a = np.concatenate({beside}, axis=-1)")
    columns = [f"            {_encode(*each)}," for each in enumerate(model.inputs)]
    body = PREDICT.format(
        what="TARGET" if len(model.targets) == 1 else "TARGETS",
        columns="\n".join(columns),
        layers="\n".join(steps),
        answer=_decode(model.targets),
    )
    for name, helper in reversed(HELPERS.items()):  # which may call those before it
        if f"{name}(" in body:
            body = f"{helper}\n{body}"
    return "\n".join([*_constants(model, layers), "", body])


def _constants(model: Model, layers: list[DenseLayer]) -> Iterator[str]:
    yield f'"""A {origin(model)}. Needs NumPy only."""\n'
    yield "import numpy as np\n"
    target = model.targets[0]
    if len(model.targets) > 1:
        yield _texts("TARGETS", [column.name for column in model.targets])
    else:
        yield f"TARGET = {target.name!r}"
    if target.levels is not None:
        yield _texts("LEVELS", target.levels)
    yield _texts("INPUTS", [column.name for column in model.inputs])
    yield "\n# The weights and biases of each network, layer by layer."
    for i, (w, b, _) in enumerate(layers, 1):
        yield _matrices(f"W{i}", w)
        yield _matrices(f"b{i}", b[:, None])


def _matrices(name: str, matrices: Float[np.ndarray, "members rows columns"]) -> str:
    lines = [f"{name} = np.array(", "    ["]
    for matrix in matrices:
        rows = (f"{listing(row, indent=12, around='[]')}," for row in matrix)
        lines += ["        [", *rows, "        ],"]
    return "\n".join([*lines, "    ]", ")"])


def _texts(name: str, texts: Iterable[object]) -> str:
    return "\n".join([f"{name} = [", *(f"    {text!r}," for text in texts), "]"])


def _encode(i: int, column: Column) -> str:
    cells = f"x[:, {i}], INPUTS[{i}]"
    if column.levels is not None:
        rare = ", rare=True" * column.rare
        return f"one_hot({cells}, {list(column.levels)!r}{rare})"
    f = "indicated" if column.missing else "standardize"
    return f"{f}({cells}, {float(column.mean)!r}, {float(column.scale)!r})"


def _decode(targets: tuple[Column, ...]) -> str:
    if targets[0].levels is not None:
        return "np.array(LEVELS, dtype=object)[a.argmax(axis=1)]"
    scale = [float(column.scale) for column in targets]
    mean = [float(column.mean) for column in targets]
    if len(targets) == 1:
        answer = f"a[:, 0] * {scale[0]!r} + {mean[0]!r}"
        return f"np.exp({answer})" if targets[0].transform else answer
    answer = f"a * np.array({scale!r}) + np.array({mean!r})"
    logs = [bool(column.transform) for column in targets]
    return f"np.where({logs}, np.exp({answer}), {answer})" if any(logs) else answer
