// Maps of a galaxy's regions and scatter plots of rows: one scale of colours a quantity, hover and click.

const views = []; // functions that draw anew, of every panel

// Words of a row and a quantity.
function told(row, one) {
  const value = fixed(one.at(row), one.digits), error = one.errorAt ? ` \u00b1 ${fixed(one.errorAt(row), one.digits)}` : "";
  return [`${data.noun} ${data.rows.id[row]}: ${value}${error}`];
}

function chooser(keys, chosen, label, change) {
  const select = html("select", { "aria-label": label });
  for (const key of keys) {
    const option = html("option", { value: key }, plainText(quantity(key).label));
    option.selected = key === chosen;
    select.append(option);
  }
  select.addEventListener("change", () => change(select.value));
  return select;
}

const everything = quantities.filter((one) => Array.from({ length: n }, (_, row) => one.at(row)).some(Number.isFinite)).map((one) => one.key);

function colourBar(one, limits) {
  const stops = Array.from({ length: 9 }, (_, k) => `rgb(${colourAt(one.scale, k / 8)})`);
  const bar = html("i", { style: `background: linear-gradient(to right, ${stops})` });
  return html("div", { class: "bar" }, fixed(limits[0], one.digits), bar, fixed(limits[1], one.digits));
}

const place = data.map && {
  ...data.map,
  region: new Int32Array(bytes(data.map.region).buffer),
  colour: data.map.colour && bytes(data.map.colour),
  window: null,
};

// The part of the image that regions fill, with a margin: left, right, bottom, top in pixels.
function windowOfRegions() {
  let [left, right, bottom, top] = [place.nx, -1, place.ny, -1];
  for (let y = 0; y < place.ny; y += 1) {
    for (let x = 0; x < place.nx; x += 1) {
      if (place.region[y * place.nx + x] < 0) continue;
      left = Math.min(left, x); right = Math.max(right, x); bottom = Math.min(bottom, y); top = Math.max(top, y);
    }
  }
  if (right < 0) return [0, place.nx - 1, 0, place.ny - 1];
  const pad = 1 + Math.round(0.04 * Math.max(right - left, top - bottom));
  return [Math.max(0, left - pad), Math.min(place.nx - 1, right + pad), Math.max(0, bottom - pad), Math.min(place.ny - 1, top + pad)];
}

// Edges of the chosen region as pairs of corners, in pixels of the window from its upper left.
function outline(row) {
  const [left, right, bottom, top] = place.window, out = [];
  const inside = (x, y) => x >= 0 && y >= 0 && x < place.nx && y < place.ny && place.region[y * place.nx + x] === row;
  for (let y = bottom; y <= top; y += 1) {
    for (let x = left; x <= right; x += 1) {
      if (!inside(x, y)) continue;
      const [px, py] = [x - left, top - y];
      if (!inside(x, y + 1)) out.push([px, py, px + 1, py]);
      if (!inside(x, y - 1)) out.push([px, py + 1, px + 1, py + 1]);
      if (!inside(x - 1, y)) out.push([px, py, px, py + 1]);
      if (!inside(x + 1, y)) out.push([px + 1, py, px + 1, py + 1]);
    }
  }
  return out;
}

