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

const diagonal = (numbers) =>
  Array.from(numbers, (each, i) => {
    const row = zeros(numbers.length);
    row[i] = each;
    return row;
  });

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

// The shortest x that makes ‖A x − b‖ least, and the rank of A: from its singular values,
// by rotations that make its columns perpendicular, or its rows if these are fewer.
// Source: Golub & Van Loan, Matrix Computations, section 8.6.3.
function leastSquares(A, b) {
  const transposed = (M) => Array.from(M[0], (_, j) => Float64Array.from(M, (row) => row[j]));
  const wide = A.length < A[0].length;
  const U = (wide ? A : transposed(A)).map((row) => row.slice());
  const V = diagonal(zeros(U.length).fill(1));
  for (let sweep = 0, rotated = true; rotated && sweep < 60; sweep++) {
    rotated = false;
    for (let p = 0; p < U.length; p++) {
      for (let q = p + 1; q < U.length; q++) rotated = perpendicular(U, V, p, q) || rotated;
    }
  }
  // A = Σ σ u vᵀ, u and v being of length 1.
  const sizes = U.map(norm);
  const least = EPSILON * Math.max(A.length, A[0].length) * largest(sizes);
  const x = zeros(A[0].length);
  let rank = 0;
  U.forEach((column, k) => {
    if (!(sizes[k] > 0 && sizes[k] >= least)) return;
    rank += 1;
    const [left, right] = wide ? [V[k], column] : [column, V[k]];
    const factor = dot(left, b) / (sizes[k] * sizes[k]);
    right.forEach((each, i) => (x[i] += factor * each));
  });
  return { x, rank };
}

// Rotate two columns so that they are perpendicular; whether they were not.
function perpendicular(U, V, p, q) {
  const [a, b, c] = [dot(U[p], U[p]), dot(U[q], U[q]), dot(U[p], U[q])];
  if (!(Math.abs(c) > 1e-16 * Math.sqrt(a * b))) return false;
  const τ = (b - a) / (2 * c);
  const tangent = (τ >= 0 ? 1 : -1) / (Math.abs(τ) + Math.hypot(1, τ));
  const cosine = 1 / Math.hypot(1, tangent);
  const sine = tangent * cosine;
  for (const M of [U, V]) {
    for (let i = 0; i < M[p].length; i++) {
      const [u, v] = [M[p][i], M[q][i]];
      M[p][i] = cosine * u - sine * v;
      M[q][i] = sine * u + cosine * v;
    }
  }
  return true;
}
