// Random numbers as JAX draws them, so that a seed is the same start here and there.
// Source: Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011 (Threefry
// with two words of 32 bits and 20 rounds).

const ROTATIONS = [
  [13, 15, 26, 6],
  [17, 29, 16, 24],
];

function threefry([k0, k1], [x0, x1]) {
  const keys = [k0, k1, k0 ^ k1 ^ 0x1bd11bda];
  x0 = (x0 + k0) >>> 0;
  x1 = (x1 + k1) >>> 0;
  for (let round = 0; round < 5; round++) {
    for (const bits of ROTATIONS[round % 2]) {
      x0 = (x0 + x1) >>> 0;
      x1 = (((x1 << bits) | (x1 >>> (32 - bits))) ^ x0) >>> 0;
    }
    x0 = (x0 + keys[(round + 1) % 3]) >>> 0;
    x1 = (x1 + keys[(round + 2) % 3] + round + 1) >>> 0;
  }
  return [x0, x1];
}

// jax.random.key
const key = (seed) => [Math.floor(seed / 2 ** 32), seed >>> 0];

// jax.random.split
const split = (k, count = 2) =>
  Array.from({ length: count }, (_, i) => threefry(k, [0, i]));

// jax.random.uniform, in float64
function uniform(k, count, low = 0, high = 1) {
  return Float64Array.from({ length: count }, (_, i) => {
    const [high32, low32] = threefry(k, [0, i]);
    const share = (high32 * 2 ** 20 + (low32 >>> 12)) / 2 ** 52;
    return Math.max(low, share * (high - low) + low);
  });
}

// Two independent normal numbers of two uniform ones (Box and Muller).
function normal(k, count) {
  const [k1, k2] = split(k);
  const angle = uniform(k2, count, 0, 2 * Math.PI);
  return uniform(k1, count).map(
    (u, i) => Math.sqrt(-2 * Math.log(1 - u)) * Math.cos(angle[i]),
  );
}