// A map panel; `key` null is the colour image.
function mapPanel(key) {
  const canvas = html("canvas", { tabindex: 0, role: "img" }), bar = html("div"), name = html("div", { class: "name" });
  const panel = html("div", { class: "panel" }, name, canvas, bar);
  let image = null, one = key && quantity(key);

  function paint() {
    const [left, right, bottom, top] = place.window, wide = right - left + 1, high = top - bottom + 1;
    const pixels = new ImageData(wide, high), limits = one && limitsOf(Array.from({ length: n }, (_, row) => one.at(row)));
    for (let y = 0; y < high; y += 1) {
      for (let x = 0; x < wide; x += 1) {
        const from = (top - y) * place.nx + left + x, to = 4 * (y * wide + x), row = place.region[from];
        const value = one && row >= 0 ? one.at(row) : NaN;
        let colour = null;
        if (!one) colour = place.colour.subarray(3 * from, 3 * from + 3);
        else if (Number.isFinite(value)) colour = colourAt(one.scale, (value - limits[0]) / (limits[1] - limits[0]));
        if (colour) pixels.data.set([...colour, 255], to);
      }
    }
    image = document.createElement("canvas");
    [image.width, image.height] = [wide, high];
    image.getContext("2d").putImageData(pixels, 0, 0);
    canvas.dataset.window = place.window.join(" "); // left, right, bottom, top pixel
    canvas.setAttribute("aria-label", one ? `map of ${plainText(one.label)}` : "colour image");
    bar.replaceChildren(one ? colourBar(one, limits) : html("div", { class: "bar" }, arrowsOfScale()));
  }

  function draw() {
    if (!image) paint();
    const { context, width, height } = sharp(canvas, (canvas.clientWidth * image.height) / image.width);
    context.fillStyle = css("unused");
    context.fillRect(0, 0, width, height);
    context.imageSmoothingEnabled = false;
    context.drawImage(image, 0, 0, width, height);
    const scale = width / image.width;
    for (const [colour, thick] of [["#000", 3.5], [css("chosen"), 2]]) {
      context.strokeStyle = colour;
      context.lineWidth = thick;
      context.beginPath();
      for (const [x1, y1, x2, y2] of outline(state.row)) { context.moveTo(scale * x1, scale * y1); context.lineTo(scale * x2, scale * y2); }
      context.stroke();
    }
  }

  function rowAt(event) {
    const box = canvas.getBoundingClientRect(), [left, , , top] = place.window;
    const x = left + Math.floor(((event.clientX - box.left) / box.width) * image.width);
    const y = top - Math.floor(((event.clientY - box.top) / box.height) * image.height);
    return place.region[y * place.nx + x] ?? -1;
  }

  canvas.addEventListener("mousemove", (event) => {
    const row = rowAt(event);
    if (row < 0) hideTip();
    else showTip(event, ...told(row, one ?? quantity(data.targets[0].name)));
  });
  canvas.addEventListener("mouseleave", hideTip);
  canvas.addEventListener("click", (event) => { const row = rowAt(event); if (row >= 0) choose(row); });
  if (one) name.append(chooser(everything, key, "quantity of the map", (value) => { one = quantity(value); image = null; draw(); }));
  else name.append(`${place.colour_bands.join(", ")} as red, green, blue`);
  views.push(draw);
  return panel;
}

function arrowsOfScale() {
  if (!place.pixel_arcsec) return "";
  const [left, right] = place.window;
  return `${fixed((right - left + 1) * place.pixel_arcsec, 0)}\u2033 across`;
}

