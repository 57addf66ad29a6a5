"""A model as C99 source that needs nothing but math.h."""

from collections.abc import Iterator

from nanonet.model.export import c_interval
from nanonet.model.export.c_functions import ACTIVATIONS, ENCODE, LAYER
from nanonet.model.export.c_literals import array, comment, string
from nanonet.model.export.layers import (
    DenseLayer,
    dense_layers,
    origin,
    sees_inputs,
)
from nanonet.model.model import Model
from nanonet.table.columns import told


def export_c(model: Model, *, interval: float | None = None) -> str:
    r"""Write a model as C99 source, with one function ``nanonet_predict``.

    ::

        int nanonet_predict(const double x[], double y[]);

    x holds the input columns in the order that the comment at the top of the source
    gives; a category is given by its number there, a number that is missing as NAN, if
    the table had such in its column. y becomes the prediction, or the
    network's output for each class, and the class is returned (0 in a regression); -1,
    if x holds what is no finite number, or no category. Computes in double precision; a
    committee's members one after the other.

    With ``interval``, a level such as 0.95, there is a second function::

        int nanonet_interval(const double x[],
                             double y[], double lower[], double upper[]);

    whose bounds are the linearized ones of `predict_interval` at that level. Its source
    has ½ n² numbers for each network of n parameters.

    Raises:
      ValueError: the network is not one of `mlp`, with activations given by name; a
        class has a name longer than C allows; or the model has no intervals.

    >>> import numpy as np
    >>> from nanonet.network.network import mlp
    >>> from nanonet.network.layers import Layer
    >>> from nanonet.table.columns import Column
    >>> layer = Layer(w=np.array([[1.0], [0.0], [10.0]]), b=np.array([-0.5]))
    >>> inputs = Column("weight", None, mean=2.0), Column("kind", ("cat", "dog"))
    >>> network = mlp([3, 1], output="identity")
    >>> source = export_c(Model(network, (layer,), inputs, (Column("y"),)))
    >>> print("\n".join(source.splitlines()[2:8]))
     * Predicts 'y' from x, in this order:
     *   x[0]  'weight'
     *   x[1]  'kind', by number:
     *          0  'cat'
     *          1  'dog'
     * and y[0] becomes the prediction.
    """
    layers = dense_layers(model)
    n_in, n_out = len(model.inputs), layers[-1].b.shape[1]
    signature = f"int nanonet_predict(const double x[{n_in}], double y[{n_out}])"
    heads, more = [signature], []
    if interval is not None:
        heads.append(c_interval.signature(n_in, n_out))
        more += c_interval.interval_parts(
            model, layers, list(_forward(layers)), interval
        )
    parts = [
        "\n".join(_heading(model, interval)),
        "\n".join(["#include <math.h>\n", *(f"{head};" for head in heads)]),
        "\n".join(_constants(model, layers)),
        ENCODE,
        LAYER,
        *dict.fromkeys(ACTIVATIONS[layer.activation] for layer in layers),
        "\n".join([f"{signature}\n{{", *_body(model, layers), "}\n"]),
        *more,
    ]
    return "\n".join(part for part in parts if part)


def _heading(model: Model, interval: float | None) -> Iterator[str]:
    yield f"/* A {origin(model)}.\n *"
    levels, last = model.targets[0].levels, len(model.targets) - 1
    names = ", ".join(comment(column.name) for column in model.targets)
    yield f" * Predicts {names} from x, in this order:"
    for i, column in enumerate(model.inputs):
        numbered = ", by number:" if column.levels else ""
        numbered += ", or NAN where it is missing" * column.missing
        yield f" *   x[{i}]  {comment(column.name)}{numbered}"
        for number, level in enumerate(column.levels or ()):
            of_others = column.rare and number == column.width - 1
            others = ", or any that is not listed" * of_others
            yield f" *          {number}  {comment(told(level))}{others}"
    if levels is not None:
        yield " * and y becomes the network's output for each class:"
        yield from (f" *   y[{i}]  {comment(name)}" for i, name in enumerate(levels))
        yield " *\n * Returns the class whose output is largest, the first of equals;"
        yield " * or -1, if x holds what is not finite, or no category."
    else:
        if last:
            yield f" * and y[0] to y[{last}] become the predictions, in this order."
        else:
            yield " * and y[0] becomes the prediction."
        yield " *\n * Returns 0; or -1, if x holds what is not finite, or no category."
        if interval is not None:
            yield " *\n * nanonet_interval finds lower and upper too, the linearized"
            yield f" * bounds between which a new y lies with probability {interval!r}."
    yield " */"


def _constants(model: Model, layers: list[DenseLayer]) -> Iterator[str]:
    levels = model.targets[0].levels
    classes = f"const char *const nanonet_classes[{len(levels or ())}]"
    if levels is not None:
        yield f"extern {classes};"
    members = len(layers[0].w)
    yield f"\nenum {{ INPUTS = {len(model.inputs)}, MEMBERS = {members} }};\n"
    if levels is not None:
        yield f"{classes} = {{"
        yield from (f"    {string(level)}," for level in levels)
        yield "};\n"
    yield "/* Categories (0 for a column of numbers), mean, scale, may be missing? */"
    yield "static const struct {\n    int levels;\n    double mean, scale;"
    yield "    int missing;"
    yield "} columns[INPUTS] = {"
    for column in model.inputs:
        mean, scale = float(column.mean), float(column.scale)
        levels_, missing = len(column.levels or ()), int(column.missing)
        yield f"    {{{levels_}, {mean!r}, {scale!r}, {missing}}},"
    yield "};\n"
    for i, (w, b, _) in enumerate(layers, 1):
        yield array(f"w{i}", w.reshape(members, -1))
        yield array(f"b{i}", b) + "\n"


def _body(model: Model, layers: list[DenseLayer]) -> Iterator[str]:
    widths = [layer.w.shape[1] for layer in layers] + [layers[-1].w.shape[2]]
    arrays = ", ".join(f"a{i}[{width}]" for i, width in enumerate(widths))
    yield f"    double {arrays};"
    yield "    if (!encode(x, a0))\n        return -1;"
    yield f"    for (int i = 0; i < {widths[-1]}; i++)\n        y[i] = 0;"
    yield "    for (int m = 0; m < MEMBERS; m++) {"
    yield from _forward(layers)
    yield f"        for (int i = 0; i < {widths[-1]}; i++)"
    yield f"            y[i] += a{len(layers)}[i] / MEMBERS;\n    }}"
    levels = model.targets[0].levels
    if levels is None:
        for k, column in enumerate(model.targets):
            scale, mean = float(column.scale), float(column.mean)
            f = "exp" if column.transform else ""
            yield f"    y[{k}] = {f}(y[{k}] * {scale!r} + {mean!r});"
        yield "    return 0;"
    else:
        yield f"    int best = 0;\n    for (int i = 1; i < {len(levels)}; i++)"
        yield "        if (y[i] > y[best])\n            best = i;\n    return best;"


def _forward(layers: list[DenseLayer]) -> Iterator[str]:
    """From a0 through the layers of member m."""
    for i, (w, _, activation) in enumerate(layers, 1):
        _, n_in, n_out = w.shape
        if i == len(layers) and sees_inputs(layers):
            width = layers[0].w.shape[1]
            yield f"        for (int i = 0; i < {width}; i++)"
            yield f"            a{i - 1}[{n_in - width} + i] = a0[i];"
        yield f"        affine({n_in}, {n_out}, a{i - 1}, w{i}[m], b{i}[m], a{i});"
        if activation != "identity":
            yield f"        apply_{activation}({n_out}, a{i});"
