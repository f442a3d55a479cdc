// Everything together: what is drawn when something is chosen.

const isDark = () => {
  const chosen = document.documentElement.dataset.theme;
  return chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
};

function refresh() {
  const shown = shownRuns();
  markFilters(shown);
  drawOverview();
  drawCurves(shown);
  drawTimeline(shown);
  drawSamples(shown);
  drawRuns(shown);
}

function chooseDataset(index) {
  Object.assign(state, { dataset: index, axes: {}, panelBy: null, measure: page.datasets[index].primary ?? "" });
  fillFilters();
  fillCurveControls();
  fillMoments();
  fillComparison();
  refresh();
}

function remember(theme) {
  try {
    localStorage.setItem("ganbench-theme", theme);
  } catch {
    // A browser that keeps nothing for files: the choice holds until the page is closed.
  }
}

function remembered() {
  try {
    return localStorage.getItem("ganbench-theme");
  } catch {
    return null;
  }
}

function setTheme(theme) {
  if (theme === "dark" || theme === "light") document.documentElement.dataset.theme = theme;
  find("theme").textContent = isDark() ? "Light" : "Dark";
  find("theme").setAttribute("aria-label", `${isDark() ? "light" : "dark"} colours`);
}

/** Charts and canvases have their colours in them, and are drawn again. */
function redraw() {
  setTheme(null);
  refresh();
  drawComparison();
  if (opened) drawRun();
}

function start() {
  setTheme(remembered());
  find("theme").addEventListener("click", () => {
    const theme = isDark() ? "light" : "dark";
    setTheme(theme);
    remember(theme);
    redraw();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
  listenToFilters();
  listenToCurveControls();
  listenToDialog();
  listenToDownloads();
  find("moment").addEventListener("input", () => drawSamples(shownRuns()));
  writeSummary();
  find("provenance-text").append(...[...page.datasets.map(({ caption }) => caption), page.note, page.provenance].map((text) => make("p", {}, text)));
  chooseDataset(0);
  openLinked();
  addEventListener("hashchange", openLinked);
}

/** A link to a run: #run=<identity>. */
function openLinked() {
  const id = new URLSearchParams(location.hash.slice(1)).get("run");
  const run = id && runById(id);
  if (!run) return;
  if (run.dataset !== state.dataset) chooseDataset(run.dataset);
  openRun(id);
}

start();
