// The table of backends: a row for each, sorted, filtered, and not more of them than asked for.

import { Chart } from "./charts.js";
import { arrange, byId, element, setOrHide, setText } from "./dom.js";
import { MEASURES } from "./rates.js";
import { badge, urgency } from "./states.js";
import { bytesPerSecond, clock, count, counted, lasting, perSecond, some } from "./wording.js";

// So many rows are shown until somebody asks for all: each has four charts that move.
const FEW = 30;
// With less than this nobody needs to search.
const MANY = 8;

const COLUMNS = {
  connections: { label: "Open", spell: count, least: 5 },
  opened: { label: "New", spell: perSecond, least: 2 },
  bytesIn: { label: "To backend", spell: bytesPerSecond, least: 1000 },
  bytesOut: { label: "To clients", spell: bytesPerSecond, least: 1000 },
};

/** What its rows show is taken from the latest picture, a dictionary as /api/state gives it, and from the rates. */
export class Backends {
  #rates;
  #rows = new Map();
  #backends = [];
  #ids = new Map();
  #sort = { by: "state", isReversed: false };
  #isWhole = false;

  constructor(rates) {
    this.#rates = rates;
    for (const heading of headings()) heading.firstElementChild.addEventListener("click", () => this.#sortBy(heading));
    byId("filter").addEventListener("input", () => this.draw());
    byId("more-backends").addEventListener("click", () => {
      this.#isWhole = !this.#isWhole;
      this.draw();
    });
  }

  /** Another picture. Who is in it no more is gone from the page at once. */
  take(state) {
    this.#backends = state.backends;
    this.#ids = idsByTarget(this.#backends);
    const ids = new Set(this.#backends.map((backend) => backend.id));
    for (const id of this.#rows.keys()) if (!ids.has(id)) this.#rows.delete(id);
    setOrHide(byId("nobody"), this.#backends.length ? "" : "The set is empty: clients are closed at once.");
    byId("search").hidden = this.#backends.length <= MANY && !byId("filter").value;
    this.draw();
  }

  draw() {
    const found = this.#found();
    const shown = this.#isWhole ? found : found.slice(0, FEW);
    const most = Object.fromEntries(MEASURES.map((name) => [name, this.#rates.most(name, COLUMNS[name].least)]));
    arrange(
      byId("backends"),
      shown.map((backend) => this.#row(backend, most)),
    );
    for (const heading of headings()) markSorted(heading, this.#sort);
    const all = this.#backends.length;
    setText(byId("shown"), shown.length === all ? counted(all, "backend") : `${shown.length} of ${all}`);
    const label = this.#isWhole ? `Show ${FEW} only` : `Show all ${found.length}`;
    setOrHide(byId("more-backends"), found.length > FEW ? label : "");
  }

  #found() {
    const words = byId("filter").value.toLowerCase().split(/\s+/).filter(Boolean);
    const isFound = (backend) => words.every((word) => searchable(backend).includes(word));
    // They come in order of id, which sorting keeps among equals.
    const found = this.#backends.filter(isFound).map((backend) => [this.#key(backend), backend]);
    if (this.#sort.by !== "id") found.sort(([one], [other]) => one - other);
    if (this.#sort.isReversed) found.reverse();
    return found.map(([, backend]) => backend);
  }

  /** What is small comes first; of numbers people want the greatest. */
  #key(backend) {
    const { by } = this.#sort;
    if (by === "id") return 0;
    return by === "state" ? urgency(backend.state) : -(this.#rates.of(backend.target)?.[by].latest ?? 0);
  }

  #sortBy(heading) {
    const by = heading.dataset.sort;
    this.#sort = { by, isReversed: by === this.#sort.by && !this.#sort.isReversed };
    this.draw();
  }

  #row(backend, most) {
    let row = this.#rows.get(backend.id);
    if (!row) this.#rows.set(backend.id, (row = new Row(backend.id)));
    row.show(backend, this.#rates.of(backend.target), most, this.#ids.get(backend.target));
    return row.node;
  }
}

/** One backend. Its elements are made once and changed as little as possible. */
class Row {
  #address = element("div", "address");
  #tags = element("div", "tags");
  #state = element("div", "verdict");
  #why = element("div", "why");
  #failed = element("div", "muted");
  #figures = Object.fromEntries(MEASURES.map((name) => [name, new Figure(COLUMNS[name])]));
  #badge = null;

  constructor(id) {
    const who = element("th", "who", element("div", "id", id), this.#address, this.#tags);
    who.scope = "row";
    who.setAttribute("role", "rowheader");
    const state = cell("state", this.#state, this.#why, this.#failed);
    const figures = Object.values(this.#figures).map((figure) => figure.node);
    this.node = element("tr", "", who, state, ...figures);
    this.node.setAttribute("role", "row");
    this.#state.append(element("span"), element("time"));
  }

  /** @param ids all that lead to its target. */
  show(backend, series, most, ids) {
    setOrHide(this.#address, backend.target === backend.id ? "" : backend.target);
    const others = ids.length > 1 ? `, same target as ${some(except(ids, backend.id), 2)}` : "";
    setText(this.#tags, tags(backend) + others);
    this.#showState(backend);
    setOrHide(this.#why, backend.why);
    setOrHide(this.#failed, backend.failed ? `${counted(backend.failed, "dial")} failed so far` : "");
    for (const name of MEASURES) {
      const number = name === "connections" ? backend.connections : (series?.[name].latest ?? null);
      this.#figures[name].show(number, series?.[name], most[name]);
    }
  }

  #showState({ state, since }) {
    const [sign, time] = this.#state.children;
    if (this.#badge !== state) sign.replaceChildren(badge(state));
    this.#badge = state;
    const moment = new Date(since ?? NaN);
    const isKnown = !Number.isNaN(moment.getTime());
    setOrHide(time, isKnown ? `for ${lasting((Date.now() - moment) / 1000)}` : "");
    if (isKnown) {
      time.dateTime = since;
      time.title = `since ${clock(moment)}`;
    }
  }
}

/** A number with its chart. */
class Figure {
  #text = element("span", "number");
  #chart = new Chart();
  #spell;

  constructor({ label, spell }) {
    this.#spell = spell;
    this.node = cell("figure", this.#text, this.#chart.node);
    this.node.dataset.label = label;
  }

  show(number, series, most) {
    setText(this.#text, this.#spell(number));
    // A target that has just come has no past.
    if (series) this.#chart.draw(series, most);
  }
}

const headings = () => document.querySelectorAll("th[data-sort]");

function markSorted(heading, { by, isReversed }) {
  const isAscending = (by === "id" || by === "state") !== isReversed;
  if (heading.dataset.sort !== by) heading.removeAttribute("aria-sort");
  else heading.setAttribute("aria-sort", isAscending ? "ascending" : "descending");
}

function cell(classes, ...content) {
  const made = element("td", classes, ...content);
  made.setAttribute("role", "cell");
  return made;
}

function idsByTarget(backends) {
  const found = new Map();
  for (const { id, target } of backends) {
    if (found.has(target)) found.get(target).push(id);
    else found.set(target, [id]);
  }
  return found;
}

const except = (ids, own) => ids.filter((id) => id !== own);

function searchable(backend) {
  const { id, target, state, why } = backend;
  return `${id} ${target} ${state} ${why} ${tags(backend)}`.toLowerCase();
}

function tags({ tier, weight, standby, proxyProtocol }) {
  const more = (standby ? ", standby" : "") + (proxyProtocol ? `, PROXY ${proxyProtocol}` : "");
  return `tier ${count(tier)}, weight ${count(weight)}${more}`;
}
