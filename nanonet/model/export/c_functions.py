"""What the C99 source of any network is put together from."""

LAYER = """\
/* z = a w + b */
static void affine(int n_in, int n_out, const double *a, const double *w,
                   const double *b, double *z)
{
    for (int j = 0; j < n_out; j++) {
        z[j] = b[j];
        for (int i = 0; i < n_in; i++)
            z[j] += a[i] * w[i * n_out + j];
    }
}
"""

#: f(z) of one unit.
UNITS = {
    "sigmoid": "1 / (1 + exp(-z[i]))",
    "tanh": "tanh(z[i])",
    "relu": "z[i] < 0 ? 0 : z[i]",  # fmax would make a 0 of what is no number
    "softplus": "fmax(z[i], 0) + log1p(exp(-fabs(z[i])))",
}

UNIT = """\
static void apply_{name}(int n, double *z)
{{
    for (int i = 0; i < n; i++)
        z[i] = {f};
}}
"""

SOFTMAX = """\
static void apply_softmax(int n, double *z)
{
    double largest = z[0], sum = 0;
    for (int i = 1; i < n; i++)
        largest = fmax(largest, z[i]);
    for (int i = 0; i < n; i++)
        sum += z[i] = exp(z[i] - largest);
    for (int i = 0; i < n; i++)
        z[i] /= sum;
}
"""

#: z ← f(z); nothing is to be done for the identity.
ACTIVATIONS = {name: UNIT.format(name=name, f=f) for name, f in UNITS.items()}
ACTIVATIONS |= {"identity": "", "softmax": SOFTMAX}

ENCODE = """\
/* Numbers standardised, categories as a 1 among zeros; 0 if a cell of x is neither.
   Where a number may be missing, a second one says so. */
static int encode(const double *x, double *a)
{
    for (int i = 0; i < INPUTS; i++) {
        const int levels = columns[i].levels;
        if (levels == 0) {
            const int missing = columns[i].missing && isnan(x[i]);
            *a = missing ? 0 : (x[i] - columns[i].mean) / columns[i].scale;
            if (!isfinite(*a++))
                return 0;
            if (columns[i].missing)
                *a++ = missing;
            continue;
        }
        if (!(x[i] >= 0 && x[i] < levels && x[i] == floor(x[i])))
            return 0;
        for (int level = 0; level < levels; level++)
            *a++ = x[i] == level;
    }
    return 1;
}
"""
