"""How all pictures look: one palette, and one colour for a rule in every picture."""

import collections
import io
import itertools
import warnings
from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

from nanonet._internal.optional import require
from nanonet._internal.text import printable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito's colours, which the colour-blind can tell apart, on white. Their
# yellow is too pale for a line: a brown takes its place.
BLACK, GREY = "#000000", "#7F7F7F"
ORANGE, SKY, GREEN = "#E69F00", "#56B4E9", "#009E73"
BLUE, VERMILLION, PURPLE, BROWN = "#0072B2", "#D55E00", "#CC79A7", "#5C4A1F"

POSITIVE, NEGATIVE = BLUE, VERMILLION

#: Each rule's color, by its name in the registry; a rule's heirs share its color.
RULE_COLORS = {
    "gradient_descent": BLACK,
    "sgd": BLACK,
    "momentum": ORANGE,
    "nesterov": ORANGE,
    "rmsprop": GREEN,
    "adagrad": GREEN,
    "adam": BLUE,
    "adamw": BLUE,
    "amsgrad": BLUE,
    "newton": VERMILLION,
    "newton_cg": VERMILLION,
    "gauss_newton": BROWN,
    "levenberg_marquardt": BROWN,
    "bfgs": PURPLE,
    "lbfgs": PURPLE,
    "secant": SKY,
    "barzilai_borwein": SKY,
    "broyden": SKY,
}
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
    """Each name's colour and line: the colour that of the rule it speaks of.

    Runs of one rule in a picture differ by their lines. Names of no rule take the
    colours that are left.

    >>> looks(["Adam, α = 0.1", "my own", "AdamW"])["AdamW"]
    Look(color='#0072B2', linestyle='--')
    """
    names = list(names)
    known = {name: _rule_color(name) for name in names}
    left = [color for color in _OTHERS if color not in known.values()]
    others = itertools.cycle(left or _OTHERS)
    drawn = collections.Counter()
    result = {}
    for name in names:
        color = known[name] or next(others)
        result[name] = Look(color, _LINES[drawn[color] % len(_LINES)])
        drawn[color] += 1
    return result


def _rule_color(name: str) -> str | None:
    """The colour of the rule named first; of those that begin together, the longest."""
    letters = "".join(filter(str.isalpha, name.lower()))
    found = [
        (letters.find(key.replace("_", "")), -len(key), key) for key in RULE_COLORS
    ]
    found = [match for match in found if match[0] >= 0]
    return RULE_COLORS[min(found)[2]] if found else None


def axes_or_new(ax: "Axes | None", *, size: tuple[float, float] = (6.4, 4.0)) -> "Axes":
    """The axes given, or new ones on a figure of their own, ``size`` in inches.

    New axes belong to no window and to no list of open figures: a notebook shows them
    where they are the value of a cell, and they are gone when nothing refers to them.

    Raises:
      ModuleNotFoundError: matplotlib is not installed (extra ``plot``).
    """
    if ax is not None:
        return ax
    matplotlib = require("matplotlib", extra="plot")
    from nanonet.plot.canvas import Picture

    with matplotlib.rc_context(STYLE):
        figure = require("matplotlib.figure", extra="plot").Figure(
            figsize=size, layout="constrained"
        )
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
    ticker = require("matplotlib.ticker", extra="plot")
    ax.xaxis.set_major_locator(ticker.MaxNLocator(integer=True))


def legend(ax: "Axes") -> None:
    """A legend beside the axes, where it can hide no data; none for a single curve."""
    handles, labels = ax.get_legend_handles_labels()
    if len(handles) > 1:
        ax.legend(
            handles,
            labels,
            loc="upper left",
            bbox_to_anchor=(1.0, 1.0),
            frameon=False,
            fontsize=9,
        )


def figure_of(ax: "Axes") -> "Figure":
    """The whole figure that the axes are on."""
    figure = ax.get_figure(root=True)
    assert figure is not None
    return figure


def to_png(figure: "Figure", *, dpi: float = 150) -> bytes:
    """Render a figure as the bytes of a PNG file."""
    file = io.BytesIO()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph")  # a name in letters the font lacks
        figure.savefig(file, format="png", dpi=dpi)
    return file.getvalue()
