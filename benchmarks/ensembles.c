/* Full-batch training of many 2-2-1 sigmoid networks on XOR: 16 networks a vector. */
#include <math.h>
#include <string.h>

enum { LANES = 16, PARAMETERS = 9 };
typedef float lanes __attribute__((vector_size(4 * LANES)));

static const float X[4][2] = {{0, 0}, {0, 1}, {1, 0}, {1, 1}};
static const float Y[4] = {0, 1, 1, 0};

static inline lanes sigmoid(lanes z) {
    float s[LANES]; /* the compiler calls its vector expf for arrays alone */
    memcpy(s, &z, sizeof s);
#pragma omp simd
    for (int i = 0; i < LANES; i++) s[i] = expf(-s[i]);
    memcpy(&z, s, sizeof s);
    return 1.0f / (1.0f + z);
}

static inline lanes square_root(lanes z) {
    float s[LANES];
    memcpy(s, &z, sizeof s);
#pragma omp simd
    for (int i = 0; i < LANES; i++) s[i] = sqrtf(s[i]);
    memcpy(&z, s, sizeof s);
    return z;
}

static inline void gradient(const lanes w[PARAMETERS], lanes g[PARAMETERS]) {
    for (int i = 0; i < PARAMETERS; i++) g[i] = (lanes){0};
    for (int r = 0; r < 4; r++) {
        float x1 = X[r][0], x2 = X[r][1];
        lanes h1 = sigmoid(x1 * w[0] + x2 * w[2] + w[6]);
        lanes h2 = sigmoid(x1 * w[1] + x2 * w[3] + w[7]);
        lanes o = sigmoid(h1 * w[4] + h2 * w[5] + w[8]);
        lanes d = (o - Y[r]) * o * (1.0f - o) * 0.25f;
        lanes d1 = d * w[4] * h1 * (1.0f - h1), d2 = d * w[5] * h2 * (1.0f - h2);
        g[0] += d1 * x1, g[1] += d2 * x1, g[2] += d1 * x2, g[3] += d2 * x2;
        g[4] += d * h1, g[5] += d * h2, g[6] += d1, g[7] += d2, g[8] += d;
    }
}

/* params: [PARAMETERS][n], n a multiple of LANES; adam: 0 for gradient descent. */
void train(float *params, long n, long steps, float rate, int adam) {
#pragma omp parallel for schedule(static)
    for (long first = 0; first < n; first += LANES) {
        lanes w[PARAMETERS], g[PARAMETERS], m[PARAMETERS] = {{0}}, v[PARAMETERS] = {{0}};
        for (int i = 0; i < PARAMETERS; i++)
            for (int k = 0; k < LANES; k++) w[i][k] = params[i * n + first + k];
        float weight1 = 0, weight2 = 0;
        for (long t = 0; t < steps; t++) {
            gradient(w, g);
            if (!adam) {
                for (int i = 0; i < PARAMETERS; i++) w[i] -= rate * g[i];
                continue;
            }
            weight1 = 0.9f * weight1 + 0.1f, weight2 = 0.999f * weight2 + 0.001f;
            float c1 = rate / weight1, c2 = 1 / weight2;
            for (int i = 0; i < PARAMETERS; i++) {
                m[i] = 0.9f * m[i] + 0.1f * g[i];
                v[i] = 0.999f * v[i] + 0.001f * g[i] * g[i];
                lanes root = square_root(v[i] * c2);
                w[i] -= c1 * m[i] / (root + 1e-8f);
            }
        }
        for (int i = 0; i < PARAMETERS; i++)
            for (int k = 0; k < LANES; k++) params[i * n + first + k] = w[i][k];
    }
}
