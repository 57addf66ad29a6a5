"""Update by update against optax: every keyword argument, a number and a schedule."""

import inspect
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import nanonet

STEPS = 50


def test_optax_s_rules_are_its_own():
    """And not nanonet's, which test_rules_optax_suite puts there."""
    for name in ("sgd", "trace", "ema", "rmsprop", "adam", "adagrad"):
        assert getattr(optax, name).__module__.startswith("optax.")


def schedule(t):
    return 0.1 / (1 + t)


def grid(**choices):
    """Every combination of the choices, as keyword arguments."""
    return [
        dict(zip(choices, values, strict=True))
        for values in itertools.product(*choices.values())
    ]


ALPHAS = [0.1, schedule]
MOMENTUM = [{}, {"momentum": 0.9}, {"momentum": 0.5, "nesterov": True}]
ADAM = grid(
    b1=[0.9, 0.0], b2=[0.999, 0.9], eps=[1e-8, 1e-3], eps_root=[0.0, 1e-8],
    nesterov=[False, True],
)  # fmt: skip
ROOTS = grid(
    decay=[0.9, 0.99], eps=[1e-8, 1e-3], initial_scale=[0.0, 0.5],
    eps_in_sqrt=[True, False], bias_correction=[False, True],
)  # fmt: skip


def well_posed(settings):
    """Leave out 0/0: with one gradient seen, the corrected variance is rounding."""
    return not (
        settings["bias_correction"]
        and not settings["eps_in_sqrt"]
        and settings["initial_scale"] == 0
    )


CENTRED_ROOTS = list(filter(well_posed, ROOTS))
GRIDS = {
    "trace": grid(decay=[0.9, 0.0, 1.0], nesterov=[False, True]),
    "ema": grid(decay=[0.9, 0.999, 0.0], debias=[False, True]),
    "scale_by_rms": ROOTS,
    "scale_by_stddev": CENTRED_ROOTS,
    "scale_by_adam": ADAM,
    "sgd": [{"learning_rate": alpha, **m} for alpha in ALPHAS for m in MOMENTUM],
    "rmsprop": [
        {"learning_rate": alpha, "centered": centred, **root, **momentum}
        for alpha in ALPHAS
        for centred in (False, True)
        for root in (CENTRED_ROOTS if centred else ROOTS)
        if (root["decay"], root["eps"], root["initial_scale"]) == (0.9, 1e-8, 0.5)
        for momentum in MOMENTUM
    ],
    "adam": [{"learning_rate": alpha, **a} for alpha in ALPHAS for a in ADAM[::7]],
    "adamw": [
        {"learning_rate": alpha, "weight_decay": decay, "mask": mask, **a}
        for alpha in ALPHAS
        for decay in (0.0, 0.1, schedule)
        for mask in (None, {"w": True, "none": None, "b": (False,)})
        for a in ADAM[:2]
    ],
    "amsgrad": [
        {"learning_rate": alpha, **choice}
        for alpha in ALPHAS
        for choice in grid(
            bias_correction_mu=[True, False], bias_correction_nu=[True, False]
        )
    ],
    "adagrad": grid(
        learning_rate=ALPHAS, initial_accumulator_value=[0.1, 0.0], eps=[1e-7, 1e-3]
    ),
}


def gradients(dtype, decades=(-3, 3)):
    """Random gradients of 50 steps, in which their scale climbs through six decades."""
    random, scale = np.random.default_rng(0), np.logspace(*decades, STEPS)
    return {
        "w": np.asarray(
            scale[:, None, None] * random.normal(size=(STEPS, 2, 3)), dtype
        ),
        "none": None,
        "b": (np.asarray(scale[:, None] * random.normal(size=(STEPS, 4)), dtype),),
    }


def updates_of(rules, gradients):
    """The updates of each rule, stacked over steps; all rules in one compiled scan."""
    params = jax.tree.map(lambda each: np.ones_like(each[0]), gradients)

    @jax.jit
    def run(gradients):
        def step(states, gradient):
            updates, states = zip(
                *(
                    rule.update(gradient, state, params)
                    for rule, state in zip(rules, states, strict=True)
                ),
                strict=True,
            )
            return states, updates

        return jax.lax.scan(step, tuple(rule.init(params) for rule in rules), gradients)

    return run(gradients)[1]


def assert_same_updates(ours, theirs, gradients, tolerance):
    """Compare each update with its own step's largest element."""
    our_updates, their_updates = (
        updates_of(each, gradients) for each in (ours, theirs)
    )
    for our, their in zip(
        *map(jax.tree.leaves, (our_updates, their_updates)), strict=True
    ):
        assert our.dtype == their.dtype
        assert_near(our, their, tolerance)


def assert_near(ours, theirs, tolerance):
    ours, theirs = (np.asarray(each, np.complex128) for each in (ours, theirs))
    size = np.max(np.abs(theirs), axis=tuple(range(1, theirs.ndim)), keepdims=True)
    error = np.max(np.abs(ours - theirs) / size)
    assert error <= tolerance


