"""A model as an ONNX graph, in float64."""

import itertools
from typing import Any

import numpy as np

from nanonet._internal.optional import require
from nanonet.model.export.layers import dense_layers, origin, sees_inputs
from nanonet.model.model import Model
from nanonet.table.columns import Column

# Old enough for the runtimes of the last years, new enough for all that is used here.
OPSETS = {"": 17, "ai.onnx.ml": 3}
IR_VERSION = 8

#: The operators that are f(z), where there is one in float64.
OPERATORS = {
    "sigmoid": "Sigmoid",
    "tanh": "Tanh",
    "relu": "Relu",
    "softmax": "Softmax",  # over the last axis
}


def export_onnx(model: Model) -> bytes:
    """Write a model as an ONNX graph, from the columns of a table to its prediction.

    Each input column is an input of that name and of shape [n]: doubles for numbers,
    strings for categories; NaN and "" where they are missing, if the table had such in
    the column. An output of each target's name is its prediction, of shape [n],
    likewise; where classes are predicted, a second output holds the network's output
    for each of them, [n, classes]. Computes in float64. An unknown category is an error
    when the graph runs.

    Raises:
      ValueError: the network is not one of `mlp`, with activations given by name; or
        two columns have one name, or one has none.
      ModuleNotFoundError: onnx is not installed (extra ``export``).

    Source: https://onnx.ai/onnx/operators/

    >>> import onnx
    >>> from nanonet.network.network import mlp
    >>> from nanonet.network.layers import Layer
    >>> layer = Layer(w=np.array([[1.0], [0.0], [10.0]]), b=np.array([-0.5]))
    >>> inputs = Column("weight", None, mean=2.0), Column("kind", ("cat", "dog"))
    >>> network = mlp([3, 1], output="identity")
    >>> content = export_onnx(Model(network, (layer,), inputs, (Column("y"),)))
    >>> graph = onnx.load_from_string(content).graph
    >>> print(onnx.printer.to_text(graph).partition(" =>")[0])
    nanonet (double[n] weight, string[n] kind)
    """
    require("onnx", extra="export")
    names = [column.name for column in (*model.inputs, *model.targets)]
    if len(set(names)) < len(names) or "" in names:
        raise ValueError("model: ONNX needs columns of different names, none empty.")
    layers = dense_layers(model)
    graph = Graph(reserved=set(names))
    a = graph.node("Concat", *(_encode(graph, c) for c in model.inputs), axis=1)
    x = a
    for i, (w, b, activation) in enumerate(layers, 1):
        if i == len(layers) and sees_inputs(layers):
            a = graph.node("Concat", a, _of_each_member(graph, x, len(w)), axis=2)
        weighted = graph.node("MatMul", a, graph.constant(w))
        z = graph.node("Add", weighted, graph.constant(b[:, None]))
        a = _activate(graph, activation, z)
    mean = graph.node("ReduceMean", a, axes=[0], keepdims=0)  # over the networks
    _decode(graph, model.targets, mean)
    return graph.build(origin(model))


