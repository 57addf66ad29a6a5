"""What the explorer shows of a session: pictures and a table, computed anew."""

from collections.abc import Mapping

import jax
import numpy as np

from nanonet.explanation.chain_rule import ChainRule
from nanonet.explanation.explain import explain
from nanonet.explorer.session import Session
from nanonet.objectives.losses import half_squared_error
from nanonet.plot.contours import paths
from nanonet.plot.curves import losses
from nanonet.plot.network_diagram import diagram
from nanonet.plot.style import ABOVE, axes_or_new, figure_of, legend, to_png
from nanonet.plot.surface import decision_surface
from nanonet.solve.result import Result, Status

#: Inches; side by side, as large as the text around them.
SIZES = {
    "diagram": (4.8, 3.4),
    "surface": (4.6, 3.4),
    "losses": (4.8, 3.6),
    "path": (4.8, 3.6),
}
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
    label = str(session.choice)
    runs = dict.fromkeys([label, *kept], result)  # the first gives the plane
    runs.update((name, run) for name, run in kept.items() if name != label)
    with jax.enable_x64(True):
        inputs = None if example is None else x[example]
        axes = {name: axes_or_new(None, size=size) for name, size in SIZES.items()}
        diagram(session.network, result.params, inputs, ax=axes["diagram"])
        losses(runs, ax=axes["losses"])
        paths(session.fun, runs, plane=plane, ax=axes["path"])
        if x.shape[1] == 2:
            decision_surface(session.network, result.params, x, y, ax=axes["surface"])
        else:
            del axes["surface"]
    for name in ("losses", "path"):
        legend(axes[name], **ABOVE)  # side by side there is no room beside them
    return {name: to_png(figure_of(ax), dpi=DPI) for name, ax in axes.items()}


def chain_rule(session: Session, example: int | None) -> ChainRule:
    """The chain rule of one example, or of the mean of all."""
    x, y = map(np.asarray, session.data[session.choice.data])
    if example is not None:
        x, y = x[example], y[example]
    with jax.enable_x64(True):
        return explain(
            session.network, session.result.params, x, y, loss=half_squared_error
        )


def status(session: Session) -> str:
    """Where the run is, in a line."""
    result = session.result
    line = f"step {result.steps:,}: J = {result.value:.6g}, "
    line += f"‖∇J‖ = {result.gradient_norm:.3g}"
    if result.status is not Status.RUNNING:
        line += f". {result.status}"
    return line
