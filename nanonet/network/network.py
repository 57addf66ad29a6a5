"""Networks: pure functions ŷ = h_{w,b}(x) of named parameters (pages 1 and 2)."""

import dataclasses
import functools
import itertools
from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, DTypeLike, Float, PyTree

from nanonet._internal.checks import check_choice, check_count
from nanonet.network.initializers import INITIALIZERS, RandomKey, check_key
from nanonet.network.layers import (
    Activation,
    Layer,
    SkipLayer,
    activation,
    identity,
    sigmoid,
    trace,
)
from nanonet.network.two_two_one import TwoTwoOne, layers_of


class Architecture(NamedTuple):
    """What a network of layers is made of."""

    sizes: tuple[int, ...]
    """Units per layer, inputs first, outputs last."""

    hidden: str | Activation
    """Activation of the hidden units."""

    output: str | Activation
    """Activation of the output units."""

    init: str
    """Initialization scheme."""

    skip: bool = False
    """Whether the output units see the inputs directly, too."""


@dataclasses.dataclass(frozen=True)
class Network:
    """A network: where its parameters start, and what it computes from them.

    Any two functions make one; what `mlp` and `two_two_one` return also know their
    logits, z with ŷ = f(z), and their architecture. ``network(params, x)`` is
    ``network.apply(params, x)``. A network of named activations can be pickled, and is
    afterwards the same one.
    """

    init: Callable[..., PyTree]
    """``init(key, dtype=None)`` → random parameters; dtype: JAX's default float."""

    apply: Callable[[PyTree, Array], Array]
    """``apply(params, x)`` → ŷ for one example x; `jax.vmap` for many."""

    logits: Callable[[PyTree, Array], Array] | None = None
    """``logits(params, x)`` → z, what the output activation is applied to."""

    architecture: Architecture | None = None
    """Sizes and activations, where the network is made of layers."""

    @property
    def has_skips(self) -> bool:
        """Whether its outputs see the inputs directly, too."""
        return self.architecture is not None and self.architecture.skip

    def __call__(self, params: PyTree, x: Array) -> Array:
        """ŷ for one example x; `jax.vmap` for many."""
        return self.apply(params, x)

    def trace(self, params: PyTree, x: Array) -> tuple[tuple[Array, Array], ...]:
        """Every layer's (z, out) for one example x; see `nanonet.network.layers.trace`.

        Raises:
          ValueError: the network is not known to be made of layers.

        >>> network = mlp([1, 2, 1])
        >>> params = network.init(jax.random.key(0))
        >>> [out.shape for z, out in network.trace(params, jnp.ones(1))]
        [(2,), (1,)]
        """
        if self.architecture is None:
            raise ValueError("network has no architecture: its layers are not known.")
        return trace(
            layers_of(params),
            x,
            activation("hidden", self.architecture.hidden),
            activation("output", self.architecture.output),
        )

    def __repr__(self) -> str:
        if self.architecture is None:
            return f"Network(init={self.init!r}, apply={self.apply!r})"
        sizes, hidden, output, _, skip = self.architecture
        kind = "two_two_one" if self == _two_two_one(self.architecture) else "mlp"
        f, g = (getattr(f, "__name__", str(f)) for f in (hidden, output))
        return f"{kind} {'-'.join(map(str, sizes))}, {f}, {g}{', skip' * skip}"

    def __reduce__(self) -> tuple:
        for make in (_mlp, _two_two_one):
            if self.architecture is not None and self == make(self.architecture):
                return make, (self.architecture,)
        return Network, (self.init, self.apply, self.logits, self.architecture)


def two_two_one(*, init: str = "normal") -> Network:
    """Make the 2-2-1 sigmoid network of the notes.

    ::

        z_h1 = x1·w1 + x2·w3 + b3        out_h1 = f(z_h1)
        z_h2 = x1·w2 + x2·w4 + b4        out_h2 = f(z_h2)
        z_o1 = out_h1·w5 + out_h2·w6 + b5     ŷ = f(z_o1),   f(z) = 1 / (1 + e^(-z))

    ``init(key)`` draws a `TwoTwoOne` of nine scalars by the scheme ``init`` (see
    `mlp`); ``apply(params, x)`` maps x of shape [2] to the scalar ŷ, and
    ``logits(params, x)`` to z_o1. Calls with equal arguments return the same network.

    Raises:
      ValueError: ``init`` names no scheme.

    Source: pages 1 and 2 of the notes.

    >>> network = two_two_one()
    >>> params = TwoTwoOne(w1=1, w2=-1, w3=1, w4=-1, w5=2, w6=2, b3=0, b4=1, b5=-3)
    >>> print(f"{network(params, jnp.array([0.0, 1.0])):.4f}")
    0.3687
    """
    check_choice("init", init, INITIALIZERS)
    return _two_two_one(Architecture((2, 2, 1), "sigmoid", "sigmoid", init))


