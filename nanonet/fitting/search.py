"""The search for the l2 of highest evidence, while the networks are trained.

After each round of steps the evidence says what each member's l2 is to be next; the
search is a few numbers for each, so that all of it but the evidence is the host's.
"""

import functools
from collections.abc import Sequence
from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Array, Bool, Float, Int, Num, PyTree

from nanonet._internal.static import jit
from nanonet.fitting.batch import Batch, numbers, statuses
from nanonet.fitting.evidence import LARGEST, Evidence, evidence
from nanonet.fitting.member import Fold, Learner, Member
from nanonet.fitting.settings import Penalty
from nanonet.solve.result import Status, is_one_of

# λ has settled once it changes by less than this share of itself.
SETTLED = 1e-3

# In one update: slowly, so as not to pass by where the evidence is highest.
LARGEST_CHANGE = 2.0

# The search ends after so many updates that did not bring more evidence: MacKay's lead
# on to networks that learn the noise, where these are fixed points too.
FALLS = 4

# With fewer, a kind of network would have a single start.
FEWEST_OF_TWO_KINDS = 4

# What has stopped for such a reason is not set going again.
LEFT_ALONE = (Status.NON_FINITE, Status.VALIDATION, Status.GOAL)

Numbers = Float[np.ndarray, "folds starts"]
Penalties = Float[np.ndarray, "folds starts *groups"]  # two of a network with skips
Flags = Bool[np.ndarray, "folds starts"]


class Best(NamedTuple):
    """Where the evidence was highest."""

    l2: Penalties
    params: list[PyTree]  # of each member
    evidence: Evidence
    value: Numbers
    """J."""

    gradient_norm: Numbers


class Search(NamedTuple):
    """The search for each member's l2."""

    l2: Penalties
    best: Best

    falls: Int[np.ndarray, "folds starts"]
    """Updates since the evidence was highest."""

    ended: Flags

    agreed: Flags
    """Whether l2 is no longer its own, but that of the best start."""


def first_l2(
    l2: Penalty, starts: int, *, two_kinds: bool
) -> Float[np.ndarray, "starts ..."]:
    """Where the search of each start begins, of both kinds of networks, or of one.

    Of two kinds every other start, from the second on, has no skips: a λ of `LARGEST`
    holds them at 0. There are not two of fewer than `FEWEST_OF_TWO_KINDS` starts.

    >>> print(first_l2((0.1, 0.01), 4, two_kinds=True))
    [[1.e+00 1.e-01]
     [1.e+00 1.e+06]
     [1.e-02 1.e-03]
     [1.e-02 1.e+06]]
    """
    first = np.full((starts, *np.shape(l2)), l2)
    two_kinds = two_kinds and starts >= FEWEST_OF_TWO_KINDS
    kinds = [first[::2], first[1::2]] if two_kinds else [first]
    for of_kind in kinds:
        of_kind *= first_factors(len(of_kind)).reshape(-1, *(1,) * np.ndim(l2))
    if two_kinds:
        first[1::2, 1] = LARGEST
    return first


def without_skips(
    l2: Float[np.ndarray, "..."], like: Num[np.ndarray, "*members"]
) -> Bool[np.ndarray, "*members"]:
    """Whether the l2 of each member, perhaps a pair, holds the skips at 0."""
    if l2.ndim == like.ndim:
        return np.zeros(like.shape, bool)
    return l2[..., 1] == LARGEST


def first_factors(starts: int) -> Float[np.ndarray, " starts"]:
    """What each start multiplies the first l2 by: 10 … ⅒, or 1 for a single one.

    From a strong penalty on, the search finds the simplest network that the data speak
    for; but what no line can tell of y, it lets go to 0 and does not find again.

    >>> print(first_factors(3))
    [10.   1.   0.1]
    """
    return np.logspace(1, -1, starts) if starts > 1 else np.ones(1)


def start_search(l2: Penalties, members: Sequence[Member]) -> Search:
    """Begin with these l2."""
    unknown, none = np.zeros(l2.shape[:2]), np.zeros(l2.shape[:2], bool)
    lowest = unknown - np.finfo(l2.dtype).max
    nothing = Evidence(unknown, np.zeros_like(l2), unknown, lowest)
    best = _here(l2, nothing, members)
    return Search(l2, best, falls=none.astype(np.int32), ended=none, agreed=none)


