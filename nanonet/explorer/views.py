"""What the explorer shows of a session: pictures and a table, computed anew."""

import dataclasses
from collections.abc import Mapping

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PyTree

from nanonet.explanation.chain_rule import ChainRule
from nanonet.explanation.explain import explain
from nanonet.explorer.frame import Frame, framed, sane
from nanonet.explorer.session import Session
from nanonet.model.rows import outputs
from nanonet.network.network import Network
from nanonet.objectives.losses import half_squared_error
from nanonet.plot.answers import predictions
from nanonet.plot.contours import paths
from nanonet.plot.curves import draw_losses
from nanonet.plot.network_diagram import diagram
from nanonet.plot.style import (
    ABOVE,
    BLACK,
    BLUE,
    Axes,
    axes_or_new,
    figure_of,
    legend,
    to_png,
)
from nanonet.plot.surface import decision_surface
from nanonet.solve.result import Result, Status

#: Inches; side by side, as large as the text around them.
SIZES = {
    "diagram": (4.8, 3.4),
    "answer": (4.6, 3.4),
    "losses": (4.8, 3.6),
    "path": (4.8, 3.6),
}
DPI = 90


def pictures(
    session: Session,
    kept: Mapping[str, Result],
    plane: tuple[str, str],
    example: int | None,
    frame: Frame | None = None,
) -> dict[str, bytes]:
    """The network, what it answers, J and the path, as PNG files, by name.

    The network holds the activations of an example; runs that were kept are drawn
    beside the session's.
    """
    x, y = map(np.asarray, session.data[session.choice.data])
    result, params = session.result, shown(session)
    runs = {str(session.choice): result, **kept}  # the first gives the plane
    runs = {
        name: dataclasses.replace(run, history=sane(run)) for name, run in runs.items()
    }
    frame = frame or framed(session, kept, plane)
    low, high = frame.decades
    with jax.enable_x64(True):
        inputs = None if example is None else x[example]
        axes = {name: axes_or_new(None, size=size) for name, size in SIZES.items()}
        diagram(session.network, params, inputs, ax=axes["diagram"])
        draw_losses(runs, axes["losses"])
        axes["losses"].set(xlim=(0, frame.steps), ylim=(10.0**low, 10.0**high))
        paths(session.fun, runs, plane=plane, limits=frame.plane, ax=axes["path"])
        _draw_answer(session.network, params, x, y, axes["answer"])
    titles = {"losses": "J, step by step", "path": "J over two parameters"}
    for name, title in titles.items():
        legend(axes[name], **ABOVE)  # side by side there is no room beside them
        if len(runs) == 1:
            axes[name].set_title(title, loc="left")
    return {name: to_png(figure_of(ax), dpi=DPI) for name, ax in axes.items()}


def _draw_answer(
    network: Network, params: PyTree, x: np.ndarray, y: np.ndarray, ax: "Axes"
) -> None:
    """ŷ over the plane of two inputs, along the only one, or beside y."""
    if x.shape[1] == 2:
        decision_surface(network, params, x, y, ax=ax)
        return
    if x.shape[1] > 1:
        predictions(np.ravel(y), np.ravel(outputs(network, params, x)), ax=ax)
        return
    low, high = x.min(), x.max()
    margin = 0.1 * (high - low or 1.0)
    line = np.linspace(low - margin, high + margin, 201)[:, None]
    ax.plot(x, np.reshape(y, (len(x), -1)), "o", ms=4, color=BLACK, alpha=0.6)
    ax.plot(line, outputs(network, params, line), lw=2, color=BLUE)
    room = 0.25 * (np.ptp(y) or 1.0)
    ax.set(xlabel="x1", ylabel="y (dots) and ŷ (line)")
    ax.set(xlim=line[[0, -1], 0], ylim=(np.min(y) - room, np.max(y) + room))


def shown(session: Session) -> PyTree:
    """The parameters where the run is, or, if J ran away, where it last was sane."""
    with jax.enable_x64(True):
        return jax.tree.map(
            lambda leaf: jnp.asarray(leaf[-1]), sane(session.result).params
        )


def chain_rule(session: Session, example: int | None) -> ChainRule:
    """The chain rule of one example, or of the mean of all."""
    x, y = map(np.asarray, session.data[session.choice.data])
    if example is not None:
        x, y = x[example], y[example]
    with jax.enable_x64(True):
        return explain(session.network, shown(session), x, y, loss=half_squared_error)


def status(session: Session) -> str:
    """Where the run is, in a line; and in words, if it runs away or is at its end."""
    result = session.result
    step, J = int(session.run.step), session.run.point
    line = f"step {step:,}: J = {float(J.value):.6g}, "
    line += f"‖∇J‖ = {float(J.gradient_norm):.3g}"
    news = " ".join(_news(session, result))
    return f"{line}. {news}" if news else line


def _news(session: Session, result: Result) -> list[str]:
    """What there is to say of it."""
    assert result.history is not None
    start, now = float(result.history.value[0]), float(session.run.point.value)
    rate = session.choice.heeded().get("learning_rate")
    cure = "Step back, or begin elsewhere."
    if rate:
        alpha = f"α = {session.choice.learning_rate:.3g}"
        cure = f"{alpha} is too large here: step back, make α smaller, go on."
    if result.status is Status.NON_FINITE:
        return ["It has diverged: J or ∇J is not finite.", cure]
    if now > max(100 * start, 1.0):
        return [f"It is diverging: J is {now / start:.2g} times the start's.", cure]
    return [str(result.status)] if result.status is not Status.RUNNING else []
