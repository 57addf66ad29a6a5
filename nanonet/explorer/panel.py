"""The explorer's widgets: a thin layer over its session and its views.

It imports ipywidgets, so it is imported where it is needed.
"""

from typing import Any

import ipywidgets as widgets
import numpy as np

from nanonet.explorer import controls, views
from nanonet.explorer.session import (
    NUMBERS,
    Choice,
    Data,
    Session,
    begin,
    change,
    go_to,
    small_network,
    step,
    usual_rate,
)
from nanonet.network.names import parameter_names
from nanonet.network.network import Network
from nanonet.solve.result import Result

ALL = "all: the mean"

#: Examples that a table of all of them shows.
MOST_ROWS = 16


class Explorer(widgets.VBox):
    """Menus, sliders and buttons above; below, all that they lead to."""

    session: Session  # the run in progress
    kept: dict[str, Result]  # runs from the same start, shown beside it
    frame: views.Frame | None  # the ends of the axes; None: as the run needs them

    def __init__(self, network: Network | None, data: Data) -> None:
        choice = Choice(data=next(iter(data)))
        rate = usual_rate(choice.rule, data)
        choice = choice._replace(learning_rate=rate or choice.learning_rate)
        self.kept, self.frame, self.following = {}, None, False
        self.session = begin(network or small_network(), data, choice)
        self.choices = controls.choices(choice, data)
        self.layers = controls.layers(shown=network is None)
        self.buttons = controls.buttons()
        self.count, self.play = controls.count(), controls.play()
        self.history = controls.history()
        self.status = widgets.HTML()
        self.pictures = {
            name: widgets.Image(layout={"max_width": "49%"}) for name in views.SIZES
        }
        self.axes = [widgets.Dropdown(description=word) for word in ("across", "up")]
        self.example = widgets.Dropdown(description="example")
        self.chain_rule = widgets.HTML()
        super().__init__(self._arranged())
        self._list_examples()
        self._list_parameters()
        self._connect()
        self.show()

    def show(self) -> None:
        """Bring all views up to date."""
        self._follow()
        self.status.value = f"<b>{views.status(self.session)}</b>"
        chain_rule = views.chain_rule(self.session, self.example.value)
        self.chain_rule.value = chain_rule._repr_html_()
        across, up = (str(axis.value) for axis in self.axes)
        plane = across, up
        self.frame = views.framed(self.session, self.kept, plane, self.frame)
        drawn = views.pictures(
            self.session, self.kept, plane, self.example.value, self.frame
        )
        for name, picture in drawn.items():
            self.pictures[name].value = picture

    def _arranged(self) -> list[widgets.Widget]:
        menus = list(self.choices.values())
        columns = [
            widgets.VBox(menus[i : i + 2], layout={"width": "25%"})
            for i in range(0, len(menus), 2)
        ]
        side_by_side = {"align_items": "center", "justify_content": "space-around"}
        drawn = list(self.pictures.values())
        start, back, one, many, keep = self.buttons.values()
        return [
            widgets.HBox(columns),
            widgets.HBox([start, back, self.play, one, many, self.count, keep]),
            self.history,
            self.status,
            widgets.HBox(drawn[:2], layout=side_by_side),
            widgets.HBox(drawn[2:], layout=side_by_side),
            widgets.HBox([self.example, *self.axes, *self.layers.values()]),
            self.chain_rule,
        ]

    def _connect(self) -> None:
        moves = {
            "start": lambda: go_to(self.session, 0),
            "step back": lambda: go_to(self.session, self._here() - 1),
            "step": lambda: step(self.session),
            "steps": lambda: step(self.session, self.count.value),
        }
        for name, move in moves.items():
            self.buttons[name].on_click(lambda _, move=move: self._go_to(move()))
        self.buttons["keep"].on_click(lambda _: self._keep())
        self.play.observe(self._play, "value")
        self.history.observe(self._travel, "value")
        for widget in self.choices.values():
            widget.observe(self._choose, "value")
        for widget in (self.example, *self.axes):
            widget.observe(self._look, "value")
        for widget in self.layers.values():
            widget.observe(self._shape, "value")

    def _here(self) -> int:
        return int(self.session.run.step)

    def _go_to(self, session: Session) -> None:
        self.session = session
        self.show()

    def _play(self, change: Any) -> None:
        if change.new > change.old:  # and not where it was stopped
            self._go_to(step(self.session, self.count.value))

    def _travel(self, change: Any) -> None:
        if not self.following:
            self._go_to(go_to(self.session, change.new))

    def _shape(self, _: Any) -> None:
        """Begin anew with another network."""
        network = small_network(*(widget.value for widget in self.layers.values()))
        self.session = begin(network, self.session.data, self.session.choice)
        self.kept, self.frame = {}, None
        self._list_parameters()
        self.show()

    def _look(self, change: Any) -> None:
        if self.following:
            return
        if change.owner in self.axes:
            self.frame = None
        self.show()

    def _keep(self) -> None:
        self.kept[f"{self.session.choice}, kept"] = self.session.result

    def _choose(self, changed: Any) -> None:
        """Go on with the numbers that sliders say; begin anew with all else."""
        if self.following:
            return
        choice = Choice(**{name: each.value for name, each in self.choices.items()})
        if changed.owner is self.choices["rule"]:
            rate = usual_rate(choice.rule, self.session.data)
            choice = choice._replace(learning_rate=rate or choice.learning_rate)
        if any(changed.owner is self.choices[name] for name in NUMBERS):
            self._go_to(change(self.session, choice))
            return
        old = self.session.choice
        self.session = begin(self.session.network, self.session.data, choice)
        if (choice.data, choice.seed) != (old.data, old.seed):
            self.kept, self.frame = {}, None
            self._list_examples()
        self.show()

    def _follow(self) -> None:
        """Let all controls say where the run is, and which of them it heeds."""
        self.following = True
        choice = self.session.choice
        for name, widget in self.choices.items():
            widget.value = getattr(choice, name)
            widget.disabled = name not in {*choice.heeded(), "rule", "data", "seed"}
        self.history.max = self.session.last
        self.history.value = self._here()
        self.buttons["start"].disabled = self._here() == 0
        self.buttons["step back"].disabled = self._here() == 0
        self.following = False

    def _list_parameters(self) -> None:
        self.following = True
        names = parameter_names(self.session.run.point.params)
        for axis, name in zip(self.axes, names, strict=False):
            axis.options = names
            axis.value = name
        self.following = False

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
