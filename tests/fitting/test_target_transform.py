"""Targets that are learnt by their logarithm."""

import jax
import numpy as np
import pandas as pd
import pytest
import scipy.stats
from helpers import ITS_OWN_PRECISION

from nanonet.fitting.fit_table import fit_table
from nanonet.fitting.target_transform import log_evidence
from nanonet.model.conformal import guaranteed
from nanonet.model.scores import coverage
from nanonet.model.storage import load_model, save_model
from nanonet.model.uncertainty import predict_interval
from nanonet.table.read import TableError

pytestmark = ITS_OWN_PRECISION

LINE = {"hidden": (), "starts": 1, "test": 0.0}


def table(n=120, spread=0.5, seed=0):
    """ln y is a line with normal noise."""
    rng = np.random.default_rng(seed)
    x = rng.uniform(-1, 1, (n, 2))
    t = 2 + x @ [1.0, -0.5] + spread * rng.normal(size=n)
    return pd.DataFrame({"a": x[:, 0], "b": x[:, 1], "y": np.exp(t)})


def test_the_logarithm_is_learnt_as_by_hand():
    frame = table()
    by_hand = frame.assign(y=np.log(frame["y"]))
    found = fit_table(frame, "y", **LINE, target_transform="log")
    plain = fit_table(by_hand, "y", **LINE)
    np.testing.assert_allclose(
        found.predict(frame), np.exp(plain.predict(frame)), rtol=1e-12
    )
    ours, theirs = (each.predict_interval(frame) for each in (found, plain))
    np.testing.assert_allclose(ours.lower, np.exp(theirs.lower), rtol=1e-12)
    np.testing.assert_allclose(ours.upper, np.exp(theirs.upper), rtol=1e-12)
    # dŷ/dx = ŷ d ln ŷ/dx
    slope = plain.derivatives(frame) * found.predict(frame)[:, None, None]
    np.testing.assert_allclose(found.derivatives(frame), slope, rtol=1e-10)
    shuffled = [
        each.importances(of, of["y"], key=jax.random.key(0), repeats=2).values
        for each, of in ((found, frame), (plain, by_hand))
    ]
    np.testing.assert_allclose(shuffled[0], shuffled[1], rtol=1e-9)


def test_evidence_is_of_the_table_in_its_own_unit():
    """Of a line that is known well, it is near Schwarz's criterion."""
    frame = table(400)
    found = fit_table(frame, "y", **LINE, target_transform="log")
    thousand = fit_table(
        frame.assign(y=1000 * frame["y"]), "y", **LINE, target_transform="log"
    )
    lost = log_evidence(found) - log_evidence(thousand)
    assert lost == pytest.approx(400 * np.log(1000), rel=1e-9)
    design = np.column_stack([np.ones(400), frame[["a", "b"]]])
    t = np.log(frame["y"].to_numpy())
    rest = t - design @ np.linalg.lstsq(design, t)[0]
    of_y = scipy.stats.lognorm.logpdf(
        frame["y"], s=rest.std(), scale=np.exp(t - rest)
    ).sum()
    # ½ ln N for each of three parameters; the prior is worth a few nats more.
    schwarz = of_y - 3 / 2 * np.log(400)
    assert log_evidence(found) == pytest.approx(schwarz, abs=8)


def test_auto_keeps_what_is_more_probable():
    skewed = table()
    found = fit_table(skewed, "y", **LINE, target_transform="auto")
    assert found.targets[0].transform == "log"
    # Of small noise about a line the logarithm would be crooked.
    straight = skewed.assign(y=10 + 3 * skewed["a"] + 0.1 * np.log(skewed["y"]))
    found = fit_table(straight, "y", **LINE, target_transform="auto")
    assert found.targets[0].transform is None
    negative = straight.assign(y=straight["y"] - 10)
    found = fit_table(negative, "y", **LINE, target_transform="auto")
    assert found.targets[0].transform is None


def test_new_values_lie_within_the_bounds_that_are_saved(tmp_path):
    frame, new = table(300), table(2000, seed=1)
    found = fit_table(frame, "y", **LINE, target_transform="log", folds=5)
    save_model(tmp_path / "model", found.model)
    loaded, y = load_model(tmp_path / "model"), new["y"].to_numpy()
    for method in ("linearized", "cv+"):
        interval = predict_interval(loaded, new, level=0.9, method=method)
        assert coverage(interval, y) == pytest.approx(0.9, abs=0.04)
        assert interval.lower.min() > 0
    assert guaranteed(0.9, 300, 5) < 0.9
    (skill,) = found.skill
    assert skill.network == pytest.approx(skill.linear, rel=0.05)


def test_what_has_no_logarithm_is_refused():
    frame = table(20)
    frame.loc[7, "y"] = -1.0
    with pytest.raises(TableError, match=r"'y' is -1 in row 7, and has no log in 1 of"):
        fit_table(frame, "y", **LINE, target_transform="log")
    with pytest.raises(ValueError, match="target_transform"):
        fit_table(table(20), "y", target_transform="root")
    classes = table(20).assign(y=["a", "b"] * 10)
    with pytest.raises(ValueError, match="for numbers, not classes"):
        fit_table(classes, "y", target_transform="auto")
    with pytest.raises(ValueError, match="decided by evidence"):
        fit_table(table(20), "y", **LINE, l2=0.1, target_transform="auto")
    with pytest.raises(ValueError, match="a checkpoint is of one"):
        fit_table(table(20), "y", target_transform="auto", checkpoint="run")
