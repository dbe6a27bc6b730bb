// Stacks to a tree of frames. Values, variances and samples of stacks add up.

const LIBRARIES_ONLY = { name: "[libraries only]", file: "", line: 0, origin: "unknown" };
const ALL = { name: "all", file: "", line: 0, origin: "unknown" };

function framesOf(data) {
  return data.frames.map(([name, file, line, origin]) => ({
    name: data.strings[name] || "?",
    file: data.strings[file],
    line,
    origin: data.origins[origin],
  }));
}

function frameText(frame) {
  const where = whereText(frame);
  return where ? `${frame.name} (${where})` : frame.name;
}

function whereText(frame) {
  return frame.file ? `${frame.file}:${frame.line || "?"}` : "";
}

function isLibrary(frame) {
  return frame.origin === "stdlib" || frame.origin === "site-packages";
}

// The frames of one stack as they are shown: innermost first where the tree is inverted.
function shownFrames(stack, frames, view) {
  let shown = stack.map((index) => frames[index]);
  if (view.hidden) {
    shown = shown.filter((frame) => !isLibrary(frame));
    if (shown.length === 0) shown = [LIBRARIES_ONLY];
  }
  return view.inverted ? shown.reverse() : shown;
}

function newNode(frame, parent) {
  const depth = parent ? parent.depth + 1 : 0;
  return { frame, parent, depth, value: 0, variance: 0, samples: 0, children: new Map(), hit: false };
}

// Children are told apart by their frame: a line of a function.
function childOf(node, frame) {
  let child = node.children.get(frame);
  if (!child) {
    child = newNode(frame, node);
    node.children.set(frame, child);
  }
  return child;
}

function addTo(node, amounts, index) {
  node.value += amounts[3 * index];
  node.variance += amounts[3 * index + 1];
  node.samples += amounts[3 * index + 2];
}

// view: {measure, inverted, hidden}.
function buildTree(data, frames, view) {
  const amounts = data.amounts[view.measure];
  const root = newNode(ALL, null);
  data.stacks.forEach((stack, index) => {
    if (!(amounts[3 * index] > 0)) return;
    let node = root;
    addTo(node, amounts, index);
    for (const frame of shownFrames(stack, frames, view)) {
      node = childOf(node, frame);
      addTo(node, amounts, index);
    }
  });
  return root;
}

// Widest first, equal ones by name, so that a graph looks the same each time.
function sortedChildren(node) {
  return [...node.children.values()].sort(
    (one, other) => other.value - one.value || (frameText(one.frame) < frameText(other.frame) ? -1 : 1),
  );
}

// The frames among these whose function or file has the words in it.
function matchingFrames(frames, query) {
  if (query === "") return new Set();
  return new Set(frames.filter((frame) => frameText(frame).toLowerCase().includes(query)));
}

// Marks what matches, and adds up the outermost matches below `from`: no stack is counted twice.
function markMatches(root, from, matching) {
  const sum = { value: 0, variance: 0, samples: 0 };
  const waiting = [{ node: root, inside: false, counted: false }];
  while (waiting.length > 0) {
    const { node, inside, counted } = waiting.pop();
    const below = inside || node === from;
    node.hit = matching.has(node.frame);
    const counts = node.hit && below && !counted;
    if (counts) {
      sum.value += node.value;
      sum.variance += node.variance;
      sum.samples += node.samples;
    }
    for (const child of node.children.values()) {
      waiting.push({ node: child, inside: below, counted: counted || counts });
    }
  }
  return sum;
}

function ancestors(node) {
  const found = [];
  for (let at = node.parent; at; at = at.parent) found.unshift(at);
  return found;
}

// The node of another tree that is reached over the same frames, or null.
function sameNode(root, node) {
  let at = root;
  for (const step of [...ancestors(node), node].slice(1)) {
    at = at.children.get(step.frame);
    if (!at) return null;
  }
  return at;
}
