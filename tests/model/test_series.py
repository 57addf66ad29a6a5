"""Series: lagged columns, and a closed loop beside one written out in NumPy."""

import numpy as np
import pandas as pd
import pytest

import nanonet
from nanonet.model.model import Model
from nanonet.network.layers import Layer
from nanonet.network.network import mlp
from nanonet.table.checks import DataWarning
from nanonet.table.columns import Column
from nanonet.table.read import TableError

pytestmark = pytest.mark.precision("x64", reason="prediction is in float64")


def make_model():
    """tanh units of two earlier loads, two heats, and the kind of day."""
    rng = np.random.default_rng(0)
    layers = tuple(
        Layer(rng.normal(size=size) / 2, rng.normal(size=size[1]))
        for size in ((6, 4), (4, 1))
    )
    inputs = (
        Column("load[t-3]", None, 20.0, 4.0),
        Column("day", ("free", "work")),
        Column("heat[t-1]", None, 1.0, 2.0),
        Column("load[t-1]", None, 20.0, 4.0),
        Column("heat", None, 1.0, 2.0),
    )
    target = Column("load", None, 20.0, 4.0)
    return Model(mlp([6, 4, 1], "tanh", "identity"), layers, inputs, (target,))


def make_table(n=30):
    rng = np.random.default_rng(1)
    return pd.DataFrame(
        {
            "heat": rng.normal(1, 2, n),
            "day": rng.choice(["free", "work"], n),
            "load": rng.normal(20, 4, n),
        },
        index=pd.date_range("2024-01-01", periods=n),
    )


def by_hand(model, frame, start):
    """The loop, one row after the other."""
    (w1, b1), (w2, b2) = model.params
    y, u = frame.load.to_numpy().copy(), (frame.heat.to_numpy() - 1) / 2
    for t in range(start, len(frame)):
        free = 1.0 if frame.day.iloc[t] == "free" else 0.0
        past = (y[t - 3] - 20) / 4, (y[t - 1] - 20) / 4
        x = np.array([past[0], free, 1 - free, u[t - 1], past[1], u[t]])
        y[t] = 20 + 4 * (np.tanh(x @ w1 + b1) @ w2 + b2)[0]
    return y[start:]


def test_a_closed_loop_is_the_loop_written_out():
    model, frame = make_model(), make_table()
    unknown = frame.assign(load=frame.load.where(np.arange(30) < 5))
    expected = by_hand(model, frame, 5)
    found = nanonet.simulate(model, unknown, start=5)
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    assert nanonet.simulate(model, frame, start=30).shape == (0,)


def test_one_step_of_the_loop_is_the_prediction_of_the_lagged_row():
    model, frame = make_model(), make_table()
    lags = {"load": [0, 1, 3], "heat": [0, 1], "day": [0]}
    table = nanonet.lagged(frame, lags)
    assert list(table.index) == list(frame.index[3:])
    assert table["load[t-3]"].tolist() == frame.load.iloc[:-3].tolist()
    assert table["heat[t-1]"].tolist() == frame.heat.iloc[2:-1].tolist()
    ahead = nanonet.predict(model, table)
    first = [nanonet.simulate(model, frame, start=t)[0] for t in (3, 17, 29)]
    np.testing.assert_allclose(first, ahead[[0, 14, 26]], rtol=1e-12)


def test_what_is_refused():
    model, frame = make_model(), make_table()
    for lags, message in [
        ({"lode": [1]}, "did you mean 'load'"),
        ({"load": [-1]}, "must be ≥ 0"),
        ({"load": [1, 1]}, r"two columns 'load\[t-1\]'"),
        ({"load": [30]}, "reach 30 rows back, but there are 30"),
    ]:
        with pytest.raises(ValueError, match=message):
            nanonet.lagged(frame, lags)
    with pytest.raises(ValueError, match="start"):
        nanonet.simulate(model, frame, start=2)
    with pytest.raises(ValueError, match="after the table's 30 rows"):
        nanonet.simulate(model, frame, start=31)
    with pytest.raises(TableError, match="no column 'load', which is fed back"):
        nanonet.simulate(model, frame.drop(columns="load"), start=5)
    hole = frame.assign(heat=frame.heat.where(np.arange(30) != 20))
    with pytest.warns(DataWarning, match=r"'heat.*': missing in 1 of 25 rows"):
        nanonet.simulate(model, hole, start=5)
    with pytest.raises(TableError, match=r"'load', the target, is missing in 5 of 5"):
        nanonet.simulate(model, frame.assign(load=np.nan), start=5)
    alone = Model(model.network, model.params, model.inputs, (Column("other"),))
    with pytest.raises(ValueError, match="nothing is fed back"):
        nanonet.simulate(alone, frame, start=5)
    classes = Model(model.network, model.params, model.inputs, (Column("c", ("a",)),))
    with pytest.raises(ValueError, match="models of one number"):
        nanonet.simulate(classes, frame, start=5)
