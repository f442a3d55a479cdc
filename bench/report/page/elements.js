// Elements, colours and the tooltip. Text is set as text, never as markup.

const find = (id) => document.getElementById(id);

/** An element with attributes and children; strings become text. */
function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "style") Object.assign(element.style, value);
    else if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}

/** Fill a select with [[value, text], ...] or {group: [[value, text], ...]}, and select a value. */
function fill(select, options, selected) {
  const entries = (list) => list.map(([value, text]) => make("option", { value }, text));
  const children = Array.isArray(options)
    ? entries(options)
    : Object.entries(options)
        .filter(([, list]) => list.length)
        .map(([label, list]) => make("optgroup", { label }, entries(list)));
  select.replaceChildren(...children);
  select.value = selected;
}

/** A colour of the style sheet in the current theme. */
function colour(name) {
  const probe = make("span", { hidden: true, style: { color: `var(--${name})` } });
  document.body.append(probe);
  const value = getComputedStyle(probe).color;
  probe.remove();
  return value;
}

/** The style of a series; colours repeat with other dashes, and black follows the theme. */
function seriesStyle(index) {
  const styles = page.series_styles;
  const ownColour = styles[index % styles.length].colour;
  const dash = styles[(index + Math.floor(index / styles.length)) % styles.length].dash;
  return { colour: ownColour === "#000000" ? colour("black") : ownColour, dash };
}

function outcomeBadge(run) {
  const { name, colour: background, symbol } = outcomeOf(run);
  return make(
    "span",
    { class: "outcome" },
    make("span", { class: "swatch", style: { background }, "aria-hidden": "true" }),
    make("span", { class: "symbol", "aria-hidden": "true" }, symbol),
    name,
  );
}

/** A legend of coloured squares. */
function swatches(list, entries) {
  list.replaceChildren(
    ...entries.map(({ name, colour: background, symbol }) =>
      make(
        "li",
        {},
        make("span", { class: "swatch", style: { background }, "aria-hidden": "true" }),
        symbol ? `${symbol} ${name}` : name,
      ),
    ),
  );
}

/** A short line for the legend. */
function lineSample(stroke, dash, width) {
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg");
  const line = document.createElementNS(space, "line");
  for (const [name, value] of Object.entries({ width: 30, height: 10, "aria-hidden": "true" })) svg.setAttribute(name, value);
  const parts = { x1: 0, x2: 30, y1: 5, y2: 5, stroke, "stroke-width": width, "stroke-dasharray": dash.join(" ") };
  for (const [name, value] of Object.entries(parts)) line.setAttribute(name, value);
  svg.append(line);
  return svg;
}

function showTooltip(event, title, lines) {
  const tooltip = find("tooltip");
  tooltip.replaceChildren(make("strong", {}, title), ...lines.map((line) => make("div", {}, line)));
  tooltip.hidden = false;
  const { width, height } = tooltip.getBoundingClientRect();
  const left = event.clientX + 14 + width > innerWidth ? event.clientX - width - 10 : event.clientX + 14;
  const above = event.clientY + 14 + height > innerHeight ? event.clientY - height - 10 : event.clientY + 14;
  tooltip.style.left = `${Math.max(4, left)}px`;
  tooltip.style.top = `${Math.max(4, above)}px`;
}

const hideTooltip = () => (find("tooltip").hidden = true);

/** Make many buttons one Tab stop; arrow keys, Home and End move between them. */
function useRovingFocus(container, selector) {
  const items = [...container.querySelectorAll(selector)];
  items.forEach((item, index) => (item.tabIndex = index ? -1 : 0));
  container.onkeydown = (event) => {
    const at = items.indexOf(event.target);
    const to = { ArrowDown: at + 1, ArrowRight: at + 1, ArrowUp: at - 1, ArrowLeft: at - 1, Home: 0, End: items.length - 1 };
    if (at < 0 || !(event.key in to) || !items[to[event.key]]) return;
    event.preventDefault();
    items[at].tabIndex = -1;
    items[to[event.key]].tabIndex = 0;
    items[to[event.key]].focus();
  };
}
