"""The explorer's widgets: a thin layer over its session and its views.

It imports ipywidgets, so it is imported where it is needed.
"""

from typing import Any

import ipywidgets as widgets
import numpy as np

from nanonet.explorer import views
from nanonet.explorer.session import RULES, Choice, Data, Session, begin, rewind, step
from nanonet.network.names import parameter_names
from nanonet.network.network import Network
from nanonet.rules.momentum import FORMS
from nanonet.solve.result import Result

ALL = "all: the mean"

#: Examples that a table of all of them shows.
MOST_ROWS = 16


class Explorer(widgets.VBox):
    """Menus, sliders and buttons above; below, all that they lead to."""

    session: Session  # the run in progress
    kept: dict[str, Result]  # runs from the same start, shown beside it

    def __init__(self, network: Network, data: Data) -> None:
        choice = Choice(data=next(iter(data)))
        self.kept = {}
        self.session = begin(network, data, choice)
        self.choices = {
            "rule": widgets.Dropdown(options=list(RULES)),
            "form": widgets.Dropdown(options=list(FORMS)),
            "learning_rate": widgets.FloatLogSlider(
                choice.learning_rate, min=-3, max=2, step=0.05, readout_format=".3g"
            ),
            "beta": widgets.FloatSlider(choice.beta, min=0, max=0.99, step=0.01),
            "data": widgets.Dropdown(options=list(data)),
            "seed": widgets.BoundedIntText(choice.seed, min=0, max=10**6),
        }
        words = ("rule", "form", "α", "β", "data", "start")
        for widget, word in zip(self.choices.values(), words, strict=True):
            widget.description = word
            widget.continuous_update = False
            widget.layout.width = "95%"
        self.count = widgets.BoundedIntText(100, min=1, max=10**5, description="n")
        self.buttons = {
            name: widgets.Button(description=name)
            for name in ("step", "run n steps", "rewind", "keep")
        }
        self.buttons["keep"].tooltip = "show this run beside the next ones"
        self.status = widgets.HTML()
        self.pictures = {
            name: widgets.Image(layout={"max_width": "49%"})
            for name in ("diagram", "surface", "losses", "path")
        }
        names = parameter_names(self.session.run.point.params)
        self.axes = [
            widgets.Dropdown(options=names, value=name, description=word)
            for name, word in zip(names[:2], ("across", "up"), strict=True)
        ]
        self.example = widgets.Dropdown(description="example")
        self.chain_rule = widgets.HTML()
        super().__init__(self._arranged())
        self._list_examples()
        self._connect()
        self.show()

    def show(self) -> None:
        """Bring all views up to date."""
        self.status.value = f"<b>{views.status(self.session)}</b>"
        chain_rule = views.chain_rule(self.session, self.example.value)
        self.chain_rule.value = chain_rule._repr_html_()
        across, up = (str(axis.value) for axis in self.axes)
        drawn = views.pictures(
            self.session, self.kept, (across, up), self.example.value
        )
        for name, picture in drawn.items():
            self.pictures[name].value = picture

    def _arranged(self) -> list[widgets.Widget]:
        menus = list(self.choices.values())
        columns = [
            widgets.VBox(menus[i : i + 2], layout={"width": "33%"}) for i in (0, 2, 4)
        ]
        side_by_side = {"align_items": "center", "justify_content": "space-around"}
        drawn = list(self.pictures.values())
        return [
            widgets.HBox(columns),
            widgets.HBox([*self.buttons.values(), self.count]),
            self.status,
            widgets.HBox(drawn[:2], layout=side_by_side),
            widgets.HBox(drawn[2:], layout=side_by_side),
            widgets.HBox([self.example, *self.axes]),
            self.chain_rule,
        ]

    def _connect(self) -> None:
        self.buttons["step"].on_click(lambda _: self._go_to(step(self.session)))
        self.buttons["run n steps"].on_click(
            lambda _: self._go_to(step(self.session, self.count.value))
        )
        self.buttons["rewind"].on_click(lambda _: self._go_to(rewind(self.session)))
        self.buttons["keep"].on_click(lambda _: self._keep())
        for widget in self.choices.values():
            widget.observe(self._choose, "value")
        for widget in (self.example, *self.axes):
            widget.observe(lambda _: self.show(), "value")

    def _go_to(self, session: Session) -> None:
        self.session = session
        self.show()

    def _keep(self) -> None:
        self.kept = {**self.kept, str(self.session.choice): self.session.result}

    def _choose(self, change: Any) -> None:
        """Start anew with what the menus and sliders say."""
        alpha = self.choices["learning_rate"]
        choice = Choice(**{name: each.value for name, each in self.choices.items()})
        suits = RULES[choice.rule].learning_rate or alpha.value
        if change.owner is self.choices["rule"] and alpha.value != suits:
            alpha.value = suits  # which comes back here
            return
        for name in ("form", "learning_rate", "beta"):
            self.choices[name].disabled = name not in choice.heeded()
        old = self.session.choice
        self.session = begin(self.session.network, self.session.data, choice)
        if (choice.data, choice.seed) != (old.data, old.seed):
            self.kept = {}
            self._list_examples()
        self.show()

    def _list_examples(self) -> None:
        x, y = map(np.asarray, self.session.data[self.session.choice.data])
        options: list[tuple[str, int | None]] = [
            (f"{i}: x = {np.round(x[i], 3)}, y = {np.round(y[i], 3)}", i)
            for i in range(len(x))
        ]
        if len(x) <= MOST_ROWS:
            options.append((ALL, None))
        self.example.options = options
        self.example.value = len(x) - 1
