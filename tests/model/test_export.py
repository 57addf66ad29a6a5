"""Every export is run, and answers as the library does."""

import ctypes
import dataclasses
import itertools
import shutil
import subprocess

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nanonet.model.committee import as_one
from nanonet.model.export.c_source import export_c
from nanonet.model.export.numpy_source import export_numpy
from nanonet.model.export.onnx_graph import export_onnx
from nanonet.model.intervals import Noise
from nanonet.model.model import Model, predict
from nanonet.model.storage import load_model, save_model
from nanonet.model.uncertainty import predict_interval
from nanonet.network.layers import ACTIVATIONS, Layer, SkipLayer
from nanonet.network.network import Network, mlp
from nanonet.table.cells import MISSING
from nanonet.table.columns import Column
from nanonet.table.encoding import encode

GCC = shutil.which("gcc")
C_FLAGS = "-std=c99 -O2 -Wall -Wextra -pedantic -Werror -fPIC -shared"
ROWS = 20


pytestmark = pytest.mark.precision(
    "x64", reason="all of it is float64; exports compute without JAX"
)


def numbers_only(model, frame):
    """The table as C reads it: categories by number."""
    columns = [
        frame[c.name].astype(float)
        if c.levels is None
        else frame[c.name].map(c.levels.index)
        for c in model.inputs
    ]
    return np.ascontiguousarray(np.column_stack(columns), float)


def run_numpy(model, frame):
    exported = {}
    exec(compile(export_numpy(model), "exported.py", "exec"), exported)
    return exported["predict"](frame[exported["INPUTS"]])


def run_c(model, frame, folder):
    if GCC is None:
        pytest.skip("gcc is not installed")
    function = compile_c(export_c(model), folder)
    x = numbers_only(model, frame)
    y = np.zeros((len(x), sum(column.width for column in model.targets)))
    pointer = ctypes.POINTER(ctypes.c_double)
    best = [
        function(row.ctypes.data_as(pointer), out.ctypes.data_as(pointer))
        for row, out in zip(x, y, strict=True)
    ]
    if model.targets[0].levels is None:
        return y[:, 0] if len(model.targets) == 1 else y, None
    return np.array(model.targets[0].levels, object)[best], y


libraries = itertools.count()


