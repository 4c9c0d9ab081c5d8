// State, keyboard, theme: what is chosen, and what is drawn when.

const state = { row: 0 };

function choose(row, { scroll = true } = {}) {
  state.row = row;
  drawChosen();
  for (const draw of views) draw();
  markRow(scroll);
}

function drawChosen() {
  drawFacts(state.row);
  drawSed(state.row);
  drawJoint(state.row);
  drawStrips(state.row);
}

function drawAll() {
  for (const draw of views) draw();
  drawChosen();
}

// The next row (+1) or the one before (-1), in the order of the table.
function step(by) {
  if (!shown.length) return;
  const at = shown.indexOf(state.row);
  choose(shown[at < 0 ? 0 : Math.min(shown.length - 1, Math.max(0, at + by))]);
}

function setTheme(theme) {
  document.documentElement.dataset.theme = theme;
  document.getElementById("theme").textContent = theme === "dark" ? "light" : "dark";
}

function otherTheme() {
  setTheme(document.documentElement.dataset.theme === "dark" ? "light" : "dark");
  drawAll();
}

function build() {
  const panels = html("div", { class: "panels" }), has = (key) => everything.includes(key);
  const names = data.targets.map((one) => one.name).filter(has), [first, second] = [names[0], names[1] ?? names[0]];
  if (place) {
    place.window = windowOfRegions();
    if (place.colour) panels.append(mapPanel(null));
    for (const key of new Set([first, second].filter(Boolean))) panels.append(mapPanel(key));
    if (!place.colour && first) panels.append(mapPanel(`${first}_err`));
    const radius = ["radius [Re]", "radius [arcsec]"].find(has);
    if (radius && first) panels.append(scatterPanel(radius, first, second));
  } else if (first) {
    panels.classList.add("wide");
    panels.append(scatterPanel(first, second, names[3] ?? first));
    panels.append(scatterPanel(has("redshift given") ? "redshift given" : first, first, second));
  }
  document.getElementById("overview").append(panels);
  const faults = Array.from({ length: n }, (_, row) => row).filter(isFault).length;
  document.getElementById("subtitle").textContent = `${n} ${data.noun}${n === 1 ? "" : "s"}, ${faults} flagged with a fault \u00b7 model ${data.model} \u00b7 agez ${data.version}`;
  const notes = data.notes.map((one) => html("li", {}, one));
  if (notes.length) document.getElementById("notes").append(html("h2", {}, "Notes"), html("ul", {}, ...notes));
}

document.getElementById("theme").addEventListener("click", otherTheme);
document.getElementById("filter").addEventListener("input", drawTable);
document.addEventListener("keydown", (event) => {
  const filter = document.getElementById("filter");
  if (event.ctrlKey || event.altKey || event.metaKey) return;
  if (document.activeElement === filter || document.activeElement?.tagName === "SELECT") {
    if (event.key === "Escape") document.activeElement.blur();
    return;
  }
  const action = { ArrowRight: () => step(1), ArrowLeft: () => step(-1), t: otherTheme, "/": () => filter.focus() }[event.key];
  if (action) { event.preventDefault(); action(); }
});
let waiting = 0;
window.addEventListener("resize", () => { clearTimeout(waiting); waiting = setTimeout(drawAll, 100); });

setTheme(window.matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
if (n) {
  build();
  drawTable();
  choose(0, { scroll: false });
} else {
  document.getElementById("subtitle").textContent = "no rows";
}
