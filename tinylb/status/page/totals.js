// The figures at the top: what holds for all backends together.

import { Chart } from "./charts.js";
import { arrange, byId, element, setOrHide, setText } from "./dom.js";
import { MEASURES, sumOf } from "./rates.js";
import { STATES } from "./states.js";
import { bytesPerSecond, count, perSecond, some } from "./wording.js";

/** What each chart shows at its upper edge at the least, so that next to nothing looks like that. */
const LEAST = { connections: 5, opened: 2, bytesIn: 1000, bytesOut: 1000, unserved: 2 };

export class Totals {
  #rates;
  #shares = element("div", "shares");
  #ready = new Total("Ready backends", this.#shares);
  #unserved = new Total("Unserved clients");
  #measured = {
    connections: new Total("Open connections"),
    opened: new Total("New connections"),
    bytesIn: new Total("To backends"),
    bytesOut: new Total("To clients"),
  };

  constructor(rates) {
    this.#rates = rates;
    const totals = [this.#ready, ...Object.values(this.#measured), this.#unserved];
    byId("totals").append(...totals.map((total) => total.node));
  }

  /** Another picture; the rates have it already. */
  take(state) {
    const { totals } = this.#rates;
    this.#showBackends(state.backends);
    this.#showUnserved(state.unserved);
    this.#measured.connections.say(count(state.connections), state.dialing ? `${count(state.dialing)} dialing` : "");
    this.#measured.opened.say(perSecond(totals.opened.latest));
    this.#measured.bytesIn.say(bytesPerSecond(totals.bytesIn.latest));
    this.#measured.bytesOut.say(bytesPerSecond(totals.bytesOut.latest));
    for (const name of MEASURES) this.#measured[name].draw(totals[name], LEAST[name]);
  }

  #showBackends(backends) {
    const numbers = new Map();
    for (const { state } of backends) numbers.set(state, (numbers.get(state) ?? 0) + 1);
    const ready = numbers.get("ready") ?? 0;
    numbers.delete("ready");
    const others = [...numbers].map(([state, number]) => `${count(number)} ${state}`);
    this.#ready.say(`${count(ready)} of ${count(backends.length)}`, some(others), ready === 0);
    const shares = [...STATES].reverse().map((state) => [state, state === "ready" ? ready : (numbers.get(state) ?? 0)]);
    arrange(this.#shares, shares.filter(([, number]) => number).map(([state, number]) => share(state, number)));
  }

  #showUnserved(counts) {
    const series = this.#rates.unserved;
    const reasons = Object.entries(counts).sort(([, one], [, other]) => other - one);
    const told = reasons.map(([reason, number]) => `${count(number)} ${reason}`).join(", ");
    this.#unserved.say(count(sumOf(counts)), told && `since the start: ${told}`, series.sum > 0);
    this.#unserved.draw(series, LEAST.unserved);
  }
}

/** One figure, a chart or another picture of it, and a remark. */
class Total {
  #number = element("dd", "number");
  #note = element("dd", "note");
  #chart = new Chart();

  constructor(label, picture = this.#chart.node) {
    this.node = element("div", "card", element("dt", "", label), this.#number, element("dd", "", picture), this.#note);
  }

  say(text, note = "", isBad = false) {
    setText(this.#number, text);
    setOrHide(this.#note, note);
    this.node.classList.toggle("bad", isBad);
  }

  draw(series, least) {
    this.#chart.draw(series, Math.max(least, series.most));
  }
}

function share(state, number) {
  const part = element("span", state);
  part.style.flexGrow = number;
  return part;
}
