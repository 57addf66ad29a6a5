// Pictures on a canvas: axes that stay, lines, dots, shades and contours.

const MARGIN = { left: 46, right: 10, top: 8, bottom: 30 };

class Chart {
  // resized: what to do when it has another size.
  constructor(canvas, resized = () => {}) {
    Object.assign(this, { canvas, context: canvas.getContext("2d"), size: [0, 0] });
    const observer = new ResizeObserver(() => {
      this.size = [canvas.clientWidth, canvas.clientHeight];
      this.ratio = window.devicePixelRatio || 1;
      [canvas.width, canvas.height] = this.size.map((each) =>
        Math.round(each * this.ratio),
      );
      resized();
    });
    observer.observe(canvas);
  }

  // Begin a picture over these ranges; a logarithmic range is one of exponents.
  begin({ x, y, logarithmic = false, labels = ["", ""] }) {
    const {
      context,
      ratio,
      size: [width, height],
    } = this;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, width, height);
    const { left, right, top, bottom } = MARGIN;
    this.box = { left, top, width: width - left - right, height: height - top - bottom };
    Object.assign(this, { x, y, logarithmic, labels });
  }

  X(value) {
    const { left, width } = this.box;
    return left + ((value - this.x[0]) / (this.x[1] - this.x[0])) * width;
  }

  Y(value) {
    const { top, height } = this.box;
    return top + (1 - (value - this.y[0]) / (this.y[1] - this.y[0])) * height;
  }

  // Ticks, numbers and labels, over what was drawn before.
  axes() {
    const { context, box, labels } = this;
    context.font = "11px system-ui, sans-serif";
    context.fillStyle = THEME.soft;
    context.strokeStyle = THEME.line;
    context.lineWidth = 1;
    context.strokeRect(box.left, box.top, box.width, box.height);
    context.textBaseline = "top";
    for (const tick of ticks(this.x, box.width / 70)) {
      context.textAlign =
        tick > this.x[1] - (this.x[1] - this.x[0]) / 20 ? "right" : "center";
      context.fillText(short(tick), this.X(tick), box.top + box.height + 4);
    }
    context.textAlign = "right";
    context.textBaseline = "middle";
    for (const tick of ticks(this.y, box.height / 32, this.logarithmic)) {
      const text = this.logarithmic ? power(tick) : short(tick);
      context.fillText(text, box.left - 5, Math.max(this.Y(tick), box.top + 5));
    }
    context.fillStyle = THEME.ink;
    context.textBaseline = "bottom";
    context.fillText(labels[0], box.left + box.width, this.size[1] - 1);
    context.textAlign = "left";
    context.textBaseline = "top";
    context.fillText(labels[1], box.left + 5, box.top + 4);
  }

  // Keep the picture as it is now, to begin with it again.
  save() {
    this.saved ??= document.createElement("canvas");
    [this.saved.width, this.saved.height] = [this.canvas.width, this.canvas.height];
    this.saved.getContext("2d").drawImage(this.canvas, 0, 0);
  }

  restore() {
    const [width, height] = this.size;
    this.context.clearRect(0, 0, width, height);
    this.context.drawImage(this.saved, 0, 0, width, height);
  }

  inside(paint) {
    const { context, box } = this;
    context.save();
    context.beginPath();
    context.rect(box.left, box.top, box.width, box.height);
    context.clip();
    paint(context);
    context.restore();
  }

  // A line through so many points; x and y are functions of their number. Those
  // that are less than half a pixel away from the last are left out.
  line(points, x, y, color, width = 2, dash = []) {
    this.inside((context) => {
      context.strokeStyle = color;
      context.lineWidth = width;
      context.lineJoin = "round";
      context.setLineDash(dash);
      context.beginPath();
      let [left, top] = [Infinity, Infinity];
      for (let i = 0; i < points; i++) {
        const [a, b] = [this.X(x(i)), this.Y(y(i))];
        if (Math.abs(a - left) < 0.5 && Math.abs(b - top) < 0.5 && i < points - 1) continue;
        context.lineTo(a, b);
        [left, top] = [a, b];
      }
      context.stroke();
    });
  }

  dot(x, y, color, { radius = 4, hollow = false, square = false } = {}) {
    const { context } = this;
    const [a, b] = [this.X(x), this.Y(y)];
    context.beginPath();
    if (square) context.rect(a - radius, b - radius, 2 * radius, 2 * radius);
    else context.arc(a, b, radius, 0, 2 * Math.PI);
    context.fillStyle = hollow ? THEME.paper : color;
    context.strokeStyle = hollow ? color : THEME.paper;
    context.lineWidth = hollow ? 2 : 1;
    context.fill();
    context.stroke();
  }

  // Words at a point, within the picture.
  text(words, x, y, color) {
    const { context, box } = this;
    const width = context.measureText(words).width;
    const left = Math.min(this.X(x) + 5, box.left + box.width - width - 4);
    Object.assign(context, { textAlign: "left", textBaseline: "bottom", fillStyle: color });
    context.fillText(words, left, Math.max(this.Y(y) - 3, box.top + 12));
  }

  // A shade for each value of a square grid, rows from below, between low and high.
  shade(grid, [low, high], palette) {
    const n = grid.length;
    this.buffer ??= document.createElement("canvas");
    if (this.buffer.width !== n) this.buffer.width = this.buffer.height = n;
    const target = this.buffer.getContext("2d");
    const image = target.createImageData(n, n);
    for (let i = 0; i < n; i++) {
      for (let j = 0; j < n; j++) {
        const at = 4 * ((n - 1 - i) * n + j);
        const share = (grid[i][j] - low) / (high - low || 1);
        const place = Math.round(255 * Math.min(Math.max(share, 0), 1)) || 0;
        for (let k = 0; k < 3; k++) image.data[at + k] = palette[place][k];
        image.data[at + 3] = 255;
      }
    }
    target.putImageData(image, 0, 0);
    const { left, top, width, height } = this.box;
    // The values are of the grid's points, the first and last on the edges.
    this.inside((context) => {
      const [dx, dy] = [width / (n - 1) / 2, height / (n - 1) / 2];
      context.drawImage(this.buffer, left - dx, top - dy, width + 2 * dx, height + 2 * dy);
    });
  }

  // The line where a grid of values, rows from below, crosses a level.
  contour(grid, level, color, width = 1) {
    const [n, { left, top, width: w, height: h }] = [grid.length, this.box];
    this.inside((context) => {
      context.strokeStyle = color;
      context.lineWidth = width;
      context.beginPath();
      crossings(grid, level, (i, j, first) => {
        const [x, y] = [left + (j / (n - 1)) * w, top + (1 - i / (n - 1)) * h];
        if (first) context.moveTo(x, y);
        else context.lineTo(x, y);
      });
      context.stroke();
    });
  }
}

