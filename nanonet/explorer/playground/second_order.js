// Second derivatives of J and of the residuals (page 9 of the notes), along directions.

// How z and a change along the direction v, after `forward`.
function forwardAlong(network, θ, v) {
  let below = null;
  for (const layer of network.layers) {
    const { rows, columns, w, b, f, z, a, dz, da } = layer;
    const input = below ? below.a : network.input;
    for (let j = 0; j < columns; j++) {
      dz[j] = v[b + j];
      for (let i = 0; i < rows; i++) {
        const at = w + i * columns + j;
        dz[j] += input[i] * v[at] + (below ? below.da[i] * θ[at] : 0);
      }
      da[j] = f.slope(z[j], a[j]) * dz[j];
    }
    below = layer;
  }
}

// Add to the product H v what follows from δ and its change along v.
// Source: Pearlmutter, "Fast exact multiplication by the Hessian", 1994.
function backwardAlong(network, θ, v, product) {
  for (let l = network.layers.length - 1; l >= 0; l--) {
    const { rows, columns, w, b, δ, dδ } = network.layers[l];
    const below = network.layers[l - 1];
    const a = below ? below.a : network.input;
    for (let i = 0; i < rows; i++) {
      let [sum, change] = [0, 0];
      for (let j = 0; j < columns; j++) {
        const at = w + i * columns + j;
        product[at] += a[i] * dδ[j] + (below ? below.da[i] * δ[j] : 0);
        sum += θ[at] * δ[j];
        change += θ[at] * dδ[j] + v[at] * δ[j];
      }
      if (!below) continue;
      const slope = below.f.slope(below.z[i], a[i]);
      below.δ[i] = sum * slope;
      below.dδ[i] = change * slope + sum * below.f.bend(below.z[i], a[i]) * below.dz[i];
    }
    for (let j = 0; j < columns; j++) product[b + j] += dδ[j];
  }
}

// Add H v of one example, behind `forward`, divided by how many there are.
function addProduct({ network, loss, x, y }, θ, v, n, product) {
  const { last } = network;
  const { slope, bend } = LOSSES[loss];
  const [z, a] = [last.z[0], last.a[0]];
  forwardAlong(network, θ, v);
  last.δ[0] = slope(last.f, z, a, y[n]) / x.length;
  last.dδ[0] = bend(last.f, z, a, y[n], last.dz[0], last.da[0]) / x.length;
  backwardAlong(network, θ, v, product);
}

// H v, at the cost of a few gradients.
function hessianProduct(problem, θ, v) {
  const { network, x, l2 } = problem;
  const product = zeros(θ.length);
  for (let n = 0; n < x.length; n++) {
    forward(network, θ, x[n]);
    addProduct(problem, θ, v, n, product);
  }
  if (l2) for (const at of network.weights) product[at] += l2 * v[at];
  return product;
}

// H = ∂²J/∂θ², a column for each parameter.
function hessian(problem, θ) {
  const { network, x, l2 } = problem;
  const H = matrix(θ.length, θ.length);
  const v = zeros(θ.length);
  for (let n = 0; n < x.length; n++) {
    forward(network, θ, x[n]);
    for (let k = 0; k < θ.length; k++) {
      v[k] = 1;
      addProduct(problem, θ, v, n, H[k]);
      v[k] = 0;
    }
  }
  if (l2) for (const at of network.weights) H[at][at] += l2;
  return H;
}

// r″(p, p), the second derivative of the residuals along p; that of a penalty's is 0.
function residualsBend({ network, x }, θ, p) {
  const weight = Math.sqrt(1 / x.length);
  return Float64Array.from(x, (row) => {
    forward(network, θ, row);
    forwardAlong(network, θ, p);
    let bends = zeros(row.length);
    let da = zeros(row.length);
    for (const { rows, columns, w, f, z, a, dz, da: next } of network.layers) {
      bends = Float64Array.from(z, (_, j) => {
        let sum = 0;
        for (let i = 0; i < rows; i++) {
          const at = w + i * columns + j;
          sum += bends[i] * θ[at] + 2 * da[i] * p[at];
        }
        return f.bend(z[j], a[j]) * dz[j] ** 2 + f.slope(z[j], a[j]) * sum;
      });
      da = next;
    }
    return weight * bends[0];
  });
}
