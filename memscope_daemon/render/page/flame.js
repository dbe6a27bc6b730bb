// Draws a tree of frames as boxes, and lets a keyboard walk over them.

const ROW = 19;
const NARROWEST = 1; // pixels
const TEXT_FROM = 20; // pixels

function hash(text) {
  let value = 0;
  for (let index = 0; index < text.length; index += 1) value = (value * 31 + text.charCodeAt(index)) | 0;
  return Math.abs(value);
}

class Flame {
  // onZoom(node), onBack(), onLook(node): what a click, Esc, and a look at a box lead to.
  constructor(element, { onZoom, onBack, onLook }) {
    this.element = element;
    this.onLook = onLook;
    this.boxes = new Map(); // element to node
    this.places = new Map(); // node to element
    this.levels = 0;
    element.addEventListener("click", (event) => {
      const node = this.nodeAt(event.target);
      if (node) onZoom(node);
    });
    element.addEventListener("mouseover", (event) => this.look(event.target));
    element.addEventListener("focusin", (event) => this.look(event.target));
    element.addEventListener("keydown", (event) => this.key(event, onZoom, onBack));
  }

  nodeAt(target) {
    const box = target.closest(".box");
    return box ? this.boxes.get(box) : undefined;
  }

  look(target) {
    const node = this.nodeAt(target);
    if (node) this.onLook(node);
  }

  // The node `zoomed` fills the width; what it was called from stands below it, as wide.
  draw(zoomed, { measure, inverted, searching, label }) {
    this.measure = measure;
    this.inverted = inverted;
    this.zoomed = zoomed;
    this.label = label;
    this.boxes.clear();
    this.places.clear();
    this.levels = 0;
    this.element.classList.toggle("searching", searching);
    const canvas = document.createElement("div");
    canvas.className = "levels";
    this.width = this.element.clientWidth;
    if (zoomed.value > 0) this.fill(canvas, zoomed);
    else canvas.append(nothingToShow());
    for (const [box, node] of this.boxes) {
      box.style.top = `${ROW * (inverted ? node.depth : this.levels - 1 - node.depth)}px`;
    }
    canvas.style.height = this.levels > 0 ? `${ROW * this.levels}px` : "";
    this.element.replaceChildren(canvas);
    this.scrollTo(zoomed);
  }

  fill(canvas, zoomed) {
    for (const node of ancestors(zoomed)) canvas.append(this.box(node, 0, 1, "below"));
    const waiting = [{ node: zoomed, left: 0 }];
    while (waiting.length > 0) {
      const { node, left } = waiting.pop();
      canvas.append(this.box(node, left, node.value / zoomed.value, ""));
      let at = left;
      const wide = [];
      for (const child of sortedChildren(node)) {
        const width = child.value / zoomed.value;
        if (width * this.width < NARROWEST) break; // those that follow are not wider
        wide.push({ node: child, left: at });
        at += width;
      }
      waiting.push(...wide.reverse()); // the widest is drawn next: Tab and screen readers go by it
    }
  }

  box(node, left, width, kind) {
    const box = document.createElement("div");
    const text = this.label(node);
    box.className = `box ${node.frame.origin} ${kind}`;
    box.classList.toggle("hit", node.hit);
    box.setAttribute("role", "treeitem");
    box.setAttribute("aria-level", String(node.depth + 1));
    box.setAttribute("aria-label", text);
    box.title = text;
    box.tabIndex = node === this.zoomed ? 0 : -1;
    box.style.left = `${100 * left}%`;
    box.style.width = `${100 * width}%`;
    box.style.setProperty("--shade", `${(hash(frameText(node.frame)) % 5) * 2 - 4}%`);
    if (width * this.width >= TEXT_FROM) box.textContent = node.frame.name;
    else box.classList.add("narrow");
    this.boxes.set(box, node);
    this.places.set(node, box);
    this.levels = Math.max(this.levels, node.depth + 1);
    return box;
  }

  // Of what is too high for the page, the zoomed box and what stands on it comes into sight.
  scrollTo(node) {
    const box = this.places.get(node);
    if (!box) return;
    const { clientHeight } = this.element;
    const from = this.inverted ? box.offsetTop - ROW : box.offsetTop + 2 * ROW - clientHeight;
    this.element.scrollTop = node.parent || this.inverted ? from : this.element.scrollHeight;
  }

  focus(node) {
    const box = this.places.get(node);
    if (!box) return;
    for (const other of this.boxes.keys()) other.tabIndex = -1;
    box.tabIndex = 0;
    box.focus();
  }

  key(event, onZoom, onBack) {
    const node = this.nodeAt(event.target);
    if (!node || event.altKey || event.ctrlKey || event.metaKey) return;
    if (event.key === "Enter" || event.key === " ") onZoom(node);
    else if (event.key === "Escape" || event.key === "Backspace") onBack();
    else if (!this.walk(event.key, node)) return;
    event.preventDefault();
  }

  walk(key, node) {
    const [outward, inward] = this.inverted ? ["ArrowUp", "ArrowDown"] : ["ArrowDown", "ArrowUp"];
    if (key === outward) this.focus(node.parent);
    else if (key === inward) this.focus(sortedChildren(node)[0]);
    else if (key === "ArrowLeft" || key === "ArrowRight") this.focus(this.beside(node, key));
    else if (key === "Home") this.focus(this.zoomed);
    else return false;
    return true;
  }

  // The next box of the same level, to the left or right.
  beside(node, key) {
    const level = [...this.boxes.values()].filter((other) => other.depth === node.depth);
    const order = level.sort((one, other) => this.leftOf(one) - this.leftOf(other));
    return order[order.indexOf(node) + (key === "ArrowRight" ? 1 : -1)];
  }

  leftOf(node) {
    return parseFloat(this.places.get(node).style.left);
  }
}

function nothingToShow() {
  const empty = document.createElement("p");
  empty.className = "empty";
  empty.textContent = "No sample of this measure.";
  return empty;
}
