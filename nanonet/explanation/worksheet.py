"""Exercise sheets: a training step to be computed by hand, and what is wrong in it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PyTree

from nanonet._internal.checks import check_choice, check_count
from nanonet._internal.grid import as_text
from nanonet.explanation.chain_rule import ChainRule
from nanonet.explanation.explain import explain
from nanonet.explanation.paper import Terminal, as_html
from nanonet.explanation.symbols import fill, partial
from nanonet.explanation.tables import Row, Table, given_table, update
from nanonet.network.network import Network, layers_of
from nanonet.network.symbol import Symbol
from nanonet.objectives.losses import half_squared_error
from nanonet.objectives.penalty import is_bias

#: Answers are right within this, or this share of the number if that is more.
TOLERANCE = 2e-3

BLANK = Symbol("______", latex=r"\underline{\qquad}")
COST = Symbol("J")

# Weighted sums are no larger: what is saturated has slopes of 0.00 to compute with.
LARGEST_SUM, MOST_DRAWS = 2.5, 1000


@dataclass(frozen=True, repr=False)
class Worksheet:
    """A training step with blanks; ``print(sheet)`` shows it.

    ``sheet.key`` is the same step with all numbers, and ``sheet.check(answers)`` says
    which of some answers is the first wrong one.
    """

    key: ChainRule
    """Everything filled in."""

    def blanks(self) -> dict[str, float]:
        """What is to be found, in the order of computation, and the right numbers."""
        return dict(_blanks(self.key))

    def check(self, answers: Mapping[str, float]) -> str:
        """Say whether answers are right, and if not, which is the first that is wrong.

        Args:
          answers: numbers by their symbol, as in ``{"z_h1": 1.5}``; not all are needed.

        Raises:
          ValueError: a symbol is none of the sheet's.
        """
        blanks = self.blanks()
        for symbol in answers:
            check_choice("symbol", symbol, blanks)
        given = [symbol for symbol in blanks if symbol in answers]
        for count, symbol in enumerate(given):
            right, answer = blanks[symbol], float(answers[symbol])
            if not abs(answer - right) <= TOLERANCE * max(1, abs(right)):
                before = f"{count} right before it" if count else "the first you give"
                return (
                    f"{symbol} = {answer:g} is not right ({before}): look at it anew."
                )
        left = len(blanks) - len(given)
        return f"All {len(given)} are right; {left} are left." if left else "All right."

    def _tables(self) -> list[Table]:
        key, forward, chains = self.key, [], []
        asked: set[str] = set()
        for each in key.forward:
            cells = [fill("= {formula}", formula=each.formula), _blank()]
            forward.append(Row(each.symbol, cells))
        for each in key.derivatives:
            rate = key.learning_rate
            assert rate is not None
            (path, *_) = each.paths
            name = partial(COST, each.parameter)
            rows = [
                Row(f.symbol, [fill("= {f}", f=f.formula), _blank()])
                for f in path.factors
                if f.symbol not in asked
            ]
            asked.update(factor.symbol for factor in path.factors)
            new = fill("{theta} new", theta=each.parameter)
            product = [
                fill("· {f}" if i else "= {f}", f=f.symbol)
                for i, f in enumerate(path.factors)
            ]
            rows += [
                Row(name, [*product, _blank()]),
                Row(new, [update(each, rate)[0], _blank()]),
            ]
            chains.append(rows)
        return [
            given_table(key.given, key.derivatives),
            Table("forward", "", [forward]),
            Table("chain rule", "", chains),
        ]

    def _title(self) -> str:
        loss = self.key.loss.replace("_", " ")
        return f"One training step by hand: {loss}, α = {self.key.learning_rate:g}"

    def _notes(self) -> tuple[str, ...]:
        return (
            "Three decimals are enough. sheet.check(answers) finds the first slip.",
        )

    def __repr__(self) -> str:
        return f"Worksheet of {len(self.blanks())} blanks"

    def __str__(self) -> str:
        return as_text(Terminal(self._title(), self._tables(), self._notes()))

    def _repr_html_(self) -> str:
        return as_html(self._title(), self._tables(), self._notes())


def worksheet(network: Network, seed: int = 0) -> Worksheet:
    """Make an exercise: one training step of a network, to be computed by hand.

    Inputs are 1 or 2, weights halves and biases whole, so that sums are easy, and no
    unit is saturated; α = ½, and J the half squared error of one example.

    Args:
      network: `two_two_one`, or a small `mlp` with one path from each parameter to J:
        with one hidden layer and one output, say.
      seed: another sheet for each.

    Raises:
      ValueError: parameters have several paths to J, or the network is too large;
        also what `explain` raises.

    >>> import nanonet
    >>> sheet = worksheet(nanonet.two_two_one(), seed=1)
    >>> right = sheet.blanks()
    >>> sheet.check({"z_h1": right["z_h1"], "out_h1": 1 + right["out_h1"]})[:6]
    'out_h1'
    """
    seed = check_count("seed", seed)
    rng = np.random.default_rng(seed)
    for _ in range(MOST_DRAWS):
        params, x, y = _drawn(rng, network)
        sums = [z for z, _ in network.trace(params, jnp.asarray(x))]
        if np.max(np.abs(np.concatenate(sums))) <= LARGEST_SUM:
            break
    else:
        raise ValueError("network is too large: no sheet of it has small sums.")
    key = explain(network, params, x, y, loss=half_squared_error, learning_rate=0.5)
    if any(len(each.paths) > 1 for each in key.derivatives):
        raise ValueError(
            "network has parameters with several paths to J: a sheet wants one hidden "
            "layer and one output, or no hidden layer."
        )
    return Worksheet(key)


def _drawn(
    rng: np.random.Generator, network: Network
) -> tuple[PyTree, np.ndarray, np.ndarray]:
    """Parameters, an input and a target."""
    params = _kind(rng, jax.eval_shape(lambda: network.init(key=jax.random.key(0))))
    layers = layers_of(params)
    x = rng.integers(1, 3, len(layers[0].w)).astype(float)
    return params, x, rng.integers(0, 2, len(layers[-1].b)).astype(float)


def _kind(rng: np.random.Generator, like: PyTree) -> PyTree:
    """Weights of halves other than 0, biases -1, 0 or 1."""
    halves = np.array([-2, -1.5, -1, -0.5, 0.5, 1, 1.5, 2])

    def draw(path: tuple, leaf: jax.ShapeDtypeStruct) -> jax.Array:
        numbers = [-1.0, 0.0, 1.0] if is_bias(path) else halves
        return jnp.asarray(rng.choice(numbers, leaf.shape), leaf.dtype)

    return jax.tree_util.tree_map_with_path(draw, like)


def _blanks(key: ChainRule) -> Iterator[tuple[str, float]]:
    for each in key.forward:
        yield str(each.symbol), each.value
    for each in key.derivatives:
        for factor in each.paths[0].factors:
            yield str(factor.symbol), factor.value
        yield str(partial(COST, each.parameter)), each.value
        assert each.new is not None
        yield f"{each.parameter} new", each.new


def _blank() -> Symbol:
    return fill("= {blank}", blank=BLANK)
