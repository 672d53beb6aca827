// What grows, a second, over the last minute; and small charts of it.

import { drawing } from "./dom.js";

const MINUTE = 60;
const HEIGHT = 20;

/** A number for each second of the last minute; null where it is not known. */
export class Series {
  constructor() {
    this.values = new Array(MINUTE).fill(null);
  }

  get latest() {
    return this.values[MINUTE - 1];
  }

  get sum() {
    return this.values.reduce((sum, value) => sum + (value ?? 0), 0);
  }

  get most() {
    return this.values.reduce((most, value) => Math.max(most, value ?? 0), 0);
  }

  /** A new number; `missed` seconds before it there was none. */
  push(value, missed) {
    const gap = new Array(Math.min(missed, MINUTE)).fill(null);
    this.values = [...this.values, ...gap, value].slice(-MINUTE);
  }
}

/** A line over the last minute, with the space below it filled. What it shows stands beside it in figures. */
export class Chart {
  #line = drawing("path", { class: "line" });
  #area = drawing("path", { class: "area" });

  constructor() {
    const view = { viewBox: `0 0 ${MINUTE - 1} ${HEIGHT}`, preserveAspectRatio: "none", "aria-hidden": "true" };
    this.node = drawing("svg", { class: "chart", ...view }, this.#area, this.#line);
  }

  /** @param most the number at the upper edge. */
  draw(series, most) {
    // The line at the bottom of each chart says that nothing happens.
    const runs = series.most ? known(series.values, most) : [];
    this.#line.setAttribute("d", runs.map(([, points]) => `M${points.join("L")}`).join(""));
    this.#area.setAttribute(
      "d",
      runs.map(([from, points]) => `M${from} ${HEIGHT}L${points.join("L")}V${HEIGHT}Z`).join(""),
    );
  }
}

/** The points of each run of known numbers, and where it begins. */
function known(values, most) {
  const runs = [];
  values.forEach((value, second) => {
    if (value === null) return;
    const isNew = second === 0 || values[second - 1] === null;
    // Half a line's width is kept free above and below, or a line at the edge would look thinner.
    const point = `${second} ${(HEIGHT - 1 - (HEIGHT - 2) * Math.min(1, value / most)).toFixed(2)}`;
    if (isNew) runs.push([second, [point]]);
    else runs.at(-1)[1].push(point);
  });
  return runs;
}
