"""Bounds of a new value as C99 source, beside a model's prediction."""

from collections.abc import Iterator

import numpy as np

from nanonet._internal.checks import check_number
from nanonet.model.export.c_literals import array
from nanonet.model.export.layers import DenseLayer
from nanonet.model.model import Model
from nanonet.model.uncertainty import noise_known

#: d ← f′(z)ᵀ d of one unit, from a = f(z).
UNITS = {
    "sigmoid": "a[i] * (1 - a[i])",
    "tanh": "1 - a[i] * a[i]",
    "relu": "a[i] > 0",
    "softplus": "-expm1(-a[i])",
}

UNIT = """\
static void back_{name}(int n, const double *a, double *d)
{{
    for (int i = 0; i < n; i++)
        d[i] *= {slope};
}}
"""

SOFTMAX = """\
static void back_softmax(int n, const double *a, double *d)
{
    double mean = 0;
    for (int i = 0; i < n; i++)
        mean += a[i] * d[i];
    for (int i = 0; i < n; i++)
        d[i] = a[i] * (d[i] - mean);
}
"""

BACK = {name: UNIT.format(name=name, slope=slope) for name, slope in UNITS.items()}
BACK |= {"identity": "", "softmax": SOFTMAX}

LAYER = """\
/* g: slopes by w and b of z = a w + b, where those by z are d; those by a: before */
static void back_affine(int n_in, int n_out, const double *a, const double *w,
                        const double *d, double *g, double *before)
{
    for (int i = 0; i < n_in; i++) {
        before[i] = 0;
        for (int j = 0; j < n_out; j++) {
            *g++ = a[i] * d[j];
            before[i] += w[i * n_out + j] * d[j];
        }
    }
    for (int j = 0; j < n_out; j++)
        *g++ = d[j];
}

/* g' (L L')^-1 g, of L by rows, up to the diagonal */
static double spread(const double *L, double *g)
{
    double sum = 0;
    for (int i = 0; i < PARAMETERS; i++) {
        for (int j = 0; j < i; j++)
            g[i] -= *L++ * g[j];
        g[i] /= *L++;
        sum += g[i] * g[i];
    }
    return sum;
}
"""


LEVEL = """\
/* By what sigma^2 is multiplied at these inputs, from ln v = a + b'z + c'z^2 */
static double level(const double *trend, const double *z)
{{
    double sum = trend[0];
    for (int i = 0; i < {n}; i++)
        sum += trend[1 + i] * z[i] + trend[1 + {n} + i] * z[i] * z[i];
    return exp(fmin(fmax(sum, trend[2 * {n} + 1]), trend[2 * {n} + 2]));
}}
"""


def signature(n_in: int, n_out: int) -> str:
    """The function's head."""
    ends = ", ".join(f"double {name}[{n_out}]" for name in ("y", "lower", "upper"))
    return f"int nanonet_interval(const double x[{n_in}],\n                     {ends})"


def interval_parts(
    model: Model, layers: list[DenseLayer], forward: list[str], level: float
) -> Iterator[str]:
    """The constants and the functions that come after those of the prediction.

    ``forward`` is the way through the layers of member m, from a0.

    Raises:
      ValueError: the model has no intervals, or ``level`` is not between 0 and 1.
    """
    from scipy.special import stdtrit  # comes with JAX; only needed here

    check_number("level", level, above=0, below=1)
    if model.targets[0].levels is not None:
        raise ValueError("intervals are for numbers, and this model predicts classes.")
    noise = noise_known(model)
    t = float(stdtrit(np.mean(noise.freedom), (1 + level) / 2))
    yield "\n".join(_constants(model))
    yield LAYER
    yield from dict.fromkeys(BACK[layer.activation] for layer in layers)
    yield "\n".join(_body(model, layers, forward, t))


def _constants(model: Model) -> Iterator[str]:
    """σ and L of each member; what a bound holds is known, as if L were infinite."""
    noise = noise_known(model)
    n = noise.factor.shape[1]
    rows, columns = np.tril_indices(n)
    held = (rows == columns) & (np.asarray(noise.is_free)[:, rows] == 0)
    packed = np.where(held, np.inf, np.asarray(noise.factor)[:, rows, columns])
    yield f"enum {{ PARAMETERS = {n} }};\n"
    yield array("sigma", np.asarray(noise.deviation)) + "\n"
    yield array("L", packed) + "\n"
    if noise.trend is not None:
        trend = np.asarray(noise.trend)
        n_in = (trend.shape[1] - 3) // 2
        yield f"{array('trend', trend)}\n\n{LEVEL.format(n=n_in)}"


def _body(
    model: Model, layers: list[DenseLayer], forward: list[str], t: float
) -> Iterator[str]:
    widths = [layer.w.shape[1] for layer in layers] + [layers[-1].w.shape[2]]
    n_out, last = widths[-1], len(layers)
    arrays = ", ".join(f"a{i}[{width}]" for i, width in enumerate(widths))
    slopes = ", ".join(f"d{i}[{width}]" for i, width in enumerate(widths))
    yield f"{signature(len(model.inputs), n_out)}\n{{"
    yield f"    double {arrays};\n    double {slopes}, g[PARAMETERS];"
    yield f"    double answers[MEMBERS][{n_out}], variance[{n_out}];"
    yield "    if (!encode(x, a0))\n        return -1;"
    yield f"    for (int k = 0; k < {n_out}; k++)\n        y[k] = variance[k] = 0;"
    yield "    for (int m = 0; m < MEMBERS; m++) {"
    yield from forward
    yield f"        for (int k = 0; k < {n_out}; k++) {{"
    yield f"            answers[m][k] = a{last}[k];"
    yield f"            y[k] += a{last}[k] / MEMBERS;"
    yield f"            for (int i = 0; i < {n_out}; i++)"
    yield f"                d{last}[i] = i == k;"
    begin = sum(w[0].size + b[0].size for w, b, _ in layers)
    for i in range(last, 0, -1):
        w, b, activation = layers[i - 1]
        begin -= w[0].size + b[0].size
        n_in, n = w.shape[1:]
        if activation != "identity":
            yield f"            back_{activation}({n}, a{i}, d{i});"
        given = f"a{i - 1}, w{i}[m], d{i}"
        yield f"            back_affine({n_in}, {n}, {given},"
        yield f"                        g + {begin}, d{i - 1});"
    varies = noise_known(model).trend is not None
    level = "level(trend[m], a0)" if varies else "1"
    yield f"            double own = {level} + spread(L[m], g);"
    yield "            variance[k] += sigma[m][k] * sigma[m][k] * own / MEMBERS;"
    yield "        }\n    }"
    yield "    for (int m = 0; m < MEMBERS; m++)"
    yield f"        for (int k = 0; k < {n_out}; k++)"
    yield "            variance[k] += pow(answers[m][k] - y[k], 2) / MEMBERS;"
    for k, column in enumerate(model.targets):
        scale, mean = float(column.scale), float(column.mean)
        half, f = f"{t!r} * sqrt(variance[{k}])", "exp" if column.transform else ""
        for sign, end in (("-", "lower"), ("+", "upper")):
            z = f"(y[{k}] {sign} {half}) * {scale!r} + {mean!r}"
            yield f"    {end}[{k}] = {f}({z});"
        yield f"    y[{k}] = {f}(y[{k}] * {scale!r} + {mean!r});"
    yield "    return 0;\n}\n"