@functools.cache
def _two_two_one(architecture: Architecture) -> Network:
    def init_params(key: RandomKey, dtype: DTypeLike | None = None) -> TwoTwoOne:
        return TwoTwoOne.from_layers(_mlp(architecture).init(key, dtype))

    def logits(params: TwoTwoOne, x: Float[Array, "2"]) -> Float[Array, ""]:
        w1, w2, w3, w4, w5, w6, b3, b4, b5 = params
        if getattr(x, "shape", (2,)) != (2,):
            raise ValueError(
                f"x has shape {x.shape}, and one example (2,); for the rows of a "
                "table, jax.vmap(network.apply, (None, 0))(params, x)."
            )
        x1, x2 = x
        z_h1 = x1 * w1 + x2 * w3 + b3
        z_h2 = x1 * w2 + x2 * w4 + b4
        out_h1 = sigmoid(z_h1)
        out_h2 = sigmoid(z_h2)
        return out_h1 * w5 + out_h2 * w6 + b5

    def apply(params: TwoTwoOne, x: Float[Array, "2"]) -> Float[Array, ""]:
        return sigmoid(logits(params, x))

    return Network(init_params, apply, logits, architecture)


def mlp(
    sizes: Sequence[int],
    hidden: str | Activation = "sigmoid",
    output: str | Activation = "sigmoid",
    *,
    init: str = "glorot",
    skip: bool = False,
) -> Network:
    """Make a fully connected network of layers z = a w + b, a ← f(z).

    Its parameters are a tuple of `Layer`, one per arrow between two ``sizes``;
    ``apply(params, x)`` maps x of shape [sizes[0]] to ŷ of shape [sizes[-1]]. Calls
    with equal arguments return the same network, so that nothing is compiled twice.

    Args:
      sizes: units per layer, inputs first, outputs last.
      hidden: activation of the hidden units: "identity", "sigmoid", "tanh", "relu",
        "softplus", "softmax", or a function of the whole layer's z.
      output: activation of the output units, likewise.
      init: "uniform", "normal", "glorot", or "nguyen_widrow" (hidden layers by Nguyen
        and Widrow, the output layer uniform); see `nanonet.network.initializers`.
      skip: whether the output units see the inputs directly too, z = a w + x s + b, so
        that the network is a linear model and what hidden units add to it. The last
        layer is a `SkipLayer`. Without a hidden layer they see them as it is.

    Raises:
      ValueError: fewer than two sizes, one that is not positive, or an unknown name.
      TypeError: a size that is not an integer.

    Source: pages 1 and 2 of the notes, for layers of any size.

    >>> network = mlp([1, 10, 1], hidden="tanh", output="identity")
    >>> params = network.init(jax.random.key(0))
    >>> [layer.w.shape for layer in params]
    [(1, 10), (10, 1)]
    >>> mlp([3, 10, 1], "tanh", "identity", skip=True)
    mlp 3-10-1, tanh, identity, skip
    """
    if isinstance(sizes, str) or not hasattr(sizes, "__len__"):
        raise TypeError(
            f"sizes={sizes!r} must be the units of each layer, inputs first, outputs "
            "last, e.g. [2, 2, 1]."
        )
    if len(sizes) < 2:
        raise ValueError(
            f"sizes={sizes!r} must hold at least the inputs and the outputs, "
            "e.g. [2, 2, 1]."
        )
    counts = (
        check_count(f"sizes[{i}]", size, at_least=1) for i, size in enumerate(sizes)
    )
    check_choice("init", init, INITIALIZERS)
    activation("hidden", hidden)
    activation("output", output)
    skips = bool(skip) and len(sizes) > 2
    return _mlp(Architecture(tuple(counts), hidden, output, init, skips))


@functools.cache
def _mlp(architecture: Architecture) -> Network:
    sizes, hidden, output, init, skip = architecture
    f_hidden = activation("hidden", hidden)
    f_output = activation("output", output)
    schemes = [INITIALIZERS[init]] * (len(sizes) - 1)
    if init == "nguyen_widrow":
        schemes[-1] = INITIALIZERS["uniform"]

    def init_params(
        key: RandomKey, dtype: DTypeLike | None = None
    ) -> tuple[Layer | SkipLayer, ...]:
        check_key(key)
        dtype = jnp.result_type(float) if dtype is None else dtype
        keys = jax.random.split(key, len(schemes))
        arrows = list(itertools.pairwise(sizes))
        if skip:  # one layer of all that the outputs see, so that its size is known
            arrows[-1] = (sizes[-2] + sizes[0], sizes[-1])
        *first, (w, b) = (
            scheme(n_in, n_out, key=key, dtype=dtype)
            for scheme, key, (n_in, n_out) in zip(schemes, keys, arrows, strict=True)
        )
        hidden_units = sizes[-2]
        last = SkipLayer(w[:hidden_units], w[hidden_units:], b) if skip else Layer(w, b)
        return (*first, last)

    def logits(
        params: Sequence[Layer | SkipLayer], x: Float[Array, " n_in"]
    ) -> Float[Array, " n_out"]:
        return trace(params, x, f_hidden, identity)[-1][0]

    def apply(
        params: Sequence[Layer | SkipLayer], x: Float[Array, " n_in"]
    ) -> Float[Array, " n_out"]:
        return f_output(logits(params, x))

    return Network(init_params, apply, logits, architecture)
