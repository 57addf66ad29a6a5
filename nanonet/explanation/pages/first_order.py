"""Pages 2, 5 and 6: rules that treat each parameter alone."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import optax

from nanonet.explanation.expression import Expression
from nanonet.explanation.functions import larger, root
from nanonet.explanation.page import ALPHA, Page
from nanonet.network.symbol import Symbol
from nanonet.rules.adam import AdamState
from nanonet.rules.rmsprop import RmsState

BETA, GAMMA = Symbol("β", "β", r"\beta"), Symbol("γ", "γ", r"\gamma")
BETA1 = Symbol("β₁", "β<sub>1</sub>", r"\beta_{1}")
BETA2 = Symbol("β₂", "β<sub>2</sub>", r"\beta_{2}")
EPSILON = Symbol("ε", "ε", r"\varepsilon")
LAMBDA = Symbol("λ", "λ", r"\lambda")
V, M, U = Symbol("v"), Symbol("m"), Symbol("u")
V_HAT, M_HAT = Symbol("v̂", "v̂", r"\hat{v}"), Symbol("m̂", "m̂", r"\hat{m}")
V1, V2 = Symbol("v₁", "v<sub>1</sub>", "v_{1}"), Symbol("v₂", "v<sub>2</sub>", "v_{2}")
V1_HAT = Symbol("v̂₁", "v̂<sub>1</sub>", r"\hat{v}_{1}")
V2_HAT = Symbol("v̂₂", "v̂<sub>2</sub>", r"\hat{v}_{2}")
VARIANCE = Symbol("s")


def gradient_descent(page: Page) -> None:
    """θ(t+1) = θ(t) - α ∂J/∂θ."""
    page.move(page.theta - page.constant(ALPHA, "learning_rate") * page.gradient)


def momentum(page: Page) -> None:
    """Momentum in its three forms, page 5."""
    alpha, beta = page.constant(ALPHA, "learning_rate"), page.constant(BETA, "beta")
    form, g = page.options["form"], page.gradient

    def push(v: Expression) -> Expression:
        if form == "ewma":
            return beta * v + (1 - beta) * g
        return beta * v + alpha * g if form == "standard" else beta * v - alpha * g

    v = _velocity(page, push, nesterov=page.options["nesterov"])
    if form == "negated":
        return page.move(page.theta + v)
    return page.move(page.theta - (v if form == "standard" else alpha * v))


def sgd(page: Page) -> None:
    """Momentum as PyTorch writes it, with α outside the velocity."""
    if page.options["momentum"] is None:
        return gradient_descent(page)
    alpha, beta = page.constant(ALPHA, "learning_rate"), page.constant(BETA, "momentum")
    v = _velocity(
        page,
        lambda v: beta * v + page.gradient,
        nesterov=page.options["nesterov"],
    )
    return page.move(page.theta - alpha * v)


def _velocity(
    page: Page, push: Callable[[Expression], Expression], *, nesterov: bool
) -> Expression:
    """v(t); with Nesterov's look-ahead u(t), what v would become next."""
    old, new = page.state(optax.TraceState)
    v = page.define(V, push(page.before(V, page.own(old.trace))), page.own(new.trace))
    return page.define(U, push(v)) if nesterov else v


