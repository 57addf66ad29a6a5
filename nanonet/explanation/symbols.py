"""Formulas that know themselves in HTML and in LaTeX, made of symbols and numbers."""

import functools
import html
import re

import numpy as np
from numpy.typing import ArrayLike

from nanonet.network.symbol import ATOM, NEGATIVE, PRODUCT, Symbol


def fill(template: str, **parts: object) -> Symbol:
    r"""A formula: symbols and numbers set in for the names in braces.

    >>> formula = fill("e^(−{z})", z=Symbol("z_o1", "z<sub>o1</sub>", "z_{o_{1}}"))
    >>> print(formula, formula.html, formula.latex)
    e^(−z_o1) e<sup>−z<sub>o1</sub></sup> e^{-z_{o_{1}}}
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
        "⇔": r"\iff ",
        "≥": r"\ge ",
    }
)
_RAISED = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺ᵀ", "0123456789-+⊤")
_LOWERED = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
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
    >>> at(Symbol("M²", "M<sup>2</sup>", "M^{2}"), 2).latex
    '{M^{2}}^{(2)}'
    """
    raised = "^" in symbol.latex or "'" in symbol.latex
    base = f"{{{symbol.latex}}}" if raised else symbol.latex
    return Symbol(
        f"{symbol}({time})",
        f"{symbol.html}<sup>({time})</sup>",
        f"{base}^{{({time})}}",
    )


def below(symbol: Symbol, number: int) -> Symbol:
    r"""A symbol with a number below it.

    >>> alpha = below(Symbol("α", latex=r"\alpha"), 12)
    >>> print(alpha, alpha.html, alpha.latex)
    α₁₂ α<sub>12</sub> \alpha_{12}
    """
    digits = str(number).translate(_LOWERED)
    return Symbol(
        f"{symbol}{digits}",
        f"{symbol.html}<sub>{number}</sub>",
        f"{symbol.latex}_{{{number}}}",
    )


def of(function: Symbol, argument: Symbol) -> Symbol:
    """A function of something, as in J(θ).

    >>> print(of(J, Symbol("θ")))
    J(θ)
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
    if isinstance(value, bool | np.bool_):
        return words("holds" if value else "fails")
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
    return Symbol(text, text, latex, NEGATIVE if value < 0 else ATOM)


def partial(of: Symbol, by: Symbol) -> Symbol:
    r"""Write a derivative.

    >>> print(partial(J, Symbol("w1", latex="w_{1}")).latex)
    \frac{\partial J}{\partial w_{1}}
    """
    return Symbol(
        f"∂{of}/∂{by}",
        f"∂{of.html}/∂{by.html}",
        rf"\frac{{\partial {of.latex}}}{{\partial {by.latex}}}",
    )


def bracketed(formula: Symbol) -> Symbol:
    """The formula in brackets."""
    return Symbol(f"({formula})", f"({formula.html})", rf"\left({formula.latex}\right)")


def grouped(formula: Symbol) -> Symbol:
    """The formula, in brackets if it is a sum or negative, to stand in a product.

    >>> print(grouped(number_symbol(-0.5)), grouped(number_symbol(0.5)))
    (-0.5) 0.5
    """
    return formula if formula.binds >= PRODUCT else bracketed(formula)


J = Symbol("J")
