"""Paths, surfaces and root searches as drawn; animations as they are kept."""

import math
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import PIL.Image
import pytest

import nanonet
from nanonet import plot
from nanonet.plot.contours import draw_scene, make_scene
from nanonet.plot.plane import Plane
from nanonet.plot.style import BLUE, VERMILLION, axes_or_new
from nanonet.roots.result import Root
from nanonet.solve.result import History, Result, Status

# Drawing is NumPy's and matplotlib's work; the dtype of JAX changes nothing about it.
pytestmark = pytest.mark.precision("x64")


def run_through(params):
    """A result whose history holds these parameters, leaves of [points, ...]."""
    leaves = params.values() if isinstance(params, dict) else [params]
    nothing = np.zeros(len(next(iter(leaves))))
    history = History(nothing, nothing, params)
    return Result(None, nothing[0], nothing[0], 1, 1, Status.GOAL, history)


def bowl(params):
    """J = a²/2 + 8b²."""
    return params["a"] ** 2 / 2 + 8 * params["b"] ** 2


#: θ(t) of gradient descent on the bowl, α = 0.1, in closed form: (1 - αλ)ᵗ θ(0).
T = np.arange(6.0)
DESCENT = {"a": 4 * 0.9**T, "b": 1 * (-0.6) ** T}
OTHER = {"a": np.array([4.0, 0.0]), "b": np.array([1.0, 0.0])}


def test_paths_of_two_parameters_are_exact():
    ax = plot.paths(bowl, {"gradient descent": run_through(DESCENT)})
    path, end, start = ax.lines
    np.testing.assert_array_equal(path.get_xdata(), DESCENT["a"])
    np.testing.assert_array_equal(path.get_ydata(), DESCENT["b"])
    assert (
        path.get_color() == plot.looks(["gradient_descent"])["gradient_descent"].color
    )
    assert (start.get_xdata(), start.get_ydata()) == ([4], [1])
    assert (end.get_xdata(), end.get_ydata()) == ([DESCENT["a"][-1]], [-(0.6**5)])
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("a", "b")
    (a0, a1), (b0, b1) = ax.get_xlim(), ax.get_ylim()
    assert a0 < DESCENT["a"].min() < 4 < a1
    assert b0 < -0.6 < 1 < b1


def test_two_parameters_are_drawn_to_scale_with_the_minimum_in_the_picture():
    runs = {"adam": run_through(DESCENT), "newton": run_through(OTHER)}
    ax = plot.paths(bowl, runs, minimum={"a": -9.0, "b": 0.0})
    assert ax.get_aspect() == 1
    (star,) = (line for line in ax.lines if line.get_marker() == "*")
    np.testing.assert_array_equal(star.get_xydata(), [[-9, 0]])
    assert ax.get_xlim()[0] < -9
    adam, newton = (line for line in ax.lines if line.get_label() in runs)
    assert adam.get_linewidth() > newton.get_linewidth()  # which would hide it
    with pytest.raises(ValueError, match="minimum must be a tree like"):
        plot.paths(bowl, runs, minimum=[1.0, 2.0])
    more = run_through(np.arange(12.0).reshape(3, 4) ** 2)
    assert plot.paths(lambda p: p @ p, {"one": more}).get_aspect() == "auto"


def test_nothing_is_cut_off_at_the_edges_of_a_picture_to_scale():
    runs = {"gradient descent": run_through(DESCENT), "newton": run_through(OTHER)}
    limits = ((-1.5, 1.5), (-0.5, 1.6))
    figure = plot.paths(bowl, runs, limits=limits).figure
    figure.draw_without_rendering()
    box, size = figure.get_tightbbox(), figure.get_size_inches()
    assert np.all(box.min >= -0.02)
    assert np.all(box.max <= size + 0.02)


