// The network as circles and lines.

const SVG = "http://www.w3.org/2000/svg";
const FEW_WEIGHTS = 6;
const FEW_UNITS = 4;
const NARROWEST = 430; // below that it shrinks: names would not fit beside each other

// The network as circles and lines: weights as width and color, activations inside.
class Diagram {
  constructor(svg, pick, resized = () => {}) {
    Object.assign(this, { svg, pick });
    const observer = new ResizeObserver(() => {
      if (!this.network) return;
      this.build(this.network, this.names);
      resized();
    });
    observer.observe(svg);
  }

  // As large as there is room, so that its words are as large as those around it.
  build(network, names) {
    const { sizes } = network;
    const room = this.svg.getBoundingClientRect();
    const width = Math.max(room.width, NARROWEST);
    const most = room.height * (width / (room.width || width));
    const height = Math.max(Math.min(most, 0.7 * width), 56 * Math.max(...sizes));
    this.svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    this.svg.replaceChildren();
    const across = (l) => 45 + (l * (width - 110)) / (sizes.length - 1);
    const down = (l, i) => ((i + 0.5) / sizes[l]) * height;
    Object.assign(this, { network, names, edges: [], units: [], biases: [] });
    this.short = names === NOTES || sizes.length === 2;
    network.layers.forEach(({ rows, columns, w }, l) => {
      const labelled = rows * columns <= FEW_WEIGHTS;
      for (let i = 0; i < rows; i++) {
        for (let j = 0; j < columns; j++) {
          const ends = [across(l), down(l, i), across(l + 1), down(l + 1, j)];
          this._edge(w + i * columns + j, ends, labelled);
        }
      }
    });
    const units = unitNames(sizes);
    sizes.forEach((count, l) => {
      for (let i = 0; i < count; i++) this._unit(l, i, across(l), down(l, i), units[l][i]);
    });
    this.svg.append(...this.edges.flatMap(({ label }) => (label ? [label] : [])));
  }

  _make(tag, attributes, text = "") {
    const made = document.createElementNS(SVG, tag);
    for (const [name, each] of Object.entries(attributes)) made.setAttribute(name, each);
    made.textContent = text;
    this.svg.append(made);
    return made;
  }

  _edge(index, [x1, y1, x2, y2], labelled) {
    const line = this._make("line", { x1, y1, x2, y2, "stroke-linecap": "round" });
    const hit = this._make("line", { x1, y1, x2, y2, class: "hit" });
    hit.addEventListener("click", () => this.pick(index));
    const at = { x: x1 + 0.36 * (x2 - x1), y: y1 + 0.36 * (y2 - y1) + 4 };
    const label =
      labelled && this._make("text", { ...at, class: "on", "text-anchor": "middle" });
    this.edges.push({ index, line, label });
  }

  _unit(l, i, x, y, name) {
    const radius = this.network.sizes[l] > 8 ? 20 : 25;
    const circle = this._make("circle", { cx: x, cy: y, r: radius });
    const size = { "text-anchor": "middle", x };
    this._make("text", { ...size, y: y - 4 }, name);
    const number = this._make("text", { ...size, y: y + 12, class: "number" });
    this.units.push({ l, i, number });
    if (l === 0) return;
    const { b } = this.network.layers[l - 1];
    const few = this.network.sizes[l] <= FEW_UNITS;
    const above = i < (this.network.sizes[l] - 1) / 2; // where fewer lines go
    const at = { x, y: above ? y - radius - 6 : y + radius + 14 };
    const label =
      few && this._make("text", { ...at, "text-anchor": "middle", class: "on bias" });
    for (const each of [circle, label])
      each?.addEventListener?.("click", () => this.pick(b + i));
    circle.classList.add("bias");
    this.biases.push({ index: b + i, label, circle });
  }

  update(θ, x, chosen) {
    forward(this.network, θ, x);
    for (const { index, line, label } of this.edges) {
      const weight = θ[index];
      const width = 0.7 + 7 * Math.tanh(Math.abs(weight) / 6) || 0.7;
      put(line, "stroke", weight < 0 ? THEME.zero : THEME.one);
      put(line, "stroke-width", width.toFixed(1));
      put(line, "stroke-dasharray", index === chosen ? "6 4" : "none");
      if (label) this._label(label, index, θ, chosen);
    }
    for (const { index, label, circle } of this.biases) {
      put(circle, "class", index === chosen ? "bias chosen" : "bias");
      if (label) this._label(label, index, θ, chosen);
    }
    for (const { l, i, number } of this.units) {
      say(number, short3(l ? this.network.layers[l - 1].a[i] : x[i]));
    }
  }

  _label(label, index, θ, chosen) {
    const name = this.short || index === chosen ? `${this.names[index]} = ` : "";
    say(label, name + short3(θ[index]));
    const kind = label.classList.contains("bias") ? "on bias" : "on";
    put(label, "class", index === chosen ? `${kind} chosen` : kind);
  }
}

// What is as it was is not written again, which would lay out the page anew.
function say(node, words) {
  if (node.said !== words) node.textContent = node.said = words;
}

function put(node, name, value) {
  node.puts ??= {};
  if (node.puts[name] !== value) node.setAttribute(name, (node.puts[name] = value));
}

const short3 = (number) => {
  const huge = Math.abs(number) >= 1e5 && Number.isFinite(number);
  return (huge ? number.toExponential(1) : written(number, 3)).replace("-", "−");
};
