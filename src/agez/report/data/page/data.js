// Data of the page: decoded arrays, numbers as text, colours of scales.

const data = JSON.parse(document.getElementById("data").textContent);
const n = data.rows.id.length, d = data.targets.length, b = data.bands.names.length;

function bytes(text) {
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
}

function floats(text) {
  return new Float32Array(bytes(text).buffer);
}

const answers = floats(data.answers), seds = floats(data.sed);
const components = data.joint && floats(data.joint.data);
const PARTS = ["mean", "err", "p16", "p50", "p84", "p025", "p975"];

// Answer of a row in a target, by the names of PARTS.
function answerOf(row, target) {
  const start = (row * d + target) * PARTS.length;
  return Object.fromEntries(PARTS.map((name, k) => [name, answers[start + k]]));
}

// Fluxes of a row in a band: seen and expected with their errors, and the residual in units of both errors.
function bandOf(row, band) {
  const [flux, err, expected, expectedErr] = seds.subarray((row * b + band) * 4, (row * b + band) * 4 + 4);
  return { flux, err, expected, expectedErr, residual: (flux - expected) / Math.hypot(err, expectedErr) };
}

// Quantities that maps, tables and axes can show: targets, their errors, and the further columns.
const quantities = [
  ...data.targets.map((one, t) => ({
    key: one.name, label: one.label, unit: one.unit, scale: one.scale, target: t, digits: digitsOf(one.range),
    at: (row) => answers[(row * d + t) * PARTS.length],
    errorAt: (row) => answers[(row * d + t) * PARTS.length + 1],
  })),
  ...data.targets.map((one, t) => ({
    key: one.name + "_err", label: [["error of ", ""], ...one.label], scale: "magma", digits: digitsOf(one.range),
    at: (row) => answers[(row * d + t) * PARTS.length + 1],
  })),
  plain("ood", "unlike the training set", data.rows.ood, 2),
  plain("chi2", "reduced chi2 of the SED", data.rows.chi2, 2),
  plain("worst_band_sigma", "worst band [sigma]", data.rows.worst_band_sigma, 1),
  ...Object.entries(data.columns).map(([name, values]) => plain(name, name, values)),
];

function plain(key, label, values, digits) {
  const known = values.filter((x) => x !== null);
  const range = [Math.min(...known), Math.max(...known)];
  const whole = known.every(Number.isInteger);
  return { key, label: [[label, ""]], scale: "inferno", digits: digits ?? (whole ? 0 : digitsOf(range)), at: (row) => values[row] ?? NaN };
}

function quantity(key) {
  return quantities.find((one) => one.key === key);
}

function digitsOf([low, high]) {
  if (high - low < 0.3) return 4;
  const size = Math.max(Math.abs(low), Math.abs(high));
  return size < 30 ? 3 : size < 300 ? 2 : 1;
}

function fixed(value, digits = 3) {
  return Number.isFinite(value) ? value.toFixed(digits).replace("-", "\u2212") : "\u2013";
}

// Four digits of a flux.
function short(value) {
  if (!Number.isFinite(value)) return "\u2013";
  const size = Math.abs(value);
  const text = size !== 0 && (size < 1e-3 || size >= 1e6) ? value.toExponential(3) : Number(value.toPrecision(4)).toString();
  return text.replace("-", "\u2212");
}

function plainText(label) {
  return label.map(([text]) => text).join("");
}

function flagsOf(row) {
  return data.flags.filter((one) => (data.rows.flags[row] & one.bit) !== 0);
}

function isFault(row) {
  return flagsOf(row).some((one) => one.fault);
}

// The central part of values (96 %), so that one odd region takes no colour from the others.
function limitsOf(values, share = 0.96) {
  const known = values.filter(Number.isFinite).sort((x, y) => x - y);
  if (!known.length) return [0, 1];
  const at = (part) => known[Math.round(part * (known.length - 1))];
  const [low, high] = [at((1 - share) / 2), at((1 + share) / 2)];
  return high > low ? [low, high] : [low - 0.05 * (Math.abs(low) || 1), low + 0.05 * (Math.abs(low) || 1)];
}

function colourAt(scale, share) {
  const stops = data.scales[scale] ?? data.scales.viridis;
  const place = Math.min(1, Math.max(0, share)) * (stops.length - 1), k = Math.min(Math.floor(place), stops.length - 2);
  const one = rgb(stops[k]), next = rgb(stops[k + 1]);
  return one.map((x, i) => Math.round(x + (place - k) * (next[i] - x)));
}

function rgb(hex) {
  return [1, 3, 5].map((k) => parseInt(hex.slice(k, k + 2), 16));
}
