"""Whether JAX traces: a value, or the code that runs."""

import jax
from jax.core import Tracer
from jax.extend.core import get_opaque_trace_state
from jaxtyping import PyTree

with jax.ensure_compile_time_eval():
    _NO_TRACE = get_opaque_trace_state()


def is_traced(tree: PyTree) -> bool:
    """Whether a leaf of ``tree`` is traced by JAX."""
    return any(isinstance(leaf, Tracer) for leaf in jax.tree.leaves(tree))


def is_tracing() -> bool:
    """Whether this runs inside a trace of JAX, whose values it may not have seen yet.

    >>> is_tracing(), jax.eval_shape(lambda x: (print(is_tracing()), x)[1], 1.0).shape
    True
    (False, ())
    """
    return get_opaque_trace_state() != _NO_TRACE
