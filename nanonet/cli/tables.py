"""What the command line prints, as tables."""

from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from nanonet._internal.text import printable
from nanonet.cli.fit_summary import (
    SCORE_HEADINGS,
    Summary,
    score_rows,
)
from nanonet.cli.xor_race import RACERS
from nanonet.cli.xor_training import answers
from nanonet.explanation.chain_rule import ChainRule
from nanonet.solve.result import Result, Status
from nanonet.table.logic import X, Y

#: What a start came to, and its colour.
VERDICTS = {Status.GOAL: ("solved", "green"), Status.STEP_LIMIT: ("stuck", "red")}

#: Columns whose importance is shown.
MOST_COLUMNS = 10

STUCK = """\
The stuck ones sit where J is flat: at J = 0.0625, where two rows share ŷ = 1/2,
or at J = 0.0833, where three share ŷ = 2/3 or 1/3. The way out: another start."""


def console() -> Console:
    """Standard output; what users named is shown as it is, without markup or emoji."""
    return Console(markup=False, highlight=False, emoji=False)


def show_xor(results: list[Result]) -> None:
    """One row for each start, then the best network's answers and its parameters."""
    runs = _table("start", "steps", "J", "XOR", "why it stopped")
    for number, result in enumerate(results, 1):
        verdict, style = VERDICTS.get(result.status, ("stopped", "yellow"))
        runs.add_row(
            f"{number}",
            f"{result.steps:,}",
            f"{result.value:.4f}",
            verdict,
            f"{result.status}",
            style=style,
        )
    best = min(range(len(results)), key=lambda i: float(results[i].value))
    count = sum(result.status is Status.GOAL for result in results)
    out = console()
    out.print("The 2-2-1 network learns XOR by gradient descent", style="bold")
    out.print(runs)
    out.print(f"{count} of {len(results)} starts solved XOR.", style="bold")
    if count < len(results):
        out.print(STUCK)
    out.print(f"\nWhat the best start, number {best + 1}, learnt", style="bold")
    out.print(_answers(results[best]))
    out.print(_parameters(results[best]))


def show_fit(told: Summary) -> None:
    """Which network learnt what from which rows, its scores, and what they rest on."""
    facts = Table.grid(padding=(0, 2))
    for what, fact in told.facts():
        facts.add_row(what, printable(fact))
    status = told.fit.status
    facts.add_row("", str(status), style="" if status.converged else "yellow")
    scores = _table(*SCORE_HEADINGS)
    for row in score_rows(told.fit.scores):
        scores.add_row(*row)
    out = console()
    out.print(printable(told.title), style="bold")
    out.print(facts)
    out.print(scores)
    out.print(told.baseline, style="dim")
    if told.importances is not None:
        out.print(_importances(told.importances.ranked()))


def _importances(found: list[tuple[str, float, float]]) -> Table:
    table = _table("column", "loss rises by", "±")
    for name, mean, deviation in found[:MOST_COLUMNS]:
        table.add_row(printable(name), f"{mean:.3g}", f"{deviation:.2g}")
    if len(found) > MOST_COLUMNS:
        table.add_row(f"and {len(found) - MOST_COLUMNS:,} more", "", "")
    return table


RACE_KEY = (
    "steps and calls (of J and ∇J): medians of the starts that solved it; ms: time of "
    "a start. The others, each counted once: NaN, no finite J; off, came to an "
    "infinite J; 1/8, 1/6, 1/4, stuck at that mean squared error; moving, steps spent; "
    "else, stuck elsewhere."
)


def show_race(results: dict[str, dict[str, Any]], starts: int) -> None:
    """The table, and what its columns mean."""
    out = console()
    out.print(f"XOR, {starts:,} starts of the 2-2-1 network", style="bold")
    out.print(race_table(results))
    out.print(RACE_KEY, style="dim")


def race_table(results: dict[str, dict[str, Any]]) -> Table:
    """One row for each rule that raced; see `nanonet.cli.xor_race.summarize`."""
    table = Table("rule", box=None, padding=(0, 1, 0, 0), pad_edge=False)
    failures = list(next(iter(results.values()))["failures"])
    for heading in ("solved", "steps", "calls", "ms", *failures):
        table.add_column(heading, justify="right", no_wrap=True)
    for name, result in results.items():
        table.add_row(
            RACERS[name].label,
            f"{result['solved'] / result['starts']:.1%}",
            *(_whole(result[key]) for key in ("steps", "evaluations")),
            f"{result['milliseconds']:.2f}",
            *(f"{count:,}" for count in result["failures"].values()),
        )
    return table


def show_explanation(explanation: ChainRule, row: list[tuple[str, str, float]]) -> None:
    """The row, by symbol, name and number; then the chain rule."""
    numbers = Table.grid(padding=(0, 2))
    for symbol, name, value in row:
        numbers.add_row(symbol, f"{value:.6g}", printable(name))
    out = console()
    out.print(numbers)
    out.print()
    out.print(explanation)


def _whole(value: float | None) -> str:
    return "-" if value is None else f"{value:,.0f}"


def _answers(result: Result) -> Table:
    table = _table("x1", "x2", "y", "ŷ")
    for (x1, x2), y, answer in zip(X, Y, answers(result.params), strict=True):
        table.add_row(f"{x1:g}", f"{x2:g}", f"{y:g}", f"{answer:.4f}")
    return table


def _parameters(result: Result) -> Table:
    table = _table(*result.params._fields)
    table.add_row(*(f"{parameter:.2f}" for parameter in result.params))
    return table


def _table(*headers: str) -> Table:
    """An empty table, numbers to the right, words to the left."""
    table = Table(box=SIMPLE_HEAD)
    for header in headers:
        words = header in ("XOR", "why it stopped", "score", "column")
        table.add_column(header, justify="left" if words else "right")
    return table
