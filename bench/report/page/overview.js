// The cells of the dataset: what became of their runs, and the chosen measure as the report's tables have it.

const LINES = 30; // of the table that are seen at once

function drawOverview() {
  const { table, axes } = dataset();
  const measure = measureNamed(state.measure);
  const columns = table.columns.map(([of, which], index) => ({ of, which, index })).filter(({ of, which }) => of === measure.name || !which);
  const several = axes.map((_, index) => index).filter((index) => index === 0 || valuesOn(axes[index]).length > 1);
  const heads = several.map((index) => make("th", { scope: "col" }, AXES[axes[index]].replaceAll("_", " ")));
  heads.push(make("th", { scope: "col" }, "outcomes"));
  heads.push(...columns.map(({ of, which }) => make("th", { scope: "col", class: "number" }, which ? `${measure.label} ${which}` : of)));
  const lines = table.lines.filter(({ kind, entries }) => kind === "cell" || columns.some(({ index }) => entries[index][0]));
  find("cells").parentElement.classList.toggle("tall", lines.length > LINES);
  find("cells").replaceChildren(
    make("caption", { hidden: true }, `Cells of ${dataset().name}`),
    make("thead", {}, make("tr", {}, heads)),
    make("tbody", {}, lines.map((line, index) => overviewRow(line, index, columns, several))),
  );
  const mean = table.geometric.includes(measure.name) ? "geometric mean and its 95\u00a0% interval" : "mean and its 95\u00a0% interval";
  const numbers = columns.some(({ which }) => which) ? ` Numbers: ${mean} over the runs that have a value; bold: not shown to be worse than the best.` : "";
  find("overview-note").textContent = `What became of every run, cell by cell.${numbers} Choose a cell to see its runs alone.`;
  swatches(find("outcome-legend"), page.outcomes.filter(({ name }) => runsHere().some((run) => outcomeOf(run).name === name)));
}

/** A cell, or what stands below the cells: untrained, real data, published numbers. */
function overviewRow({ kind, heads, entries }, index, columns, several) {
  const runs = kind === "cell" ? runsHere().filter((run) => run.cell === index) : [];
  const chosen = runs.length > 0 && isChosen(runs[0]);
  return make(
    "tr",
    { class: runs.length ? (chosen ? "chosen" : null) : "aside" },
    several.map((place) => (place === 0 ? firstColumn(heads[0], runs, chosen) : make("td", { class: "place" }, heads[place]))),
    make("td", { class: "bar" }, runs.length ? outcomeBar(runs) : ""),
    columns.map(({ index: at }) => make("td", { class: "number" }, entries[at][1] ? make("strong", {}, entries[at][0]) : entries[at][0])),
  );
}

function firstColumn(text, runs, chosen) {
  if (!runs.length) return make("th", { scope: "row" }, text);
  const attributes = { type: "button", class: "link", "aria-pressed": String(chosen), title: "show the runs of this cell alone" };
  return make("th", { scope: "row" }, make("button", { ...attributes, onclick: () => chooseCell(runs[0]) }, text));
}

/** Whether the filters choose the cell of a run, on every axis that has several values. */
function isChosen(run) {
  const several = dataset().axes.filter((axis) => valuesOn(axis).length > 1);
  return several.length > 0 && several.every((axis) => state.axes[axis] === run.at[axis]);
}

function chooseCell(run) {
  const several = dataset().axes.filter((axis) => valuesOn(axis).length > 1);
  state.axes = isChosen(run) ? {} : Object.fromEntries(several.map((axis) => [axis, run.at[axis]]));
  refresh();
  document.querySelector("#cells tr.chosen button")?.focus();
}

/** How many runs had each outcome, as a bar with the numbers in it. */
function outcomeBar(runs) {
  const counts = page.outcomes
    .map((outcome, index) => ({ ...outcome, count: runs.filter((run) => run.outcome === index).length }))
    .filter(({ count }) => count);
  return make(
    "div",
    { class: "stack", role: "img", "aria-label": counts.map(({ name, count }) => `${count} ${name}`).join(", ") },
    counts.map(({ name, colour: own, count }) =>
      make("span", { title: `${count} ${name}`, style: { flex: `${count} 0 0`, background: own, color: inkOn(own) } }, String(count)),
    ),
  );
}

/** Black or white, whichever is read more easily on a colour "#rrggbb" (WCAG's luminance). */
function inkOn(background) {
  const parts = [1, 3, 5].map((start) => parseInt(background.slice(start, start + 2), 16) / 255);
  const [red, green, blue] = parts.map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.179 ? "#000000" : "#ffffff";
}

function writeSummary() {
  const cells = page.datasets.reduce((sum, each) => sum + each.cells.length, 0);
  const several = page.datasets.length > 1 ? ` on ${page.datasets.length} datasets` : ` on ${page.datasets[0].name}`;
  find("suite").textContent = `· suite ${page.suite}`;
  find("summary").textContent = `${page.runs.length} runs of ${cells} cells${several}: ${countOutcomes(page.runs)}.`;
}
