"""A network that MATLAB's genFunction wrote, as a model."""

import dataclasses
import re
from collections.abc import Sequence
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from nanonet.model.matlab.parts import Simulation
from nanonet.model.matlab.processing import (
    Weights,
    is_logarithm,
    process_input,
    process_output,
)
from nanonet.model.matlab.simulation import follow
from nanonet.model.matlab.source import MatlabError, functions
from nanonet.model.model import Model
from nanonet.network.layers import Layer, SkipLayer
from nanonet.network.network import mlp
from nanonet.table.columns import Column

#: Bytes of a file; the largest networks of genFunction have a few million.
LARGEST = 2**28


def import_matlab(
    path: str | Path,
    *,
    inputs: Sequence[str] | None = None,
    outputs: Sequence[str] | None = None,
) -> Model:
    """Read a network that MATLAB's ``genFunction(net, 'name')`` wrote, as a model.

    A row of the model's table is a column of MATLAB's matrix: ``predict(model, x)`` is
    ``name(x')'``. Networks that are fed forward through any number of layers, by
    tansig, logsig, poslin, softmax and purelin, processed by mapminmax, mapstd and
    removeconstantrows. The last layer may read the input too, as in cascadeforwardnet
    of one hidden layer. Softmax outputs are the probabilities of classes, by default
    "1", "2", …, of which `predict` tells the likeliest, and
    `Model.predict_probabilities` all.

    The file is read and never run, and each statement must be one that genFunction
    writes: what was changed by hand is refused, rather than left out.

    Args:
      path: the .m file.
      inputs: names of the input columns; by default x1, x2, …
      outputs: names of the target columns, or of the classes; by default y, y2, …, or
        1, 2, …

    Raises:
      MatlabError: the file holds something else, or a network that is not nanonet's,
        such as one of series; the message names the line and what was found.
      ValueError: another number of names than there are columns, or equal ones.
      OSError: the file cannot be read.
    """
    path = Path(path)
    with path.open("rb") as file:
        content = file.read(LARGEST + 1)
    try:
        if len(content) > LARGEST:
            raise MatlabError(f"it is larger than {LARGEST // 2**20} MiB.")
        text = content.decode("utf8", "replace").removeprefix("\ufeff")
        simulation = follow(functions(text))
        return _model(simulation, _input_rows(text), inputs, outputs)
    except MatlabError as error:
        raise MatlabError(f"{path}: {error}") from error


def _input_rows(text: str) -> int:
    """How many rows the comment at the top says that the input has; 0: it does not."""
    found = re.search(
        r"^%.*?\b(?:(\d{1,6})xQ|Qx(\d{1,6})) matrix, input #1", text, re.M
    )
    return int(found[1] or found[2]) if found else 0


def _model(
    simulation: Simulation,
    told: int,
    inputs: Sequence[str] | None,
    outputs: Sequence[str] | None,
) -> Model:
    layers, of_inputs = _layers(simulation)
    if of_inputs is not None:
        of_inputs = Weights(of_inputs, layers[-1].b)
        _, _, (of_inputs, b), _ = process_input(simulation, of_inputs, told)
        layers[-1] = Weights(np.concatenate([layers[-1].w, of_inputs]), b)
    mean, scale, layers[0], gaps = process_input(simulation, layers[0], told)
    columns = _columns(
        _names("inputs", inputs, "x", len(mean) - len(gaps)), mean, scale, gaps
    )
    activations = [layer.activation for layer in simulation.layers]
    hidden, output = {*activations[:-1]} or {"tanh"}, activations[-1]
    if len(hidden) > 1:
        raise MatlabError(
            f"its hidden layers are of different kinds ({', '.join(sorted(hidden))}); "
            "nanonet's are of one."
        )
    sizes = [layers[0].w.shape[0], *(layer.w.shape[1] for layer in layers)]
    skip = of_inputs is not None
    if output == "softmax" and sizes[-1] > 1 and not simulation.outputs:
        levels = _names("outputs", outputs, "", sizes[-1])
        targets = (Column("class", tuple(levels)),)
    else:
        mean, scale, layers[-1], _ = process_output(simulation, layers[-1])
        sizes[-1] = len(mean)
        targets = _columns(_names("outputs", outputs, "y", len(mean)), mean, scale)
        if is_logarithm(simulation):
            targets = tuple(dataclasses.replace(of, transform="log") for of in targets)
    network = mlp(sizes, hidden.pop(), output, skip=skip)
    with jax.enable_x64(True):
        params = [Layer(jnp.asarray(w), jnp.asarray(b)) for w, b in layers]
    if skip:
        w, b = params.pop()
        return Model(
            network,
            (*params, SkipLayer(w[: sizes[-2]], w[sizes[-2] :], b)),
            columns,
            targets,
        )
    return Model(network, tuple(params), columns, targets)


def _columns(
    names: Sequence[str],
    mean: np.ndarray,
    scale: np.ndarray,
    gaps: Sequence[int] = (),
) -> tuple[Column, ...]:
    places = [i for i in range(len(mean)) if i not in gaps]
    numbers = zip(names, mean[places].tolist(), scale[places].tolist(), strict=True)
    missing = [place + 1 in gaps for place in places]
    return tuple(
        Column(name, None, *pair, missing=of)
        for (name, *pair), of in zip(numbers, missing, strict=True)
    )


def _names(
    argument: str, given: Sequence[str] | None, prefix: str, count: int
) -> Sequence[str]:
    if given is None:
        names = [f"{prefix}{i + 1}" for i in range(count)]
        return ["y", *names[1:]] if prefix == "y" else names
    names = [str(name) for name in given]
    if len(names) != count or len(set(names)) != count:
        raise ValueError(f"{argument} must be {count} different names; it is {names}.")
    return names


def _layers(simulation: Simulation) -> tuple[list[Weights], np.ndarray | None]:
    """The layers, and by what weights the last one sees the inputs, if it does."""
    layers, width, skip = [], None, None
    for layer in simulation.layers:
        for name in filter(None, (layer.w, layer.b, layer.skip)):
            if name not in simulation.constants:
                raise MatlabError(f"line {layer.line}: {name} was never set.")
        w, b = simulation.constants[layer.w], simulation.constants[layer.b]
        if b.shape != (len(w), 1) or width not in (None, w.shape[1]):
            raise MatlabError(
                f"line {layer.line}: {layer.w} is {w.shape[0]}x{w.shape[1]} and "
                f"{layer.b} is {b.shape[0]}x{b.shape[1]}, which does not fit"
                + (f" {width} units before them." if width else ".")
            )
        layers.append(Weights(w.T, b[:, 0]))
        width = len(w)
        if layer.skip:
            skip, inputs = simulation.constants[layer.skip], layers[0].w.shape[0]
            if skip.shape != (width, inputs):
                raise MatlabError(
                    f"line {layer.line}: {layer.skip} is {skip.shape[0]}x"
                    f"{skip.shape[1]}, but must be {width}x{inputs}."
                )
    return layers, None if skip is None else skip.T
