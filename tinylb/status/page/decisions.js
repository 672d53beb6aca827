// The latest decisions, below what is so at present: why a backend was or was not picked.

import { arrange, byId, element, setOrHide, setText } from "./dom.js";
import { badge, STATES } from "./states.js";
import { clock } from "./wording.js";

const FEW = 12;

/** What is so at present; all else has happened. How often it was so changes all the time. */
const PRESENT = ["passed over", "picked"];

export class Decisions {
  #present = [];
  #past = [];
  #items = new Map();
  #isWhole = false;

  constructor() {
    byId("more-decisions").addEventListener("click", () => {
      this.#isWhole = !this.#isWhole;
      this.draw();
    });
  }

  /** What /api/explain says, the newest first. */
  take(decisions) {
    this.#present = PRESENT.flatMap((what) => decisions.filter((decision) => decision.what === what));
    this.#past = decisions.filter(({ what }) => !PRESENT.includes(what));
    this.draw();
  }

  draw() {
    const all = [...this.#present, ...this.#past];
    // However many are picked, some of what has happened is seen.
    const few = [...this.#present.slice(0, FEW / 2), ...this.#past].slice(0, FEW);
    const former = this.#items;
    this.#items = new Map(
      (this.#isWhole ? all : few).map((decision) => {
        const key = keyOf(decision);
        const item = former.get(key) ?? new Item(decision);
        item.show(decision);
        return [key, item];
      }),
    );
    arrange(
      byId("decisions"),
      [...this.#items.values()].map(({ node }) => node),
    );
    byId("no-decisions").hidden = all.length > 0;
    const label = this.#isWhole ? "Show less" : `Show all ${all.length}`;
    setOrHide(byId("more-decisions"), all.length > few.length ? label : "");
  }
}

/** One of them, which stays what it is while only its count changes. */
class Item {
  #why = element("span", "why");

  constructor({ time, backend, target, what }) {
    const moment = element("time", "", clock(new Date(time)));
    moment.dateTime = time;
    const verb = STATES.includes(what) ? badge(what) : element("span", "badge", what);
    const who = element("strong", "id", backend ?? target);
    this.node = element("li", "", moment, element("div", "", who, " ", verb, " ", this.#why));
  }

  show({ why }) {
    setText(this.#why, why);
  }
}

function keyOf({ time, backend, target, what, why }) {
  return JSON.stringify([time, backend, target, what, PRESENT.includes(what) ? "" : why]);
}
