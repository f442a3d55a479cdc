// The cells of the dataset: the outcomes of their runs, and the selected measure as in the report's tables.

const MAX_ROWS = 30; // of the table before it scrolls

function drawOverview() {
  const { table } = dataset();
  const measure = measureNamed(state.measure);
  const columns = table.columns.map(([name, which], index) => ({ name, which, index })).filter(({ name, which }) => name === measure.name || !which);
  const heads = table.axes.map((axis) => make("th", { scope: "col" }, AXES[axis].replaceAll("_", " ")));
  heads.push(make("th", { scope: "col" }, "outcomes"));
  heads.push(...columns.map(({ name, which }) => make("th", { scope: "col", class: "number" }, which ? `${measure.label} ${which}${arrow(measure)}` : name)));
  const rows = table.rows.filter(({ kind, entries }) => kind === "cell" || columns.some(({ index }) => entries[index][0]));
  find("cells").parentElement.classList.toggle("tall", rows.length > MAX_ROWS);
  find("cells").replaceChildren(
    make("caption", { hidden: true }, `Cells of ${dataset().name}`),
    make("thead", {}, make("tr", {}, heads)),
    make("tbody", {}, rows.map((row, index) => overviewRow(row, index, columns))),
  );
  const mean = table.geometric.includes(measure.name) ? "geometric mean with 95% CI" : "mean with 95% CI";
  const numbers = columns.some(({ which }) => which) ? ` Numbers: ${mean} over the runs with a value; bold: best, or not significantly worse.` : "";
  find("overview-note").textContent = `Outcomes of all runs by cell.${numbers} Click a cell to show only its runs.`;
  swatches(find("outcome-legend"), page.outcomes.filter(({ name }) => datasetRuns().some((run) => outcomeOf(run).name === name)));
}

/** An arrow that shows which direction is better; empty if neither is. */
function arrow({ higher }) {
  return higher === null ? "" : higher ? " ↑" : " ↓";
}

/** A cell, or a reference row below the cells: untrained, real data, published numbers. */
function overviewRow({ kind, labels, entries }, index, columns) {
  const runs = kind === "cell" ? datasetRuns().filter((run) => run.cell === index) : [];
  const selected = runs.length > 0 && isSelected(runs[0]);
  return make(
    "tr",
    { class: runs.length ? (selected ? "chosen" : null) : "aside" },
    labels.map((label, axis) => (axis === 0 ? firstColumn(label, runs, selected) : make("td", { class: "place" }, label))),
    make("td", { class: "bar" }, runs.length ? outcomeBar(runs) : ""),
    columns.map(({ index: at }) => make("td", { class: "number" }, entries[at][1] ? make("strong", {}, entries[at][0]) : entries[at][0])),
  );
}

function firstColumn(text, runs, selected) {
  if (!runs.length) return make("th", { scope: "row" }, text);
  const attributes = { type: "button", class: "link", "aria-pressed": String(selected), title: "show only the runs of this cell" };
  return make("th", { scope: "row" }, make("button", { ...attributes, onclick: () => selectCell(runs[0]) }, text));
}

/** Whether the filters select exactly the cell of a run. */
function isSelected(run) {
  const several = dataset().axes.filter((axis) => valuesOn(axis).length > 1);
  return several.length > 0 && several.every((axis) => state.axes[axis] === run.labels[axis]);
}

function selectCell(run) {
  const several = dataset().axes.filter((axis) => valuesOn(axis).length > 1);
  state.axes = isSelected(run) ? {} : Object.fromEntries(several.map((axis) => [axis, run.labels[axis]]));
  refresh();
  document.querySelector("#cells tr.chosen button")?.focus();
}

/** The number of runs with each outcome, as a stacked bar. */
function outcomeBar(runs) {
  const counts = page.outcomes
    .map((outcome, index) => ({ ...outcome, count: runs.filter((run) => run.outcome === index).length }))
    .filter(({ count }) => count);
  return make(
    "div",
    { class: "stack", role: "img", "aria-label": counts.map(({ name, count }) => `${count} ${name}`).join(", ") },
    counts.map(({ name, colour: background, count }) =>
      make("span", { title: `${count} ${name}`, style: { flex: `${count} 0 0`, background, color: textColourOn(background) } }, String(count)),
    ),
  );
}

/** Black or white, whichever has more contrast on a colour "#rrggbb" (WCAG's luminance). */
function textColourOn(background) {
  const parts = [1, 3, 5].map((start) => parseInt(background.slice(start, start + 2), 16) / 255);
  const [red, green, blue] = parts.map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.179 ? "#000000" : "#ffffff";
}

function writeSummary() {
  const cells = page.datasets.reduce((sum, { cells }) => sum + cells.length, 0);
  const where = page.datasets.length > 1 ? ` on ${page.datasets.length} datasets` : ` on ${page.datasets[0].name}`;
  find("suite").textContent = `· suite ${page.suite}`;
  find("summary").textContent = `${page.runs.length} runs in ${cells} cells${where}: ${countOutcomes(page.runs)}.`;
}