def rmsprop(page: Page) -> None:
    """RMSprop, page 6."""
    options, g, t = page.options, page.gradient, page.time
    beta, eps = page.constant(BETA, "decay"), page.constant(EPSILON, "eps")
    old, new = page.state(RmsState)
    average = beta * page.before(V, page.own(old.nu)) + (1 - beta) * g**2
    v = page.define(V, average, page.own(new.nu))
    if options["bias_correction"]:
        v = page.define(V_HAT, v / (1 - beta**t), page.own(new.nu) / float(new.weight))
    if options["centered"]:
        average = beta * page.before(M, page.own(old.mu)) + (1 - beta) * g
        m = page.define(M, average, page.own(new.mu))
        if options["bias_correction"]:
            m = page.define(
                M_HAT, m / (1 - beta**t), page.own(new.mu) / float(new.weight)
            )
        v = page.define(VARIANCE, larger(v - m**2, 0))
    inside = options["eps_in_sqrt"]
    divisor = _root(v, eps if inside else None, None if inside else eps)
    step = page.constant(ALPHA, "learning_rate") / divisor * g
    if options["momentum"] is None:
        page.step(-step)
        return
    gamma = page.constant(GAMMA, "momentum")
    old, new = page.state(optax.TraceState)
    before = page.before(U, page.own(old.trace))
    u = page.define(U, gamma * before - step, page.own(new.trace))
    page.step(gamma * u - step if options["nesterov"] else u)


def adagrad(page: Page) -> None:
    """Adagrad: a sum in place of an average."""
    g, eps = page.gradient, page.constant(EPSILON, "eps")
    old, new = page.state(optax.ScaleByRssState)
    before, after = page.own(old.sum_of_squares), page.own(new.sum_of_squares)
    v = page.define(V, page.before(V, before) + g**2, after)
    alpha = page.constant(ALPHA, "learning_rate")
    divisor = _root(v, eps, None)
    page.step(-(alpha / divisor * g if v.value else alpha * g))


def adam(page: Page) -> None:
    """Adam, page 6, NAdam, AdamW and AMSGrad."""
    options, g, t = page.options, page.gradient, page.time
    b1, b2 = page.constant(BETA1, "b1"), page.constant(BETA2, "b2")
    old, new = page.state(AdamState)
    mu, nu = page.own(new.mu), page.own(new.nu)
    before = page.before(V1, page.own(old.mu))
    v1 = page.define(V1, b1 * before + (1 - b1) * g, mu)
    before = page.before(V2, page.own(old.nu))
    v2 = page.define(V2, b2 * before + (1 - b2) * g**2, nu)
    if options.get("nesterov"):
        ahead = b1 * v1 / (1 - b1 ** (t + 1)) + (1 - b1) * g / (1 - b1**t)
        v1 = page.define(V1_HAT, ahead)
    elif options.get("bias_correction_mu", True):
        v1 = page.define(V1_HAT, v1 / (1 - b1**t), mu / float(new.mu_weight))
    if options.get("bias_correction_nu", True):
        v2 = page.define(V2_HAT, v2 / (1 - b2**t), nu / float(new.nu_weight))
    if new.nu_max is not None:
        before, after = page.own(old.nu_max), page.own(new.nu_max)
        v2 = page.define(U, larger(page.before(U, before), v2), after)
    inside, outside = (_unless_0(page, name) for name in ("eps_root", "eps"))
    alpha = page.constant(ALPHA, "learning_rate")
    step = alpha * v1 / _root(v2, inside, outside)
    if "weight_decay" in options and _decays(page):
        decay = page.constant(LAMBDA, "weight_decay")
        page.step(-step - alpha * decay * page.theta)
    else:
        page.step(-step)


def _decays(page: Page) -> bool:
    """Whether AdamW's mask lets the weight decay heed this parameter."""
    mask, params = page.options["mask"], page.taken.before.params
    if mask is None:
        return True
    mask = mask(params) if callable(mask) else mask
    whole = jax.tree.map(
        lambda decays, part: jax.tree.map(
            lambda leaf: jnp.full(jnp.shape(leaf), float(decays)), part
        ),
        mask,
        params,
    )
    return bool(page.own(whole))


def _unless_0(page: Page, argument: str) -> Expression | None:
    return page.constant(EPSILON, argument) if page.options[argument] else None


def _root(
    v: Expression, inside: Expression | None, outside: Expression | None
) -> Expression:
    """√v with ε inside the root, outside it, or nowhere."""
    divisor = root(v if inside is None else v + inside)
    return divisor if outside is None else divisor + outside
