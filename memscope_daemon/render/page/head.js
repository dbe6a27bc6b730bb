// What stands above the graph: whose report it is, what it cannot see, how good it is, the totals.

function showHead(report, data) {
  const { target, session } = report;
  const name = target.program || "python";
  const put = (id, text) => {
    document.getElementById(id).textContent = text;
  };
  document.title = `${name} (pid ${target.pid}) · memscope`;
  put("title", `memscope · ${name}`);
  put("session", sessionText(report));
  document.getElementById("preface").append(...report.preface.map(item));
  put("grade", `quality: ${report.quality.grade}`);
  document.getElementById("grade").dataset.grade = report.quality.grade;
  put("quality-text", qualityText(report));
  document.getElementById("totals").append(...totals(report));
  put("joined", joinedText(data));
  put("footer", `${data.exporter} · session ${session.session_id} · this file needs no network`);
}

function item(text) {
  const found = document.createElement("li");
  found.textContent = text;
  return found;
}

function secondsText(ns) {
  return `${(ns / 1e9).toFixed(1)} s`;
}

function samplingText(sampling) {
  let how = `one sample each ${valueText(sampling.value, "_bytes")} allocated`;
  if (sampling.mode === "rate") {
    how = sampling.value >= 1 ? "every allocation" : `one allocation in ${Number((1 / sampling.value).toPrecision(6))}`;
  }
  const preset = sampling.preset ? ` (${sampling.preset})` : "";
  return `${how}${preset}, ${sampling.stacks ? `${sampling.depth} frames` : "innermost frame only"}`;
}

function sessionText({ target, session, sampling }) {
  const began = new Date(session.started_unix_ns / 1e6).toISOString().slice(0, 19).replace("T", " ");
  const end = session.end_reason ? session.end_reason.replaceAll("_", " ") : session.state;
  const detail = session.end_detail ? ` (${session.end_detail})` : "";
  return [
    `pid ${target.pid}`, `CPython ${target.python_version}`, target.host, `${began} UTC`,
    `${secondsText(session.duration_ns)}, ${end}${detail}`, samplingText(sampling),
  ].filter((part) => part).join(" · ");
}

function qualityText({ quality, cost, max_overhead_percent: budget, history }) {
  const written = quality.written_count ? ` of ${wholeText(quality.written_count)} written` : "";
  const lost = `${wholeText(quality.lost_count)} lost (${(100 * quality.drop_rate).toFixed(1)}%)`;
  const parts = [`${wholeText(quality.recorded_count)} samples recorded${written}, ${lost}`];
  if (quality.losses.length > 0) {
    parts.push(quality.losses.map((loss) => `${loss.cause} ${wholeText(loss.record_count)}`).join(", "));
  }
  if (quality.unresolved_count) parts.push(`${wholeText(quality.unresolved_count)} without a resolved stack`);
  if (cost && cost.target_cpu_ns) {
    const bound = budget ? `, the budget is ${budget} %` : "";
    parts.push(`cost to the target: ${Number(cost.percent.toPrecision(2))} % of its processor time${bound}`);
  }
  if (history.forgotten_count) {
    parts.push(`${wholeText(history.forgotten_count)} older events are in every figure by their sums`);
  }
  return parts.join(" · ");
}

function totals(report) {
  const rate = (name) => valueText(report[name], "_count");
  return [
    total("Live now", report, "current_memory_bytes", "_bytes"),
    total("Blocks live", report, "active_allocations", "_count"),
    total("Allocated", report, "total_allocated_bytes", "_bytes"),
    total("Blocks allocated", report, "total_allocations", "_count", `${rate("allocation_rate_per_sec")} a second`),
    total("Freed", report, "total_deallocated_bytes", "_bytes"),
    total("Peak", report, "peak_memory_bytes", "_bytes", `at ${secondsText(report.peak_time_ns)}`),
  ];
}

function total(title, report, name, measure, more) {
  const estimate = estimateOf(report, name);
  const found = document.createElement("div");
  const term = document.createElement("dt");
  const text = document.createElement("dd");
  const under = document.createElement("dd");
  term.textContent = title;
  text.append(...unbroken(estimateText(estimate, measure)));
  text.id = name;
  under.className = "more";
  const samples = estimate.samples === 1 ? "1 sample" : `${wholeText(estimate.samples)} samples`;
  under.textContent = more ? `${samples}, ${more}` : samples;
  found.append(term, text, under);
  return found;
}

// A line may break between value and interval, and nowhere else.
function unbroken(text) {
  return text.split(/(?= \()/).map((part) => {
    const found = document.createElement("span");
    found.className = "unbroken";
    found.textContent = part.trimStart();
    return found;
  }).flatMap((part, index) => (index ? [" ", part] : [part]));
}

function joinedText({ joined_stacks: joined }) {
  return joined ? `The ${wholeText(joined)} smallest stacks are joined to one box, in which no search finds anything.` : "";
}
