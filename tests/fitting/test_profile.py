"""What is predicted as one column changes, against predictions of such rows."""

import jax
import numpy as np
import pandas as pd
import pytest
from scipy.stats import t

from nanonet import plot
from nanonet.fitting.fit import fit
from nanonet.fitting.fit_table import fit_table
from nanonet.fitting.profile import profiles_of
from nanonet.network.network import mlp
from nanonet.plot.style import BLUE
from nanonet.table.read import read_table

pytestmark = pytest.mark.precision("x64", reason="computes in float64 by itself")


@pytest.fixture(scope="module")
def iris():
    frame = read_table("iris")
    names = frame.columns[:-1]
    return frame.astype(dict.fromkeys(names, float))


@pytest.fixture(scope="module")
def widths(iris):
    """How wide a petal is, from lengths and the species."""
    frame = iris.drop(columns="sepal_width")
    return fit_table(frame, "petal_width", hidden=2, starts=2, max_steps=30)


def test_a_profile_is_what_is_predicted_of_such_rows(widths, iris):
    held = {"species": "virginica", "sepal_length": 6.5}
    profiles = {of.column.name: of for of in profiles_of(widths, held, level=0.8)}
    assert list(profiles) == ["sepal_length", "petal_length", "species"]
    train = iris.iloc[widths.split.train]
    usual = train["petal_length"].median()
    length = profiles["petal_length"]
    assert (length.at[0], length.at[-1]) == (
        train["petal_length"].min(),
        train["petal_length"].max(),
    )
    rows = pd.DataFrame({"petal_length": length.at, **held})
    expected = widths.predict_interval(rows, level=0.8)
    np.testing.assert_allclose(length.prediction[:, 0], expected.prediction)
    np.testing.assert_allclose(length.new, (expected.lower, expected.upper))
    kinds = pd.DataFrame({"species": ["setosa", "versicolor", "virginica"]})
    kinds = kinds.assign(petal_length=usual, sepal_length=6.5)
    species = profiles["species"]
    np.testing.assert_array_equal(species.at, [0, 1, 2])
    np.testing.assert_allclose(species.prediction[:, 0], widths.predict(kinds))
    assert (species.held, length.held) == (2, usual)
    assert profiles_of(widths, held, level=None)[2].effect == species.effect
    assert species.effect == pytest.approx(np.ptp(widths.predict(kinds)))


def test_the_band_of_the_mean_of_a_line_is_the_textbooks():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(12, 1))
    y = 2 * x[:, 0] + rng.normal(size=12)
    network = mlp([1, 1], output="identity")
    found = fit(network, x, y, key=jax.random.key(0), starts=1, l2=0.0)
    (profile,) = profiles_of(found, level=0.9)
    A = np.c_[np.ones(12), x]
    theta, (rss,), *_ = np.linalg.lstsq(A, y)
    at = np.c_[np.ones(len(profile.at)), profile.at]
    own = np.einsum("ij,jk,ik->i", at, np.linalg.inv(A.T @ A), at)
    for ends, variance in ((profile.mean, own), (profile.new, 1 + own)):
        half = t(10).ppf(0.95) * np.sqrt(rss / 10 * variance)
        for sign, end in zip((-1, 1), ends, strict=True):
            np.testing.assert_allclose(end, at @ theta + sign * half, rtol=1e-5)


def test_a_profile_is_drawn(widths):
    drawn = plot.profile(widths, held={"species": "setosa"}, most=2)
    profiles = sorted(
        profiles_of(widths, {"species": "setosa"}), key=lambda p: -p.effect
    )
    assert [ax.get_xlabel() for ax in drawn] == [p.column.name for p in profiles[:2]]
    for ax, profile in zip(drawn, profiles, strict=False):
        curve, here = ax.lines
        np.testing.assert_array_equal(curve.get_ydata(), profile.prediction[:, 0])
        assert (curve.get_color(), set(here.get_xdata())) == (BLUE, {profile.held})
        assert len(ax.collections) == 2
    assert drawn._repr_png_().startswith(b"\x89PNG")


def test_a_profile_of_classes_is_of_probabilities(iris):
    found = fit_table(iris, "species", hidden=2, starts=1, max_steps=30)
    width = profiles_of(found)[3]
    usual = iris.drop(columns="species").iloc[found.split.train].median()
    rows = pd.DataFrame(dict(usual), index=range(len(width.at)))
    expected = found.predict_probabilities(rows.assign(petal_width=width.at))
    np.testing.assert_allclose(width.prediction, expected)
    assert width.mean is width.new is None
    ax = plot.profile(found)[0]
    labels = [line.get_label() for line in ax.lines[:3]]
    assert labels == ["setosa", "versicolor", "virginica"]


@pytest.mark.parametrize(
    ("held", "message"),
    [
        ({"length": 1}, "held='length' is none of sepal_length, petal_length, species"),
        ({"species": "rosa"}, "'species' is 'rosa', none of setosa, versicolor, virg"),
    ],
)
def test_what_is_held_fits_the_table(widths, held, message):
    with pytest.raises(ValueError, match=message):
        plot.profile(widths, held=held)
