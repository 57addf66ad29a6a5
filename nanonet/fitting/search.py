"""The search for the l2 of highest evidence, while the networks are trained."""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Bool, Float, Int, PyTree

from nanonet._internal.static import jit
from nanonet.fitting.batch import Fold, Learning, Member
from nanonet.fitting.evidence import Evidence, evidence
from nanonet.rules._parts.told import told_by, with_damping
from nanonet.solve.result import Status, is_one_of

# λ has settled once it changes by less than this share of itself.
SETTLED = 1e-3

# In one update: slowly, so as not to pass by where the evidence is highest.
LARGEST_CHANGE = 2.0

# The search ends after so many updates that did not bring more evidence: MacKay's lead
# on to networks that learn the noise, where these are fixed points too.
FALLS = 4

# What has stopped for such a reason is not set going again.
LEFT_ALONE = (Status.NON_FINITE, Status.VALIDATION, Status.GOAL)


class Best(NamedTuple):
    """Where the evidence was highest."""

    l2: Float[Array, "*members"]
    params: PyTree
    evidence: Evidence
    value: Float[Array, "*members"]
    """J."""

    gradient_norm: Float[Array, "*members"]


class Search(NamedTuple):
    """The search for each member's l2."""

    l2: Float[Array, "*members"]
    best: Best

    falls: Int[Array, "*members"]
    """Updates since the evidence was highest."""

    ended: Bool[Array, "*members"]

    agreed: Bool[Array, "*members"]
    """Whether l2 is no longer its own, but that of the best start."""


def first_factors(starts: int) -> Float[np.ndarray, " starts"]:
    """What each start multiplies the first l2 by: 10 … ⅒, or 1 for a single one.

    From a strong penalty on, the search finds the simplest network that the data speak
    for; but what no line can tell of y, it lets go to 0 and does not find again.

    >>> print(first_factors(3))
    [10.   1.   0.1]
    """
    return np.logspace(1, -1, starts) if starts > 1 else np.ones(1)


def start_search(l2: Float[Array, "folds starts"], members: Member) -> Search:
    """Begin with these l2."""
    unknown = jnp.zeros(l2.shape, l2.dtype)
    nothing = Evidence(unknown, unknown, unknown, unknown - jnp.finfo(l2.dtype).max)
    point = members.run.point
    best = Best(l2, point.params, nothing, point.value, point.gradient_norm)
    zero = jnp.zeros(l2.shape, jnp.int32)
    return Search(l2, best, falls=zero, ended=zero > 0, agreed=zero > 0)


@jit
def update_search(
    learning: Learning, search: Search, members: Member
) -> tuple[Search, Member]:
    """Give each member its new l2, and set it going again unless it has come to an end.

    It has where l2 has settled, and where the evidence has long been higher before.
    """

    def one(fold: Fold, search: Search, member: Member) -> tuple[Search, Member]:
        run, point = member.run, member.run.point
        J = learning.objective(fold, search.l2)
        found, new = evidence(J, point.params, learning.box)
        new = jnp.where(search.agreed, search.l2, new)
        over = search.ended | is_one_of(LEFT_ALONE, run.status)
        settled = jnp.abs(jnp.log(new / search.l2)) < SETTLED
        settled &= run.status != Status.RUNNING
        higher = found.log_evidence > search.best.evidence.log_evidence
        higher |= settled
        falls = jnp.where(higher, 0, search.falls + 1)
        fallen = (falls >= FALLS) & ~search.agreed
        new = jnp.clip(new, search.l2 / LARGEST_CHANGE, search.l2 * LARGEST_CHANGE)
        over |= ~jnp.isfinite(new)
        here = Best(search.l2, point.params, found, point.value, point.gradient_norm)
        best = optax.tree.where(higher, here, search.best)
        ended = settled | fallen
        updated = Search(new, best, falls, ended=ended, agreed=search.agreed)
        status = jnp.where(fallen, jnp.int32(Status.EVIDENCE), run.status)
        stopped = member._replace(run=run._replace(status=status))
        again = _restart(learning, fold, new, member)
        again = optax.tree.where(updated.ended, stopped, again)
        return optax.tree.where(over, (search, member), (updated, again))

    return learning.over_members(one, search, members)


@jit
def agree(learning: Learning, search: Search, members: Member) -> tuple[Search, Member]:
    """Give all starts of a fold the l2 of highest evidence, and set them going again.

    A search that began too weakly has ended by a network that learns the noise, and one
    that began too strongly by one that learns nothing: with the l2 that the data speak
    for they come to be as good as the best, and lie as far apart as other minima do.
    """
    best = search.best
    first = jnp.argmax(best.evidence.log_evidence, axis=1, keepdims=True)
    l2 = jnp.broadcast_to(jnp.take_along_axis(best.l2, first, 1), search.l2.shape)

    def one(
        fold: Fold, l2: Array, search: Search, member: Member
    ) -> tuple[Search, Member]:
        point = member.run.point._replace(params=search.best.params)
        moved = member._replace(run=member.run._replace(point=point))
        again = _restart(learning, fold, l2, moved)
        updated = search._replace(l2=l2, ended=jnp.bool_(False), agreed=jnp.bool_(True))
        over = is_one_of(LEFT_ALONE, member.run.status)
        kept = search._replace(agreed=jnp.bool_(True))
        return optax.tree.where(over, (kept, member), (updated, again))

    return learning.over_members(one, l2, search, members)


def _restart(learning: Learning, fold: Fold, l2: Array, member: Member) -> Member:
    """The member at the same point of another J, with the damping it had."""
    old = member.run
    run = learning.begin(fold, l2, old.point.params)
    damping = told_by(old.rule_state).damping
    return member._replace(
        run=run._replace(
            step=old.step,
            evaluations=old.evaluations + 1,
            rule_state=with_damping(run.rule_state, damping),
        )
    )
