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
        "²": "^2",
        "⁺": "^{{+}}",
        "Σ": r"{{\textstyle\sum}}",
        "α": r"\alpha ",
    }
)
_POWER = re.compile(r"e\^\((.*?)\)")


@functools.cache
def _languages(template: str) -> tuple[str, str]:
    """The template in HTML and in LaTeX."""
    latex = _POWER.sub(r"e^{{\1}}", template).translate(_LATEX)
    as_html = _POWER.sub(r"e<sup>\1</sup>", html.escape(template))
    return as_html, re.sub(" +", " ", latex)


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
