"""Axes that a notebook shows; imports matplotlib, so it is imported where needed."""

from matplotlib.axes import Axes

from nanonet.plot.style import figure_of, to_png


class Picture(Axes):
    """Axes that show their figure where a notebook's cell ends in them."""

    def _repr_png_(self) -> bytes:
        figure = figure_of(self)
        return to_png(figure, dpi=figure.dpi)


class Pictures(tuple[Axes, ...]):
    """Several axes of one figure, which a notebook shows likewise."""

    def _repr_png_(self) -> bytes:
        figure = figure_of(self[0])
        return to_png(figure, dpi=figure.dpi)
