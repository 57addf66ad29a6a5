"""A fit on the screen: how good it is, the facts, scores and importances."""

from rich.table import Table

from nanonet._internal.grid import Grid
from nanonet._internal.text import printable
from nanonet.cli.arguments import console
from nanonet.cli.fit_facts import facts_of
from nanonet.cli.fit_summary import Summary
from nanonet.model.scores import Score

#: Columns whose importance is shown.
MOST_COLUMNS = 10

SCORE_HEADINGS = ("score", "train", "held out", "baseline")


def score_rows(scores: tuple[Score, ...]) -> list[list[str]]:
    """Each score, as it is shown."""
    rows = []
    for score in scores:
        form = "{:z.4f}" if "R²" in score.name else "{:.4g}"
        form = "{:.1%}" if score.name == "accuracy" else form
        values = score.train, score.test, score.baseline
        rows.append([score.name, *map(form.format, values)])
    return rows


def show_fit(told: Summary) -> None:
    """Which network learnt what from which rows, its scores, and what they rest on."""
    grid = Table.grid(padding=(0, 2))
    for what, fact in facts_of(told):
        grid.add_row(what, printable(fact))
    status = told.fit.status
    grid.add_row("", str(status), style="" if status.converged else "yellow")
    out = console()
    out.print(printable(told.title), style="bold")
    out.print(str(told.skill))
    out.print(grid)
    out.print(Grid(SCORE_HEADINGS, score_rows(told.fit.scores), words={"score"}))
    out.print(told.baseline, style="dim")
    if told.importances is not None:
        found = told.importances.ranked()
        rows = [[name, f"{m:.3g}", f"{d:.2g}"] for name, m, d in found]
        if len(rows) > MOST_COLUMNS:
            rest = f"and {len(rows) - MOST_COLUMNS:,} more"
            rows = [*rows[:MOST_COLUMNS], [rest, "", ""]]
        out.print(Grid(("column", "loss rises by", "±"), rows, words={"column"}))
