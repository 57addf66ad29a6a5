"""What the command line prints, as tables."""

import math
from typing import Any

import jax
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from nanonet.fit_table import TableFit
from nanonet.result import Result, Status
from nanonet.scores import Score
from nanonet.xor import X, Y, answers

#: What a start came to, and its colour.
VERDICTS = {Status.GOAL: ("solved", "green"), Status.STEP_LIMIT: ("stuck", "red")}

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


def show_fit(name: str, fit: TableFit, settings: dict[str, Any]) -> None:
    """Which network learnt what from which rows, and its scores."""
    model, result = fit.model, fit.result
    architecture = model.network.architecture
    assert architecture is not None
    count = sum(leaf.size for leaf in jax.tree.leaves(result.params))
    facts = Table.grid(padding=(0, 2))
    facts.add_row("rows", f"{fit.train_rows:,} train, {fit.held_out_rows:,} held out")
    facts.add_row("inputs", ", ".join(column.name for column in model.inputs))
    facts.add_row("task", _task(model.target.levels))
    facts.add_row(
        "network",
        f"{'-'.join(map(str, architecture.sizes))}, {architecture.hidden} and "
        f"{architecture.output}, {count:,} parameters",
    )
    facts.add_row("training", ", ".join(f"{k} {v}" for k, v in settings.items()))
    facts.add_row("result", f"J = {result.value:.4g} after {result.steps:,} steps")
    good = result.status.converged
    facts.add_row("", str(result.status), style="" if good else "yellow")
    out = console()
    out.print(f"{name}: {model.target.name}", style="bold")
    out.print(facts)
    out.print(_scores(fit.scores))
    usual = "the mean" if model.target.levels is None else "the most frequent class"
    out.print(f"baseline: always answering {usual} of the training rows", style="dim")


def fit_as_json(
    name: str, fit: TableFit, settings: dict[str, Any], written: dict[str, str]
) -> dict[str, Any]:
    """The same for scripts; a number that is not finite becomes None."""
    model, result = fit.model, fit.result
    architecture = model.network.architecture
    assert architecture is not None
    return {
        "table": name,
        "target": model.target.name,
        "classes": model.target.levels,
        "inputs": [column.name for column in model.inputs],
        "rows": {"train": fit.train_rows, "held_out": fit.held_out_rows},
        "network": architecture._asdict(),
        "training": settings,
        "steps": result.steps,
        "J": _finite(float(result.value)),
        "status": result.status.name,
        "sentence": str(result.status),
        "scores": {
            score.name: {
                part: _finite(value)
                for part, value in score._asdict().items()
                if part != "name"
            }
            for score in fit.scores
        },
        "written": written,
    }


def _task(levels: tuple[str, ...] | None) -> str:
    if levels is None:
        return "regression"
    shown = ", ".join(levels[:6]) + (", …" if len(levels) > 6 else "")
    return f"classification: {shown}"


def _scores(scores: tuple[Score, ...]) -> Table:
    table = _table("score", "train", "held out", "baseline")
    for name, *values in scores:
        form = "{:.1%}" if name == "accuracy" else "{:.4g}"
        table.add_row(name, *map(form.format, values))
    return table


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
        words = header in ("XOR", "why it stopped", "score")
        table.add_column(header, justify="left" if words else "right")
    return table


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
