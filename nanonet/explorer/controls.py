"""The explorer's menus, sliders and buttons, by name and in the order they stand in."""

from typing import Any

import ipywidgets as widgets

from nanonet.explorer.session import NUMBERS, RULES, Choice, Data
from nanonet.rules.momentum import FORMS

#: What hidden units may do.
UNITS = ["sigmoid", "tanh", "relu", "softplus", "identity"]

#: Milliseconds from one move to the next, while it plays.
INTERVAL = 700

#: Of each button.
TOOLTIPS = {
    "start": "back to the very same start",
    "step back": "one step back",
    "step": "one step",
    "steps": "as many steps as are written beside it",
    "keep": "show this run beside the next ones",
}


def choices(choice: Choice, data: Data) -> dict[str, Any]:
    """One for each part of a choice."""
    found = {
        "rule": widgets.Dropdown(options=list(RULES)),
        "form": widgets.Dropdown(options=list(FORMS)),
        "learning_rate": _decades(choice.learning_rate, -3, 2),
        "beta": _share(choice.beta),
        "beta2": _share(choice.beta2),
        "epsilon": _decades(choice.epsilon, -12, 0),
        "data": widgets.Dropdown(options=list(data)),
        "seed": widgets.BoundedIntText(choice.seed, min=0, max=10**6),
    }
    words = ("rule", "form", *NUMBERS.values(), "data", "start")
    for widget, word in zip(found.values(), words, strict=True):
        widget.description = word
        widget.continuous_update = False
        widget.layout.width = "95%"
    return found


def layers(*, shown: bool) -> dict[str, Any]:
    """What `small_network` is made of."""
    found = {
        "hidden": widgets.BoundedIntText(2, min=1, max=6, description="hidden"),
        "activation": widgets.Dropdown(options=UNITS, description="their f"),
    }
    for widget in found.values():
        widget.layout = {"width": "16em", "display": "" if shown else "none"}
    return found


def buttons() -> dict[str, widgets.Button]:
    """What moves the run, and what keeps it."""
    return {
        name: widgets.Button(description=name, tooltip=tip, layout={"width": "auto"})
        for name, tip in TOOLTIPS.items()
    }


def count() -> widgets.BoundedIntText:
    """How many steps are taken at a go."""
    return widgets.BoundedIntText(
        100, min=1, max=10**5, description="at a go", layout={"width": "12em"}
    )


def play() -> widgets.Play:
    """As many at a time, again and again."""
    return widgets.Play(max=10**6, interval=INTERVAL, show_repeat=False)


def history() -> widgets.IntSlider:
    """The step that is shown."""
    return widgets.IntSlider(
        max=0, description="history", continuous_update=False, layout={"width": "98%"}
    )


def _decades(value: float, low: float, high: float) -> widgets.FloatLogSlider:
    return widgets.FloatLogSlider(
        value, min=low, max=high, step=0.05, readout_format=".3g"
    )


def _share(value: float) -> widgets.FloatSlider:
    return widgets.FloatSlider(
        value, min=0, max=0.999, step=0.001, readout_format=".3f"
    )
