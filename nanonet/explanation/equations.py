"""A derivative as lines of an equation: symbols, formulas, numbers, result."""

from typing import NamedTuple

from nanonet.explanation.chains import Derivative
from nanonet.explanation.symbols import grouped, latex, partial


class Line(NamedTuple):
    """One product of the equation."""

    sign: str
    """What stands before it: "=" or "+"."""

    opening: str
    """What is opened before it, such as "1/4·Σ(", the mean over four examples."""

    factors: tuple[str, ...]

    closing: str


def equation(derivative: Derivative) -> list[Line]:
    """∂J/∂θ = symbols = formulas = numbers = the result.

    Each path is a line. Over several examples, symbols and formulas are written once.

    >>> from nanonet.explanation.chains import Path
    >>> path = Path(0, ()).then("∂J/∂ŷ", "ŷ − y", -0.5).then("∂ŷ/∂w1", "x1", 2.0)
    >>> for line in equation(Derivative("w1", (path,), -1.0, -1.0, 3.0, None)):
    ...     print(line.sign, " · ".join(line.factors))
    = ∂J/∂ŷ · ∂ŷ/∂w1
    = (ŷ − y) · x1
    = (-0.5) · 2
    = -1
    """
    rows = derivative.paths[-1].row + 1
    one = [path for path in derivative.paths if path.row == 0]
    every, over = ("", "") if rows == 1 else (f"1/{rows}·Σ(", f"1/{rows}·(")
    return [
        *_sum(every, [[f.symbol for f in path.factors] for path in one]),
        *_sum(every, [[grouped(f.formula) for f in path.factors] for path in one]),
        *_sum(
            over,
            [
                [grouped(short(f.value)) for f in path.factors]
                for path in derivative.paths
            ],
        ),
        Line("=", "", (long(derivative.value),), ""),
    ]


def _sum(opening: str, products: list[list[str]]) -> list[Line]:
    last = len(products) - 1
    return [
        Line(
            "+" if i else "=",
            "" if i else opening,
            tuple(factors),
            ")" if opening and i == last else "",
        )
        for i, factors in enumerate(products)
    ]


def update(derivative: Derivative, learning_rate: float) -> str:
    """θ - α·∂J/∂θ, in symbols, in numbers, and the result."""
    assert derivative.new is not None
    symbol, slope = derivative.parameter, partial("J", derivative.parameter)
    return (
        f"{symbol} − α·{slope} = {short(derivative.old)} − {learning_rate:g}·"
        f"{grouped(short(derivative.value))} = {long(derivative.new)}"
    )


def short(number: float) -> str:
    """A factor as it is shown; all digits are in the data."""
    return f"{number + 0.0:.6g}"  # which makes -0.0 a 0


def long(number: float) -> str:
    """A result as it is shown."""
    return f"{number + 0.0:.9g}"


def to_latex(derivatives: list[Derivative], learning_rate: float | None) -> str:
    """All equations, one below the other, each with its update."""
    lines = []
    for derivative in derivatives:
        head = latex(partial("J", derivative.parameter))
        for line in equation(derivative):
            product = latex(" · ".join(line.factors))
            body = f"{latex(line.opening)}{product}{line.closing}"
            lines.append(f"{head} &{line.sign} {body}")
            head = ""
        if derivative.new is not None:
            assert learning_rate is not None
            new = latex(derivative.parameter) + r"^{\text{new}}"
            lines.append(f"{new} &= {latex(update(derivative, learning_rate))}")
    return "\\begin{aligned}\n" + " \\\\\n".join(lines) + "\n\\end{aligned}"
