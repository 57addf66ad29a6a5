"""Symbols: text that knows itself in HTML and in LaTeX, too."""

# How tightly a formula binds; what binds less than its place wants gets brackets.
NEGATIVE, SUM, PRODUCT, POWER, ATOM = range(5)


class Symbol(str):
    """A symbol or formula: a string that knows itself in HTML and in LaTeX, too."""

    html: str
    latex: str
    binds: int

    def __new__(
        cls,
        text: str,
        html: str | None = None,
        latex: str | None = None,
        binds: int = ATOM,
    ) -> "Symbol":
        self = super().__new__(cls, text)
        self.html = text if html is None else html
        self.latex = text if latex is None else latex
        self.binds = binds
        return self


def numbered(letter: Symbol, number: int | str) -> Symbol:
    r"""A letter with a number, as x1.

    >>> y_hat = numbered(Symbol("ŷ", "ŷ", r"\hat{y}"), 2)
    >>> print(y_hat, y_hat.html, y_hat.latex)
    ŷ2 ŷ<sub>2</sub> \hat{y}_{2}
    """
    return Symbol(
        f"{letter}{number}",
        f"{letter.html}<sub>{number}</sub>",
        f"{letter.latex}_{{{number}}}",
    )


def indexed(letter: Symbol, *units: Symbol) -> Symbol:
    r"""A quantity of a unit, or of the arrow between two, as z_h1 and w_x1_h2.

    >>> w = indexed(Symbol("w"), numbered(Symbol("x"), 1), numbered(Symbol("h"), 2))
    >>> print(w, w.html, w.latex)
    w_x1_h2 w<sub>x1,h2</sub> w_{x_{1},h_{2}}
    """
    below = ",".join(unit.latex for unit in units)
    return Symbol(
        "_".join([letter, *units]),
        f"{letter.html}<sub>{','.join(units)}</sub>",
        f"{letter.latex}_{{{below}}}",
    )


def element(name: Symbol, index: tuple[int, ...]) -> Symbol:
    r"""An element of an array, as a.w[0, 1]; the whole, where the index is empty.

    >>> theta = element(Symbol("θ", latex=r"\theta"), (0, 1))
    >>> print(theta, theta.html, theta.latex)
    θ[0, 1] θ<sub>0, 1</sub> \theta_{0, 1}
    """
    if not index:
        return name
    inside = ", ".join(map(str, index))
    return Symbol(
        f"{name}[{inside}]",
        f"{name.html}<sub>{inside}</sub>",
        f"{name.latex}_{{{inside}}}",
    )
