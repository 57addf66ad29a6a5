"""An equation as plain text, and as LaTeX."""

import re
from collections.abc import Sequence

from nanonet._internal.text import printable
from nanonet.model.equation.language import BREAK, Language, layout, numbered
from nanonet.model.equation.steps import Symbol
from nanonet.table.columns import told

#: How functions are written whose name says too little.
LEGEND = {
    "sigmoid": "sigmoid(z) = 1/(1 + exp(-z))",
    "softplus": "softplus(z) = ln(1 + exp(z))",
    "relu": "relu(z) = max(0, z)",
}

LATEX_LEGEND = {
    "sigmoid": r"\sigma(z) &= \frac{1}{1 + e^{-z}}",
    "softplus": r"\mathrm{softplus}(z) &= \ln(1 + e^z)",
    "relu": r"\mathrm{relu}(z) &= \max(0, z)",
}

_LATEX = {
    **dict.fromkeys("&%$#_{}", r"\{}"),
    "\\": r"\backslash{{}}",
    "~": r"\sim{{}}",
    "^": r"\wedge{{}}",
    " ": r"\ ",
}


class Text(Language):
    """Plain text in Unicode."""

    times = "·"

    def symbol(self, symbol: Symbol) -> str:
        if symbol.kind == "x":
            return _quoted(self.named.inputs[symbol.index[0]].name)
        if symbol.kind == "y":
            name = self.named.outputs[symbol.index[0]]
            return f"P({_in_one_line(name)})" if self.named.classes else _quoted(name)
        return numbered(symbol)

    def share(self, place: int, z: Sequence[str | None]) -> str:
        terms = [f"exp({each})" if each else "1" for each in z]
        return f"{terms[place]}/({' + '.join(terms)})"

    def condition(self, column: str, level: str) -> str:
        return f"[{_quoted(column)} = {_in_one_line(told(level))}]"

    def __str__(self) -> str:
        """Line by line; functions that need it are explained below."""
        lines = [
            layout(f"{self.symbol(name)} = {self.express(is_)}", indent="    ")
            for name, is_ in self.named.steps
        ]
        text = "\n".join(lines)
        if re.search(r"·\[|[+-] \[", text):  # names may hold brackets, but in quotes
            lines.append("[a = b] is 1 where a is b, else 0")
        return "\n".join(lines + [LEGEND[f] for f in LEGEND if f"{f}(" in text])


def _quoted(name: str) -> str:
    name = _in_one_line(name)
    return name if re.fullmatch(r"\w[\w .]*", name) else f"'{name}'"


def _in_one_line(name: str) -> str:
    return re.sub(r"\s", " ", printable(name))


class Latex(Language):
    """Lines of an ``aligned`` environment."""

    times = r"\,"

    def number(self, value: float) -> str:
        mantissa, _, exponent = super().number(value).partition("e")
        return mantissa + (rf"\cdot 10^{{{int(exponent)}}}" if exponent else "")

    def symbol(self, symbol: Symbol) -> str:
        if symbol.kind == "x":
            return _upright(self.named.inputs[symbol.index[0]].name)
        if symbol.kind == "y":
            name = _upright(self.named.outputs[symbol.index[0]])
            return f"P({name})" if self.named.classes else name
        return f"{symbol.kind}_{{{','.join(str(i + 1) for i in symbol.index)}}}"

    def call(self, f: str, z: str) -> str:
        name = {"tanh": r"\tanh", "sigmoid": r"\sigma"}.get(f, rf"\mathrm{{{f}}}")
        return f"{name}({z})"

    def share(self, place: int, z: Sequence[str | None]) -> str:
        terms = [f"e^{{{each}}}" if each else "1" for each in z]
        return rf"\frac{{{terms[place]}}}{{{' + '.join(terms)}}}"

    def mean(self, parts: Sequence[str]) -> str:
        return rf"\frac{{1}}{{{len(parts)}}}\,({f'{BREAK}+ '.join(parts)})"

    def condition(self, column: str, level: str) -> str:
        return f"[{_upright(column)} = {_upright(told(level))}]"

    def __str__(self) -> str:
        """The environment, for a place where mathematics is set."""
        lines = [
            layout(
                f"{self.symbol(name)} &= {self.express(is_)}",
                indent=r"&\quad ",
                width=150,
                newline=" \\\\\n",
            )
            for name, is_ in self.named.steps
        ]
        text = "\n".join(lines)
        for legend in LATEX_LEGEND.values():
            if f"{legend.partition('(')[0]}(" in text:
                lines.append(legend)
        joined = " \\\\\n".join(lines)
        return f"\\begin{{aligned}}\n{joined}\n\\end{{aligned}}"


def _upright(name: str) -> str:
    r"""A text as it is, in upright letters.

    >>> print(_upright("a_b 5%"))
    \mathrm{a\_b\ 5\%}
    """
    letters = (_LATEX.get(c, "{}").format(c) for c in _in_one_line(name))
    return rf"\mathrm{{{''.join(letters)}}}"