def test_eigenvectors_are_the_axes_of_the_contours():
    """H = diag(1, 16): the contour's half axes are 4 to 1."""
    ax = plot.paths(bowl, {"one": run_through(DESCENT)})
    before = len(ax.lines)
    plot.eigenvectors(bowl, {"a": 0.0, "b": 0.0}, ax)
    flat, steep = (np.asarray(line.get_xydata()) for line in ax.lines[before:])
    np.testing.assert_allclose(flat[:, 1], 0, atol=1e-6)
    np.testing.assert_allclose(steep[:, 0], 0, atol=1e-6)
    ratio = np.ptp(flat[:, 0]) / np.ptp(steep[:, 1])
    np.testing.assert_allclose(ratio, 4, rtol=1e-6)
    assert [text.get_text() for text in ax.texts] == ["λ = 1", "λ = 16"]
    with pytest.raises(ValueError, match="a plane is of two"):
        plot.eigenvectors(lambda p: p @ p, np.zeros(3), ax)


def test_contours_lie_where_J_is_their_level():
    ax = plot.paths(bowl, {"one": run_through(DESCENT)})
    _, contours = ax.collections
    drawn = 0
    for level, outline in zip(contours.levels, contours.get_paths(), strict=True):
        for a, b in outline.vertices:
            drawn += 1
            # Between the grid's points J is a parabola, and the contour a chord of it.
            assert a**2 / 2 + 8 * b**2 == pytest.approx(level, abs=0.02)
    assert drawn > 100


def test_two_runs_from_one_start():
    runs = {"adam": run_through(DESCENT), "newton": run_through(OTHER)}
    ax = plot.paths(bowl, runs, limits=((-9.0, 9.0), (-3.0, 3.0)))
    rings = [line for line in ax.lines if line.get_markersize() == 9]
    assert len(rings) == 1
    assert [text.get_text() for text in ax.get_legend().get_texts()] == list(runs)
    assert (ax.get_xlim(), ax.get_ylim()) == ((-9, 9), (-3, 3))


def test_a_path_ends_where_it_stops_being_finite():
    b = np.array([1.0, 2.0, np.inf, 3.0])
    ax = plot.paths(bowl, run_through({"a": np.ones(4), "b": b}))
    np.testing.assert_array_equal(ax.lines[0].get_ydata(), [1, 2])


def quadratic(w):
    """J = w·D w of five parameters."""
    return jnp.sum(jnp.array([1.0, 2.0, 3.0, 4.0, 5.0]) * w * w)


def test_the_principal_plane_holds_a_flat_path():
    """A path that lies in a plane keeps its lengths, and J, in the picture."""
    u, v = np.array([3, 0, 4, 0, 0]) / 5, np.array([0, 1, 0, 0, 0])
    ab = np.array([[4.0, 0.0], [-4.0, 0.0], [3.0, 1.0], [-3.0, -1.0], [0.0, 0.5]])
    theta = 7.0 + ab @ np.array([u, v])
    scene = make_scene(quadratic, {"one": run_through(theta).history}, None, None)
    plane, a, b, J, tracks, *_ = scene
    track = tracks["one"]
    lengths = np.linalg.norm(np.diff(track, axis=0), axis=1)
    expected = np.linalg.norm(np.diff(ab, axis=0), axis=1)
    np.testing.assert_allclose(lengths, expected)
    np.testing.assert_allclose(
        plane.origin + track @ plane.directions, theta, atol=1e-12
    )
    point = plane.origin + a[7] * plane.directions[0] + b[40] * plane.directions[1]
    assert J[40, 7] == pytest.approx(np.sum(np.arange(1, 6) * point**2))
    shares = np.var(track, axis=0) / np.var(track, axis=0).sum()
    assert shares[0] > shares[1]
    for share, label in zip(shares, plane.labels, strict=True):
        assert f"({share:.0%} of the variance)" in label


def test_a_plane_chosen_by_name():
    theta = np.array([[1.0, 2, 3, 4, 5], [6.0, 7, 8, 9, 10]])
    ax = plot.paths(quadratic, run_through(theta), plane=("θ[3]", "θ[1]"))
    np.testing.assert_array_equal(ax.lines[0].get_xydata(), [[4, 2], [9, 7]])
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("θ[3]", "θ[1]")
    runs = {"one": run_through(theta).history}
    scene = make_scene(quadratic, runs, ("θ[3]", "θ[1]"), None)
    # The rest of the parameters are those of the end.
    _, a, b, J, *_ = scene
    rest = 36 + 3 * 64 + 5 * 100
    assert J[1, 2] == pytest.approx(rest + 4 * a[2] ** 2 + 2 * b[1] ** 2)


