"""What is drawn: the data, colours and text of the artists, against numbers by hand."""

import gc
import subprocess
import sys
import weakref
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sklearn.metrics
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

import nanonet
from nanonet import plot
from nanonet.network.layers import Layer
from nanonet.plot.curves import as_histories
from nanonet.plot.style import NEGATIVE, POSITIVE
from nanonet.solve.result import History, Result, Status

# Drawing is NumPy's and matplotlib's work; the dtype of JAX changes nothing about it.
pytestmark = pytest.mark.precision("x64")


def run_of(value, params=None):
    """A result with this history, as `minimize` returns it."""
    value = np.asarray(value, float)
    history = History(value, value / 10, params)
    end = None if params is None else jax.tree.map(lambda leaf: leaf[-1], params)
    return Result(
        end, value[-1], value[-1] / 10, len(value) - 1, 0, Status.GRADIENT, history
    )


def lines_of(ax):
    return {line.get_label(): line for line in ax.lines}


def texts_of(ax):
    return [text.get_text() for text in ax.texts]


def test_losses_are_the_histories():
    runs = {
        "adam": run_of([4.0, 2.0, 1.0]),
        "diverged": run_of([1.0, 0.0, 3.0, np.inf, np.nan]),
    }
    ax = plot.losses(runs)
    lines = lines_of(ax)
    np.testing.assert_array_equal(lines["adam"].get_ydata(), [4, 2, 1])
    # Neither 0 nor infinity has a place on a logarithmic axis.
    drawn = lines["diverged"].get_ydata()
    np.testing.assert_array_equal(drawn, [1, np.nan, 3, np.nan, np.nan])
    assert lines["diverged"].get_markevery() == [2]
    assert lines["adam"].get_color() == plot.looks(["adam"])["adam"].color
    assert ax.get_yscale() == "log"
    assert texts_of(ax) == list(runs)
    (line,) = plot.gradient_norms(runs["adam"]).lines
    np.testing.assert_allclose(line.get_ydata(), [0.4, 0.2, 0.1])


def test_a_run_alone_has_the_color_of_its_rule():
    run = replace(
        run_of([4.0, 1.0], np.array([[2.0, 0.0], [1.0, 0.0]])), rule="adam(1)"
    )
    blue = plot.looks(["adam"])["adam"].color
    for ax in (plot.losses(run), plot.paths(lambda p: p @ p, run), run.plot()):
        assert ax.lines[0].get_color() == blue
    J, slope = plot.training(run).lines
    assert (J.get_color(), slope.get_color()) == (blue, blue)
    assert J.get_linestyle() != slope.get_linestyle()


@pytest.mark.parametrize(
    ("runs", "error", "message"),
    [
        ({}, ValueError, "runs is empty"),
        ([1, 2], TypeError, "dict of name → Result"),
        ({"adam": 3.0}, TypeError, r"runs\['adam'\] must be a Result"),
    ],
)
def test_runs_must_be_results(runs, error, message):
    with pytest.raises(error, match=message):
        as_histories(runs)


def test_steps_of_a_history_that_was_thinned():
    run = run_of([4.0, 2.0, 1.0])
    thinned = replace(run, history=replace(run.history, steps=np.array([0, 100, 150])))
    for ax in (plot.losses(thinned), plot.training(thinned), thinned.plot()):
        np.testing.assert_array_equal(ax.lines[0].get_xdata(), [0, 100, 150])
    *_, note = plot.training(thinned).texts
    assert note.xy == (150, 1.0)


def test_runs_without_a_history_and_runs_of_many():
    square = nanonet.gradient_descent(0.1)

    def minimize(start, **options):
        return nanonet.minimize(jnp.square, start, square, max_steps=2, **options)

    bare = minimize(1.0, history=False)
    many = jax.vmap(lambda start: minimize(start, history=True))(jnp.ones(3))
    for draw in (plot.losses, plot.training, lambda run: plot.paths(jnp.square, run)):
        with pytest.raises(
            ValueError, match=r"runs\['run'\] has no history: .*history"
        ):
            draw(bare)
        with pytest.raises(ValueError, match=r"runs\['run'\] is of many runs"):
            draw(many)
    one = jax.tree.map(lambda leaf: leaf[0], many)
    np.testing.assert_allclose(plot.losses(one).lines[0].get_ydata(), [1, 0.64, 0.4096])


