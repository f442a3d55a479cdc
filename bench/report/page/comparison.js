// Comparison of two cells; all statistics were computed when the page was written.

const compared = { a: "", b: "" }; // the names of the selected cells

/** The comparisons of cell `a` with the others as objects, with `a` first. */
function contrastsOf(a) {
  const { columns, rows } = dataset().contrasts;
  return rows
    .map((row) => Object.fromEntries(columns.map((name, index) => [name, row[index]])))
    .filter((row) => row.a === a || row.b === a)
    .map((row) => (row.a === a ? row : swapSides(row)));
}

/** The same comparison with the cells swapped. */
function swapSides(row) {
  const inverse = (value) => (value ? 1 / value : null);
  const swapped = { a: row.b, b: row.a, n_a: row.n_b, n_b: row.n_a, failed_a: row.failed_b, failed_b: row.failed_a };
  const better = row.better === null ? null : 1 - row.better;
  return { ...row, ...swapped, ratio: inverse(row.ratio), low: inverse(row.high), high: inverse(row.low), better };
}

function fillComparison() {
  const body = find("comparison-body");
  const contrasts = dataset().contrasts;
  if (!contrasts) {
    body.replaceChildren(make("p", { class: "hint" }, "This dataset has fewer than two cells, so there is nothing to compare."));
    return;
  }
  const [a, b] = ["a", "b"].map((name) => contrasts.columns.indexOf(name));
  const names = [...new Set(contrasts.rows.flatMap((row) => [row[a], row[b]]))];
  Object.assign(compared, { a: names[0], b: names[1] });
  const choice = (id, label, options, key) => {
    const select = make("select", {
      id,
      onchange: (event) => {
        compared[key] = event.target.value;
        drawComparison();
      },
    });
    fill(select, options, compared[key]);
    return make("label", {}, `${label} `, select);
  };
  const cells = names.map((name) => [name, name]);
  const swap = () => {
    Object.assign(compared, { a: compared.b, b: compared.a });
    drawComparison();
  };
  const { label } = measureNamed(contrasts.rows[0][contrasts.columns.indexOf("measure")]);
  const pairs = contrasts.rows.length === 1 ? "one pair" : `all ${contrasts.rows.length} pairs`;
  const method = `By final ${label}. Holm's correction covers ${pairs} and both tests (${label} and failure rate). A difference in ${label} must also be significant by permutation.`;
  body.replaceChildren(
    make("p", { class: "hint" }, method),
    make(
      "div",
      { class: "controls" },
      choice("cell-a", "A", cells, "a"),
      make("button", { type: "button", class: "quiet", id: "swap", onclick: swap, "aria-label": "swap A and B" }, "⇄"),
      choice("cell-b", "B", cells, "b"),
    ),
    make("div", { id: "contrast", "aria-live": "polite" }),
    make("h3", { id: "against" }),
    make("div", { class: "scroll tall", role: "region", "aria-labelledby": "against", tabindex: "0" }, make("table", { id: "contrast-table" })),
  );
  drawComparison();
}

function drawComparison() {
  if (!dataset().contrasts) return;
  find("cell-a").value = compared.a;
  find("cell-b").value = compared.b;
  const rows = contrastsOf(compared.a);
  const row = rows.find(({ b }) => b === compared.b);
  find("contrast").replaceChildren(...(row ? contrast(row) : [make("p", { class: "hint" }, notCompared())]));
  find("against").textContent = `A (${compared.a}) compared with the other cells`;
  find("contrast-table").replaceChildren(...contrastTable(rows));
  if (row) drawValues(row);
}

function notCompared() {
  if (compared.a === compared.b) return "Choose two different cells.";
  const { columns, rows } = dataset().contrasts;
  return `These two cells were not compared: with this many cells, each is compared only with the best one, ${rows[0][columns.indexOf("a")]}.`;
}

/** The verdict, with the names of the cells unless it contains them. */
function writeVerdict({ a, b, verdict }) {
  return verdict.startsWith(a) || verdict.startsWith(b) ? `${verdict}.` : `${a} and ${b}: ${verdict}.`;
}

const writeP = (p) => (p === null || p === undefined ? "–" : p < 1e-4 ? "< 0.0001" : formatNumber(p, ".2g"));
const writeRatio = ({ ratio, low, high }) => (ratio === null ? "–" : `${formatNumber(ratio, ".3g")}${low === null ? "" : ` (${formatNumber(low, ".3g")} to ${formatNumber(high, ".3g")})`}`);
const writeShare = (share) => (share === null ? "–" : `${Math.round(100 * share)}%`);