class Graph:
    """An ONNX graph in the making; its values are known by their names."""

    def __init__(self, reserved: set[str]) -> None:
        self.helper: Any = require("onnx.helper", extra="export")
        self.onnx: Any = require("onnx", extra="export")
        self.taken, self.numbers = set(reserved), itertools.count(1)
        self.nodes, self.constants, self.inputs, self.outputs = [], [], [], []

    def input(self, name: str, *, text: bool) -> str:
        """Let ``name`` be an input, of shape [n]."""
        self.inputs.append(self._value(name, ["n"], text=text))
        return name

    def constant(self, value: np.ndarray | np.generic) -> str:
        """Name a constant."""
        name, value = self.free("constant"), np.asarray(value)
        if value.dtype == object:
            encoded = [text.encode() for text in value]
            kind = self.onnx.TensorProto.STRING
            tensor = self.helper.make_tensor(name, kind, value.shape, encoded)
        else:
            tensor = self.onnx.numpy_helper.from_array(value, name)
        self.constants.append(tensor)
        return name

    def node(
        self, operator: str, *arguments: str, into: str | None = None, **attributes: Any
    ) -> str:
        """Name what an operator makes of its arguments."""
        name = into or self.free(operator)
        node = self.helper.make_node(operator, arguments, [name], **attributes)
        self.nodes.append(node)
        return name

    def output(
        self, value: str, name: str, *, shape: list[str | int], text: bool = False
    ) -> None:
        """Let a value be an output of that name."""
        self.node("Identity", value, into=name)
        self.outputs.append(self._value(name, shape, text=text))

    def free(self, name: str) -> str:
        """Find a name that nothing bears yet."""
        found = name
        while found in self.taken:
            found = f"{name}{next(self.numbers)}"
        self.taken.add(found)
        return found

    def build(self, description: str) -> bytes:
        """Check the graph, and write it."""
        graph = self.helper.make_graph(
            self.nodes, "nanonet", self.inputs, self.outputs, self.constants
        )
        opsets = [self.helper.make_opsetid(*opset) for opset in OPSETS.items()]
        model = self.helper.make_model(
            graph,
            opset_imports=opsets,
            ir_version=IR_VERSION,
            producer_name="nanonet",
            doc_string=description,
        )
        self.onnx.checker.check_model(model, full_check=True)
        return model.SerializeToString()

    def _value(self, name: str, shape: list[str | int], *, text: bool) -> Any:
        types = self.onnx.TensorProto
        kind = types.STRING if text else types.DOUBLE
        return self.helper.make_tensor_value_info(name, kind, shape)


def _of_each_member(graph: Graph, x: str, members: int) -> str:
    """x of every row, with a leading axis of members."""
    alone = graph.node("Unsqueeze", x, graph.constant(np.array([0])))
    return graph.node("Expand", alone, graph.constant(np.array([members, 1, 1])))


def _encode(graph: Graph, column: Column) -> str:
    cells = graph.input(column.name, text=column.levels is not None)
    if column.levels is None:
        x = graph.node("Unsqueeze", cells, graph.constant(np.array([1])))
        mean, unit = map(graph.constant, np.array([column.mean, column.scale]))
        if not column.missing:
            return graph.node("Div", graph.node("Sub", x, mean), unit)
        missing = graph.node("IsNaN", x)
        difference = graph.node("Sub", graph.node("Where", missing, mean, x), mean)
        indicator = graph.node("Cast", missing, to=graph.onnx.TensorProto.DOUBLE)
        return graph.node(
            "Concat", graph.node("Div", difference, unit), indicator, axis=1
        )
    count = len(column.levels)
    position = graph.node(
        "LabelEncoder",
        cells,
        domain="ai.onnx.ml",
        keys_strings=list(column.levels),
        values_int64s=list(range(count)),
        # Else a row that there is not, so that Gather fails.
        default_int64=count - 1 if column.rare else count,
    )
    return graph.node("Gather", graph.constant(np.eye(count)), position)


def _activate(graph: Graph, activation: str, z: str) -> str:
    if activation == "identity":
        return z
    if activation == "softplus":  # max(z, 0) + ln(1 + e^-|z|)
        e = graph.node("Exp", graph.node("Neg", graph.node("Abs", z)))
        log = graph.node("Log", graph.node("Add", e, graph.constant(np.float64(1))))
        return graph.node("Add", graph.node("Relu", z), log)
    return graph.node(OPERATORS[activation], z)


def _decode(graph: Graph, targets: tuple[Column, ...], y: str) -> None:
    levels = targets[0].levels
    if levels is None:
        for k, column in enumerate(targets):
            z = graph.node("Gather", y, graph.constant(np.array(k)), axis=1)
            scaled = graph.node("Mul", z, graph.constant(np.float64(column.scale)))
            mean = graph.constant(np.float64(column.mean))
            answer = graph.node("Add", scaled, mean)
            if column.transform:
                answer = graph.node("Exp", answer)
            graph.output(answer, column.name, shape=["n"])
        return
    best = graph.node("ArgMax", y, axis=1, keepdims=0)
    labels = graph.constant(np.array(levels, object))
    graph.output(
        graph.node("Gather", labels, best), targets[0].name, shape=["n"], text=True
    )
    graph.output(y, graph.free("outputs"), shape=["n", len(levels)])
