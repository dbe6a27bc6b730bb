// The page: what is chosen, and what is drawn for it.

const data = JSON.parse(document.getElementById("data").textContent);
const report = data.report;
const frames = framesOf(data);
const view = { measure: data.measure, inverted: false, hidden: false };
const element = (id) => document.getElementById(id);
let root = null;
let zoomed = null;
let earlier = []; // what was zoomed to before

const flame = new Flame(element("flame"), { onZoom: zoomTo, onBack: back, onLook: look });
const sites = new Sites(report.hotspots, data.site_count, { onSort: measureBy, onSite: searchFor });

function query() {
  return element("search").value.trim().toLowerCase();
}

function rebuild() {
  const kept = zoomed && root ? zoomed : null;
  root = buildTree(data, frames, view);
  zoomed = (kept && sameNode(root, kept)) || root;
  earlier = earlier.map((node) => sameNode(root, node)).filter((node) => node !== null);
  draw();
}

function draw() {
  const wanted = query();
  const sum = markMatches(root, zoomed, matchingFrames([...frames, LIBRARIES_ONLY], wanted));
  flame.draw(zoomed, {
    measure: view.measure, inverted: view.inverted, searching: wanted !== "", label: boxText,
  });
  element("matched").textContent = wanted === "" ? "" : matchedText(sum);
  element("back").disabled = zoomed === root && earlier.length === 0;
  element("whole").disabled = zoomed === root;
  look(zoomed);
  sites.draw(view.measure, wanted);
}

function matchedText(sum) {
  const share = zoomed.value > 0 ? sum.value / zoomed.value : 0;
  const within = zoomed === root ? "all" : "what is zoomed to";
  return `Matched ${percentText(share)} of ${within}: ${amountText(sum, view.measure)}`;
}

function figuresText(node) {
  const share = root.value > 0 ? node.value / root.value : 0;
  return `${amountText(node, view.measure)}, ${percentText(share)} of all`;
}

function boxText(node) {
  return `${frameText(node.frame)}\n${figuresText(node)}`;
}

function look(node) {
  const name = document.createElement("b");
  name.textContent = node.frame.name;
  const where = whereText(node.frame);
  element("detail").replaceChildren(
    name, where ? ` ${where}` : "", document.createElement("br"), figuresText(node),
  );
}

function zoomTo(node) {
  if (node === zoomed) return;
  earlier.push(zoomed);
  zoomed = node;
  redrawAndFocus();
}

function back() {
  zoomed = earlier.pop() || root;
  redrawAndFocus();
}

function redrawAndFocus() {
  const inside = element("flame").contains(document.activeElement);
  draw();
  if (inside) flame.focus(zoomed);
}

function measureBy(name) {
  view.measure = name;
  for (const input of document.querySelectorAll("#measures input")) input.checked = input.value === name;
  rebuild();
}

function searchFor(text) {
  element("search").value = text;
  draw();
  element("graph-title").scrollIntoView({ block: "nearest" });
}

// A tree of other frames: what was zoomed to means nothing in it.
function toggle(id, field) {
  const button = element(id);
  button.addEventListener("click", () => {
    view[field] = !view[field];
    button.setAttribute("aria-pressed", String(view[field]));
    zoomed = null;
    earlier = [];
    rebuild();
  });
}

function setUpMeasures() {
  for (const { name, title } of COLUMNS) {
    const label = document.createElement("label");
    const input = document.createElement("input");
    const text = document.createElement("span");
    input.type = "radio";
    input.name = "measure";
    input.value = name;
    input.checked = name === view.measure;
    input.addEventListener("change", () => measureBy(name));
    text.textContent = title;
    label.append(input, text);
    element("measures").append(label);
  }
}

// Follows the system until somebody presses the button. Nothing is stored: it holds for this page.
function setUpTheme() {
  const system = window.matchMedia("(prefers-color-scheme: dark)");
  let chosen = null;
  const apply = () => {
    const dark = chosen === null ? system.matches : chosen;
    document.documentElement.dataset.theme = dark ? "dark" : "light";
    element("theme").setAttribute("aria-pressed", String(dark));
  };
  system.addEventListener("change", apply);
  element("theme").addEventListener("click", () => {
    chosen = document.documentElement.dataset.theme !== "dark";
    apply();
  });
  apply();
}

function setUp() {
  setUpTheme();
  setUpMeasures();
  toggle("invert", "inverted");
  toggle("libraries", "hidden");
  element("search").addEventListener("input", draw);
  element("back").addEventListener("click", back);
  element("whole").addEventListener("click", () => zoomTo(root));
  document.addEventListener("keydown", (event) => {
    if (event.key !== "/" || event.target instanceof HTMLInputElement) return;
    event.preventDefault();
    element("search").focus();
  });
  let width = window.innerWidth; // on a phone the height changes while one scrolls
  window.addEventListener("resize", () => {
    if (window.innerWidth === width) return;
    width = window.innerWidth;
    draw();
  });
  showHead(report, data);
  rebuild();
}

setUp();
