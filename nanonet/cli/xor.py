"""``nanonet xor``: the 2-2-1 network learns XOR from several starts."""

import argparse

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from nanonet._internal.grid import Grid
from nanonet.cli.arguments import add_command, console, whole
from nanonet.network.network import two_two_one
from nanonet.network.two_two_one import TwoTwoOne
from nanonet.objectives.losses import half_squared_error
from nanonet.objectives.objective import objective
from nanonet.rules.gradient_descent import gradient_descent
from nanonet.solve.minimize import minimize
from nanonet.solve.result import Result, Status
from nanonet.table.logic import X, Y

# Of 1,000 starts drawn from U(-1, 1), gradient descent with α = 10 brings 82 to 84 % to
# the goal, most of them in 3,000 steps; the others all sit on one of two plateaus. Adam
# brings 43 to 63 % there, by learning rate, and starts drawn from N(0, 1) do worse.
INIT = "uniform"
LEARNING_RATE = 10.0
MAX_STEPS = 20_000
GOAL = 1e-4

#: What a start came to, and its colour.
VERDICTS = {Status.GOAL: ("solved", "green"), Status.STEP_LIMIT: ("stuck", "red")}

STUCK = """\
The stuck ones sit where J is flat: at J = 0.0625, where two rows share ŷ = 1/2,
or at J = 0.0833, where three share ŷ = 2/3 or 1/3. The way out: another start."""


def add(commands: argparse._SubParsersAction) -> None:
    """Add the command."""
    option = add_command(
        commands, run, example="xor --starts 20 --seed 1", shares="seed"
    )
    option(
        "--starts",
        metavar="N",
        type=whole(1, 1000),
        default=10,
        help="random starts (%(default)s)",
    )


def run(arguments: argparse.Namespace) -> bool:
    """The 2-2-1 network of the notes learns XOR from several starts.

    Train it by gradient descent, and show which of the random starts solve XOR.
    """
    results = learn_xor(starts=arguments.starts, seed=arguments.seed)
    show_xor(results)
    return results[-1].status is Status.INTERRUPTED


def learn_xor(*, starts: int, seed: int) -> list[Result]:
    """Train the 2-2-1 network on the four rows of XOR, once from each start.

    ::

        J = mean over the rows of ½(ŷ - y)²

    A run has solved XOR if its status is `Status.GOAL`. After Ctrl-C, the list ends
    with the run that it interrupted.
    """
    results = []
    with jax.enable_x64(True):
        network = two_two_one(init=INIT)
        J = objective(network, half_squared_error, jnp.array(X), jnp.array(Y))
        for key in jax.random.split(jax.random.key(seed), starts):
            start = network.init(key=key)
            rule = gradient_descent(LEARNING_RATE)
            results.append(minimize(J, start, rule, max_steps=MAX_STEPS, goal=GOAL))
            if results[-1].status is Status.INTERRUPTED:
                break
    return results


def show_xor(results: list[Result]) -> None:
    """One row for each start, then the best network's answers and its parameters."""
    told = [
        VERDICTS.get(Status(int(result.status)), ("stopped", "yellow"))
        for result in results
    ]
    headings = ("start", "steps", "J", "XOR", "why it stopped")
    rows = [
        [f"{i}", f"{each.steps:,}", f"{each.value:.4f}", verdict, str(each.status)]
        for i, (each, (verdict, _)) in enumerate(zip(results, told, strict=True), 1)
    ]
    runs = Grid(headings, rows, words={"XOR", "why it stopped"}).__rich__()
    for row, (_, color) in zip(runs.rows, told, strict=True):
        row.style = color
    best = min(range(len(results)), key=lambda i: float(results[i].value))
    params = results[best].params
    count = sum(result.status is Status.GOAL for result in results)
    out = console()
    out.print("The 2-2-1 network learns XOR by gradient descent", style="bold")
    out.print(runs)
    out.print(f"{count} of {len(results)} starts solved XOR.", style="bold")
    if count < len(results):
        out.print(STUCK)
    out.print(f"\nWhat the best start, number {best + 1}, learnt", style="bold")
    answered = [
        [f"{x1:g}", f"{x2:g}", f"{y:g}", f"{answer:.4f}"]
        for (x1, x2), y, answer in zip(X, Y, _answers(params), strict=True)
    ]
    out.print(Grid(("x1", "x2", "y", "ŷ"), answered, words=()))
    out.print(Grid(params._fields, [[f"{w:.2f}" for w in params]], words=()))


def _answers(params: TwoTwoOne) -> Float[Array, "4"]:
    """ŷ for the four rows."""
    with jax.enable_x64(True):
        return jax.vmap(two_two_one().apply, (None, 0))(params, jnp.array(X))
