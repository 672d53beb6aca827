// What tinylb's counters grow by, a second: for each target, and for all of them.

import { Series } from "./charts.js";

/** The counters of a target, and the number of its open connections, which is shown as it is. */
export const MEASURES = ["connections", "opened", "bytesIn", "bytesOut"];

// A picture that an event has asked for may come right behind another one, and so little time gives wild rates.
const SHORTEST = 0.8;
// What a mean over more than that says is true of no second.
const LONGEST = 3;

/** A minute of rates. They are counted by target: ids that share one are one. */
export class Rates {
  #targets = new Map();
  #former = null;

  constructor() {
    this.totals = measures();
    this.unserved = new Series();
  }

  /** Another picture; it is left out where too little time has passed for a new sample. */
  take(state, seconds) {
    const former = this.#former;
    const elapsed = former ? seconds - former.seconds : Infinity;
    if (elapsed < SHORTEST) return;
    const current = { seconds, targets: byTarget(state.backends), unserved: sumOf(state.unserved) };
    const missed = former ? Math.max(0, Math.round(elapsed) - 1) : 0;
    const isLate = elapsed > LONGEST;
    this.#targets = new Map(
      [...current.targets].map(([target, counts]) => {
        const series = this.#targets.get(target) ?? measures();
        const before = isLate ? undefined : former.targets.get(target);
        for (const name of MEASURES) series[name].push(growth(name, before, counts, elapsed), missed);
        return [target, series];
      }),
    );
    for (const name of MEASURES) this.totals[name].push(this.#total(name, isLate), missed);
    this.unserved.push(growth("unserved", isLate ? undefined : former, current, elapsed), missed);
    this.#former = current;
  }

  of(target) {
    return this.#targets.get(target);
  }

  /** The highest number of any target; one scale for all shows who gets more than others. */
  most(name, least) {
    return [...this.#targets.values()].reduce((most, series) => Math.max(most, series[name].most), least);
  }

  #total(name, isLate) {
    if (isLate && name !== "connections") return null;
    return [...this.#targets.values()].reduce((sum, series) => sum + (series[name].latest ?? 0), 0);
  }
}

export function sumOf(counts) {
  return Object.values(counts).reduce((sum, each) => sum + each, 0);
}

function measures() {
  return Object.fromEntries(MEASURES.map((name) => [name, new Series()]));
}

function byTarget(backends) {
  return new Map(backends.map((backend) => [backend.target, backend]));
}

function growth(name, before, counts, elapsed) {
  if (name === "connections") return counts.connections;
  const grown = before ? atLeastNothing(counts[name] - before[name]) : null;
  return grown === null ? null : grown / elapsed;
}

/** A counter that went back is another one: tinylb was started anew, or the target had left and come back. */
function atLeastNothing(grown) {
  return grown >= 0 ? grown : null;
}
