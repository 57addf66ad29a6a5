"""Many problems side by side: lanes in blocks that stay in the fastest cache."""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import lax
from jax.sharding import Mesh, PartitionSpec
from jaxtyping import PyTree

from nanonet._internal.static import combine, jit, partition
from nanonet.many.lane import LANES, End, Limits, Problem, Wanted, solve_lane
from nanonet.solve.loop import Count, repeat

# What a block holds between two steps is to fit in the fastest cache beside what it
# computes on the way.
BYTES_PER_BLOCK = 2**14
FEWEST_LANES, MOST_LANES = 64, 128


class Plan(NamedTuple):
    """What a compilation depends on, besides shapes."""

    static: Any  # of `partition`, for the problem
    is_own: tuple[bool, ...]  # which of the problem's numbers are its own alone
    draw: Callable[..., PyTree] | None  # what makes a start of a random key
    block_size: int
    blocks: int  # that one call solves at the most
    wanted: Wanted
    mesh: Mesh | None = None


def block_size_for(rule: optax.GradientTransformation, params: PyTree) -> int:
    """How many problems with these parameters (of one) fit in the fastest cache."""
    static, numbers = partition(rule)
    leaves, treedef = jax.tree.flatten(params)
    return _block_size(static, tuple(map(jax.typeof, numbers)), treedef, tuple(leaves))


@functools.lru_cache
def _block_size(static: Any, kinds: tuple, treedef: Any, leaves: tuple) -> int:
    def begin(numbers: list, params: PyTree) -> PyTree:
        return combine(static, numbers).init(params)

    numbers = [jax.ShapeDtypeStruct(kind.shape, kind.dtype) for kind in kinds]
    params = jax.tree.unflatten(treedef, leaves)
    state = jax.eval_shape(begin, numbers, params)
    held = jax.tree.leaves((params, params, state))  # and the gradient
    size = sum(leaf.size * leaf.dtype.itemsize for leaf in held)
    lanes = MOST_LANES
    while lanes > FEWEST_LANES and lanes * size > BYTES_PER_BLOCK:
        lanes //= 2
    return lanes


# XLA's own choice is half of what AVX-512 has; 2-2-1 networks train 1.2 to 1.6 times
# faster with all of it. Other processors do not mind. LLVM's first level is as fast as
# its second on these programs, and compiles a third sooner.
@functools.partial(
    jit,
    compiler_options={
        "xla_cpu_prefer_vector_width": 512,
        "xla_backend_optimization_level": 1,
    },
)
def solve_blocks(
    plan: Plan,
    starts: PyTree,
    own: list,
    shared: list,
    limits: Limits,
    first: Count,
    count: Count,
) -> End:
    """Solve the problems of ``count`` blocks from the first on, of each device."""
    solve = functools.partial(_solve_on_device, plan)
    if plan.mesh is not None:
        along, everywhere = PartitionSpec(plan.mesh.axis_names[0]), PartitionSpec()
        solve = jax.shard_map(
            solve,
            mesh=plan.mesh,
            in_specs=(along, along, *[everywhere] * 4),
            out_specs=along,
            check_vma=False,
        )
    return solve(starts, own, shared, limits, first, count)


def _solve_on_device(
    plan: Plan,
    starts: PyTree,
    own: list,
    shared: list,
    limits: Limits,
    first: Count,
    count: Count,
) -> End:
    # Here, because JAX's parts that it needs take long to import.
    from nanonet.scalarize.transform import scalarize

    @functools.partial(jax.vmap, axis_name=LANES)
    @scalarize
    def solve_each(start: PyTree, own: list) -> End:
        mine, everyones = iter(own), iter(shared)
        numbers = [next(mine if is_own else everyones) for is_own in plan.is_own]
        problem = Problem(*combine(plan.static, numbers))
        return solve_lane(problem, start, limits, plan.wanted)

    def solve_block(starts: PyTree, own: list) -> End:
        if plan.draw is not None:
            starts = jax.vmap(plan.draw)(starts)
        return solve_each(starts, own)

    def in_blocks(leaf: jax.Array) -> jax.Array:
        return leaf.reshape(-1, plan.block_size, *leaf.shape[1:])

    blocks = jax.tree.map(in_blocks, (starts, own))
    one = jax.tree.map(lambda leaf: leaf[0], blocks)
    empty = jax.tree.map(
        lambda leaf: jnp.zeros((plan.blocks, *leaf.shape), leaf.dtype),
        jax.eval_shape(solve_block, *one),
    )

    def one_block(i: jax.Array, ends: End) -> End:
        block = jax.tree.map(lambda leaf: leaf[first + i], blocks)
        return jax.tree.map(
            lambda whole, new: lax.dynamic_update_index_in_dim(whole, new, i, 0),
            ends,
            solve_block(*block),
        )

    _, ends = repeat(one_block, empty, 0, count)
    return jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[2:]), ends)
