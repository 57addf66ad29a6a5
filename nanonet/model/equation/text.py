"""An equation as plain text, and as LaTeX."""

import re
from collections.abc import Iterator, Sequence

from nanonet._internal.text import printable
from nanonet.model.equation.language import BREAK, Language, layout, numbered
from nanonet.model.equation.steps import Missing, Symbol
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

_LATEX_CALLS = {"tanh": r"\tanh", "exp": r"\exp", "sigmoid": r"\sigma"}

_LATEX = {
    **dict.fromkeys("&%$#_{}", r"\{}"),
    "\\": r"\backslash{{}}",
    "~": r"\sim{{}}",
    "^": r"\wedge{{}}",
    " ": r"\ ",
}


class Written(Language):
    """What text and LaTeX have alike: words for what mathematics has no sign for."""

    equals = " = "

    def word(self, text: str) -> str:
        """A text as it is."""
        raise NotImplementedError

    def name(self, text: str) -> str:
        """A column's name."""
        return self.word(text)

    def symbol(self, symbol: Symbol) -> str:
        if symbol.kind == "y":
            name = self.named.outputs[symbol.index[0]]
            return f"P({self.word(name)})" if self.named.classes else self.name(name)
        if symbol.kind not in "xfg":
            return self.numbered(symbol)
        name = self.name(self.named.inputs[symbol.index[0]].name)
        return self.missing(name) if symbol.kind == "g" else name

    def numbered(self, symbol: Symbol) -> str:
        """The name of a unit."""
        return numbered(symbol)

    def condition(self, column: str, level: str) -> str:
        return f"[{self.name(column)} = {self.word(told(level))}]"

    def missing(self, column: str) -> str:
        return f"[{column} = {self.word('missing')}]"

    def filled(self, column: str, value: str) -> str:
        return value + self.word(" where it is missing")

    def lines(self) -> Iterator[str]:
        """What stands for cells that say nothing by themselves, then every unit."""
        for column in self.named.inputs:
            if column.rare and column.levels:
                *known, others = (self.word(told(level)) for level in column.levels)
                listed = f",{BREAK}".join(known)
                what = f"{others}{self.word(' where it is none of ')}{listed}"
                yield f"{self.name(column.name)}{self.equals}{what}"
        for name, is_ in self.named.steps:
            if not isinstance(is_, Missing):
                yield f"{self.symbol(name)}{self.equals}{self.express(is_)}"


class Text(Written):
    """Plain text in Unicode."""

    times = "·"

    def word(self, text: str) -> str:
        return _in_one_line(text)

    def name(self, text: str) -> str:
        return _quoted(text)

    def share(self, place: int, z: Sequence[str | None]) -> str:
        terms = [f"exp({each})" if each else "1" for each in z]
        return f"{terms[place]}/({' + '.join(terms)})"

    def __str__(self) -> str:
        """Line by line; functions that need it are explained below."""
        lines = [layout(line, indent="    ") for line in self.lines()]
        text = "\n".join(lines)
        if re.search(r"·\[|[+-] \[", text):  # names may hold brackets, but in quotes
            lines.append("[a = b] is 1 where a is b, else 0")
        return "\n".join(lines + [LEGEND[f] for f in LEGEND if f"{f}(" in text])


def _quoted(name: str) -> str:
    name = _in_one_line(name)
    return name if re.fullmatch(r"\w[\w .]*", name) else f"'{name}'"


def _in_one_line(name: str) -> str:
    return re.sub(r"\s", " ", printable(name))


class Latex(Written):
    """Lines of an ``aligned`` environment."""

    times = r"\,"
    equals = " &= "

    def word(self, text: str) -> str:
        return _upright(text)

    def number(self, value: float) -> str:
        mantissa, _, exponent = super().number(value).partition("e")
        return mantissa + (rf"\cdot 10^{{{int(exponent)}}}" if exponent else "")

    def numbered(self, symbol: Symbol) -> str:
        return f"{symbol.kind}_{{{','.join(str(i + 1) for i in symbol.index)}}}"

    def call(self, f: str, z: str) -> str:
        name = _LATEX_CALLS.get(f, rf"\mathrm{{{f}}}")
        return f"{name}({z})"

    def share(self, place: int, z: Sequence[str | None]) -> str:
        terms = [f"e^{{{each}}}" if each else "1" for each in z]
        return rf"\frac{{{terms[place]}}}{{{' + '.join(terms)}}}"

    def mean(self, parts: Sequence[str]) -> str:
        return rf"\frac{{1}}{{{len(parts)}}}\,({f'{BREAK}+ '.join(parts)})"

    def __str__(self) -> str:
        """The environment, for a place where mathematics is set."""
        lines = [
            layout(line, indent=r"&\quad ", width=150, newline=" \\\\\n")
            for line in self.lines()
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
