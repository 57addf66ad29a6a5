"""Random starts: where they begin, where each ended, and which predict together."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float, PyTree

from nanonet.network.initializers import RandomKey
from nanonet.network.network import Network
from nanonet.objectives.bounded import Box
from nanonet.solve.result import Status

#: Nats for each number: what a start has missed that is by so much less probable than
#: the best of its kind, and what a kind of network cannot learn.
STUCK, UNFIT = 0.2, 0.5


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True, repr=False, eq=False)
class Starts:
    """Where each random start ended."""

    params: PyTree
    """Leaves with a leading axis of starts."""

    score: Float[np.ndarray, " starts"]
    """The less, the better: J on the validation rows, -ln evidence, or J."""

    status: tuple[Status, ...] = dataclasses.field(metadata={"static": True})

    l2: Float[np.ndarray, "starts ..."] | None = None

    def __repr__(self) -> str:
        told = [f"{score:.4g}" for score in np.sort(self.score)[:5]]
        many = ", …" * (len(self.score) > 5)
        return f"Starts: {len(self.score):,}, of scores {', '.join(told)}{many}"


# Optimizing the random generator would take a hundred times as long as using it.
@functools.partial(
    jax.jit,
    static_argnums=(0, 1),
    compiler_options={"xla_backend_optimization_level": 0},
)
def draw_starts(
    network: Network, starts: int, box: Box | None, key: RandomKey
) -> PyTree:
    """Random parameters with a leading axis [starts]."""

    def draw(key: jax.Array) -> PyTree:
        params = network.init(key=key, dtype=jnp.float64)
        return params if box is None else box.mirrored(params)

    return jax.vmap(draw)(jax.random.split(key, starts))


def committee_of(
    score: Float[np.ndarray, " starts"],
    numbers: float | None,
    kind: Bool[np.ndarray, " starts"],
) -> tuple[int, ...]:
    """The starts that predict together, the best first: all but those that got stuck.

    A start is stuck if its evidence for each of the ``numbers`` that were learnt is
    lower by more than `STUCK` nats than that of the best; or, where there is no
    evidence, its J higher by more than half of the best one's. Of networks of two
    kinds, which ``kind`` tells apart, each has a best of its own, so that both predict,
    unless the evidence for one is lower by `UNFIT` nats: in small tables much of the
    evidence speaks of how many weights there are, and not of how well they predict.

    The others count alike: weights in proportion to the evidence leave hardly more than
    the best, and the mean of starts that each have an l2 of their own, without `agree`,
    takes in those that learnt the noise.

    >>> of_one_kind = np.zeros(4, bool)
    >>> committee_of(np.array([3.0, 1.0, 1.4, np.inf]), None, of_one_kind)
    (1, 2)
    >>> score = np.array([-20.0, -110.0, -85.0, -95.0])
    >>> committee_of(score, 100, of_one_kind)
    (1, 3)
    >>> committee_of(score, 100, np.array([True, False, True, False]))
    (1, 3, 2)
    """
    order = np.argsort(score, kind="stable")
    best = score[order[0]]
    if not np.isfinite(best):
        return (int(order[0]),)
    if numbers is None:
        return tuple(order[score[order] - best <= abs(best) / 2].tolist())
    near = np.zeros(len(score), bool)
    for one in (kind, ~kind):
        of_kind = np.where(one, score, np.inf)
        if np.min(of_kind) - best <= UNFIT * numbers:
            near |= of_kind - np.min(of_kind) <= STUCK * numbers
    return tuple(order[near[order]].tolist())