// A scatter plot of all rows; of a galaxy's regions against radius also the medians of rings.
function scatterPanel(xKey, yKey, colourKey) {
  const canvas = html("canvas", { tabindex: 0, role: "img", "aria-label": "scatter plot" });
  const choice = { x: xKey, y: yKey, colour: colourKey }, bar = html("div"), name = html("div", { class: "name" });
  const panel = html("div", { class: "panel" }, name, canvas, bar);
  let points = [];
  for (const which of ["y", "x", "colour"]) {
    name.append(chooser(everything, choice[which], which === "colour" ? "colour" : `${which} axis`, (value) => { choice[which] = value; draw(); }));
  }

  function draw() {
    const [one, two, three] = [quantity(choice.x), quantity(choice.y), quantity(choice.colour)];
    const { context, width, height } = sharp(canvas, Math.min(420, 0.8 * (canvas.clientWidth || 300)));
    const rows = Array.from({ length: n }, (_, row) => row);
    const spread = ([low, high]) => [low - 0.06 * (high - low), high + 0.06 * (high - low)];
    const [x, y] = [spread(limitsOf(rows.map(one.at), 0.995)), spread(limitsOf(rows.map(two.at), 0.995))];
    const colours = limitsOf(rows.map(three.at));
    const [left, right, top, bottom] = [58, width - 8, 8, height - 34];
    const px = (value) => left + ((value - x[0]) / (x[1] - x[0])) * (right - left);
    const py = (value) => bottom - ((value - y[0]) / (y[1] - y[0])) * (bottom - top);
    context.font = "12px system-ui, sans-serif";
    context.strokeStyle = css("line");
    context.fillStyle = css("ink");
    const across = ticks(...x, width < 320 ? 4 : 6), up = ticks(...y, 5);
    context.textAlign = "center";
    for (const value of across.values) { line(context, px(value), top, px(value), bottom); context.fillText(fixed(value, across.digits), px(value), bottom + 14); }
    context.textAlign = "right";
    for (const value of up.values) { line(context, left, py(value), right, py(value)); context.fillText(fixed(value, up.digits), left - 4, py(value) + 4); }
    context.textAlign = "center";
    context.fillText(plainText(one.label), (left + right) / 2, height - 4);
    context.save();
    context.translate(12, (top + bottom) / 2);
    context.rotate(-Math.PI / 2);
    context.fillText(plainText(two.label), 0, 0);
    context.restore();
    context.save();
    context.beginPath();
    context.rect(left, top, right - left, bottom - top);
    context.clip();
    points = [];
    for (const row of rows) {
      const at = [px(one.at(row)), py(two.at(row))];
      if (!at.every(Number.isFinite)) continue;
      points.push([...at, row]);
      const share = (three.at(row) - colours[0]) / (colours[1] - colours[0]);
      context.fillStyle = Number.isFinite(share) ? `rgb(${colourAt(three.scale, share)})` : css("unused");
      context.beginPath();
      context.arc(...at, n > 500 ? 2.5 : 4, 0, 2 * Math.PI);
      context.fill();
      if (isFault(row)) { context.strokeStyle = css("expected"); context.lineWidth = 1; context.stroke(); }
    }
    drawRings(context, choice, px, py);
    const mine = points.find((point) => point[2] === state.row);
    if (mine) {
      context.strokeStyle = css("chosen");
      context.lineWidth = 2.5;
      context.beginPath();
      context.arc(mine[0], mine[1], 8, 0, 2 * Math.PI);
      context.stroke();
    }
    context.restore();
    const beyond = points.filter(([px1, py1]) => px1 < left || px1 > right || py1 < top || py1 > bottom).length;
    bar.replaceChildren(colourBar(three, colours), ...(beyond ? [html("small", {}, `${beyond} beyond the axes`)] : []));
  }

  function near(event) {
    const box = canvas.getBoundingClientRect(), at = [event.clientX - box.left, event.clientY - box.top];
    let best = [15, -1];
    for (const [x, y, row] of points) { const off = Math.hypot(x - at[0], y - at[1]); if (off < best[0]) best = [off, row]; }
    return best[1];
  }

  canvas.addEventListener("mousemove", (event) => { const row = near(event); if (row < 0) hideTip(); else showTip(event, ...told(row, quantity(choice.y))); });
  canvas.addEventListener("mouseleave", hideTip);
  canvas.addEventListener("click", (event) => { const row = near(event); if (row >= 0) choose(row); });
  views.push(draw);
  return panel;
}

function line(context, x1, y1, x2, y2) {
  context.beginPath();
  context.moveTo(x1, y1);
  context.lineTo(x2, y2);
  context.stroke();
}

// Medians of rings with their errors, where radius is the x axis and a target the y axis.
function drawRings(context, choice, px, py) {
  const columns = place?.profile, unit = { "radius [Re]": "r_re", "radius [arcsec]": "radius_arcsec" }[choice.x];
  if (!columns || !unit || !columns[choice.y]) return;
  context.strokeStyle = context.fillStyle = css("ink");
  context.lineWidth = 1.5;
  columns[choice.y].forEach((value, k) => {
    const at = px((columns[`${unit}_inner`][k] + columns[`${unit}_outer`][k]) / 2), err = columns[`${choice.y}_err`][k];
    if (value === null || !Number.isFinite(at)) return;
    context.fillRect(at - 4, py(value) - 4, 8, 8);
    if (err !== null) line(context, at, py(value - err), at, py(value + err));
  });
}
