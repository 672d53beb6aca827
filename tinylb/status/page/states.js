// The states of a backend: how they look, and which of them wants attention first.

import { drawing, element } from "./dom.js";

/** The worst first. Each has a shape of its own, as not everybody can tell the colours. */
const SHAPES = {
  dead: "M4 4 12 12M12 4 4 12",
  "not-ready": "M8 3v6M8 12.5v.5",
  resting: "M5.5 4v8M10.5 4v8",
  draining: "M8 3v9M4 8.5 8 12.5l4-4",
  ready: "M3.5 8.5 6.5 11.5 12.5 5",
};

export const STATES = Object.keys(SHAPES);

/** A number to sort by; a state that is not known here comes first. */
export const urgency = (state) => STATES.indexOf(state);

/** The state in a word, behind its sign. */
export function badge(state) {
  const isKnown = Object.hasOwn(SHAPES, state);
  const sign = drawing("svg", { class: "sign", viewBox: "0 0 16 16", "aria-hidden": "true" });
  if (isKnown) sign.append(drawing("path", { d: SHAPES[state] }));
  return element("span", `badge ${isKnown ? state : "other"}`, sign, element("span", "", state));
}
