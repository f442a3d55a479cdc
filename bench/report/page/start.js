// Start-up, and redrawing when the selection changes.

const isDark = () => {
  const theme = document.documentElement.dataset.theme;
  return theme ? theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
};

function refresh() {
  const shown = shownRuns();
  showFilters(shown);
  drawOverview();
  drawCurves(shown);
  drawTimeline(shown);
  drawSamples(shown);
  drawRuns(shown);
}

function selectDataset(index) {
  Object.assign(state, { dataset: index, axes: {}, panelBy: null, measure: page.datasets[index].primary ?? "" });
  fillFilters();
  fillCurveControls();
  fillStepSlider();
  fillComparison();
  refresh();
}

function saveTheme(theme) {
  try {
    localStorage.setItem("ganbench-theme", theme);
  } catch {
    // Some browsers have no storage for local files: the theme then lasts until the page is closed.
  }
}

function savedTheme() {
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

/** Redraw everything in the colours of the current theme. */
function redraw() {
  setTheme(null);
  refresh();
  drawComparison();
  if (opened) drawRun();
}

function start() {
  setTheme(savedTheme());
  find("theme").addEventListener("click", () => {
    const theme = isDark() ? "light" : "dark";
    setTheme(theme);
    saveTheme(theme);
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
  selectDataset(0);
  openLinkedRun();
  addEventListener("hashchange", openLinkedRun);
}

/** Open the run of a link, #run=<identity>. */
function openLinkedRun() {
  const id = new URLSearchParams(location.hash.slice(1)).get("run");
  const run = id && runById(id);
  if (!run) return;
  if (run.dataset !== state.dataset) selectDataset(run.dataset);
  openRun(id);
}

start();
