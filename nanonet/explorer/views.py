"""What the explorer shows of a session: pictures and a table, computed anew."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import jax
import numpy as np

from nanonet.explain import ChainRule, explain
from nanonet.explorer.session import Session
from nanonet.plot.diagram import diagram
from nanonet.plot.losses import losses
from nanonet.plot.paths import paths
from nanonet.plot.style import to_png
from nanonet.plot.surface import decision_surface
from nanonet.result import Result, Status

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Dots per inch.
DPI = 90


def pictures(
    session: Session,
    kept: Mapping[str, Result],
    plane: tuple[str, str],
    example: int | None,
) -> dict[str, bytes]:
    """The network, what it answers, J and the path, as PNG files, by name.

    The network holds the activations of an example; runs that were kept are drawn
    beside the session's. Without two inputs there is no surface.
    """
    x, y = map(np.asarray, session.data[session.choice.data])
    result = session.result
    runs = {**kept, session.label: result}
    with jax.enable_x64(True):
        inputs = None if example is None else x[example]
        axes = {
            "diagram": diagram(session.network, result.params, inputs),
            "losses": losses(runs),
            "path": paths(session.fun, runs, plane=plane),
        }
        if x.shape[1] == 2:
            axes["surface"] = decision_surface(session.network, result.params, x, y)
    return {name: _png(each) for name, each in axes.items()}


def _png(ax: "Axes") -> bytes:
    figure = ax.get_figure(root=True)
    assert figure is not None
    return to_png(figure, dpi=DPI)


def chain_rule(session: Session, example: int | None) -> ChainRule:
    """The chain rule of one example, or of the mean of all."""
    x, y = map(np.asarray, session.data[session.choice.data])
    if example is not None:
        x, y = x[example], y[example]
    with jax.enable_x64(True):
        return explain(session.network, session.result.params, x, y)


def status(session: Session) -> str:
    """Where the run is, in a line."""
    result = session.result
    line = f"step {result.steps:,}: J = {result.value:.6g}, "
    line += f"‖∇J‖ = {result.gradient_norm:.3g}"
    if result.status is not Status.RUNNING:
        line += f". {result.status}"
    return line
