// Vectors and small dense matrices: a vector is a Float64Array, a matrix an array of
// them, its rows.

const EPSILON = 2 ** -52;
const TINY = 2 ** -1022;

function dot(a, b) {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}

const norm = (a) => Math.sqrt(dot(a, a));

const largest = (a) => a.reduce((most, each) => Math.max(most, Math.abs(each)), 0);

const zeros = (n) => new Float64Array(n);

const matrix = (rows, columns) => Array.from({ length: rows }, () => zeros(columns));

const times = (A, x) => Float64Array.from(A, (row) => dot(row, x));

// x with A x = b, by elimination with the largest pivots; not finite if A is singular.
function solve(A, b) {
  const n = b.length;
  const rows = A.map((row, i) => Float64Array.of(...row, b[i]));
  for (let k = 0; k < n; k++) {
    let pivot = k;
    for (let i = k + 1; i < n; i++) {
      if (Math.abs(rows[i][k]) > Math.abs(rows[pivot][k])) pivot = i;
    }
    [rows[k], rows[pivot]] = [rows[pivot], rows[k]];
    for (let i = k + 1; i < n; i++) {
      const factor = rows[i][k] / rows[k][k];
      for (let j = k; j <= n; j++) rows[i][j] -= factor * rows[k][j];
    }
  }
  const x = zeros(n);
  for (let i = n - 1; i >= 0; i--) {
    let rest = rows[i][n];
    for (let j = i + 1; j < n; j++) rest -= rows[i][j] * x[j];
    x[i] = rest / rows[i][i];
  }
  return x;
}

// The lower triangle L with L Lᵀ = A; NaN where A is not positive.
function cholesky(A) {
  const n = A.length;
  const L = matrix(n, n);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      let rest = A[i][j];
      for (let k = 0; k < j; k++) rest -= L[i][k] * L[j][k];
      L[i][j] = i === j ? Math.sqrt(rest) : rest / L[j][j];
    }
  }
  return L;
}

// x with L Lᵀ x = b.
function choleskySolve(L, b) {
  const n = b.length;
  const x = Float64Array.from(b);
  for (let i = 0; i < n; i++) {
    for (let k = 0; k < i; k++) x[i] -= L[i][k] * x[k];
    x[i] /= L[i][i];
  }
  for (let i = n - 1; i >= 0; i--) {
    for (let k = i + 1; k < n; k++) x[i] -= L[k][i] * x[k];
    x[i] /= L[i][i];
  }
  return x;
}

// Eigenvalues from the least up, and the unit eigenvectors as rows, of a symmetric
// matrix: Jacobi's rotations, which zero one entry beside the diagonal after another.
// Source: Golub & Van Loan, Matrix Computations, section 8.5.
function eigen(symmetric) {
  const n = symmetric.length;
  const A = symmetric.map((row, i) => row.map((a, j) => (a + symmetric[j][i]) / 2));
  const V = matrix(n, n);
  for (let i = 0; i < n; i++) V[i][i] = 1;
  for (let sweep = 0; sweep < 60; sweep++) {
    let rotated = false;
    for (let p = 0; p < n; p++) {
      for (let q = p + 1; q < n; q++) {
        const scale = Math.sqrt(Math.abs(A[p][p] * A[q][q]));
        if (!(Math.abs(A[p][q]) > 1e-18 * scale + TINY)) continue;
        rotated = true;
        rotate(A, V, p, q);
      }
    }
    if (!rotated) break;
  }
  const order = Array.from(A.keys()).sort((i, j) => A[i][i] - A[j][j]);
  return {
    values: Float64Array.from(order, (i) => A[i][i]),
    vectors: order.map((i) => V[i]),
  };
}

function rotate(A, V, p, q) {
  const τ = (A[q][q] - A[p][p]) / (2 * A[p][q]);
  const tangent = (τ >= 0 ? 1 : -1) / (Math.abs(τ) + Math.hypot(1, τ));
  const cosine = 1 / Math.hypot(1, tangent);
  const sine = tangent * cosine;
  const change = tangent * A[p][q];
  A[p][p] -= change;
  A[q][q] += change;
  A[p][q] = A[q][p] = 0;
  for (let k = 0; k < A.length; k++) {
    if (k !== p && k !== q) {
      const [a, b] = [A[k][p], A[k][q]];
      A[k][p] = A[p][k] = cosine * a - sine * b;
      A[k][q] = A[q][k] = sine * a + cosine * b;
    }
    const [v, w] = [V[p][k], V[q][k]];
    V[p][k] = cosine * v - sine * w;
    V[q][k] = sine * v + cosine * w;
  }
}