def tolerance_of(name, centred, x64):
    if x64:
        return 1e-10
    if centred or name == "scale_by_stddev":
        # v - m² of a few gradients that are nearly alike loses two digits or three.
        return 1e-3
    # In float32 optax's 1 - β is off by 1.3e-5 for 0.999; the EWMA of 1 is not. Half of
    # that is left after the root, all of it in an average.
    return 2e-5


@pytest.mark.parametrize("name", GRIDS)
@pytest.mark.parametrize("share", ["some", pytest.param("all", marks=pytest.mark.slow)])
def test_updates_are_optax_s(name, share, x64):
    chosen = GRIDS[name]
    if share == "some" and len(chosen) > 12:
        chosen = chosen[::5]  # no axis has 5 choices: each choice of each is there
    for centred, some in itertools.groupby(chosen, lambda s: s.get("centered")):
        some = list(some)
        assert_same_updates(
            [getattr(nanonet, name)(**settings) for settings in some],
            [getattr(optax, name)(**settings) for settings in some],
            gradients(jnp.float64 if x64 else jnp.float32),
            tolerance_of(name, centred, x64),
        )


@pytest.mark.parametrize("name", GRIDS)
def test_defaults_are_optax_s(name):
    ours, theirs = (
        inspect.signature(getattr(library, name)).parameters.values()
        for library in (nanonet, optax)
    )
    assert [(p.name, p.default, p.kind) for p in ours] == [
        (p.name, p.default, p.kind) for p in theirs
    ]


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("ema", {"decay": 0.9, "accumulator_dtype": None}),
        ("sgd", {"learning_rate": 0.1, "momentum": 0.9, "accumulator_dtype": None}),
        ("adam", {"learning_rate": 0.1, "mu_dtype": None}),
        ("adamw", {"learning_rate": 0.1, "mu_dtype": None}),
        ("amsgrad", {"learning_rate": 0.1, "mu_dtype": None}),
    ],
)
def test_accumulators_have_the_dtype_asked_for(name, settings, dtype, x64):
    key = "mu_dtype" if "mu_dtype" in settings else "accumulator_dtype"
    settings = {**settings, key: dtype}
    ours = getattr(nanonet, name)(**settings)
    assert_same_updates(
        [ours],
        [getattr(optax, name)(**settings)],
        gradients(jnp.float64 if x64 else jnp.float32),
        # v is rounded once a step here and twice in optax: some ten such are alive.
        tolerance=max(20 * float(jnp.finfo(dtype).eps), tolerance_of(name, None, x64)),
    )
    dtypes = {leaf.dtype.name for leaf in jax.tree.leaves(ours.init(jnp.ones(2)))}
    assert dtype in dtypes


FAMILIES = ["sgd", "rmsprop", "adam", "adamw", "amsgrad", "adagrad"]


def made(library, name):
    settings = {"momentum": 0.9} if name == "sgd" else {}
    return getattr(library, name)(0.1, **settings)


@pytest.mark.parametrize("name", FAMILIES)
def test_complex_updates_are_optax_s(name, x64):
    dtype = jnp.complex128 if x64 else jnp.complex64
    turned = jax.tree.map(
        lambda g: (g + 1j * g[..., ::-1]).astype(dtype), gradients(float)
    )
    assert_same_updates(
        [made(nanonet, name)], [made(optax, name)], turned, 1e-10 if x64 else 2e-5
    )


@pytest.mark.parametrize(
    ("name", "dtype"),
    [(name, dtype) for name in FAMILIES for dtype in ("bfloat16", "float16")],
)
def test_half_precision_is_optax_s_single_precision_rounded(name, dtype):
    half = gradients(dtype)
    single = jax.tree.map(np.float32, half)
    updates = updates_of([made(nanonet, name)], half)
    expected = updates_of([made(optax, name)], single)
    for ours, theirs in zip(*map(jax.tree.leaves, (updates, expected)), strict=True):
        assert ours.dtype == dtype
        # What is stored in half precision is rounded once a step: some ten count.
        assert_near(np.float32(ours), theirs, 20 * float(jnp.finfo(dtype).eps))


@pytest.mark.precision("x32", reason="about dtypes, not digits")
@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.one_case
def test_whole_numbers_beside_others_are_taken(name):
    """As what they are as floats; optax takes them too, and rounds some averages."""
    params = {"w": jnp.ones(2), "count": jnp.arange(3), "one": 1}
    as_floats = jax.tree.map(lambda leaf: jnp.asarray(leaf, float), params)
    ours, theirs = made(nanonet, name), made(optax, name)
    state, other = ours.init(params), theirs.init(as_floats)
    for _ in range(2):
        updates, state = ours.update(params, state, params)
        expected, other = theirs.update(as_floats, other, as_floats)
        jax.tree.map(
            lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-7),
            updates,
            expected,
        )
    assert optax.apply_updates(params, updates)["count"].dtype == jnp.int32


@pytest.mark.precision("x32", reason="about names, not digits")
@pytest.mark.parametrize("name", ["adam", "adamw", "amsgrad", "ema"])
def test_the_count_is_where_optax_has_it(name):
    rule = made(nanonet, name) if name != "ema" else nanonet.ema(0.9)
    state = rule.init(jnp.ones(2))
    for steps in range(3):
        assert optax.tree.get(state, "count") == steps
        _, state = rule.update(jnp.ones(2), state, jnp.ones(2))