// The sides of a cell: from one corner to the next.
const SIDES = [
  [0, 0, 0, 1],
  [0, 1, 1, 1],
  [1, 1, 1, 0],
  [1, 0, 0, 0],
];

// The level is crossed on two sides of a cell, or four, or none.
function crossings(grid, level, found) {
  for (let i = 0; i < grid.length - 1; i++) {
    for (let j = 0; j < grid.length - 1; j++) {
      const below = grid[i][j] < level;
      const same = grid[i][j + 1] < level === below && grid[i + 1][j + 1] < level === below;
      if (same && grid[i + 1][j] < level === below) continue;
      let first = true;
      for (const [a, b, c, d] of SIDES) {
        const [low, high] = [grid[i + a][j + b], grid[i + c][j + d]];
        if (low < level === high < level) continue;
        const share = (level - low) / (high - low);
        found(i + a + share * (c - a), j + b + share * (d - b), first);
        first = !first;
      }
    }
  }
}

// Round numbers within a range, about so many; of exponents whole ones.
function ticks([low, high], count, whole = false) {
  const rough = (high - low) / Math.max(count, 1);
  const scale = 10 ** Math.floor(Math.log10(rough));
  const round = [1, 2, 5, 10].find((each) => each * scale >= rough) * scale;
  const step = whole ? Math.max(1, Math.round(round)) : round;
  const found = [];
  for (let k = Math.ceil(low / step - 1e-9); k * step <= high + 1e-9 * step; k++) {
    found.push(k * step);
  }
  return found;
}

const short = (number) => {
  const size = Math.abs(number);
  if (size >= 1e6) return `${written(number / 1e6, 4)}M`;
  if (size >= 1e4) return `${written(number / 1e3, 4)}k`;
  return written(number, 4).replace("-", "−");
};

const SUPERSCRIPTS = "⁰¹²³⁴⁵⁶⁷⁸⁹";
const power = (exponent) =>
  `10${String(exponent)
    .replace("-", "⁻")
    .replace(/\d/g, (digit) => SUPERSCRIPTS[digit])}`;
