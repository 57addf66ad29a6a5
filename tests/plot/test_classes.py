"""ROC and calibration curves, and errors, as they are drawn."""

import numpy as np
import pytest
from matplotlib.colors import to_hex
from sklearn.metrics import roc_auc_score

from nanonet import plot
from nanonet.fitting.more_rows import LearningCurve
from nanonet.model.intervals import Interval
from nanonet.plot.style import GREY, VERMILLION

pytestmark = pytest.mark.precision("x64", reason="drawn with NumPy")


def labels(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def test_each_class_has_its_curve_and_its_area():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, 60)
    p = rng.dirichlet(np.ones(3), 60)
    ax = plot.roc(np.array(["a", "b", "c"])[y], p, classes=["a", "b", "c"])
    areas = [roc_auc_score(y == k, p[:, k]) for k in range(3)]
    assert labels(ax) == [
        f"{n}: AUC {area:.3f}" for n, area in zip("abc", areas, strict=True)
    ]
    curves = plot.calibration(np.array(["a", "b", "c"])[y], p, bins=4)
    assert len(curves.lines) == 4
    two = y < 2
    second = p[two, 1] / p[two, :2].sum(1)
    both = plot.roc(y[two], np.c_[1 - second, second])
    assert labels(both) == labels(plot.roc(y[two], second))
    assert labels(both) == [f"AUC {roc_auc_score(y[two], second):.3f}"]


@pytest.mark.parametrize("draw", [plot.roc, plot.calibration])
@pytest.mark.parametrize(
    ("y", "p", "classes", "message"),
    [
        ([0, 1], [0.5, 1.5], None, "probabilities must lie between 0 and 1"),
        ([0, 1, 2], [[0.5, 0.5]] * 3, None, r"shape \(3, 2\); it must be \[3, 3\]"),
        ([0, 2], [0.5, 0.5], [0, 1], "y holds 2, which is none of 0, 1"),
        (range(9), np.full((9, 9), 1 / 9), None, "there are 9 classes"),
    ],
)
def test_what_is_no_probability_is_refused(draw, y, p, classes, message):
    with pytest.raises(ValueError, match=message):
        draw(list(y), p, classes=classes)


def test_one_class_has_no_roc_curve():
    with pytest.raises(ValueError, match="y holds one class"):
        plot.roc(["a", "a"], [0.2, 0.3], classes=["a", "b"])


def test_bars_of_intervals_tell_what_they_hold():
    y = np.array([1.0, 2.0, 3.0, 4.0])
    interval = Interval(y, y - 1, np.array([2.0, 3.0, 4.0, 3.5]))
    ax = plot.predictions(y, y, interval=interval)
    assert ax.get_title() == "3 of 4 within (75.0%), mean width 1.62"
    held, missed = ax.collections
    assert [len(bars.get_segments()) for bars in (held, missed)] == [3, 1]
    colors = [to_hex(bars.get_color()[0]).upper() for bars in (held, missed)]
    assert colors == [GREY, VERMILLION]
    with pytest.raises(ValueError, match="interval is of 4 rows, but y has 3"):
        plot.predictions(y[:3], y[:3], interval=interval)


def test_errors_of_either_part_are_shares_of_it():
    rng = np.random.default_rng(0)
    y, held_out = rng.normal(size=200), np.arange(200) % 4 == 0
    ax = plot.errors(y, np.zeros(200), held_out=held_out)
    learnt, left = ax.containers
    edges = np.append([bar.get_x() for bar in learnt], np.inf)
    for bars, rows in ((learnt, ~held_out), (left, held_out)):
        count, _ = np.histogram(-y[rows], edges)
        heights = [bar.get_height() for bar in bars]
        np.testing.assert_allclose(heights, 100 * count / rows.sum())
    assert plot.errors([1.0, 2.0], [1.0, 2.0]).patches[0].get_height() == 100


def test_a_learning_curve_is_drawn_with_its_folds():
    rows, error = np.array([10, 20]), np.array([[2.0, 4.0], [1.0, 3.0]])
    none = np.full((2, 2), np.nan)
    ax = LearningCurve(rows, error, error + 1, none, "log-loss").plot()
    left, learnt = ax.lines
    np.testing.assert_array_equal(left.get_xydata(), [[10, 4], [20, 3]])
    np.testing.assert_array_equal(learnt.get_ydata(), [3, 2])
    assert ax.get_ylabel() == "log-loss"