def test_the_average_of_the_notes():
    lines = lines_of(plot.average([10.0, 12.0], 0.9))
    np.testing.assert_array_equal(lines["x"].get_ydata(), [10, 12])
    np.testing.assert_array_equal(lines["x"].get_xdata(), [1, 2])
    np.testing.assert_allclose(lines["v"].get_ydata(), [1, 2.1], rtol=1e-12)
    (corrected,) = (lines[name] for name in lines if name.startswith("v̂"))
    expected = [10, 11.052631578947368]
    np.testing.assert_allclose(corrected.get_ydata(), expected, rtol=1e-12)


def test_the_weights_of_the_average():
    ax = plot.average_weights(0.5, 4)
    heights = ax.patches[0].get_data().values
    np.testing.assert_allclose(heights, [1 / 16, 1 / 8, 1 / 4, 1 / 2])
    np.testing.assert_allclose(ax.lines[0].get_ydata() * 15, [1, 2, 4, 8])
    labels = {text.get_text() for text in ax.get_legend().get_texts()}
    assert labels == {"in v(4): sum 0.938", "in v̂(4): sum 1"}


@pytest.mark.parametrize("x", [1.0, [], [[1.0, 2.0]], [1.0, np.nan]])
def test_an_average_is_of_a_sequence_of_finite_numbers(x):
    with pytest.raises(ValueError, match="x"):
        plot.average(x, 0.9)


def test_text_is_no_series():
    with pytest.raises(TypeError, match="y must be real numbers"):
        plot.predictions(["a", "b"], [1.0, 2.0])


MAZUR = (
    Layer(np.array([[0.15, 0.25], [0.2, 0.3]]), np.array([0.35, 0.35])),
    Layer(np.array([[0.4, -0.5], [0.45, 0.55]]), np.array([0.6, 0.6])),
)


def test_the_diagram_of_a_network():
    layers = (MAZUR[0], Layer(np.abs(MAZUR[1].w), MAZUR[1].b))
    ax = plot.diagram(nanonet.mlp([2, 2, 2]), layers, [0.05, 0.10])
    texts = texts_of(ax)
    assert {"x1\n0.05", "x2\n0.1"} <= set(texts)
    # The weighted sums and activations of Mazur's step-by-step example.
    inside = dict(text.split("\nz ") for text in texts if "\nz " in text)
    mazurs = {
        **{"h1": (0.3775, 0.5933), "h2": (0.3925, 0.5969)},
        **{"o1": (1.1059, 0.7514), "o2": (1.2249, 0.7729)},
    }
    assert inside.keys() == mazurs.keys()
    for unit, numbers in mazurs.items():
        shown = [float(number) for number in inside[unit].split("\n")]
        np.testing.assert_allclose(shown, numbers, rtol=5e-3)
    assert texts.count("b = 0.35") == texts.count("b = 0.6") == 2
    assert {"0.15", "0.2", "0.25", "0.3", "0.4", "0.45", "0.5", "0.55"} <= set(texts)
    shades = {tuple(patch.get_center()): patch.get_facecolor() for patch in ax.patches}
    assert len(shades) == 6
    # The larger the activation, the darker the unit.
    by_layer = sorted(shades, key=lambda place: (place[0], -place[1]))
    x1, x2, _, _, o1, o2 = (shades[place][0] for place in by_layer)
    assert x1 > x2 > o1 > o2


def test_width_and_colour_of_a_line_are_its_weight():
    ax = plot.diagram(nanonet.mlp([2, 2, 2]), MAZUR)
    weights = [0.15, 0.25, 0.2, 0.3, 0.4, -0.5, 0.45, 0.55]
    widths = np.array([line.get_linewidth() for line in ax.lines])
    np.testing.assert_allclose(widths / widths.max(), np.abs(weights) / 0.55)
    colors = [line.get_color() for line in ax.lines]
    assert colors == [POSITIVE if w > 0 else NEGATIVE for w in weights]
    places = [tuple(patch.get_center()) for patch in ax.patches]
    x1, x2, h1, h2, _, _ = places
    ends = [tuple(map(tuple, line.get_xydata())) for line in ax.lines]
    assert ends[:4] == [(x1, h1), (x1, h2), (x2, h1), (x2, h2)]
    assert {"x1", "h2", "o2"} <= set(texts_of(ax))
    assert all(to_rgb(patch.get_facecolor()) == (1, 1, 1) for patch in ax.patches)


