// The chosen row: its SED with the fit and residuals, the joint distribution of age and metallicity, and intervals.

function drawSed(row) {
  const box = document.getElementById("sed"), bands = Array.from({ length: b }, (_, k) => ({ ...bandOf(row, k), k }));
  const seen = bands.filter((one) => Number.isFinite(one.flux)), known = bands.filter((one) => Number.isFinite(one.expected));
  if (!seen.length && !known.length) { box.replaceChildren("No band was observed."); return; }
  const width = Math.max(340, box.clientWidth || 640), pivots = data.bands.pivot;
  const x = [Math.min(...pivots) - 150, Math.max(...pivots) + 150];
  const ends = [...seen.flatMap((one) => [one.flux - (one.err || 0), one.flux + (one.err || 0)]), ...known.map((one) => one.expected)].filter(Number.isFinite);
  const margin = 0.06 * (Math.max(...ends) - Math.min(...ends)) || 1;
  const y = [Math.min(0, Math.min(...ends)), Math.max(...ends) + margin];
  const worst = data.rows.worst_band[row];
  const upper = axes({ width, height: 250, bottom: 12, x, y, yLabel: [["flux density f", ""], ["\u03bd", "sub"], [" [\u00b5Jy]", ""]], bare: true, xTicks: width / 90 });
  if (known.length) {
    const path = known.map((one, i) => `${i ? "L" : "M"}${upper.x(pivots[one.k])} ${upper.y(one.expected)}`).join("");
    upper.root.append(svg("path", { class: "expected", d: path, opacity: 0.5 }));
    for (const one of known) {
      const [px, py] = [upper.x(pivots[one.k]), upper.y(one.expected)];
      upper.root.append(svg("path", { class: "expected", d: `M${px - 5} ${py}L${px} ${py - 5}L${px + 5} ${py}L${px} ${py + 5}Z` }));
    }
  }
  for (const one of seen) {
    const [px, py] = [upper.x(pivots[one.k]), upper.y(one.flux)];
    if (Number.isFinite(one.err)) upper.root.append(svg("line", { class: "seen", x1: px, x2: px, y1: upper.y(one.flux - one.err), y2: upper.y(one.flux + one.err) }));
    upper.root.append(svg("circle", { class: "seen", cx: px, cy: py, r: 3 }));
    if (data.bands.names[one.k] === worst) {
      upper.root.append(svg("circle", { class: "worst", cx: px, cy: py, r: 8 }));
      upper.root.append(svg("text", { class: "worst-name", x: px, y: Math.max(py - 12, 18), "text-anchor": "middle" }, worst));
    }
  }
  const top = Math.max(5, ...bands.map((one) => Math.abs(one.residual)).filter(Number.isFinite));
  const high = Math.min(top, 12) * 1.08;
  const lower = axes({ width, height: 140, top: 4, x, y: [-high, high], xLabel: [["pivot wavelength [\u00c5]", ""]], yLabel: [["residual [\u03c3]", ""]], xTicks: width / 90, yTicks: 4 });
  for (const one of bands) {
    if (!Number.isFinite(one.residual)) continue;
    const px = lower.x(pivots[one.k]), shown = Math.max(-high, Math.min(high, one.residual));
    lower.root.append(svg("line", { class: "seen", x1: px, x2: px, y1: lower.y(0), y2: lower.y(shown) }));
    const mark = Math.abs(one.residual) > high ? { class: "worst" } : { class: "seen" };
    lower.root.append(svg("circle", { ...mark, cx: px, cy: lower.y(shown), r: 2.5 }));
  }
  for (const at of [upper, lower]) addTips(at, bands);
  const words = html("p", { class: "legend" });
  words.append(mark("circle"), "observed, 1\u03c3", mark("diamond"), known.length ? "expected from the other bands" : "this model expects no fluxes");
  box.replaceChildren(words, upper.root, lower.root);
}

function mark(kind) {
  const shape = kind === "circle" ? svg("circle", { class: "seen", cx: 6, cy: 6, r: 3.5 }) : svg("path", { class: "expected", d: "M1 6L6 1L11 6L6 11Z" });
  return svg("svg", { viewBox: "0 0 12 12", style: "width: 12px; height: 12px; display: inline-block; align-self: center", "aria-hidden": "true" }, shape);
}

