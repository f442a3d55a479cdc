// The data of the page as CSV.

function csv(rows) {
  const field = (value) => {
    const text = value === null || value === undefined ? "" : String(value);
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  return rows.map((row) => row.map(field).join(",")).join("\n") + "\n";
}

/** One row a run, all datasets; a measure that a dataset does not have is empty there. */
function runRows() {
  const names = [...new Set(page.datasets.flatMap(({ measures }) => measures.map(({ name }) => name)))];
  const head = ["dataset", ...AXES, "seed", "run", "outcome", "outcome_reason", "outcome_step", ...names.flatMap((name) => [`${name}_final`, `${name}_best`]), "steps_per_second", "training_seconds"];
  const rows = page.runs.map((run) => {
    const { name: of, measures } = page.datasets[run.dataset];
    const places = names.map((name) => measures.findIndex((each) => each.name === name));
    return [of, ...run.at, run.seed, run.id, outcomeOf(run).name, run.reason, run.since, ...places.flatMap((place) => [run.final[place], run.best[place]]), run.speed, run.seconds];
  });
  return [head, ...rows];
}

/** Long form: one row per run, step and measure. */
function traceRows() {
  const head = ["dataset", ...AXES, "seed", "run", "step", "critic_step", "images", "seconds", "measure", "value"];
  const rows = page.runs.flatMap((run) => {
    const [critic, images, seconds] = ["critic", "images", "seconds"].map((x) => positions(run, x));
    const fixed = [page.datasets[run.dataset].name, ...run.at, run.seed, run.id];
    const names = Object.keys(run.trace).filter((name) => name !== "seconds");
    return names.flatMap((name) => {
      const values = column(run, name);
      return page.pool[run.grid].map((step, index) => [...fixed, step, critic?.[index], images?.[index], seconds?.[index], name, values[index]]);
    });
  });
  return [head, ...rows];
}

function download(name, rows) {
  const address = URL.createObjectURL(new Blob([csv(rows)], { type: "text/csv;charset=utf-8" }));
  const link = make("a", { href: address, download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(address), 1000);
}

function listenToDownloads() {
  const most = Math.max(...page.runs.map((run) => page.pool[run.grid].length));
  const thinned = page.runs.some((run) => run.evaluations > page.pool[run.grid].length);
  const kept = thinned ? ` and ${most} evaluations of a run, evenly spaced` : "";
  find("download-note").textContent = `Made from the data in this page: measures with six significant digits, losses and probes with four${kept}. The records have everything.`;
  find("download-runs").addEventListener("click", () => download("runs.csv", runRows()));
  find("download-traces").addEventListener("click", () => download("traces.csv", traceRows()));
}
