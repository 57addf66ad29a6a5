"""Examples as an objective holds them: numbers, of the network's widths."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Float, PyTree
from numpy.typing import ArrayLike

from nanonet._internal.checks import check_numbers
from nanonet.network.network import Network


def check_data(network: Network, x: ArrayLike, y: ArrayLike) -> tuple[Array, Array]:
    """Return x as [n, inputs] and y as [n, ...], floating point, or raise.

    Raises:
      ValueError: no examples, x and y of different length, or widths that the network
        does not have.
      TypeError: x or y are not real numbers.
    """
    x, y = as_floats("x", x), as_floats("y", y)
    if x.ndim < 2:
        x, y = jnp.atleast_1d(x)[None], y[None]
    check_widths(network, x, y)
    return x, y


def check_widths(
    network: Network, x: Array | np.ndarray, y: Array | np.ndarray
) -> None:
    """Raise `ValueError` unless these are examples, of the widths of the network."""
    if not len(x):
        raise ValueError("x holds no examples.")
    if y.ndim == 0 or len(x) != len(y):
        raise ValueError(
            f"x of shape {x.shape} and y of shape {y.shape} must hold equally many "
            "examples along their first axis."
        )
    if network.architecture is not None:
        n_in, n_out = network.architecture.sizes[0], network.architecture.sizes[-1]
        if x.shape[1:] != (n_in,):
            raise ValueError(
                f"x has shape {x.shape}, but the network has {n_in} inputs: "
                f"x must be [examples, {n_in}]."
            )
        if y.size != len(y) * n_out:
            raise ValueError(
                f"y has shape {y.shape}, but the network has {n_out} outputs: "
                f"y must be [examples, {n_out}]."
            )


def check_sample_weight(
    sample_weight: ArrayLike | None, n: int
) -> Float[Array, " n"] | None:
    """Return the weights of ``n`` examples as floats, or raise; None stays None."""
    if sample_weight is None:
        return None
    s = as_floats("sample_weight", sample_weight)
    if s.shape != (n,):
        raise ValueError(f"sample_weight has shape {s.shape}; it must be ({n},), as x.")
    if not isinstance(s, Tracer):
        check_numbers("sample_weight", s, at_least=0, below=np.inf)
        if not np.any(s):
            raise ValueError("sample_weight is zero everywhere: nothing to learn.")
    return s


def check_examples(
    network: Network,
    x: ArrayLike,
    y: ArrayLike,
    sample_weight: ArrayLike | None,
    l2: Any,
) -> tuple[Array, Array, Array | None]:
    """Return x, y and the weights of an objective as arrays, or raise."""
    if l2 is not None:
        check_l2(network, l2)
    x, y = check_data(network, x, y)
    return x, y, check_sample_weight(sample_weight, len(x))


def as_l2(l2: Any) -> Any:
    """λ as it is, and a pair of them as an array."""
    return jnp.asarray(l2) if np.ndim(l2) else l2


def check_l2(network: Network, l2: Any) -> None:
    """Raise unless it is λ ≥ 0, or a pair of such for a network with ``skip``."""
    pair = np.shape(l2) == (2,)
    if pair and not network.has_skips:
        raise ValueError(
            f"l2={l2!r} is a pair, and that is for a network with skip=True: the "
            "second is of the weights from inputs to outputs."
        )
    if np.ndim(l2) and not pair:
        raise ValueError(f"l2={l2!r} must be one number, or two of a network's skip.")
    for each in l2 if pair and not isinstance(l2, Tracer) else [l2]:
        check_numbers("l2", each, at_least=0, below=np.inf)


def check_real(argument: str, array: Array | np.ndarray) -> None:
    """Raise `TypeError` unless the array holds real numbers."""
    if array.dtype.kind not in "biufV":  # V: bfloat16 is none of NumPy's own kinds
        raise TypeError(f"{argument} has dtype {array.dtype}; it must be real numbers.")


def as_floats(argument: str, values: ArrayLike) -> Array:
    """Return real numbers as a floating-point array, or raise `TypeError`."""
    array = values if isinstance(values, jax.Array) else np.asarray(values)
    check_real(argument, array)
    array = jnp.asarray(array)
    return array if jnp.issubdtype(array.dtype, jnp.floating) else array.astype(float)


def describe_data(x: Array, l2: float | Array | None, sample_weight: Any) -> str:
    """How many examples there are, weighted or not, and λ, in a line."""
    parts = [f"{len(x):,} example{'s' if len(x) > 1 else ''}"]
    if sample_weight is not None:
        parts.append("weighted")
    if isinstance(l2, jax.Array) or l2:
        parts.append(f"l2 = {l2}")
    return ", ".join(parts)


def in_dtype_of(params: PyTree, *arrays: Array) -> tuple[Array, ...]:
    """The same data in the parameters' real precision, in which all is computed.

    So that float64 data neither widen what float32 parameters are trained in, nor meet
    them under ``jax_numpy_dtype_promotion="strict"``.
    """
    leaves = [leaf for leaf in jax.tree.leaves(params) if hasattr(leaf, "dtype")]
    dtypes = {jnp.finfo(leaf.dtype).dtype for leaf in leaves if _is_inexact(leaf)}
    if not dtypes:
        return arrays
    widest = max(dtypes, key=lambda dtype: jnp.finfo(dtype).bits)
    return tuple(array.astype(widest) for array in arrays)


def _is_inexact(leaf: Any) -> bool:
    return jnp.issubdtype(leaf.dtype, jnp.inexact)


def targets_like(outputs: Array, y: Array) -> Array:
    """Give y the outputs' shape, where only axes of length 1 differ."""
    if outputs.size != y.size:
        raise ValueError(
            f"y has shape {y.shape}, but the network's outputs have {outputs.shape}."
        )
    return jnp.reshape(y, outputs.shape)
