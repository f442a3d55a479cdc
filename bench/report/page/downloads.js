// Downloads of the data of the page as CSV.

function csv(rows) {
  const field = (value) => {
    let text = value === null || value === undefined ? "" : String(value);
    // A spreadsheet takes such a label for a formula.
    if (/^[=+\-@]/.test(text) && Number.isNaN(Number(text))) text = `'${text}`;
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  return rows.map((row) => row.map(field).join(",")).join("\n") + "\n";
}

/** One row per run of all datasets; measures that a dataset does not have are empty. */
function runRows() {
  const names = [...new Set(page.datasets.flatMap(({ measures }) => measures.map(({ name }) => name)))];
  const head = ["dataset", ...AXES, "seed", "run", "outcome", "outcome_reason", "outcome_step", ...names.flatMap((name) => [`${name}_final`, `${name}_best`]), "steps_per_second", "training_seconds"];
  const rows = page.runs.map((run) => {
    const { name: datasetName, measures } = page.datasets[run.dataset];
    const indices = names.map((name) => measures.findIndex((measure) => measure.name === name));
    return [datasetName, ...run.labels, run.seed, run.id, outcomeOf(run).name, run.reason, run.since, ...indices.flatMap((index) => [run.final[index], run.best[index]]), run.speed, run.seconds];
  });
  return [head, ...rows];
}

/** Long form: one row per run, step and measure. */
function traceRows() {
  const head = ["dataset", ...AXES, "seed", "run", "step", "critic_step", "images", "seconds", "measure", "value"];
  const rows = page.runs.flatMap((run) => {
    const [critic, images] = ["critic", "images"].map((x) => positions(run, x));
    const seconds = column(run, "seconds"); // as recorded
    const fixed = [page.datasets[run.dataset].name, ...run.labels, run.seed, run.id];
    const names = Object.keys(run.trace).filter((name) => name !== "seconds");
    return names.flatMap((name) => {
      const values = column(run, name);
      return evaluationSteps(run).map((step, index) => [...fixed, step, critic?.[index], images?.[index], seconds?.[index], name, values[index]]);
    });
  });
  return [head, ...rows];
}

function download(name, rows) {
  const url = URL.createObjectURL(new Blob([csv(rows)], { type: "text/csv;charset=utf-8" }));
  const link = make("a", { href: url, download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(url), 1000);
}

function listenToDownloads() {
  const maxCount = Math.max(...page.runs.map((run) => evaluationSteps(run).length));
  const thinned = page.runs.some((run) => run.evaluations > evaluationSteps(run).length);
  const evaluations = thinned ? `; at most ${maxCount} evenly spaced evaluations per run` : "";
  find("download-note").textContent = `From the data in this page: measures with six significant digits, losses and probes with four${evaluations}. The records contain all values.`;
  find("download-runs").addEventListener("click", () => download("runs.csv", runRows()));
  find("download-traces").addEventListener("click", () => download("traces.csv", traceRows()));
}
