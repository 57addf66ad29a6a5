"""Several rules from the same start: one table, one picture."""

import time
import warnings
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import optax
from jaxtyping import PyTree

from nanonet._internal.grid import Grid
from nanonet.rules._parts.rule import rule_name
from nanonet.solve.minimize import minimize
from nanonet.solve.result import Result

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Rule = optax.GradientTransformation

HEADINGS = ("rule", "steps", "evaluations", "ms", "J", "‖∇J‖", "why it stopped")


class Comparison(NamedTuple):
    """What each rule came to; ``print(comparison)`` shows it as a table."""

    results: dict[str, Result]
    """By the rule's name, in the order that the rules were given."""

    seconds: dict[str, float]
    """Of each run, compilation left out."""

    def plot(self, *, ax: "Axes | None" = None) -> "Axes":
        """Draw J against the steps; see `nanonet.plot.curves`."""
        from nanonet.plot.curves import losses

        return losses(self.results, ax=ax)

    def rows(self) -> list[dict[str, Any]]:
        """One row for each rule."""
        return [
            {
                "rule": name,
                "steps": result.steps,
                "evaluations": result.evaluations,
                "seconds": self.seconds[name],
                "J": float(result.value),
                "gradient_norm": float(result.gradient_norm),
                "status": result.status,
            }
            for name, result in self.results.items()
        ]

    def _grid(self) -> Grid:
        cells = [
            [
                row["rule"],
                f"{row['steps']:,}",
                f"{row['evaluations']:,}",
                f"{1e3 * row['seconds']:.3g}",
                f"{row['J']:.3g}",
                f"{row['gradient_norm']:.3g}",
                str(row["status"]),
            ]
            for row in self.rows()
        ]
        return Grid(HEADINGS, cells, words={"rule", "why it stopped"})

    def __repr__(self) -> str:
        return f"Comparison of {', '.join(self.results)}"

    def __str__(self) -> str:
        return str(self._grid())

    def __rich__(self) -> Grid:
        return self._grid()

    def _repr_html_(self) -> str:
        return self._grid()._repr_html_()


def compare(
    fun: Callable[..., Any],
    params: PyTree,
    rules: Mapping[str, Rule] | Iterable[Rule],
    **options: Any,
) -> Comparison:
    """Minimise J with each rule, from the same parameters, under the same limits.

    Each rule first takes one step for which it is compiled, and then runs once against
    the clock: a time of a few milliseconds is a rough one.

    Args:
      fun: J(params, *args), say of `objective`.
      params: the start of every run, ``network.init(key=key)`` say.
      rules: a dict of name → rule, or rules of nanonet, which are named after what
        made them: "adam(0.1)".
      options: those of `minimize`, for every run alike: ``args``, ``max_steps``, …

    Raises:
      ValueError: no rules, two of one name, a rule in a list that has no name.
      TypeError: rules are not rules; also what `minimize` raises.

    >>> from nanonet.rules.gradient_descent import gradient_descent
    >>> rules = [gradient_descent(0.25), gradient_descent(0.5)]
    >>> comparison = compare(lambda w: (w - 3) ** 2, 0.0, rules, goal=1e-6)
    >>> {name: result.steps for name, result in comparison.results.items()}
    {'gradient_descent(0.25)': 12, 'gradient_descent(0.5)': 1}
    """
    if not callable(fun):
        warnings.warn(
            "compare(rules, fun, params) is now compare(fun, params, rules), in the "
            "order of minimize.",
            DeprecationWarning,
            stacklevel=2,
        )
        fun, params, rules = params, rules, fun  # type: ignore[assignment]
    named = dict(rules) if isinstance(rules, Mapping) else _named(list(rules))
    if not named:
        raise ValueError("rules is empty: there is nothing to compare.")
    results, seconds = {}, {}
    for name, rule in named.items():
        minimize(fun, params, rule, **(options | {"max_steps": 1, "progress": False}))
        began = time.perf_counter()
        results[name] = minimize(fun, params, rule, **options)
        seconds[name] = time.perf_counter() - began
    return Comparison(results, seconds)


def _named(rules: list[Any]) -> dict[str, Rule]:
    named: dict[str, Rule] = {}
    for i, rule in enumerate(rules):
        name = rule_name(rule)
        if name is None or name in named:
            why = "has no name" if name is None else f"is {name} once more"
            raise ValueError(f"rules[{i}] {why}: give a dict of name → rule.")
        named[name] = rule
    return named
