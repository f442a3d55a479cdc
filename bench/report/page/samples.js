// Samples over training: points in the plane on canvases, images as parts of one picture.

const DIGITS64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const LEVELS = 4095; // of a coordinate, two characters
const POINT = "#0072B2";
const MODE = "#D55E00";

/** [[x, y], ...] in the unit of the window, from four characters a point. */
function decodePoints(text, reach) {
  const coordinate = (at) => ((DIGITS64.indexOf(text[at]) * 64 + DIGITS64.indexOf(text[at + 1])) / LEVELS) * 2 * reach - reach;
  return Array.from({ length: text.length / 4 }, (_, index) => [coordinate(4 * index), coordinate(4 * index + 2)]);
}

/** The picture of a run's samples at one of the evaluations that are kept. */
function samplePicture(run, frame) {
  const { steps, image, points, count } = run.samples;
  const outside = points ? count - points[frame].length / 4 : 0;
  const label = `samples at step ${writeCount(steps[frame])}${outside ? `, ${outside} of ${count} outside of the window` : ""}`;
  if (!points) {
    const across = steps.length > 1 ? (100 * frame) / (steps.length - 1) : 0;
    const style = { backgroundImage: `url("${image}")`, backgroundSize: `${100 * steps.length}% 100%`, backgroundPosition: `${across}% 0` };
    return make("span", { class: "picture pixels", role: "img", "aria-label": label, style });
  }
  const canvas = make("canvas", { class: "picture", width: 256, height: 256, role: "img", "aria-label": label });
  drawPoints(canvas, decodePoints(points[frame], page.datasets[run.dataset].window.reach), page.datasets[run.dataset].window);
  return canvas;
}

function drawPoints(canvas, points, { reach, centres, sigma }) {
  const context = canvas.getContext("2d");
  const [size, dark] = [canvas.width, isDark()];
  const place = ([x, y]) => [((x + reach) / (2 * reach)) * size, ((reach - y) / (2 * reach)) * size];
  context.strokeStyle = MODE;
  context.lineWidth = 2;
  const radius = Math.max((3 * sigma * size) / (2 * reach), 5);
  for (const centre of centres) {
    context.beginPath();
    context.arc(...place(centre), radius, 0, 2 * Math.PI);
    context.stroke();
  }
  context.fillStyle = dark ? "#56B4E9" : POINT;
  context.globalAlpha = 0.6;
  for (const point of points) {
    context.beginPath();
    context.arc(...place(point), 2.6, 0, 2 * Math.PI);
    context.fill();
  }
}

/** The steps that some run of the dataset has samples of. */
function moments() {
  const steps = runsHere().flatMap((run) => run.samples?.steps ?? []);
  return [...new Set(steps)].sort((one, other) => one - other);
}

/** The last evaluation with samples that is not after a step. */
const frameAt = (run, step) => Math.max(0, run.samples.steps.findLastIndex((each) => each <= step));

function fillMoments() {
  const most = Math.max(0, moments().length - 1);
  Object.assign(find("moment"), { max: most, value: most });
  find("moment").disabled = most === 0;
}

function drawSamples(shown) {
  const there = shown.filter((run) => run.samples);
  const any = runsHere().some((run) => run.samples);
  find("samples").hidden = !any;
  find("to-samples").hidden = !any;
  if (!any) return;
  const step = moments()[Number(find("moment").value)] ?? 0;
  find("moment-step").textContent = writeCount(step);
  find("moment").setAttribute("aria-valuetext", `step ${writeCount(step)}`);
  const lacking = shown.length - there.length;
  const what = dataset().window ? "Circles: 3σ around the true modes, where these are known." : "A few images of every run.";
  find("samples-note").textContent = `${what} A run that ended earlier stays as it was.${lacking ? ` ${lacking} runs have no samples.` : ""}`;
  const blocks = [...grouped(there, (run) => run.cell)].map(([cell, runs]) =>
    make("div", { class: "sheet" }, make("h3", {}, dataset().cells[cell]), make("div", { class: "sheet-runs" }, runs.map((run) => thumbnail(run, step)))),
  );
  find("sheets").classList.toggle("dense", there.length > MANY);
  find("sheets").replaceChildren(...blocks);
  roving(find("sheets"), ".thumb");
}

function thumbnail(run, step) {
  const { name, glyph } = outcomeOf(run);
  return make(
    "button",
    { type: "button", class: "thumb", title: name, onclick: () => openRun(run.id) },
    samplePicture(run, frameAt(run, step)),
    make("span", {}, make("b", {}, `seed ${run.seed}`), make("b", { "aria-label": name }, glyph)),
  );
}

/** All that is kept of one run, side by side. */
function sampleStrip(run) {
  return make(
    "div",
    { class: "strip" },
    run.samples.steps.map((step, frame) => make("figure", {}, samplePicture(run, frame), make("figcaption", {}, `step ${writeCount(step)}`))),
  );
}