def compile_c(source, folder, name="nanonet_predict"):
    stem = folder / f"exported{next(libraries)}"
    stem.with_suffix(".c").write_text(source, "utf8")
    command = [GCC, *C_FLAGS.split(), stem.with_suffix(".c"), "-o", stem, "-lm"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    return getattr(ctypes.CDLL(stem), name)


def run_onnx(model, frame):
    runtime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    session = runtime.InferenceSession(export_onnx(model))
    given = {
        c.name: frame[c.name].to_numpy(float if c.levels is None else object)
        for c in model.inputs
    }
    return session.run(None, given)


def check(model, frame, folder):
    expected = predict(model, frame)
    of_numpy = run_numpy(model, frame)
    of_c, y_c = run_c(model, frame, folder)
    of_onnx, *y_onnx = run_onnx(model, frame)
    if len(model.targets) > 1:
        of_onnx = np.column_stack([of_onnx, *y_onnx])
    # A few roundings of float64, of sums that cancel.
    tolerance = {"rtol": 1e-12, "atol": 1e-12}
    for answer in (of_numpy, of_c, of_onnx):
        if model.targets[0].levels is None:
            np.testing.assert_allclose(answer, expected, **tolerance)
        else:
            assert list(answer) == list(expected)
    if model.targets[0].levels is not None:
        x = jnp.asarray(encode(model.inputs, frame))
        y = jax.vmap(model.network.apply, (None, 0))(model.params, x)
        np.testing.assert_allclose(y_c, y, **tolerance)
        np.testing.assert_allclose(y_onnx[0], y, **tolerance)


COLUMNS = Column("length", None, 1 / 3, 0.7), Column("colour", ("b", "g", "r"))


def make_model(
    hidden, output, target, *, members=1, seed=0, skip=False, columns=COLUMNS
):
    """Random layers 4-5-5-n, whose inputs are a number and three categories."""
    rng = np.random.default_rng(seed)
    targets = target if isinstance(target, tuple) else (target,)
    n_in, width = (sum(c.width for c in each) for each in (columns, targets))
    network = mlp([n_in, 5, 5, width], hidden, output, skip=skip)
    sizes = itertools.pairwise(network.architecture.sizes)
    params = tuple(
        Layer(rng.normal(size=(members, *s)), rng.normal(size=(members, s[1])))
        for s in sizes
    )
    if skip:
        (*first, (w, b)), s = params, rng.normal(size=(members, n_in, width))
        params = (*first, SkipLayer(w, s, b))
    return Model(*as_one(network, params), columns, targets)


def make_table(model, *, seed=1):
    rng = np.random.default_rng(seed)
    length, colour = model.inputs
    return pd.DataFrame(
        {
            colour.name: rng.choice(colour.levels, ROWS),
            length.name: rng.normal(size=ROWS),
        }
    )


NUMBER = Column("price", None, -2.5e3, 1e2 / 3)


@pytest.mark.parametrize(
    ("hidden", "output", "skip"),
    [
        *(
            (*of, False)
            for of in zip(ACTIVATIONS, np.roll(list(ACTIVATIONS), 2), strict=True)
        ),
        ("tanh", "identity", True),
    ],
)
@pytest.mark.one_case
def test_bounds_in_c_are_those_of_the_library(hidden, output, skip, tmp_path):
    if GCC is None:
        pytest.skip("gcc is not installed")
    targets = NUMBER, Column("weight", None, 7.0, 1e-3)
    model = make_model(hidden, str(output), targets, members=3, skip=skip)
    rng = np.random.default_rng(7)
    n = sum(leaf[0].size for leaf in jax.tree.leaves(model.params))
    factor = np.tril(rng.normal(size=(3, n, n)) / n) + 2 * np.eye(n)
    is_free = np.ones((3, n))
    for held in (4, 30):  # as `curvature` has it, of what a bound holds
        factor[1, held], factor[1, :, held] = 0.0, 0.0
        factor[1, held, held], is_free[1, held] = 1.0, 0.0
    noise = Noise(rng.uniform(0.5, 2, (3, 2)), np.full(3, 9.5), factor, is_free)
    if hidden in ("tanh", "relu"):  # what the noise depends on goes with any
        trend = rng.normal(size=(3, 2 * model.params[0].w.shape[1] + 3))
        trend[:, -2:] = -2.0, 1.5
        noise = noise._replace(trend=trend)
    model = dataclasses.replace(model, noise=noise)
    frame = make_table(model)
    expected = predict_interval(model, frame, level=0.8)
    source = export_c(model, interval=0.8)
    assert "bounds between which a new y lies with probability 0.8." in source
    library = compile_c(source, tmp_path, "nanonet_interval")
    pointer = ctypes.POINTER(ctypes.c_double)
    found = np.zeros((3, ROWS, 2))
    for row, *ends in zip(numbers_only(model, frame), *found, strict=True):
        given = [array.ctypes.data_as(pointer) for array in (row, *ends)]
        assert library(*given) == 0
    wanted = expected.prediction, expected.lower, expected.upper
    unit = np.max(expected.upper - expected.lower, 0)
    np.testing.assert_allclose(found / unit, wanted / unit, rtol=1e-12, atol=1e-12)
    nothing = np.full(2, np.nan).ctypes.data_as(pointer)
    assert library(nothing, *given[1:]) == -1


def test_bounds_are_only_of_models_that_know_them():
    with pytest.raises(ValueError, match="the model has no intervals"):
        export_c(make_model("tanh", "identity", NUMBER), interval=0.9)
    with pytest.raises(ValueError, match="this model predicts classes"):
        export_c(make_model("tanh", "softmax", CLASSES), interval=0.9)


CLASSES = Column("kind", ("no", "perhaps", "yes"))


def test_missing_cells_are_exported(tmp_path):
    columns = Column("length", None, 1 / 3, 0.7, True), Column("colour", ("b", "r", ""))
    layer = Layer(np.arange(5.0)[:, None] - 1.7, np.ones(1))
    model = Model(mlp([5, 1], output="identity"), (layer,), columns, (NUMBER,))
    table = pd.DataFrame({"length": [1.0, np.nan, np.nan], "colour": ["r", "b", ""]})
    z = [[(1 - 1 / 3) / 0.7, 0, 0, 1, 0], [0, 1, 1, 0, 0], [0, 1, 0, 0, 1]]
    by_hand = (np.array(z) @ layer.w + 1) * NUMBER.scale + NUMBER.mean
    np.testing.assert_allclose(predict(model, table), by_hand[:, 0], rtol=1e-14)
    check(model, table, tmp_path)


def test_what_is_learnt_by_its_logarithm_is_exported(tmp_path):
    column = dataclasses.replace(NUMBER, transform="log", mean=0.3, scale=0.2)
    model = make_model("tanh", "identity", column, members=2)
    plain = dataclasses.replace(column, transform=None)
    plain = dataclasses.replace(model, targets=(plain,))
    table = make_table(model)
    answers = predict(model, table)
    np.testing.assert_allclose(np.log(answers), predict(plain, table), rtol=1e-12)
    check(model, table, tmp_path)
    save_model(tmp_path / "log", model)
    np.testing.assert_array_equal(predict(load_model(tmp_path / "log"), table), answers)


@pytest.mark.parametrize("members", [1, 3])
@pytest.mark.one_case
def test_inputs_that_skip_the_hidden_units_are_exported(members, tmp_path):
    kinds = Column("kind", ("a", "b", "c"))
    for output, target in (("identity", NUMBER), ("softmax", kinds)):
        model = make_model("tanh", output, target, members=members, skip=True)
        check(model, make_table(model), tmp_path)


def test_gaps_a_logarithm_and_a_linear_part_at_once(tmp_path):
    logarithm = dataclasses.replace(NUMBER, transform="log", mean=0.3, scale=0.2)
    columns = Column("length", None, 1 / 3, 0.7, True), Column("colour", ("b", "r", ""))
    both = {"members": 2, "skip": True, "columns": columns}
    model = make_model("tanh", "identity", logarithm, **both)
    table = make_table(model)
    table.loc[::3, "length"] = np.nan
    check(model, table, tmp_path)


def test_rare_and_new_categories_are_exported(tmp_path):
    model = make_model("tanh", "identity", NUMBER)
    length, colour = model.inputs
    model = dataclasses.replace(
        model, inputs=(length, dataclasses.replace(colour, rare=True))
    )
    frame = make_table(model)
    check(model, frame, tmp_path)
    new = frame.assign(colour=["purple"] * ROWS)
    expected = predict(model, frame.assign(colour="r"))
    np.testing.assert_array_equal(predict(model, new), expected)
    np.testing.assert_allclose(run_numpy(model, new), expected, rtol=1e-12)
    np.testing.assert_allclose(run_onnx(model, new)[0], expected, rtol=1e-12)
    assert "2  'r', or any that is not listed" in export_c(model)


def test_several_targets_are_all_exported(tmp_path):
    targets = NUMBER, Column("weight", None, 7.0, 1e-3), Column("y")
    model = make_model("tanh", "identity", targets)
    frame = make_table(model)
    assert predict(model, frame).shape == (ROWS, 3)
    check(model, frame, tmp_path)


@pytest.mark.parametrize(
    ("hidden", "output"),
    list(zip(ACTIVATIONS, np.roll(list(ACTIVATIONS), 2).tolist(), strict=True)),
)
@pytest.mark.one_case
def test_every_activation_in_either_place(hidden, output, tmp_path):
    for target in (NUMBER, CLASSES):
        model = make_model(hidden, output, target, members=3)
        check(model, make_table(model), tmp_path)


def test_no_digit_is_lost():
    """A network that only adds its biases and weights up gives them back bit by bit."""
    rng = np.random.default_rng(3)
    values = np.ldexp(rng.normal(size=40), rng.integers(-1000, 1000, 40))
    network = mlp([1, 1], output="identity")
    for value in [*values, 5e-324, -0.0, 0.1]:
        layer = Layer(np.array([[value]]), np.zeros(1))
        model = Model(network, (layer,), (Column("x"),), (Column("y"),))
        frame = pd.DataFrame({"x": [1.0]})
        assert run_numpy(model, frame)[0] == value
        assert f" {float(value)!r}" in export_c(model).replace("{", " ")


def test_saturated_units_raise_no_warnings(tmp_path):
    for hidden, output in [("sigmoid", "softmax"), ("softplus", "sigmoid")]:
        model = make_model(hidden, output, Column("y"))
        big = tuple(Layer(500 * w, 500 * b) for w, b in model.params)
        model = dataclasses.replace(
            model, params=big, network=mlp([4, 5, 5, 1], hidden, output)
        )
        check(model, make_table(model), tmp_path)


def test_what_overflows_is_a_number_in_no_export(tmp_path):
    """∞ - ∞ in the second layer is no number, nor is its relu."""
    layers = (
        Layer(np.full((1, 2), 1e200), np.zeros(2)),
        Layer(np.array([[1.0], [-1.0]]), np.zeros(1)),
    )
    network = mlp([1, 2, 1], "relu", "relu")
    model = Model(network, layers, (Column("x"),), (Column("y"),))
    frame = pd.DataFrame({"x": [1e200, 0.0]})
    with np.errstate(invalid="ignore", over="ignore"):
        answers = predict(model, frame), run_numpy(model, frame)
        for answer in (*answers, run_c(model, frame, tmp_path)[0]):
            np.testing.assert_array_equal(answer, [np.nan, 0.0])


NASTY = [
    "'''", '"""', '"; exit(1); "', "*/ int main(void) { return 1; } /*", "/*", "//",
    "??/", "??/\n", "\\", "\\\n", "a\nb = 1", "a\rb", "\x01", "\x85", "\u2028",
    "\u202e", "价格", "é", "😀", "{}", "{0}", "%s%n", "$x$", "x[0]", "outputs",
    "constant", "#if 0", "\n#error no", "__import__('os')", "-", "\ufeff", "a" * 300,
]  # fmt: skip


def text(**limits):
    plain = st.text(
        st.characters(exclude_categories=["Cs"], exclude_characters="\0"), **limits
    )
    joined = st.lists(st.sampled_from(NASTY), min_size=1, max_size=3).map("".join)
    return (
        (plain | joined)
        .map(str.strip)
        .filter(lambda value: value and value.lower() not in MISSING)
    )


def check_names(texts, folder, *, onnx=True):
    """One model of many columns and levels, so that one compilation tries many."""
    names, levels = texts[: len(texts) // 2], texts[len(texts) // 2 :]
    inputs = [Column(name, None) for name in names[2:]]
    inputs.append(Column(names[0], tuple(levels)))
    target = Column(names[1], tuple(levels))
    n = len(levels)
    w = np.vstack([np.zeros((len(inputs) - 1, n)), np.roll(np.eye(n), 1, axis=1)])
    network = mlp([len(w), n], output="softmax")
    layers = (Layer(w, np.zeros(n)),)
    model = Model(network, layers, tuple(inputs), (target,))
    frame = pd.DataFrame({name: np.zeros(n) for name in names[2:]})
    frame[names[0]] = np.array(levels, object)
    expected = [*levels[1:], levels[0]]
    assert list(run_numpy(model, frame)) == expected
    if folder is not None:
        assert list(run_c(model, frame, folder)[0]) == expected
    if onnx:
        assert list(run_onnx(model, frame)[0]) == expected


def test_names_meant_to_break_the_source(tmp_path):
    values = list(dict.fromkeys(value.strip() for value in NASTY))
    values = [value for value in values if value]
    check_names(values, tmp_path)
    check_names(values[::-1], tmp_path)


@settings(max_examples=30, deadline=None, database=None)
@given(texts=st.lists(text(max_size=8), min_size=6, max_size=12, unique=True))
def test_any_names_in_python_and_onnx(texts):
    check_names(texts, None)


@settings(max_examples=5, deadline=None, database=None)
@given(texts=st.lists(text(max_size=8), min_size=60, max_size=100, unique=True))
def test_any_names_in_c(texts, tmp_path_factory):
    check_names(texts, tmp_path_factory.mktemp("c"), onnx=False)


def test_the_names_of_the_classes_in_c(tmp_path):
    if GCC is None:
        pytest.skip("gcc is not installed")
    levels = tuple(sorted({value.strip() for value in NASTY}))
    model = make_model("tanh", "softmax", Column("y", levels))
    compile_c(export_c(model), tmp_path)
    (library,) = (path for path in tmp_path.iterdir() if not path.suffix)
    names = (ctypes.c_char_p * len(levels)).in_dll(
        ctypes.CDLL(library), "nanonet_classes"
    )
    assert [name.decode() for name in names] == list(levels)


def test_cells_that_do_not_fit(tmp_path):
    model = make_model("tanh", "identity", NUMBER)
    table = make_table(model)
    for name, cell, message in [
        ("length", np.nan, "'length'.*missing or infinite"),
        ("length", np.inf, "'length'.*missing or infinite"),
        ("colour", "grey", "'colour': 'grey' is none of"),
    ]:
        bad = table.astype({"length": object})
        bad.loc[3, name] = cell
        with pytest.raises(ValueError, match=message):
            run_numpy(model, bad)
    exported = {}
    exec(export_numpy(model), exported)
    for x in ([[1.0]], [1.0, "b"], [[1.0, "b", 2.0]]):
        with pytest.raises(ValueError, match=r"columns \['length', 'colour'\]"):
            exported["predict"](x)


def test_c_refuses_cells_that_do_not_fit(tmp_path):
    if GCC is None:
        pytest.skip("gcc is not installed")
    function = compile_c(export_c(make_model("tanh", "softmax", CLASSES)), tmp_path)
    y = (ctypes.c_double * 3)()
    for row in [(np.nan, 0), (np.inf, 0), (0, -1), (0, 3), (0, 0.5), (0, np.nan)]:
        assert function((ctypes.c_double * 2)(*row), y) == -1
    assert function((ctypes.c_double * 2)(0, 2), y) >= 0
    assert sum(y) == pytest.approx(1, rel=1e-14)


def test_onnx_refuses_an_unknown_category():
    pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    model = make_model("tanh", "identity", NUMBER)
    with pytest.raises(Exception, match="out of data bounds"):
        run_onnx(model, make_table(model).replace("b", "grey"))


@pytest.mark.parametrize("export", [export_numpy, export_c, export_onnx])
def test_models_that_cannot_be_exported(export):
    model = make_model("tanh", "identity", NUMBER)
    bad_layer = model.params[0]._replace(b=np.array([0, 0, 0, 0, np.inf]))
    for change, message in [
        ({"network": Network(model.network.init, model.network.apply)}, "made by mlp"),
        ({"network": mlp([4, 5, 5, 1], np.tanh)}, "given by name"),
        ({"params": (bad_layer, *model.params[1:])}, "not finite"),
    ]:
        with pytest.raises(ValueError, match=message):
            export(dataclasses.replace(model, **change))