@pytest.mark.parametrize(
    ("history", "options", "message"),
    [
        (None, {}, r"runs\['one'\] keeps no parameters: .*keep_params=True"),
        (np.ones((3, 2), complex), {}, "complex parameters"),
        (np.ones(3), {}, "one parameter, and a plane needs two"),
        (np.full((3, 2), np.nan), {}, "starts at parameters that are not finite"),
        (np.ones((3, 5)), {"plane": ("θ[0]", "w7")}, "no parameter is called 'w7'"),
        (np.ones((3, 5)), {"plane": ("θ[0]", "θ[0]")}, "two different parameters"),
        (
            np.ones((3, 5)),
            {"plane": Plane(np.zeros(2), np.eye(2), ("u", "v"))},
            "plane is of 2 parameters, the runs of 5",
        ),
        (np.ones((1, 5)), {}, "principal plane needs three"),
    ],
)
def test_paths_that_cannot_be_drawn(history, options, message):
    run = run_through(np.ones((3, 2)))
    run = replace(run, history=replace(run.history, params=history))
    with pytest.raises(ValueError, match=message):
        plot.paths(quadratic, {"one": run}, **options)


def test_paths_of_different_parameters_share_no_picture():
    runs = {"one": run_through(DESCENT), "two": run_through(np.ones((2, 5)))}
    with pytest.raises(ValueError, match=r"runs\['two'\] has 5 parameters"):
        plot.paths(bowl, runs)


def test_a_flat_landscape_has_no_contours():
    ax = plot.paths(lambda p: 1.0 + 0.0 * bowl(p), run_through(DESCENT))
    assert not ax.collections
    assert len(ax.lines) == 3


def test_a_landscape_is_of_one_number():
    with pytest.raises(ValueError, match="fun must return one number"):
        plot.paths(lambda p: jnp.stack([p["a"], p["b"]]), run_through(DESCENT))


def test_a_landscape_of_nothing_finite():
    with pytest.raises(ValueError, match="not finite anywhere"):
        plot.paths(lambda p: bowl(p) * jnp.nan, run_through(DESCENT))


X = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])


def test_the_surface_of_one_output():
    """ŷ = sigmoid(4x1 - 2): the line ŷ = ½ is x1 = ½."""
    network = nanonet.mlp([2, 1])
    params = (nanonet.Layer(jnp.array([[4.0], [0.0]]), jnp.array([-2.0])),)
    ax = plot.decision_surface(network, params, X, X[:, 0])
    (image,) = ax.images
    left, right, bottom, top = image.get_extent()
    y_hat = image.get_array()
    x1 = np.linspace(left, right, y_hat.shape[1])
    np.testing.assert_allclose(y_hat[5], 1 / (1 + np.exp(2 - 4 * x1)))
    assert left < 0 < 1 < right
    assert bottom < 0 < 1 < top
    (line,) = ax.collections
    assert line.levels == [0.5]
    np.testing.assert_allclose(line.get_paths()[0].vertices[:, 0], 0.5, atol=1e-6)
    zeros, ones = ax.lines
    np.testing.assert_array_equal(zeros.get_xydata(), X[:2])
    np.testing.assert_array_equal(ones.get_xydata(), X[2:])
    assert (zeros.get_color(), ones.get_color()) == (VERMILLION, BLUE)
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert labels == ["y = 0", "y = 1"]


def test_the_surface_of_numbers():
    network = nanonet.mlp([2, 1], output="identity")
    params = (nanonet.Layer(jnp.array([[1.0], [2.0]]), jnp.array([0.0])),)
    ax = plot.decision_surface(network, params, X, X @ [[1.0], [3.0]])
    (points,) = ax.collections
    np.testing.assert_array_equal(points.get_array(), [0, 3, 1, 4])
    assert points.get_clim() == ax.images[0].get_clim()