function contrast(row) {
  const measure = measureNamed(row.measure);
  const fact = (name, value) => make("div", {}, make("div", { class: "name" }, name), make("div", { class: "value" }, value));
  return [
    make("p", { class: "verdict" }, writeVerdict(row)),
    make(
      "div",
      { class: "facts" },
      fact(`ratio of geometric means of ${measure.label}, A / B (95% CI)`, writeRatio(row)),
      fact("P(a run of A is better than one of B), failed runs count as worst", writeShare(row.better)),
      fact("failed runs in A and in B", `${formatCount(row.failed_a)} of ${formatCount(row.n_a)}, ${formatCount(row.failed_b)} of ${formatCount(row.n_b)}`),
      fact("p of the difference; Holm-corrected", `${writeP(row.p)}; ${writeP(row.p_holm)}`),
      fact("p by permutation; smallest possible", `${writeP(row.p_permutation)}; ${writeP(row.smallest)}`),
      fact("p of the failure rates; Holm-corrected", `${writeP(row.p_failure)}; ${writeP(row.p_failure_holm)}`),
    ),
    make("div", { class: "chart", id: "contrast-chart", role: "img", "aria-label": `final ${measure.label} of every run of A and of B` }),
  ];
}

/** Draw the final values of all runs of both cells on one axis. */
async function drawValues(row) {
  const index = dataset().measures.findIndex(({ name }) => name === row.measure);
  const measure = dataset().measures[index];
  if (!measure) return;
  const sides = [["A", row.a], ["B", row.b]].map(([side, name]) => [side, datasetRuns().filter((run) => cellOf(run) === name)]);
  const values = sides.flatMap(([side, runs]) =>
    runs.filter((run) => run.final[index] !== null).map((run) => ({ side, value: run.final[index] * measure.scale, outcome: outcomeOf(run).name, seed: run.seed })),
  );
  if (!values.length) return;
  const numbers = values.map(({ value }) => value);
  const ends = [Math.min(...numbers), Math.max(...numbers)];
  const log = measure.log && values.every(({ value }) => value > 0);
  const names = page.outcomes.map(({ name }) => name);
  const spec = {
    width: "container",
    height: 130,
    autosize: { type: "fit", contains: "padding", resize: true },
    data: { values },
    mark: { type: "point", filled: true, size: 90, opacity: 1, stroke: colour("edge"), strokeWidth: 1 },
    encoding: {
      x: { field: "value", type: "quantitative", title: `final ${measure.label}`, scale: log ? logScale(ends) : { zero: false }, axis: log ? logAxis(ends) : { tickCount: 6 } },
      y: { field: "side", type: "nominal", title: null, axis: { labelFontSize: 13, domain: false, ticks: false, grid: true } },
      fill: { field: "outcome", type: "nominal", scale: { domain: names, range: page.outcomes.map((outcome) => outcome.colour) }, legend: null },
      tooltip: [{ field: "value", type: "quantitative", format: ".4~g", title: measure.label }, { field: "seed", type: "nominal" }, { field: "outcome", type: "nominal" }],
    },
  };
  await vegaEmbed(find("contrast-chart"), spec, { ...EMBED, tooltip: { theme: isDark() ? "dark" : "light" }, config: chartConfig() });
}

function contrastTable(rows) {
  const measure = measureNamed(rows[0].measure);
  const columns = [
    ["B", (row) => row.b],
    [`ratio of ${measure.label}, A / B`, writeRatio, true],
    ["P(A better)", (row) => writeShare(row.better), true],
    ["failed A", (row) => `${row.failed_a}/${row.n_a}`, true],
    ["failed B", (row) => `${row.failed_b}/${row.n_b}`, true],
    ["p, Holm", (row) => writeP(row.p_holm), true],
    ["verdict", (row) => row.verdict, false],
  ];
  const choose = (name) => () => {
    compared.b = name;
    drawComparison();
  };
  const head = columns.map(([label, , number]) => make("th", { scope: "col", class: number ? "number" : null }, label));
  const body = rows.map((row) =>
    make(
      "tr",
      { class: row.b === compared.b ? "chosen" : null },
      columns.map(([, text, number], index) =>
        index ? make("td", { class: number ? "number" : "words" }, text(row)) : make("th", { scope: "row" }, make("button", { type: "button", class: "link", onclick: choose(row.b) }, text(row))),
      ),
    ),
  );
  return [make("thead", {}, make("tr", {}, head)), make("tbody", {}, body)];
}
