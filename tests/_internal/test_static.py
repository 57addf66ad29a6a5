"""What is told of a program without running it."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nanonet._internal.static import jit


@pytest.mark.precision("x32", reason="only traces")
def test_the_primitives_of_programs_within_are_told_too():
    @jit
    def inner(x):
        return jax.lax.cond(x[0, 0] > 0, jnp.linalg.eigvalsh, lambda x: x[0], x)

    told = inner.primitives(np.eye(2, dtype=np.float32))
    assert {"cond", "eigh", "gt"} <= told
    assert "svd" not in told