def test_the_surface_of_classes():
    """The three classes are x1, x2 and ½, whichever is largest."""
    network = nanonet.mlp([2, 3], output="identity")
    w, b = jnp.array([[1.0, 0, 0], [0, 1.0, 0]]), jnp.array([0, 0, 0.5])
    y = np.eye(3)[[2, 1, 0, 0]]
    ax = plot.decision_surface(network, (nanonet.Layer(w, b),), X, y)
    first, second, third = ax.lines
    np.testing.assert_array_equal(first.get_xydata(), X[2:])
    np.testing.assert_array_equal(second.get_xydata(), X[1:2])
    np.testing.assert_array_equal(third.get_xydata(), X[:1])
    regions = ax.collections[0].get_paths()
    assert regions[0].contains_point((1.1, 0.2))
    assert regions[1].contains_point((0.2, 1.1))
    assert regions[2].contains_point((0.2, 0.3))


@pytest.mark.parametrize(
    ("sizes", "x", "y", "message"),
    [
        ([3, 1], np.ones((4, 3)), np.ones(4), r"two inputs, \[n, 2\]"),
        ([2, 1], np.ones((4, 3)), np.ones(4), "network has 2 inputs"),
        ([2, 1], X, np.ones(3), "equally many"),
        ([2, 1], X, np.full(4, np.inf), "y holds inf"),
        ([2, 8], X, np.ones((4, 8)), "8 classes; at most 7"),
    ],
)
def test_examples_that_cannot_be_drawn(sizes, x, y, message):
    network = nanonet.mlp(sizes)
    with pytest.raises(ValueError, match=message):
        plot.decision_surface(network, network.init(jax.random.key(0)), x, y)


def test_targets_that_are_not_the_networks():
    network = nanonet.mlp([2, 1])
    params = (nanonet.Layer(jnp.ones((2, 1)), jnp.ones(1)),)
    unknown = nanonet.Network(network.init, network.apply)
    for each in (network, unknown):
        with pytest.raises(ValueError, match=r"y has shape \(4, 3\), but the network"):
            plot.decision_surface(each, params, X, np.ones((4, 3)))
    with pytest.raises(ValueError, match="network has 3 inputs"):
        plot.decision_surface(nanonet.mlp([3, 1]), params, X, np.ones(4))


def root_through(*iterates):
    """A search with these iterates, as `nanonet.root` returns it."""
    x = np.array([*iterates, math.nan])
    steps = jnp.int32(len(iterates) - 1)
    return Root(iterates[-1], 0.0, steps, jnp.int32(0), Status.CONVERGED, x)


def square(x):
    return x * x - 2


def test_tangents_touch_the_curve_and_lead_to_the_axis():
    """x(t+1) = x(t) - (x² - 2)/2x: 2, 3/2, 17/12."""
    ax = plot.tangents(square, root_through(2.0, 3 / 2, 17 / 12))
    _, curve, first, second, dots, star = ax.lines
    np.testing.assert_allclose(curve.get_ydata(), curve.get_xdata() ** 2 - 2)
    np.testing.assert_allclose(first.get_xydata(), [[2, 2], [3 / 2, 0]])
    np.testing.assert_allclose(second.get_xydata(), [[3 / 2, 1 / 4], [17 / 12, 0]])
    np.testing.assert_allclose(dots.get_xdata(), [2, 3 / 2, 17 / 12])
    assert first.get_color() == plot.looks(["newton"])["newton"].color
    np.testing.assert_allclose(star.get_xydata(), [[17 / 12, 0]])
    texts = [text.get_text() for text in ax.texts]
    assert texts[:3] == ["x(0)", "x(1)", "x(2)"]
    assert {*texts[3:]} == {"", "Δy = f(x₀)", "Δx = x₀ − x₁"}
    rise, run = (text for text in ax.texts[3:] if text.get_text())
    assert (rise.xy, run.xy[0]) == ((2, 1), 7 / 4)  # half way up, and along


def test_secants_join_two_points_and_the_next():
    """From 1 and 2 on x² - 2, the secant y = 3x - 4 meets the axis at 4/3."""
    ax = plot.secants(square, root_through(1.0, 2.0, 4 / 3))
    (secant,) = (line for line in ax.lines if line.get_label() == "secants")
    np.testing.assert_allclose(secant.get_xydata(), [[1, -1], [4 / 3, 0], [2, 2]])
    assert secant.get_color() == plot.looks(["secant"])["secant"].color


def test_iterates_that_are_close_share_no_name():
    ax = plot.tangents(square, root_through(3.0, 1.5, 1.42, 1.4142))
    texts = [text.get_text() for text in ax.texts]
    assert [text for text in texts if text.startswith("x(")] == ["x(0)", "x(1)"]