// Bands under the pointer are named, with their numbers.
function addTips(at, bands) {
  const pivots = data.bands.pivot;
  const hit = svg("rect", { class: "hit", x: at.left, y: at.top, width: at.width - at.left - at.right, height: at.height - at.top - at.bottom });
  hit.addEventListener("mousemove", (event) => {
    const box = at.root.getBoundingClientRect(), px = ((event.clientX - box.left) / box.width) * at.width;
    const one = bands.reduce((best, each) => (Math.abs(at.x(pivots[each.k]) - px) < Math.abs(at.x(pivots[best.k]) - px) ? each : best));
    showTip(event, html("b", {}, data.bands.names[one.k]), html("br"), `observed ${short(one.flux)} \u00b1 ${short(one.err)} \u00b5Jy`, html("br"),
      `expected ${short(one.expected)} \u00b1 ${short(one.expectedErr)} \u00b5Jy`, html("br"), `residual ${fixed(one.residual, 1)} \u03c3`);
  });
  hit.addEventListener("mouseleave", hideTip);
  at.root.append(hit);
}

// Components of the joint distribution of a row: weight, means, covariance.
function componentsOf(row) {
  const k = data.joint.n_components;
  return Array.from({ length: k }, (_, j) => components.subarray((row * k + j) * 6, (row * k + j) * 6 + 6)).filter((one) => one[0] > 0);
}

const GRID = 100;

function drawJoint(row) {
  const box = document.getElementById("joint");
  if (!data.joint) { box.replaceChildren(html("p", { class: "legend" }, "This model gives intervals, and no distribution.")); return; }
  const parts = componentsOf(row), [first, second] = data.joint.targets;
  if (!parts.length) { box.replaceChildren(html("p", { class: "legend" }, "No answer, no distribution.")); return; }
  const range = (mean, variance) => {
    const middle = parts.reduce((sum, one) => sum + one[0] * one[mean], 0);
    const sd = Math.sqrt(parts.reduce((sum, one) => sum + one[0] * (one[variance] + (one[mean] - middle) ** 2), 0));
    return [middle - 3.6 * sd, middle + 3.6 * sd];
  };
  const [x, y] = [range(1, 3), range(2, 5)], density = new Float64Array(GRID * GRID);
  const at = ([low, high], k) => low + ((k + 0.5) / GRID) * (high - low);
  for (const [weight, mx, my, xx, xy, yy] of parts) {
    const det = xx * yy - xy * xy, norm = weight / Math.sqrt(det);
    for (let i = 0; i < GRID; i += 1) {
      for (let j = 0; j < GRID; j += 1) {
        const [dx, dy] = [at(x, i) - mx, at(y, j) - my];
        density[j * GRID + i] += norm * Math.exp(-0.5 * ((yy * dx * dx - 2 * xy * dx * dy + xx * dy * dy) / det));
      }
    }
  }
  const width = Math.max(260, box.clientWidth || 320), figure = axes({ width, height: width * 0.92, right: 44, top: 44, x, y, xTicks: 4, xLabel: data.targets[first].label, yLabel: data.targets[second].label });
  const order = Array.from(density).sort((p, q) => q - p), total = order.reduce((sum, p) => sum + p, 0);
  for (const [share, opacity] of [[0.95, 0.25], [0.68, 0.55]]) {
    let sum = 0, level = 0;
    for (const p of order) { sum += p; level = p; if (sum >= share * total) break; }
    figure.root.append(svg("path", { d: cells(density, level, figure, x, y), fill: "var(--seen)", opacity }));
  }
  const [one, two] = [answerOf(row, first), answerOf(row, second)];
  const [px, py] = [figure.x(one.mean), figure.y(two.mean)];
  figure.root.append(svg("path", { class: "worst", d: `M${px - 6} ${py}H${px + 6}M${px} ${py - 6}V${py + 6}` }));
  const sums = [Array(GRID).fill(0), Array(GRID).fill(0)];
  density.forEach((p, k) => { sums[0][k % GRID] += p; sums[1][Math.floor(k / GRID)] += p; });
  const peak = sums.map((each) => Math.max(...each));
  const upper = sums[0].map((p, k) => `${k ? "L" : "M"}${figure.x(at(x, k))} ${figure.top - 2 - (36 * p) / peak[0]}`).join("");
  const side = sums[1].map((p, k) => `${k ? "L" : "M"}${figure.width - figure.right + 2 + (36 * p) / peak[1]} ${figure.y(at(y, k))}`).join("");
  figure.root.append(svg("path", { d: upper + side, fill: "none", stroke: "var(--seen)", "stroke-width": 1.5 }));
  figure.root.setAttribute("aria-label", "joint distribution of age and metallicity");
  box.replaceChildren(html("p", { class: "legend" }, html("span", {}, "joint distribution: 68 and 95 % of the probability, + mean")), figure.root);
}