def update_search(
    batch: Batch, search: Search, members: Sequence[Member]
) -> tuple[Search, list[Member]]:
    """Give each member its new l2, and set it going again unless it has come to an end.

    It has where l2 has settled, and where the evidence has long been higher before.
    """
    found, new = _weigh(batch, search.l2, members)
    status = statuses(members).reshape(batch.shape)
    new = where(search.agreed, search.l2, new)
    plain = without_skips(search.l2, status)
    if plain.any():  # they stay without
        new[plain, 1] = LARGEST
    over = search.ended | is_one_of(LEFT_ALONE, status) | ~_all(np.isfinite(new))
    with np.errstate(invalid="ignore"):
        settled = _all(np.abs(np.log(new / search.l2)) < SETTLED)
    settled &= status != Status.RUNNING
    higher = found.log_evidence > search.best.evidence.log_evidence
    higher |= settled
    falls = np.where(higher, 0, search.falls + 1)
    fallen = (falls >= FALLS) & ~search.agreed
    new = np.clip(new, search.l2 / LARGEST_CHANGE, search.l2 * LARGEST_CHANGE)
    ended = settled | fallen
    here = _here(search.l2, found, members)
    updated = Search(
        l2=where(over, search.l2, new),
        best=_better(higher & ~over, here, search.best),
        falls=np.where(over, search.falls, falls).astype(np.int32),
        ended=np.where(over, search.ended, ended),
        agreed=search.agreed,
    )
    members = list(members)
    for i in np.flatnonzero(fallen & ~over).tolist():
        run = members[i].run._replace(status=np.asarray(Status.EVIDENCE, np.int32))
        members[i] = members[i]._replace(run=run)
    again = np.flatnonzero(~over & ~ended)
    return updated, batch.restart(updated.l2, members, again)


def agree(
    batch: Batch, search: Search, members: Sequence[Member]
) -> tuple[Search, list[Member]]:
    """Give all starts of a fold the l2 of highest evidence, and set them going again.

    Of networks of two kinds, with skips and without, each has the best l2 of its kind.

    A search that began too weakly has ended by a network that learns the noise, and one
    that began too strongly by one that learns nothing: with the l2 that the data speak
    for they come to be as good as the best, and lie as far apart as other minima do.
    """
    best, l2 = search.best, search.l2
    again = ~is_one_of(LEFT_ALONE, statuses(members).reshape(batch.shape))
    score = np.asarray(best.evidence.log_evidence)
    plain = without_skips(l2, score)
    for kind in (plain, ~plain):
        first = np.argmax(np.where(kind, score, -np.inf), axis=1, keepdims=True)
        common = np.take_along_axis(best.l2, _beside(first, best.l2), 1)
        l2 = where(again & kind, common, l2)
    search = search._replace(
        l2=l2,
        ended=search.ended & ~again,
        agreed=np.ones_like(search.agreed),
    )
    moved = list(members)
    for i in np.flatnonzero(again).tolist():
        run = members[i].run
        point = run.point._replace(params=best.params[i])
        moved[i] = members[i]._replace(run=run._replace(point=point))
    return search, batch.restart(search.l2, moved, np.flatnonzero(again))


def _weigh(
    batch: Batch, l2: Penalties, members: Sequence[Member]
) -> tuple[Evidence, Penalties]:
    """The evidence of each member, and its next l2."""
    params = [member.run.point.params for member in members]
    found = batch.each(_evidence, np.arange(len(members)), numbers(l2), params)
    return jax.tree.map(
        lambda *of: np.stack(of).reshape(*batch.shape, *np.shape(of[0])), *found
    )


@jit
def _evidence(
    learner: Learner, fold: Fold, l2: Float[Array, "*groups"], params: PyTree
) -> tuple[Evidence, Float[Array, "*groups"]]:
    return evidence(learner.objective(fold, l2), params, learner.box, fold.beta)


def _here(l2: Penalties, found: Evidence, members: Sequence[Member]) -> Best:
    points = [member.run.point for member in members]

    def stacked(of: list) -> Numbers:
        return np.reshape(np.asarray(of, l2.dtype), l2.shape[:2])

    return Best(
        l2,
        [point.params for point in points],
        found,
        stacked([point.value for point in points]),
        stacked([point.gradient_norm for point in points]),
    )


def _better(higher: Flags, new: Best, old: Best) -> Best:
    """The new one of each member where the evidence is higher there."""
    params = [
        new if is_higher else old
        for is_higher, new, old in zip(
            higher.ravel(), new.params, old.params, strict=True
        )
    ]
    rest = jax.tree.map(
        functools.partial(where, higher),
        new._replace(params=[]),
        old._replace(params=[]),
    )
    return rest._replace(params=params)


def where(chosen: Flags, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """``a`` for the members that are chosen, else ``b``."""
    return np.where(_beside(chosen, a), a, b)


def _beside(of_members: np.ndarray, like: np.ndarray) -> np.ndarray:
    """With as many axes, so that the leading ones meet."""
    return of_members.reshape(of_members.shape + (1,) * (like.ndim - of_members.ndim))


def _all(of_groups: Bool[np.ndarray, "folds starts *groups"]) -> Flags:
    """Whether it is so of each l2 of a member."""
    return np.all(of_groups.reshape(*of_groups.shape[:2], -1), axis=-1)
