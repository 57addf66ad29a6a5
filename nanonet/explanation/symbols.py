"""Symbols and formulas as text, in HTML and in LaTeX.

Units and parameters are called as in `nanonet.network.names`. Besides,

========================  =====================================================
z_h1, z_o1                weighted sums
out_h1                    what a hidden unit gives
ŷ, or ŷ1, ŷ2, …           what an output unit gives; y, y1, y2, … its target
========================  =====================================================
"""

import functools
import html
import re
from collections.abc import Iterable

import numpy as np
from numpy.typing import ArrayLike


class Symbol(str):
    """A symbol or formula: a string that knows itself in HTML and in LaTeX, too."""

    html: str
    latex: str

    def __new__(
        cls, text: str, html: str | None = None, latex: str | None = None
    ) -> "Symbol":
        self = super().__new__(cls, text)
        self.html = text if html is None else html
        self.latex = text if latex is None else latex
        return self


_LETTERS = {"ŷ": r"\hat{y}", "out": r"\mathrm{out}"}


def symbol(name: str) -> Symbol:
    r"""A letter with a number, such as x1, or a word with units, such as w_x1_h1.

    >>> w = symbol("w_x1_h2")
    >>> print(w, w.html, w.latex)
    w_x1_h2 w<sub>x1,h2</sub> w_{x_{1},h_{2}}
    """
    base, *units = name.split("_")
    if units:
        index, below = ",".join(units), ",".join(symbol(unit).latex for unit in units)
    else:
        base, index = name[0], name[1:]
        below = index
    latex = _LETTERS.get(base, base)
    if not index:
        return Symbol(name, name, latex)
    return Symbol(name, f"{base}<sub>{index}</sub>", f"{latex}_{{{below}}}")


def fill(template: str, **parts: object) -> Symbol:
    r"""A formula: symbols and numbers set in for the names in braces.

    >>> formula = fill("1/(1 + e^(−{z}))", z=symbol("z_o1"))
    >>> print(formula, formula.html, formula.latex)
    1/(1 + e^(−z_o1)) 1/(1 + e<sup>−z<sub>o1</sub></sup>) 1/(1 + e^{-z_{o_{1}}})
    """
    as_html, as_latex = _languages(template)
    in_html, in_latex = (
        {name: getattr(part, language, part) for name, part in parts.items()}
        for language in ("html", "latex")
    )
    return Symbol(
        template.format(**parts), as_html.format(**in_html), as_latex.format(**in_latex)
    )


_LATEX = str.maketrans(
    {
        "·": r" \cdot ",
        "−": "-",
        "Σ": r"{{\textstyle\sum}}",
        "α": r"\alpha ",
        "Δ": r"\Delta ",
        "∇": r"\nabla ",
        "√": r"\sqrt ",
        "‖": r"\|",
        "½": r"\tfrac{{1}}{{2}}",
        "≤": r"\le ",
        "≥": r"\ge ",
    }
)
_RAISED = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺ᵀ", "0123456789-+⊤")
_POWER = re.compile(r"e\^\((.*?)\)")
_SUPERSCRIPT = re.compile(r"(\{\w*\})?([⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺ᵀ]+)")


@functools.cache
def _languages(template: str) -> tuple[str, str]:
    """The template in HTML and in LaTeX."""
    latex = _POWER.sub(r"e^{{\1}}", template)
    latex = _SUPERSCRIPT.sub(_raised, latex).translate(_LATEX)
    as_html = _POWER.sub(r"e<sup>\1</sup>", html.escape(template))
    return as_html, re.sub(" +", " ", latex)


def _raised(found: re.Match) -> str:
    """What is raised, in LaTeX; what it is raised above, in braces."""
    base, above = found.groups()
    above = above.translate(_RAISED).replace("⊤", r"\top")
    return ("" if base is None else f"{{{{{base}}}}}") + f"^{{{{{above}}}}}"


