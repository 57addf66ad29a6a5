import jax.numpy as jnp
import numpy as np
import pytest
from helpers import not_installed

from nanonet._internal.optional import require
from nanonet.plot.curves import losses, plot_loss, training
from nanonet.plot.style import to_png
from nanonet.rules.gradient_descent import gradient_descent
from nanonet.solve.minimize import minimize


def run(learning_rate):
    return minimize(
        lambda w: jnp.sum(w**4),
        jnp.ones(2),
        gradient_descent(learning_rate),
        max_steps=9,
    )


def test_the_curves_are_the_history():
    result = run(0.1)
    axes = training(result, title="cost in $, 価格")
    loss, slope = (line.get_ydata() for line in axes.lines)
    np.testing.assert_array_equal(loss, result.history.value)
    np.testing.assert_array_equal(slope, result.history.gradient_norm)
    assert dots(axes) == [(9, result.value)]
    assert axes.get_yscale() == "log"
    assert axes.get_xlabel() == "step"
    png = to_png(axes.figure)
    assert png.startswith(b"\x89PNG\r\n")
    width, height = np.frombuffer(png[16:24], ">u4")
    assert (width, height) == (960, 600)


def dots(axes):
    return [
        (step, line.get_ydata()[step])
        for line in axes.lines
        for step in line.get_markevery()
    ]


def test_the_dot_marks_what_a_failed_run_returned():
    result = run(2.0)  # J rises until it overflows
    axes = training(result)
    assert dots(axes) == [(0, 2.0)]
    to_png(axes.figure)


def test_the_old_name_of_the_picture():
    with pytest.warns(DeprecationWarning, match="plot_loss is now training"):
        figure = plot_loss(run(0.1), title="old")
    assert figure.axes[0].get_title() == "old"


def test_a_title_may_hold_what_no_font_draws():
    to_png(training(run(0.1), title="\udcff \x1b[2J \x00").figure)


def test_a_missing_package_names_its_extra():
    for draw in (training, losses):
        with (
            not_installed("matplotlib"),
            pytest.raises(ModuleNotFoundError, match=r"pip install 'nanonet\[plot\]'"),
        ):
            draw(run(0.1))


def test_a_broken_package_is_not_called_missing(monkeypatch):
    def broken(name, *_):
        raise ModuleNotFoundError("No module named 'other'", name="other")

    monkeypatch.setattr("importlib.import_module", broken)
    with pytest.raises(ModuleNotFoundError, match="'other'"):
        require("pandas", extra="tables")
