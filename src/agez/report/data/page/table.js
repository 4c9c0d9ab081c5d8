// The table of all rows: sorted by a click on a heading, filtered by words and conditions.

const columns = [
  { key: "id", label: [[data.noun, ""]], text: true, at: (row) => data.rows.id[row] },
  ...data.targets.map((one) => quantity(one.name)),
  ...Object.keys(data.columns).map(quantity),
  ...["chi2", "ood"].filter((key) => data.rows[key].some((x) => x !== null)).map((key) => ({ ...quantity(key), label: [[key, ""]] })),
  { key: "flags", label: [["flags", ""]], text: true, at: (row) => flagWords(row) },
];
const flagWords = (row) => [data.rows.worst_band[row], ...flagsOf(row).map((one) => one.name)].filter(Boolean).join(", ");

const order = { key: null, up: true };
let shown = [];

function compare(one) {
  return (p, q) => {
    const [x, y] = [one.at(p), one.at(q)];
    if (one.text) return x.localeCompare(y, undefined, { numeric: true });
    return Number.isFinite(x) && Number.isFinite(y) ? x - y : Number.isFinite(y) - Number.isFinite(x);
  };
}

// A filter as a function of a row: `name < number` with the columns' names, or words of ids and flags; all must hold.
// `!word` leaves rows with the word out.
function parsed(text) {
  const tests = [];
  for (const piece of text.split(/,|\band\b/).map((one) => one.trim()).filter(Boolean)) {
    const found = /^([^<>=]+?)\s*(<=|>=|<|>|=)\s*(-?\d+(?:\.\d*)?(?:[eE][-+]?\d+)?)$/.exec(piece);
    if (found) {
      const one = quantity(found[1]);
      if (!one) return { fault: `there is no column ${found[1]}; try ${data.targets[0].name} > ${fixed(data.targets[0].range[0], 1)}` };
      const value = Number(found[3]);
      tests.push((row) => ({ "<": (x) => x < value, ">": (x) => x > value, "<=": (x) => x <= value, ">=": (x) => x >= value, "=": (x) => x === value })[found[2]](one.at(row)));
    } else if (/[<>=]/.test(piece)) {
      return { fault: `${piece} is not understood; try ${data.targets[0].name} > 9.5` };
    } else {
      const not = piece.startsWith("!"), word = piece.replace(/^!/, "").toLowerCase();
      tests.push((row) => `${data.rows.id[row]} ${flagWords(row)}`.toLowerCase().includes(word) !== not);
    }
  }
  return { test: (row) => tests.every((one) => one(row)) };
}

function drawTable() {
  const { test, fault } = parsed(document.getElementById("filter").value);
  document.getElementById("filter-help").textContent = fault ?? "as in: mh_lw < -0.3, OUT_OF_DISTRIBUTION, or !OUT_OF_DISTRIBUTION";
  if (fault) return;
  shown = Array.from({ length: n }, (_, row) => row).filter(test);
  const by = columns.find((one) => one.key === order.key);
  if (by) shown.sort((p, q) => (order.up ? 1 : -1) * compare(by)(p, q));
  const some = shown.length === n ? `${n}` : `${shown.length} of ${n}`;
  document.getElementById("count").textContent = `${some} ${data.noun}${shown.length === 1 && n === 1 ? "" : "s"}`;
  const head = html("tr");
  for (const one of columns) {
    const arrow = order.key === one.key ? (order.up ? " \u25b2" : " \u25bc") : "";
    const button = html("button", { type: "button" }, ...htmlLabel(one.label), arrow);
    button.addEventListener("click", () => { order.up = order.key === one.key ? !order.up : true; order.key = one.key; drawTable(); });
    const sort = order.key === one.key ? { "aria-sort": order.up ? "ascending" : "descending" } : {};
    head.append(html("th", { scope: "col", ...sort, ...(one.text ? { class: "text" } : {}) }, button));
  }
  const body = html("tbody");
  for (const row of shown) {
    const line = html("tr", { "data-row": row });
    for (const one of columns) {
      const cell = html("td", one.text ? { class: "text" } : { "data-column": one.key });
      cell.append(one.text ? one.at(row) : fixed(one.at(row), one.digits));
      if (one.errorAt) cell.append(" ", html("small", {}, `\u00b1 ${fixed(one.errorAt(row), one.digits)}`));
      line.append(cell);
    }
    body.append(line);
  }
  body.addEventListener("click", (event) => { const line = event.target.closest("tr"); if (line) choose(Number(line.dataset.row)); });
  document.getElementById("table").replaceChildren(html("thead", {}, head), body);
  markRow(false);
}

// Mark the chosen row in the table; with `scroll` bring it into the table's view, and leave the page where it is.
function markRow(scroll) {
  const table = document.getElementById("table"), box = table.parentElement;
  for (const line of table.querySelectorAll(".is-chosen")) line.classList.remove("is-chosen");
  const line = table.querySelector(`tr[data-row="${state.row}"]`);
  if (!line) return;
  line.classList.add("is-chosen");
  if (scroll) box.scrollTop = line.offsetTop - box.clientHeight / 2;
}