def test_the_notes_names_stand_beside_their_lines():
    numbers = dict(w1=1, w2=-2, w3=3, w4=-4, w5=5, w6=-6, b3=0.25, b4=0, b5=-0.5)
    params = nanonet.TwoTwoOne(**{name: jnp.float64(n) for name, n in numbers.items()})
    ax = plot.diagram(nanonet.two_two_one(), params)
    texts = texts_of(ax)
    assert {f"{name} = {number}" for name, number in numbers.items()} <= set(texts)
    # w3 leads from x2 to h1.
    x1, x2, h1, _, _ = (patch.get_center() for patch in ax.patches)
    (w3,) = (text for text in ax.texts if text.get_text() == "w3 = 3")
    start, end = np.array(x2), np.array(h1)
    along = (np.array(w3.get_position()) - start) / (end - start)
    assert along[0] == pytest.approx(along[1])
    assert x1[1] > x2[1]


@pytest.mark.parametrize(
    ("sizes", "params", "x", "message"),
    [
        ([1] * 7, None, None, "7 layers, too many to draw: at most 6"),
        ([2, 2, 2], MAZUR[:1], None, r"weights of shapes \[\(2, 2\)\]"),
        ([2, 2, 2], MAZUR, [1.0], "one example of this network has shape"),
        ([2, 2, 2], MAZUR, [np.nan, 0.0], "x holds nan"),
        (
            [1, 1],
            (Layer(np.array([[np.inf]]), np.zeros(1)),),
            None,
            r"params\[0\].w holds ",
        ),
    ],
)
def test_a_diagram_that_cannot_be_drawn(sizes, params, x, message):
    with pytest.raises(ValueError, match=message):
        plot.diagram(nanonet.mlp(sizes), params, x)


def test_a_network_of_no_layers_is_not_drawn():
    network = nanonet.Network(lambda key: 0.0, lambda params, x: x)
    with pytest.raises(ValueError, match="not known to be made of layers"):
        plot.diagram(network, 0.0)


def test_predictions_and_residuals():
    y, predicted = [1.0, 2.0, 4.0], [[1.5], [2.0], [3.0]]
    ax = plot.predictions(y, predicted)
    diagonal, points = ax.lines
    np.testing.assert_array_equal(points.get_xydata(), [[1, 1.5], [2, 2], [4, 3]])
    assert diagonal.get_xy1()[0] == diagonal.get_xy1()[1]
    assert diagonal.get_slope() == 1
    zero, points = plot.residuals(y, predicted).lines
    np.testing.assert_array_equal(points.get_xydata(), [[1.5, 0.5], [2, 0], [3, -1]])
    np.testing.assert_array_equal(zero.get_ydata(), [0, 0])
    plot.predictions([2.0], [2.0])
    with pytest.raises(ValueError, match="y holds 3 numbers and predicted 2"):
        plot.residuals(y, [1.0, 2.0])


def test_rows_held_out_have_their_own_color():
    held_out = [False, True, True]
    *_, learnt, other = plot.residuals(
        [1.0, 2.0, 4.0], [1.5, 2.0, 3.0], held_out=held_out
    ).lines
    np.testing.assert_array_equal(learnt.get_xydata(), [[1.5, 0.5]])
    np.testing.assert_array_equal(other.get_xydata(), [[2, 0], [3, -1]])
    assert (learnt.get_label(), other.get_label()) == ("learnt from", "held out")
    assert learnt.get_color() != other.get_color()


def test_rows_held_out_must_be_told_of_each_row():
    with pytest.raises(ValueError, match=r"held_out has shape \(1,\).* 3 rows"):
        plot.predictions([1.0, 2.0, 4.0], [1.5, 2.0, 3.0], held_out=[True])


def test_a_large_layer_is_drawn_in_part_and_names_are_written_as_they_are():
    network = nanonet.mlp([30, 2, 1])
    params = network.init(key=jax.random.key(0))
    names = ([f"column {i}" for i in range(30)], ["price in $x$\x1b[31m"])
    ax = plot.diagram(network, params, names=names)
    assert len(ax.patches) == 12 + 2 + 1
    assert len(ax.lines) == 12 * 2 + 2
    texts = texts_of(ax)
    assert {"… 18 more", "column 11", "price in $x$\ufffd[31m"} <= set(texts)
    assert "column 12" not in texts
    ax._repr_png_()


