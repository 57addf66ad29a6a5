// Examples to learn: functions of two bits, points in the plane, curves, one's own.

const CORNERS = [
  [0, 0],
  [0, 1],
  [1, 0],
  [1, 1],
];
const GATES = {
  XOR: [0, 1, 1, 0],
  AND: [0, 0, 0, 1],
  OR: [0, 1, 1, 1],
  NAND: [1, 1, 1, 0],
  XNOR: [1, 0, 0, 1],
};

// Points of two classes by a share u of the way from 0 to 1, in the square [-2, 2]².
const polar = (radius, angle) => [radius * Math.cos(angle), radius * Math.sin(angle)];
const PLANES = {
  circles: (u, side) => polar(side ? 0.7 : 1.7, 2 * Math.PI * u),
  moons: (u, side) => {
    const [a, b] = polar(1.2, Math.PI * u);
    return side ? [a - 0.6, b - 0.3] : [0.6 - a, 0.3 - b];
  },
  spirals: (u, side) => polar(0.1 + 1.8 * u, 3.2 * Math.PI * u + (side ? Math.PI : 0)),
  clusters: (u, side) => (side ? [1, 1] : [-1, -1]),
};
const CURVES = {
  sine: (x) => Math.sin(x),
  step: (x) => (x > 0 ? 1 : -1),
  bump: (x) => Math.exp(-2 * x * x),
};

const KINDS = [GATES, PLANES, CURVES];
const isLogic = (name) => name in GATES;

// count examples of a name, with noise of that standard deviation.
function examples(name, count, noise, seed) {
  if (isLogic(name)) return { x: CORNERS.map((row) => [...row]), y: [...GATES[name]] };
  const [forX, forNoise] = split(key(seed));
  const shares = uniform(forX, count);
  const error = normal(forNoise, 2 * count);
  if (name in CURVES) {
    const x = Array.from(shares, (u) => [6 * u - 3]);
    return { x, y: x.map(([each], i) => CURVES[name](each) + noise * error[i]) };
  }
  const spread = name === "clusters" ? noise + 0.4 : noise;
  const y = Array.from(shares, (_, i) => i % 2);
  const x = y.map((side, i) =>
    PLANES[name](shares[i], side).map((each, k) => each + spread * error[2 * i + k]),
  );
  return { x, y };
}

// The share of the examples that is held out, drawn at random.
function parted({ x, y }, share, seed) {
  const draws = uniform(key(seed + 1), x.length);
  const order = Array.from(draws.keys()).sort((i, j) => draws[i] - draws[j]);
  const held = new Set(order.slice(0, Math.round(share * x.length)));
  const part = (test) => {
    const rows = Array.from(x.keys()).filter((i) => held.has(i) === test);
    return {
      x: rows.map((i) => Float64Array.from(x[i])),
      y: Float64Array.from(rows, (i) => y[i]),
    };
  };
  return { train: part(false), test: held.size ? part(true) : null };
}

const MOST_ROWS = 2000;
const MOST_INPUTS = 8;

// Numbers of a pasted table: the last column is y, all others are inputs. Throws an
// Error that says what is wrong, where.
function readTable(text, standardize) {
  const lines = text.split(/\r?\n/).map((line, i) => ({ line, at: i + 1 }));
  const rows = lines
    .filter(({ line }) => line.trim() && !line.startsWith("#"))
    .map(({ line, at }) => ({ cells: cellsOf(line), at }));
  const isNumber = (cell) => cell !== "" && Number.isFinite(Number(cell));
  const headed = rows.length > 0 && !rows[0].cells.some(isNumber);
  const heads = headed ? rows.shift().cells : null;
  if (rows.length < 2) throw new Error("A table needs at least two rows of numbers.");
  if (rows.length > MOST_ROWS)
    throw new Error(`${rows.length} rows: at most ${MOST_ROWS}.`);
  const width = rows[0].cells.length;
  if (width < 2) throw new Error(`Line ${rows[0].at}: one input and y, at least.`);
  if (width > MOST_INPUTS + 1)
    throw new Error(`${width - 1} inputs: at most ${MOST_INPUTS}.`);
  const classes = classesOf(rows);
  for (const { cells, at } of rows) {
    if (cells.length !== width) {
      throw new Error(
        `Line ${at}: ${cells.length} cells, where the first row has ${width}.`,
      );
    }
    cells.slice(0, classes ? -1 : width).forEach((cell, i) => {
      if (!isNumber(cell))
        throw new Error(`Line ${at}, cell ${i + 1}: “${cell}” is no number.`);
    });
  }
  const columns = Array.from({ length: width - 1 }, (_, j) =>
    rows.map(({ cells }) => Number(cells[j])),
  );
  const last = rows.map(({ cells }) => cells[width - 1]);
  const y = classes ? last.map((cell) => classes.indexOf(cell)) : last.map(Number);
  const scaled = standardize ? columns.map(standardized) : columns;
  return {
    ...{ heads, classes },
    x: rows.map((_, i) => scaled.map((column) => column[i])),
    y: standardize && !classes ? standardized(y) : y,
  };
}

const cellsOf = (line) => {
  const separator = [";", "\t", ","].find((each) => line.includes(each)) ?? /\s+/;
  return line
    .trim()
    .split(separator)
    .map((cell) => cell.trim().replace(/^"(.*)"$/, "$1"));
};

// The two values of the last column, if it has two; else null: y is a number.
function classesOf(rows) {
  const found = [...new Set(rows.map(({ cells }) => cells[cells.length - 1]))].sort();
  return found.length === 2 ? found : null;
}

function standardized(column) {
  const mean = column.reduce((sum, each) => sum + each, 0) / column.length;
  const square = column.reduce((sum, each) => sum + (each - mean) ** 2, 0);
  const deviation = Math.sqrt(square / column.length) || 1;
  return column.map((each) => (each - mean) / deviation);
}