def at(symbol: Symbol, time: int) -> Symbol:
    r"""A symbol at a step, as in v(2).

    >>> v = at(Symbol("v₁", "v<sub>1</sub>", "v_{1}"), 2)
    >>> print(v, v.html, v.latex)
    v₁(2) v<sub>1</sub><sup>(2)</sup> v_{1}^{(2)}
    """
    return Symbol(
        f"{symbol}({time})",
        f"{symbol.html}<sup>({time})</sup>",
        f"{symbol.latex}^{{({time})}}",
    )


def of(function: Symbol, argument: Symbol) -> Symbol:
    """A function of something, as in J(θ).

    >>> print(of(J, symbol("w1")))
    J(w1)
    """
    return fill("{f}({x})", f=function, x=argument)


def words(text: str) -> Symbol:
    """What is said in words."""
    return Symbol(text, html.escape(text), rf"\text{{{text}}}")


#: Entries of a vector, and rows of a matrix, that are shown; all are in the data.
MOST_ENTRIES = 5


def number_symbol(value: ArrayLike, digits: int = 6) -> Symbol:
    r"""A number, a vector or a matrix as it is shown; all digits are in the data.

    >>> print(number_symbol(1e-8).latex, number_symbol([[1, 2], [3, 4]]))
    10^{-8} [[1, 2], [3, 4]]
    """
    array = np.asarray(value, float)
    if array.ndim == 0:
        return _scalar(float(array) + 0.0, digits)  # + 0.0 makes -0.0 a 0
    entries = [number_symbol(entry, digits) for entry in array]
    if len(entries) > MOST_ENTRIES:
        entries[MOST_ENTRIES - 2 : -1] = [Symbol("…", "…", r"\dots")]
    rows = [entry.latex for entry in entries]
    if array.ndim > 1:
        rows = [row.removeprefix(_OPEN).removesuffix(_CLOSE) for row in rows]
        rows = [row.replace(r" \\ ", " & ") for row in rows]
    return Symbol(
        f"[{', '.join(entries)}]",
        f"[{', '.join(entry.html for entry in entries)}]",
        _OPEN + r" \\ ".join(rows) + _CLOSE,
    )


_OPEN, _CLOSE = r"\begin{bmatrix}", r"\end{bmatrix}"


def _scalar(value: float, digits: int) -> Symbol:
    text = f"{value:.{digits}g}"
    mantissa, e, exponent = text.partition("e")
    latex = {"nan": r"\mathrm{NaN}", "inf": r"\infty", "-inf": r"-\infty"}.get(text)
    if latex is None:
        power = f"10^{{{int(exponent)}}}" if e else ""
        factor = {"1": "", "-1": "-"}.get(mantissa, rf"{mantissa} \cdot ")
        latex = factor + power if e else mantissa
    return Symbol(text, text, latex)


def total(terms: Iterable[Symbol]) -> Symbol:
    """The terms with a plus between them."""
    named = {f"t{i}": term for i, term in enumerate(terms)}
    return fill(" + ".join(f"{{{name}}}" for name in named), **named)


def partial(of: Symbol, by: Symbol) -> Symbol:
    r"""Write a derivative.

    >>> print(partial(symbol("J"), symbol("w1")).latex)
    \frac{\partial J}{\partial w_{1}}
    """
    return Symbol(
        f"∂{of}/∂{by}",
        f"∂{of.html}/∂{by.html}",
        rf"\frac{{\partial {of.latex}}}{{\partial {by.latex}}}",
    )


def grouped(formula: Symbol) -> Symbol:
    """The formula, in brackets if it is a sum or negative, to stand in a product.

    >>> print(*map(grouped, map(Symbol, ["ŷ − y", "ŷ·(1 − ŷ)", "-0.5"])))
    (ŷ − y) ŷ·(1 − ŷ) (-0.5)
    """
    outside = re.sub(r"\([^()]*\)|\[[^]]*\]", "", formula)
    loose = outside.startswith(("−", "-")) or re.search(r" [−+] ", outside)
    return fill("({formula})", formula=formula) if loose else formula


J = symbol("J")
