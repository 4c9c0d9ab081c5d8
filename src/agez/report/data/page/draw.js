// Drawing: elements, labels, axes of SVG figures, canvases as sharp as the screen, the tip at the pointer.

const SVG = "http://www.w3.org/2000/svg";

function svg(name, attributes = {}, ...children) {
  const node = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...children);
  return node;
}

function html(name, attributes = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...children);
  return node;
}

function htmlLabel(label) {
  return label.map(([text, where]) => (where ? html(where, {}, text) : text));
}

function svgLabel(label, attributes) {
  const text = svg("text", attributes);
  let back = 0;
  for (const [piece, where] of label) {
    const move = { sub: 3, sup: -4 }[where] ?? 0;
    text.append(svg("tspan", { dy: move - back, ...(where ? { style: "font-size: 75%" } : {}) }, piece));
    back = move;
  }
  return text;
}

// Round numbers between two others, about `count` of them.
function ticks(low, high, count) {
  const rough = (high - low) / Math.max(count, 1), power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((x) => x * power).find((x) => x >= rough) ?? 10 * power;
  const out = [];
  for (let k = Math.ceil(low / step - 1e-9); k * step <= high + 1e-9 * step; k += 1) out.push(k * step);
  return { values: out, digits: Math.max(0, -Math.floor(Math.log10(step) + 1e-9)) };
}

// Axes of a figure: `x` and `y` place data; the frame, ticks and labels are drawn on `root`.
function axes({ width, height, left = 52, right = 10, top = 8, bottom = 36, x, y, xLabel, yLabel, xTicks = 6, yTicks = 5, bare = false }) {
  const root = svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img" });
  const place = (low, high, from, to) => (value) => from + ((value - low) / (high - low)) * (to - from);
  const at = { root, width, height, left, right, top, bottom, x: place(...x, left, width - right), y: place(...y, height - bottom, top) };
  const across = ticks(...x, xTicks), up = ticks(...y, yTicks);
  for (const value of across.values) {
    root.append(svg("line", { class: "grid", x1: at.x(value), x2: at.x(value), y1: top, y2: height - bottom }));
    if (!bare) root.append(svg("text", { x: at.x(value), y: height - bottom + 15, "text-anchor": "middle" }, fixed(value, across.digits)));
  }
  for (const value of up.values) {
    root.append(svg("line", { class: "grid", x1: left, x2: width - right, y1: at.y(value), y2: at.y(value) }));
    root.append(svg("text", { x: left - 5, y: at.y(value) + 4, "text-anchor": "end" }, fixed(value, up.digits)));
  }
  root.append(svg("rect", { class: "frame", x: left, y: top, width: width - left - right, height: height - top - bottom }));
  if (xLabel) root.append(svgLabel(xLabel, { x: (left + width - right) / 2, y: height - 4, "text-anchor": "middle" }));
  if (yLabel) {
    const middle = (top + height - bottom) / 2;
    root.append(svgLabel(yLabel, { x: 12, y: middle, "text-anchor": "middle", transform: `rotate(-90 12 ${middle})` }));
  }
  return at;
}

// A canvas with as many pixels as the screen has for it; its context is in CSS pixels.
function sharp(canvas, height) {
  const ratio = window.devicePixelRatio || 1, width = canvas.clientWidth || 300;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  canvas.style.height = `${height}px`;
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  return { context, width, height };
}

function css(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

const tip = html("div", { id: "tip" });
document.body.append(tip);

function showTip(event, ...content) {
  tip.replaceChildren(...content);
  tip.style.display = "block";
  const { width, height } = tip.getBoundingClientRect();
  tip.style.left = `${Math.min(event.clientX + 12, window.innerWidth - width - 4)}px`;
  tip.style.top = `${Math.min(event.clientY + 12, window.innerHeight - height - 4)}px`;
}

function hideTip() {
  tip.style.display = "none";
}
