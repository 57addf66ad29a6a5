"""How all pictures look: one palette, and one color for a rule in every picture."""

import collections
import contextlib
import io
import itertools
import warnings
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from nanonet._internal.optional import require
from nanonet._internal.text import printable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
else:
    Axes = Any  # matplotlib is imported where something is drawn

# Okabe and Ito's colors, which the color-blind can tell apart, on white. Their yellow
# is too pale for a line: a brown takes its place.
BLACK, GREY = "#000000", "#7F7F7F"
ORANGE, SKY, GREEN = "#E69F00", "#56B4E9", "#009E73"
BLUE, VERMILLION, PURPLE, BROWN = "#0072B2", "#D55E00", "#CC79A7", "#5C4A1F"

POSITIVE, NEGATIVE = BLUE, VERMILLION

_FAMILIES = {
    BLACK: "gradient_descent sgd",
    ORANGE: "momentum nesterov",
    GREEN: "rmsprop adagrad",
    BLUE: "adam adamw amsgrad",
    VERMILLION: "newton newton_cg",
    BROWN: "gauss_newton levenberg_marquardt",
    PURPLE: "bfgs lbfgs",
    SKY: "secant barzilai_borwein broyden",
}
#: Each rule's color, by its name in the registry; a rule's heirs share its color.
RULE_COLORS = {name: c for c, names in _FAMILIES.items() for name in names.split()}

_OTHERS = [GREEN, PURPLE, ORANGE, BLUE, SKY, VERMILLION, BROWN, BLACK]
_LINES = ["-", "--", ":", "-."]

_LONGEST_NAME = 28

#: Settings of new axes, for those who make their own: plt.rcParams.update(STYLE).
STYLE = {
    "axes.axisbelow": True,
    "axes.edgecolor": "#444444",
    "axes.grid": True,
    "axes.labelsize": 10,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlesize": 11,
    "figure.dpi": 100,
    "font.size": 10,
    "grid.alpha": 0.25,
    "xtick.labelsize": 9,
    "ytick.labelsize": 9,
}


class Look(NamedTuple):
    """How the curve of one run is drawn."""

    color: str
    linestyle: str


def looks(names: Iterable[str]) -> dict[str, Look]:
    """Each name's color and line: the color that of the rule it speaks of.

    Runs of one rule in a picture differ by their lines. Names of no rule take the
    colors that are left.

    >>> looks(["Adam, α = 0.1", "my own", "AdamW"])["AdamW"]
    Look(color='#0072B2', linestyle='--')
    """
    known = {name: _rule_color(name) for name in names}
    left = [color for color in _OTHERS if color not in known.values()]
    others = itertools.cycle(left or _OTHERS)
    drawn = collections.Counter()
    result = {}
    for name, color in known.items():
        color = color or next(others)
        result[name] = Look(color, _LINES[drawn[color] % len(_LINES)])
        drawn[color] += 1
    return result


def _rule_color(name: str) -> str | None:
    """The color of the rule named first; of those that begin together, the longest."""
    letters = "".join(filter(str.isalpha, name.lower()))
    places = {key: letters.find(key.replace("_", "")) for key in RULE_COLORS}
    found = [(place, -len(key), key) for key, place in places.items() if place >= 0]
    return RULE_COLORS[min(found)[2]] if found else None


def axes_or_new(ax: "Axes | None", *, size: tuple[float, float] = (6.4, 4.0)) -> "Axes":
    """The axes given, or new ones on a figure of their own, ``size`` in inches.

    New axes belong to no window and to no list of open figures: a notebook shows them
    where they are the value of a cell, and they are gone when nothing refers to them.
    """
    if ax is not None:
        return ax
    matplotlib = require("matplotlib", extra="plot")
    from matplotlib.figure import Figure

    from nanonet.plot.canvas import Picture

    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=size, layout="compressed")
        return figure.add_subplot(axes_class=Picture)


def short_name(name: str) -> str:
    r"""A name that users gave, in one line, printable, and short enough to be read.

    >>> short_name("petal\nlength, of the longest petal there is")
    'petal length, of the longes…'
    """
    line = " ".join(printable(name).split())
    return line if len(line) <= _LONGEST_NAME else line[: _LONGEST_NAME - 1] + "…"


def count_on_x(ax: "Axes") -> None:
    """Put the ticks of the x axis at whole numbers."""
    from matplotlib.ticker import MaxNLocator

    ax.xaxis.set_major_locator(MaxNLocator(integer=True))


def legend(ax: "Axes", **place: Any) -> None:
    """A legend of several curves: beside the axes, hiding nothing, or at ``place``."""
    place = place or {"loc": "upper left", "bbox_to_anchor": (1.0, 1.0)}
    if len(ax.get_legend_handles_labels()[0]) > 1:
        ax.legend(frameon=False, fontsize=9, **place)


#: Where a legend may stand, if there is no room beside the axes.
ABOVE = {"loc": "lower left", "bbox_to_anchor": (0.0, 1.0)}


def figure_of(ax: "Axes") -> "Figure":
    """The whole figure that the axes are on."""
    figure = ax.get_figure(root=True)
    assert figure is not None
    return figure


def to_png(figure: "Figure", *, dpi: float = 150) -> bytes:
    """Render a figure as the bytes of a PNG file."""
    file = io.BytesIO()
    with any_letters():
        figure.savefig(file, format="png", dpi=dpi)
    return file.getvalue()


@contextlib.contextmanager
def any_letters() -> Iterator[None]:
    """Without a warning of names in letters that the font lacks: they become boxes."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph")
        yield