def test_the_errors_of_two_searches():
    fast, slow = nanonet.root(square, 2.0), root_through(4.0, 3.0, 2.0)
    ax = plot.convergence({"Newton": fast, "mine": slow})
    newton, mine = ax.lines
    # Newton's errors on x² - 2 from 2, by hand: 2 - √2, 3/2 - √2, 17/12 - √2, ...
    exact = np.array([2, 3 / 2, 17 / 12, 577 / 408]) - math.sqrt(2)
    np.testing.assert_allclose(newton.get_ydata()[:4], exact, rtol=1e-9)
    np.testing.assert_array_equal(mine.get_ydata(), [2, 1, np.nan])
    assert newton.get_label() == "Newton, order 2.00"
    assert mine.get_label() == "mine"
    assert ax.get_yscale() == "log"


def test_searches_that_cannot_be_drawn():
    system = nanonet.root(lambda x: x**2 - 1, jnp.array([2.0, 3.0]))
    with pytest.raises(ValueError, match="found is not a search for one number"):
        plot.tangents(square, system)
    with pytest.raises(ValueError, match="searches is empty"):
        plot.convergence({})
    complex_search = replace(root_through(1.0), iterates=np.array([1j]))
    with pytest.raises(ValueError, match="complex"):
        plot.secants(square, complex_search)


def animation_of(frames):
    def draw(frame, ax):
        ax.plot([0, frame])
        ax.set_ylim(0, 9)

    return plot.animate(draw, frames, size=(2.0, 1.0), interval=50)


def test_a_gif_holds_every_frame(tmp_path):
    path = tmp_path / "frames.gif"
    animation_of([1, 4, 9]).save(path)
    with PIL.Image.open(path) as image:
        assert image.n_frames == 3
        assert image.size == (144, 72)
        assert image.info["duration"] == 50
        assert image.info["loop"] == 0


def test_a_gif_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "frames.gif"
    path.write_bytes(b"old")
    animation = animation_of([1, 2])

    def full_disk(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full_disk)
    with pytest.raises(OSError, match=r"frames\.gif cannot be written: No space left"):
        animation.save(path)
    assert [file.read_bytes() for file in tmp_path.iterdir()] == [b"old"]
    with pytest.raises(ValueError, match=r"must end in \.gif"):
        animation.save(tmp_path / "frames.mp4")


def test_a_notebook_is_given_every_frame():
    html = animation_of([1, 4, 9])._repr_html_()
    assert html.count("data:image/png;base64,") == 4  # the first is shown at once
    assert 'max="2"' in html
    assert "http" not in html


def test_an_animation_has_frames():
    with pytest.raises(ValueError, match="frames is empty"):
        animation_of([])
    with pytest.raises(ValueError, match="interval=0"):
        plot.animate(lambda frame, ax: None, [1], interval=0)


def test_paths_grow_step_by_step():
    scene = make_scene(bowl, {"adam": run_through(DESCENT).history}, None, None)
    for until in (0, 2, 5):
        ax = axes_or_new(None)
        draw_scene(scene, ax, until=until)
        np.testing.assert_array_equal(
            ax.lines[0].get_xdata(), DESCENT["a"][: until + 1]
        )
        assert ax.lines[1].get_xdata() == [DESCENT["a"][until]]
    # A frame for each of the six points, and no more.
    assert len(plot.animate_paths(bowl, run_through(DESCENT)).frames) == 6
    assert len(plot.animate_paths(bowl, run_through(DESCENT), frames=2).frames) == 2


def test_a_surface_changes_with_the_run():
    network = nanonet.mlp([2, 1])
    params = network.init(key=jnp.zeros(2, jnp.uint32))
    w = np.array([[[4.0], [0.0]], [[0.0], [4.0]]])
    history = (nanonet.Layer(w, np.full((2, 1), -2.0)),)
    run = run_through({"w": np.zeros(2)})
    run = replace(run, params=params, history=replace(run.history, params=history))
    animation = plot.animate_surface(network, run, X, X[:, 0])
    first, last = (np.asarray(frame.convert("RGB")) for frame in animation.frames)
    assert first.shape == last.shape == (316, 388, 3)
    assert (first != last).any()
