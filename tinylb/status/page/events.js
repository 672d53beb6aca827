// What happens, in a sentence each, as it happens.

import { arrange, byId, element } from "./dom.js";
import { bytes, clock, counted, measured, some } from "./wording.js";

const MOST = 16;
// A busy balancer tells of fifty connections a second: nobody reads that fast, and each drawing costs.
const BETWEEN_DRAWINGS = 250;

/** How each kind is told. What is not here is told by its fields. */
const SENTENCES = {
  "backends-replaced": (event) => `set ${event.revision}: ${changes(event) || "nobody is in it"}`,
  "target-removed": (event) => `${event.target} has left the set; ${ended(event.pairs)}`,
  "verdict-changed": (event) =>
    `${some(event.backends)} is ${event.verdict}: ${event.why}${event.pairs ? `; ${ended(event.pairs)}` : ""}`,
  "backend-picked": (event) => `${client(event)}: attempt ${event.attempt}, at ${event.backend}`,
  "dial-failed": (event) => `${event.backend} cannot be reached (${event.kind}): ${event.why}`,
  "backend-recovered": (event) => `${event.backend} can be reached again`,
  "client-unserved": (event) =>
    `${client(event)} got no backend, ${event.reason}, after ${measured(event.seconds)}: ${some(event.causes, 3)}`,
  "pair-opened": (event) => `${client(event)} is at ${event.backend}${again(event.attempts)}`,
  "pair-half-closed": (event) => `${client(event)} at ${event.backend}: the ${event.by} has finished`,
  "pair-closed": (event) =>
    `${client(event)} has left ${event.backend}, ${event.reason}, after ${measured(event.duration)}: ` +
    `${bytes(event.bytesIn)} to it, ${bytes(event.bytesOut)} back`,
  missed: (event) => `${counted(event.count, "event")} did not reach this page`,
  skipped: (event) => `too much happens: what connections do for ${measured(event.seconds)} is left out`,
};

/** How those are told who came, left, or are another way now. */
const CHANGED = {
  added: ([id]) => id,
  removed: ([id]) => id,
  moved: ([id]) => id,
  changed: ([id, what]) => `${id} (${what})`,
};

const OF_CONNECTIONS = new Set([
  "backend-picked",
  "pair-opened",
  "pair-half-closed",
  "pair-closed",
  "missed",
  "skipped",
]);
const BAD = new Set(["dial-failed", "client-unserved"]);

export class Events {
  #items = [];
  #drawing = null;

  constructor() {
    byId("each").addEventListener("change", () => this.draw());
    byId("pause").addEventListener("click", () => this.#pause());
  }

  /** One more. */
  take(event) {
    // A first try is news only by what comes of it, which is told next.
    if (event.what === "backend-picked" && event.attempt === 1) return;
    const isOfConnection = OF_CONNECTIONS.has(event.what);
    this.#items.unshift({ event, isOfConnection, node: null });
    // Those of connections, of which there are many, do not push out the others.
    const ofItsKind = this.#items.filter((item) => item.isOfConnection === isOfConnection);
    if (ofItsKind.length > MOST) this.#items.splice(this.#items.lastIndexOf(ofItsKind.at(-1)), 1);
    this.#drawing ??= setTimeout(() => this.draw(), BETWEEN_DRAWINGS);
  }

  draw() {
    clearTimeout(this.#drawing);
    this.#drawing = null;
    if (this.#isPaused) return;
    const isForEach = byId("each").checked;
    const shown = this.#items.filter((item) => isForEach || !item.isOfConnection).slice(0, MOST);
    arrange(
      byId("events"),
      shown.map((item) => (item.node ??= sentence(item.event))),
    );
    byId("no-events").hidden = shown.length > 0;
  }

  get #isPaused() {
    return byId("pause").getAttribute("aria-pressed") === "true";
  }

  #pause() {
    byId("pause").setAttribute("aria-pressed", !this.#isPaused);
    this.draw();
  }
}

function sentence(event) {
  const moment = element("time", "", clock(new Date(event.time)));
  moment.dateTime = event.time;
  const isBad = BAD.has(event.what) || event.verdict === "dead";
  return element("li", isBad ? "bad" : "", moment, element("span", "", told(event)));
}

function told(event) {
  const { what, time, ...fields } = event;
  return Object.hasOwn(SENTENCES, what) ? SENTENCES[what](event) : `${what} ${JSON.stringify(fields)}`;
}

function changes(event) {
  const told = Object.keys(CHANGED).filter((what) => event[what].length);
  return told.map((what) => `${what} ${some(event[what].map(CHANGED[what]))}${more(event, what)}`).join("; ");
}

/** Long lists are told in part. */
const more = (event, list) => (event.cut?.includes(list) ? ", at least" : "");
const client = (event) => event.client ?? "A client";
const ended = (pairs) => `${counted(pairs, "connection")} ended`;
const again = (attempt) => (attempt > 1 ? `, attempt ${attempt}` : "");
