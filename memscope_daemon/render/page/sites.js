// The table of allocation sites: the report's figures, sorted and searched.

const AT_ONCE = 50;

// name: the measure; field: what the JSON report calls it in a site.
const COLUMNS = [
  { name: "live_bytes", field: "live_size", title: "Live" },
  { name: "live_count", field: "live_count", title: "Blocks live" },
  { name: "allocated_bytes", field: "total_size", title: "Allocated" },
  { name: "allocated_count", field: "allocation_count", title: "Blocks allocated" },
  { name: "peak_bytes", field: "peak_size", title: "At the peak" },
];

function siteName(site) {
  const { function: name, file } = site.location;
  return name || file ? name || "?" : "[no Python frame]";
}

function siteWhere(site) {
  const { file, line } = site.location;
  return file ? `${file}:${line || "?"}` : "";
}

class Sites {
  // onSort(measure), onSite(text to search for).
  constructor(sites, total, { onSort, onSite }) {
    this.sites = sites;
    this.total = total;
    this.onSite = onSite;
    this.limit = AT_ONCE;
    this.body = document.querySelector("#sites tbody");
    this.count = document.getElementById("sites-count");
    this.more = document.getElementById("more");
    this.more.addEventListener("click", () => {
      this.limit *= 4;
      this.draw(this.measure, this.query);
    });
    this.drawHead(onSort);
  }

  drawHead(onSort) {
    const row = document.querySelector("#sites thead tr");
    row.append(headCell("Site"));
    this.heads = COLUMNS.map(({ name, title }) => {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = title;
      button.addEventListener("click", () => onSort(name));
      const cell = headCell(button);
      row.append(cell);
      return cell;
    });
    row.append(headCell("Samples"));
  }

  draw(measure, query) {
    this.measure = measure;
    this.query = query;
    const column = COLUMNS.find(({ name }) => name === measure);
    COLUMNS.forEach(({ name }, index) => {
      if (name === measure) this.heads[index].setAttribute("aria-sort", "descending");
      else this.heads[index].removeAttribute("aria-sort");
    });
    const found = this.sites
      .filter((site) => `${siteName(site)} (${siteWhere(site)})`.toLowerCase().includes(query))
      .sort((one, other) => other[column.field] - one[column.field]);
    const widest = Math.max(...this.sites.map((site) => site[column.field]), 0);
    const rows = found.slice(0, this.limit).map((site) => this.row(site, column, widest));
    this.body.replaceChildren(...rows);
    this.more.hidden = found.length <= this.limit;
    this.count.textContent = this.countText(found.length, rows.length);
  }

  countText(found, shown) {
    const cut = this.sites.length < this.total
      ? ` This page carries the ${wholeText(this.sites.length)} largest of ${wholeText(this.total)}; report.json has all.`
      : "";
    const some = shown < found ? `, ${wholeText(shown)} shown` : "";
    const all = found === this.sites.length ? "" : ` of ${wholeText(this.sites.length)}`;
    return `${wholeText(found)}${all} sites${some}; in brackets the 95 % interval, = where nothing was estimated.${cut}`;
  }

  row(site, column, widest) {
    const row = document.createElement("tr");
    row.append(this.nameCell(site, column, widest));
    for (const { name, field, title } of COLUMNS) {
      row.append(cell(title, estimateText(estimateOf(site, field), name), name));
    }
    row.append(cell("Samples", wholeText(site[`${column.field}_samples`]), "samples"));
    return row;
  }

  nameCell(site, column, widest) {
    const found = document.createElement("td");
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = siteName(site);
    button.title = "Search for it in the graph";
    button.addEventListener("click", () => this.onSite(siteWhere(site) || siteName(site)));
    const where = document.createElement("span");
    where.className = "where";
    where.textContent = siteWhere(site);
    const bar = document.createElement("span");
    bar.className = "bar";
    const fill = document.createElement("i");
    fill.style.width = `${widest > 0 ? (100 * site[column.field]) / widest : 0}%`;
    bar.append(fill);
    found.append(button, where, bar);
    return found;
  }
}

function headCell(content) {
  const head = document.createElement("th");
  head.scope = "col";
  head.append(content);
  return head;
}

function cell(title, text, name) {
  const found = document.createElement("td");
  found.dataset.label = title;
  found.dataset.name = name;
  found.textContent = text;
  return found;
}
