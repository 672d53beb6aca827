// The latest decisions: why a backend was or was not picked.

import { arrange, byId, element, setOrHide } from "./dom.js";
import { badge, STATES } from "./states.js";
import { clock } from "./wording.js";

const FEW = 12;

export class Decisions {
  #decisions = [];
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
    this.#decisions = decisions;
    this.draw();
  }

  draw() {
    const shown = this.#isWhole ? this.#decisions : this.#decisions.slice(0, FEW);
    const former = this.#items;
    this.#items = new Map(
      shown.map((decision) => {
        const key = JSON.stringify(decision);
        return [key, former.get(key) ?? item(decision)];
      }),
    );
    arrange(byId("decisions"), [...this.#items.values()]);
    byId("no-decisions").hidden = this.#decisions.length > 0;
    const label = this.#isWhole ? `Show ${FEW} only` : `Show all ${this.#decisions.length}`;
    setOrHide(byId("more-decisions"), this.#decisions.length > FEW ? label : "");
  }
}

function item({ time, backend, target, what, why }) {
  const moment = element("time", "", clock(new Date(time)));
  moment.dateTime = time;
  const verb = STATES.includes(what) ? badge(what) : element("span", "badge", what);
  const who = element("strong", "id", backend ?? target);
  return element("li", "", moment, element("div", "", who, " ", verb, " ", element("span", "why", why)));
}