def test_many_weights_of_an_average_are_one_shape():
    ax = plot.average_weights(0.999, 100_000)
    assert not ax.patches  # of which matplotlib looks at each corner
    (outline,) = ax.collections
    corners = outline.get_paths()[0].vertices
    s, weights = corners[corners[:, 1] > 0].T
    assert {*s} == {*range(1, 100_001)}
    expected = 0.001 * 0.999 ** (100_000 - s)
    np.testing.assert_allclose(weights, expected, rtol=1e-3, atol=1e-12)
    ax._repr_png_()


def test_importances_that_cannot_be_drawn():
    with pytest.raises(ValueError, match="2 names, 1 means and 1 deviations"):
        plot.importances(["a", "b"], [1.0], [0.1])
    with pytest.raises(ValueError, match="mean holds nan"):
        plot.importances(["a"], [np.nan], [0.1])


def test_the_confusion_table_counts():
    rng = np.random.default_rng(0)
    names = np.array(["a$b", "cat", "a very long name"])
    y, predicted = names[rng.integers(3, size=50)], names[rng.integers(3, size=50)]
    ax = plot.confusion(y, predicted)
    expected = sklearn.metrics.confusion_matrix(y, predicted)
    counts = np.zeros((3, 3), int)
    for text in ax.texts:
        column, row = text.get_position()
        counts[row, column] = int(text.get_text())
    np.testing.assert_array_equal(counts, expected)
    shares = sklearn.metrics.confusion_matrix(y, predicted, normalize="true")
    np.testing.assert_allclose(ax.images[0].get_array(), shares)
    ticks = [label.get_text() for label in ax.get_yticklabels()]
    assert ticks == sorted(names)
    accuracy = sklearn.metrics.accuracy_score(y, predicted)
    assert f"({accuracy:.1%})" in ax.get_title()
    ax._repr_png_()


@pytest.mark.parametrize(
    ("y", "predicted", "message"),
    [
        ([], [], "equally long"),
        ([1, 2], [1], "equally long"),
        (np.arange(40), np.arange(40), "40 classes; a table of at most 30"),
    ],
)
def test_a_confusion_that_cannot_be_drawn(y, predicted, message):
    with pytest.raises(ValueError, match=message):
        plot.confusion(y, predicted)


def test_the_spectrum_of_a_saddle():
    curvature = np.array([4.0, 0.25, 0.0, -1.0])
    ax = plot.spectrum(lambda t: jnp.sum(curvature * t**2) / 2, np.zeros(4))
    lines = lines_of(ax)
    np.testing.assert_allclose(lines["λ > 0: 2"].get_xydata(), [[3, 0.25], [4, 4]])
    np.testing.assert_allclose(lines["λ < 0: 1"].get_xydata(), [[1, 1]])
    ((position, height),) = lines["λ ≈ 0: 1"].get_xydata()
    assert position == 2
    (band,) = ax.patches
    assert band.get_y() < height < band.get_y() + band.get_height() < 0.25
    assert ax.get_ylim()[0] < height
    with pytest.raises(ValueError, match="params holds nan"):
        plot.spectrum(jnp.sum, np.array([np.nan]))
    with pytest.raises(ValueError, match="eigenvalues holds nan"):
        plot.spectrum(lambda t: jnp.sum(jnp.log(t)), np.zeros(4))


def test_new_axes_show_themselves_and_are_freed():
    ax = plot.average([1.0, 2.0], 0.5)
    png = ax._repr_png_()
    width, height = np.frombuffer(png[16:24], ">u4")
    assert png.startswith(b"\x89PNG\r\n")
    assert (width, height) == (640, 400)
    figure = weakref.ref(ax.figure)
    del ax
    gc.collect()
    assert figure() is None


def test_axes_that_are_given_are_drawn_on():
    given = Figure().add_subplot()
    assert plot.predictions([1.0, 2.0], [1.0, 2.0], ax=given) is given
    assert len(given.lines) == 2


def test_neither_matplotlib_nor_pyplot_is_imported_unasked():
    program = """
import sys, nanonet
assert "matplotlib" not in sys.modules
nanonet.plot.predictions([1.0], [2.0])
assert "matplotlib.pyplot" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", program], check=True)
