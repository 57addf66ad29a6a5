"""Moving pictures: in a notebook with a slider, or a GIF in a file."""

import base64
import io
import json
import string
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import PyTree

from nanonet._internal.checks import check_number
from nanonet._internal.files import write_whole
from nanonet._internal.optional import require
from nanonet.network.network import Network
from nanonet.objectives.given import given
from nanonet.plot.contours import draw_scene, height_of, make_scene
from nanonet.plot.curves import Runs, as_histories, steps_of
from nanonet.plot.plane import Limits, Plane, path_of
from nanonet.plot.style import Axes, axes_or_new, figure_of, to_png
from nanonet.plot.surface import decision_surface
from nanonet.solve.result import Result

_DPI = 72


class Animation(NamedTuple):
    """Pictures to be shown one after another."""

    frames: Sequence[Any]
    """Images of Pillow's, all of one size."""

    interval: int
    """Milliseconds between two of them."""

    def save(self, path: str | Path) -> None:
        """Write a GIF that repeats for ever, whole or not at all."""
        if Path(path).suffix.lower() != ".gif":
            raise ValueError(f"{path} must end in .gif.")
        file = io.BytesIO()
        first, *rest = self.frames
        moving = {"append_images": rest, "duration": self.interval, "loop": 0}
        first.save(file, "GIF", save_all=True, **moving)
        write_whole(path, file.getvalue())

    def __repr__(self) -> str:
        return f"Animation of {len(self.frames)} frames"

    def _repr_html_(self) -> str:
        """All frames in one element, with a button and a slider; needs no network."""
        frames = []
        for frame in self.frames:
            file = io.BytesIO()
            frame.save(file, "PNG", optimize=True)
            encoded = base64.b64encode(file.getvalue()).decode()
            frames.append(f"data:image/png;base64,{encoded}")
        return _PLAYER.substitute(
            frames=json.dumps(frames),
            first=frames[0],
            last=len(frames) - 1,
            interval=self.interval,
        )


# Handlers in the attributes work wherever a notebook puts the element, and in a page
# that nbconvert makes; a script would have to find the element first.
_PLAYER = string.Template("""\
<div data-frames='$frames'><img src="$first" alt="animation"><br>
<button onclick="
  const box = this.parentNode, slider = this.nextElementSibling;
  clearInterval(box.timer);
  box.playing = !box.playing;
  this.textContent = box.playing ? 'pause' : 'play';
  if (box.playing) box.timer = setInterval(() => {
    slider.value = (+slider.value + 1) % (+slider.max + 1);
    slider.oninput();
  }, $interval);
">play</button>
<input type="range" min="0" max="$last" value="0" style="width: 24em" oninput="
  const frames = JSON.parse(this.parentNode.dataset.frames);
  this.parentNode.firstElementChild.src = frames[this.value];
"></div>""")


def animate(
    draw: Callable[[int, "Axes"], object],
    frames: Sequence[int],
    *,
    size: tuple[float, float] = (6.4, 4.0),
    interval: int = 100,
) -> Animation:
    """Make an animation: ``draw(frame, ax)`` draws each frame on empty axes.

    In a notebook it shows itself, with a button and a slider; ``save(path)`` writes it
    as a GIF.

    Args:
      draw: draws one frame.
      frames: what it is called with.
      size: of the picture, in inches, at 72 dots per inch.
      interval: milliseconds between two frames.

    >>> moving = animate(lambda k, ax: ax.plot([0, k], [0, 1]), range(3), size=(2, 2))
    >>> [frame.size for frame in moving.frames]
    [(144, 144), (144, 144), (144, 144)]
    """
    if not len(frames):
        raise ValueError("frames is empty: there is nothing to animate.")
    check_number("interval", interval, at_least=1)
    Image = require("PIL.Image", extra="plot")
    images = []
    for frame in frames:
        ax = axes_or_new(None, size=size)
        draw(frame, ax)
        with Image.open(io.BytesIO(to_png(figure_of(ax), dpi=_DPI))) as image:
            images.append(image.convert("RGB").quantize())
    return Animation(tuple(images), interval)


def animate_paths(
    fun: Callable[..., Any],
    runs: Runs,
    *,
    args: tuple[Any, ...] = (),
    has_aux: bool = False,
    plane: Plane | tuple[str, str] | None = None,
    limits: Limits | None = None,
    minimum: PyTree | None = None,
    frames: int = 30,
) -> Animation:
    """Animate `paths`, from the start to the end of the longest run.

    Arguments and errors are those of `paths`; ``frames`` is the number of pictures at
    the most.

    >>> from nanonet.solve.minimize import minimize
    >>> from nanonet.rules.gradient_descent import gradient_descent
    >>> J, rule = lambda theta: theta @ theta, gradient_descent(0.25)
    >>> run = minimize(J, np.ones(2), rule, max_steps=9, keep_params=True)
    >>> len(animate_paths(J, run, frames=2).frames)
    2
    """
    histories = as_histories(runs)
    J = given(fun, args, has_aux=has_aux)
    scene = make_scene(J, histories, plane, limits, minimum)
    steps = max(map(steps_of, histories.values()), key=len)

    def draw(point: int, ax: "Axes") -> None:
        draw_scene(scene, ax, until=point)
        ax.set_title(f"step {steps[point]}")

    last = max(map(len, scene.tracks.values())) - 1
    return animate(draw, _evenly(last, frames), size=(6.8, height_of(scene)))


def animate_surface(
    network: Network, run: Result, x: Any, y: Any, *, frames: int = 30
) -> Animation:
    """Animate `decision_surface` through the steps of a run.

    Arguments and errors are those of `decision_surface`, with a run of
    ``minimize(..., keep_params=True)`` in place of the parameters; ``frames`` is the
    number of pictures at the most.

    >>> from nanonet.network.network import two_two_one
    >>> from nanonet.objectives.losses import half_squared_error
    >>> from nanonet.objectives.objective import objective
    >>> from nanonet.rules.adam import adam
    >>> from nanonet.solve.minimize import minimize
    >>> network, x, y = two_two_one(), np.eye(2), np.array([0.0, 1.0])
    >>> J = objective(network, half_squared_error, x, y)
    >>> start = network.init(key=jax.random.key(0))
    >>> run = minimize(J, start, adam(0.1), max_steps=20, keep_params=True)
    >>> animate_surface(network, run, x, y, frames=3)
    Animation of 3 frames
    """
    (history,) = as_histories(run).values()
    last = len(path_of("run", history)) - 1

    def draw(point: int, ax: "Axes") -> None:
        params = jax.tree.map(lambda leaf: leaf[point], history.params)
        decision_surface(network, params, x, y, ax=ax)
        figure_of(ax).suptitle(f"step {steps_of(history)[point]}", fontsize=11)

    return animate(draw, _evenly(last, frames), size=(5.4, 4.4))


def _evenly(last: int, frames: int) -> list[int]:
    """At most so many points from 0 to the last, spaced evenly."""
    check_number("frames", frames, at_least=1)
    return np.unique(np.linspace(0, last, frames).round().astype(int)).tolist()
