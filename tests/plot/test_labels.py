"""Names at the ends of curves: where they are, and when there is a legend instead."""

import itertools

import numpy as np
import pytest
import scipy.optimize

from nanonet.plot.labels import name_ends, spread
from nanonet.plot.style import axes_or_new, to_png

pytestmark = pytest.mark.precision("x64", reason="computes nothing with JAX")


def named(curves):
    """Axes with these curves, {name: (x, y)}, and their names."""
    ax = axes_or_new(None)
    for name, (x, y) in curves.items():
        ax.plot(x, y, label=name)
    name_ends(ax)
    return ax


def boxes_of(ax):
    to_png(ax.figure, dpi=100)
    return [text.get_window_extent() for text in ax.texts]


def test_spread_is_the_nearest_by_least_squares():
    rng = np.random.default_rng(0)
    for n in (1, 2, 5, 8):
        y = rng.normal(size=n)
        found = spread(y, 0.5)
        order = np.argsort(y)
        apart = {"type": "ineq", "fun": lambda p, o=order: np.diff(p[o]) - 0.5}
        best = scipy.optimize.minimize(
            lambda p, y=y: np.sum((p - y) ** 2), 2.0 * y, constraints=[apart], tol=1e-12
        )
        np.testing.assert_allclose(found, best.x, atol=1e-5)


def test_names_stand_beside_the_ends_and_apart():
    x = [0, 1]
    ax = named({"one": (x, [0, 1]), "two": (x, [0, 0.98]), "three": (x, [1, 0])})
    assert ax.get_legend() is None
    assert [text.get_text() for text in ax.texts] == ["one", "two", "three"]
    boxes = boxes_of(ax)
    one, two, three = ((box.y0 + box.y1) / 2 for box in boxes)
    assert one > two > three
    assert not any(a.overlaps(b) for a, b in itertools.combinations(boxes, 2))
    ends = ax.transData.transform([(1, 1), (1, 0.98), (1, 0)])
    for box, (x_end, y_end) in zip(boxes, ends, strict=True):
        assert 0 < box.x0 - x_end < 15
        assert abs((box.y0 + box.y1) / 2 - y_end) < box.height
    right = ax.figure.bbox.x1
    assert all(box.x1 <= right for box in boxes)  # the picture has made room


def test_a_curve_that_is_broken_or_ends_early_has_its_name_where_it_ends():
    ax = named({"long": ([0, 1, 2], [1, 1, 1]), "short": ([0, 0.5, 1], [0, 0, np.nan])})
    assert ax.get_legend() is None
    (x_end, _) = ax.transData.transform((0.5, 0))
    assert 0 < boxes_of(ax)[1].x0 - x_end < 15


@pytest.mark.parametrize(
    "curves",
    [
        {f"rule {i}": ([0, 1], [0, i]) for i in range(7)},
        {f"rule {i}": ([0, 1], [i, 0]) for i in range(5)},
        {"below": ([0, 0.5], [0, 0.5]), "above": ([0, 1], [0, 1])},
        {
            "here": ([0, 0.5], [0, 1]),
            "there": ([0, 0.52], [0.1, 1]),
            "": ([0, 1], [0, 0]),
        },
        {"nowhere": ([0, 1], [np.nan, np.nan]), "here": ([0, 1], [0, 1])},
    ],
    ids=["many", "one end", "on a curve", "on a name", "no end"],
)
def test_where_names_cannot_be_read_there_is_a_legend(curves):
    ax = named(curves)
    assert not ax.texts
    assert ax.get_legend() is not None


def test_a_curve_alone_needs_no_name():
    ax = named({"alone": ([0, 1], [0, 1])})
    assert not ax.texts
    assert ax.get_legend() is None


@pytest.mark.parametrize("count", [2, 7])  # names, a legend
def test_the_scale_may_be_changed_afterwards(count):
    ax = named({f"rule {i}": ([0, 1000], [0, i]) for i in range(count)})
    assert (ax.get_legend() is None) == (count == 2)
    ax.set_xscale("symlog", linthresh=10)
    to_png(ax.figure)
    low, high = ax.get_xlim()
    assert -10 < low <= 0
    assert 1000 <= high < 2000