// Cells of the grid with a density of `level` or more, as one path; runs of a row are joined.
function cells(density, level, figure, x, y) {
  const px = (k) => figure.x(x[0] + (k / GRID) * (x[1] - x[0])), py = (k) => figure.y(y[0] + (k / GRID) * (y[1] - y[0]));
  let path = "";
  for (let j = 0; j < GRID; j += 1) {
    for (let i = 0; i < GRID; i += 1) {
      if (density[j * GRID + i] < level) continue;
      const start = i;
      while (i < GRID && density[j * GRID + i] >= level) i += 1;
      path += `M${px(start).toFixed(1)} ${py(j).toFixed(1)}H${px(i).toFixed(1)}V${py(j + 1).toFixed(1)}H${px(start).toFixed(1)}Z`;
    }
  }
  return path;
}

function drawStrips(row) {
  const box = document.getElementById("strips");
  const out = [html("p", { class: "legend" }, "intervals: 68 % (thick), 95 % (thin), median")];
  data.targets.forEach((target, t) => {
    const one = answerOf(row, t), digits = quantity(target.name).digits;
    const ends = [one.p025, one.p975, one.p16, one.p84].filter(Number.isFinite);
    const low = Math.min(target.range[0], ...ends), high = Math.max(target.range[1], ...ends);
    const px = (value) => 4 + (192 * (value - low)) / (high - low || 1);
    const figure = svg("svg", { viewBox: "0 0 200 20", preserveAspectRatio: "none", style: "height: 20px", "aria-hidden": "true" });
    figure.append(svg("line", { class: "grid", x1: 0, x2: 200, y1: 10, y2: 10 }));
    if (Number.isFinite(one.p025)) figure.append(svg("line", { class: "seen", x1: px(one.p025), x2: px(one.p975), y1: 10, y2: 10, "stroke-width": 2 }));
    if (Number.isFinite(one.p16)) figure.append(svg("rect", { class: "seen", x: px(one.p16), width: Math.max(1, px(one.p84) - px(one.p16)), y: 6, height: 8, opacity: 0.6 }));
    if (Number.isFinite(one.p50)) figure.append(svg("line", { class: "worst", x1: px(one.p50), x2: px(one.p50), y1: 3, y2: 17 }));
    const name = html("span", { title: target.description }, ...htmlLabel(target.label));
    const number = html("span", { class: "number", "data-target": target.name, title: `16 to 84 %: ${fixed(one.p16, digits)} to ${fixed(one.p84, digits)}` }, `${fixed(one.mean, digits)} \u00b1 ${fixed(one.err, digits)}`);
    out.push(html("div", { class: "strip" }, name, number, html("small", {}, `${fixed(low, digits > 3 ? 3 : 1)} to ${fixed(high, digits > 3 ? 3 : 1)}`), figure));
  });
  box.replaceChildren(...out);
}

function drawFacts(row) {
  document.getElementById("name").textContent = `${data.noun} ${data.rows.id[row]}`;
  const facts = [];
  const add = (word, value) => { if (value !== null && value !== undefined) facts.push(`${word} ${value}`); };
  add("z =", data.rows.redshift[row] === null ? "unknown" : fixed(data.rows.redshift[row], 4));
  for (const [name, values] of Object.entries(data.columns)) if (name !== "redshift given" && values[row] !== null) add(`${name}:`, fixed(values[row], Math.min(2, quantity(name).digits)));
  if (data.rows.chi2[row] !== null) add("reduced chi2:", fixed(data.rows.chi2[row], 2));
  if (data.rows.ood[row] !== null) add("unlike the training set:", `${fixed(data.rows.ood[row], 2)} (flagged above ${fixed(data.ood_threshold, 2)})`);
  document.getElementById("facts").textContent = facts.join(" \u00b7 ");
  const list = flagsOf(row).map((one) => html("li", one.fault ? { class: "fault" } : {}, html("b", {}, one.name), `: ${one.meaning}`));
  const worst = data.rows.worst_band[row];
  if (worst) list.unshift(html("li", {}, html("b", {}, worst), ` disagrees most with the other bands: ${fixed(data.rows.worst_band_sigma[row], 1)} \u03c3`));
  if (!list.length) list.push(html("li", {}, "no flag"));
  document.getElementById("flags").replaceChildren(...list);
}
