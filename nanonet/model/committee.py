"""Several networks of one kind as one, which answers with their mean."""

import dataclasses
import functools
from typing import Any, NoReturn

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import logsumexp
from jaxtyping import Array, Float, PyTree

from nanonet._internal.checks import check_count
from nanonet.network.initializers import RandomKey
from nanonet.network.network import Network


@dataclasses.dataclass(frozen=True, kw_only=True)
class Committee(Network):
    """What `committee` makes; its architecture is that of each member."""

    member: Network
    """The network that each member is."""

    size: int
    """How many members there are."""

    def trace(self, params: PyTree, x: Array) -> NoReturn:
        """There is no one way through the layers of several networks.

        Raises:
          ValueError: always.
        """
        raise ValueError("a committee has no layers of its own; ask one of its members")

    def __repr__(self) -> str:
        return f"committee of {self.size}: {self.member!r}"

    def __reduce__(self) -> tuple:
        return committee, (self.member, self.size)


def committee(network: Network, size: int) -> Committee:
    """Make one network of several: ŷ is the mean of what its members answer.

    ::

        ŷ = 1/M Σ ŷₘ        softmax: z = ln 1/M Σ softmax(zₘ), so that ŷ = softmax(z)

    Its parameters are those of the members, stacked: each leaf has a leading axis of
    ``size``. Calls with equal arguments return the same network.

    By Jensen's inequality the mean's loss is at most the members' mean loss, for every
    loss that is convex in ŷ; it is less by how far they lie apart.

    Source: Hansen & Salamon, "Neural network ensembles", 1990; Krogh & Vedelsby,
    "Neural network ensembles, cross validation, and active learning", 1995.

    >>> from nanonet.network.network import mlp
    >>> network = committee(mlp([1, 1], output="identity"), 2)
    >>> params = network.init(jax.random.key(0))
    >>> params[0].b.shape
    (2, 1)
    >>> line = params[0]._replace(w=jnp.array([[[2.0]], [[4.0]]]))
    >>> print(network((line,), jnp.ones(1)))
    [3.]
    """
    return _committee(network, check_count("size", size, at_least=1))


@functools.lru_cache(maxsize=128)
def _committee(network: Network, size: int) -> Committee:
    def init(key: RandomKey, dtype: Any = None) -> PyTree:
        keys = jax.random.split(key, size)
        return jax.vmap(lambda key: network.init(key=key, dtype=dtype))(keys)

    def apply(params: PyTree, x: Array) -> Array:
        return jnp.mean(jax.vmap(network.apply, (0, None))(params, x), axis=0)

    output = network.architecture and network.architecture.output
    of_mean = _LOGITS.get(output) if isinstance(output, str) else None
    of_member: Any = network.logits

    def logits(params: PyTree, x: Array) -> Array:
        assert of_mean is not None
        return of_mean(jax.vmap(of_member, (0, None))(params, x))

    return Committee(
        init=init,
        apply=apply,
        logits=logits if of_mean is not None and of_member is not None else None,
        architecture=network.architecture,
        member=network,
        size=size,
    )


def members_of(network: Network, params: PyTree) -> tuple[Network, PyTree]:
    """The network of each member, and their parameters with a leading axis.

    Any other network is a committee of one.
    """
    if isinstance(network, Committee):
        return network.member, params
    return network, jax.tree.map(lambda leaf: np.asarray(leaf)[None], params)


def as_one(network: Network, params: PyTree) -> tuple[Network, PyTree]:
    """A network of stacked parameters, and its parameters; undoes `members_of`."""
    size = len(jax.tree.leaves(params)[0])
    if size > 1:
        return committee(network, size), params
    return network, jax.tree.map(lambda leaf: leaf[0], params)


def _log_mean(logs: Float[Array, "members out"]) -> Float[Array, " out"]:
    return logsumexp(logs, axis=0) - jnp.log(logs.shape[0])


def _of_softmax(z: Float[Array, "members out"]) -> Float[Array, " out"]:
    return _log_mean(jax.nn.log_softmax(z))


def _of_sigmoid(z: Float[Array, "members out"]) -> Float[Array, " out"]:
    return _log_mean(jax.nn.log_sigmoid(z)) - _log_mean(jax.nn.log_sigmoid(-z))


#: By output activation f: z with f(z) the mean of f(zₘ).
_LOGITS = {"softmax": _of_softmax, "sigmoid": _of_sigmoid}
