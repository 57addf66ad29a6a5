"""``nanonet explain --rule``: every number of the steps of an update rule."""

import argparse
import ast
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import PyTree

from nanonet._internal.checks import check_choice
from nanonet.cli.arguments import console, print_json
from nanonet.explanation.explain_rule import explain_rule
from nanonet.network.network import two_two_one
from nanonet.objectives.losses import half_squared_error
from nanonet.objectives.objective import objective
from nanonet.rules._parts.registry import NAMED, NamedRule
from nanonet.rules.secant import secant
from nanonet.table.logic import X, Y


class Problem(NamedTuple):
    """What is minimised."""

    text: str

    fun: Callable[..., Any]
    """J, or its residuals."""

    start: PyTree


#: Functions to step on, by name.
PROBLEMS = {
    "square": Problem("J = θ²", lambda theta: theta**2, 5.0),
    "quartic": Problem("J = ½(θ² − 4)²", lambda theta: jnp.stack([theta**2 - 4]), 3.0),
    "valley": Problem(
        "J = ½(10(b − a²))² + ½(1 − a)²",
        lambda p: jnp.stack([10 * (p["b"] - p["a"] ** 2), 1 - p["a"]]),
        {"a": -1.2, "b": 1.0},
    ),
}
XOR = "xor"

#: Rules to explain, by name: also the one that is for a single parameter alone.
RULES = NAMED | {"secant": NamedRule("secant method", secant, 0.02)}


def explain_steps(arguments: argparse.Namespace) -> None:
    """Print the steps of a rule on one of the problems, or on XOR."""
    check_choice("--rule", arguments.rule, RULES)
    _, make, usual, _ = RULES[arguments.rule]
    options = dict(map(_option, arguments.set))
    alpha = usual if arguments.learning_rate is None else arguments.learning_rate
    if alpha is not None:
        options["learning_rate"] = alpha
    second_order = usual is None or arguments.rule in ("barzilai_borwein", "secant")
    name = arguments.on or ("quartic" if second_order else "square")
    with jax.enable_x64(True):
        problem = _xor(arguments.seed) if name == XOR else PROBLEMS[name]
        rule = _made(arguments.rule, make, options)
        explained = explain_rule(rule, problem.fun, problem.start, arguments.steps)
    if arguments.parameter is not None:
        explained = explained[arguments.parameter]
    if arguments.json:
        print_json({"rule": explained.rule, "steps": explained.rows()})
    else:
        console().print(problem.text, explained, sep="\n")


def _option(text: str) -> tuple[str, Any]:
    """Read NAME=VALUE, where a value that is no number, True or None is a word."""
    name, equals, value = text.partition("=")
    if not equals:
        raise ValueError(f"--set {text} must be NAME=VALUE, such as eps=1e-6.")
    try:
        return name, ast.literal_eval(value)
    except (ValueError, SyntaxError):
        return name, value


def _made(name: str, make: Callable[..., Any], options: dict[str, Any]) -> Any:
    try:
        return make(**options)
    except TypeError as error:
        raise ValueError(f"--rule {name}: {error}") from error


def _xor(seed: int) -> Problem:
    network = two_two_one()
    J = objective(network, half_squared_error, X, Y)
    params = network.init(key=jax.random.key(seed))
    return Problem("J: half the mean squared error of XOR's four rows", J, params)
