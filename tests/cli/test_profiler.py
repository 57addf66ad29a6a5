"""The live profiler of the report, in a browser, against the library's predictions."""

import dataclasses

import jax
import numpy as np
import pandas as pd
import pytest
from playground import Browser, needs_chromium

from nanonet.cli.report import profiler
from nanonet.cli.report.page import page
from nanonet.cli.report.profiler import SCRIPT, live
from nanonet.fitting.fit_table import fit_table
from nanonet.fitting.heteroscedastic import Heteroscedastic
from nanonet.fitting.profile import profiles_of
from nanonet.table.read import read_table

pytestmark = [
    pytest.mark.precision("x64", reason="computes in float64 by itself"),
    needs_chromium,
]


@pytest.fixture
def browse(tmp_path):
    """Call with a fit: its page in a browser."""
    opened = []

    def open_page(fit):
        (tmp_path / "page.html").write_text(page("Fit", live(fit, 0.9), SCRIPT), "utf8")
        url = (tmp_path / "page.html").as_uri()
        opened.append(Browser(tmp_path / f"profile{len(opened)}", url))
        while not opened[-1].evaluate(
            "location.protocol === 'file:' && document.querySelector('#profiler b, i')"
            " !== null"
        ):
            pass
        return opened[-1]

    yield open_page
    for browser in opened:
        browser.__exit__()


def told(browser):
    return browser.evaluate("document.querySelector('output').innerText")


def test_the_page_predicts_what_the_library_does(browse, monkeypatch):
    """Of a log target, with gaps, by a network whose outputs see the inputs."""
    frame = read_table("iris").drop(columns="sepal_width")
    frame["name <b>"] = frame.pop("petal_length")
    frame.loc[::7, "sepal_length"] = np.nan
    few = {"key": jax.random.key(1), "hidden": 3, "starts": 2, "max_steps": 40}
    fit = fit_table(frame, "petal_width", skip=True, target_transform="log", **few)
    browser = browse(fit)
    names = [column.name for column in fit.inputs]
    effects = [profile.effect for profile in profiles_of(fit)]
    order = [names[i] for i in np.argsort(effects)[::-1]]
    shown = "[...document.querySelectorAll('.card span')].map((e) => e.textContent)"
    assert browser.evaluate(shown) == order
    values = {"sepal_length": 5.25, "species": 2, "name <b>": 3.75}
    given = [values[name] for name in order]
    found = browser.evaluate(f"predict({given})")
    row = pd.DataFrame([values | {"species": "virginica"}])
    expected = fit.predict_interval(row, level=0.9)
    assert found["lines"] == [pytest.approx(expected.prediction[0], rel=1e-9)]
    ends = expected.lower[0], expected.upper[0]
    assert found["new"] == pytest.approx(ends, rel=1e-4)
    lower, upper = found["mean"]
    assert ends[0] < lower < found["lines"][0] < upper < ends[1]
    # A length that is missing, by the network and by its box.
    gap = [values[name] if name != "sepal_length" else "NaN" for name in order]
    found = browser.evaluate(f"predict([{', '.join(map(str, gap))}])")
    [missing] = fit.predict(row.assign(sepal_length=np.nan))
    assert found["lines"] == [pytest.approx(missing, rel=1e-9)]
    tick = (
        "(() => { const boxes = document.querySelectorAll('[type=checkbox]');"
        "boxes[0].click(); const { key } = model.inputs.find((of) => of.missing);"
        "const found = [boxes.length, Number.isNaN(values[key])];"
        "boxes[0].click();"
        "return [...found, values[key] === model.inputs[key].held]; })()"
    )
    assert browser.evaluate(tick) == [1, True, True]
    # The same where the noise depends on the inputs.
    given_width = sum(column.width for column in fit.inputs)
    trend = np.r_[0.1, np.linspace(-1, 1, 2 * given_width), -9.0, 9.0]
    known = Heteroscedastic(np.ones(150), np.ones(150), trend)
    varied = dataclasses.replace(fit, heteroscedastic=known)
    found = browse(varied).evaluate(f"predict({given})")
    bounds = varied.predict_interval(row, level=0.9)
    wider = bounds.lower[0], bounds.upper[0]
    assert found["new"] == pytest.approx(wider, rel=1e-4)
    assert abs(np.diff(wider)[0] / np.diff(ends)[0] - 1) > 0.05
    # A slider that moves changes what is told.
    before = told(browser)
    move = (
        "const slider = document.querySelector('[type=range]');"
        "slider.value = slider.min; slider.dispatchEvent(new Event('input'));"
        "new Promise((done) => setTimeout(done, 100))"
    )
    browser.evaluate(move)
    assert told(browser) != before
    assert "its median: " in before
    assert "a new one: " in before
    # What is too much for a page is not on it: the bands, or the whole.
    monkeypatch.setattr(profiler, "LARGEST_BANDS", 10)
    assert '"noise": null' in live(fit, 0.9)
    monkeypatch.setattr(profiler, "LARGEST", 10)
    assert live(fit, 0.9) is None


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.one_case
def test_the_page_has_the_probability_of_each_class(browse, classes):
    frame = read_table("iris").iloc[: 50 * classes]
    fit = fit_table(frame, "species", hidden=2, starts=2, max_steps=40)
    browser = browse(fit)
    order = np.argsort([-p.effect for p in profiles_of(fit)], kind="stable")
    values = [5.5, 2.5, 3.0, 1.0]
    found = browser.evaluate(f"predict({[values[i] for i in order]})")
    names = [column.name for column in fit.inputs]
    expected = fit.predict_probabilities(pd.DataFrame([values], columns=names))
    np.testing.assert_allclose(found["lines"], expected[0], rtol=1e-9)
    assert "versicolor" in told(browser)
