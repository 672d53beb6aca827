// Elements, made and changed. Whatever text comes from outside passes through legible, and is never markup.

const LONGEST = 400;
const SVG = "http://www.w3.org/2000/svg";

// Control characters would be invisible, and those that turn the writing round could make one id look like another.
const DECEIVING = /[\p{Cc}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/gu;

/** A new element with classes, a text, or other nodes in it. */
export function element(tag, classes = "", ...content) {
  const made = document.createElement(tag);
  if (classes) made.className = classes;
  made.append(...content.map((each) => (each instanceof Node ? each : legible(each))));
  return made;
}

/** A new element of a picture, with its attributes. */
export function drawing(tag, attributes = {}, ...content) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...content);
  return made;
}

/** Make it say a text. What it says already costs nothing: most of the page is the same every second. */
export function setText(node, text) {
  const spelled = legible(text);
  if (node.textContent !== spelled) node.textContent = spelled;
}

/** Show it only where there is something to say. */
export function setOrHide(node, text) {
  setText(node, text || "");
  node.hidden = !text;
}

/** Put nodes, which may be there already, into a parent in this order; others leave. What is in its place stays so. */
export function arrange(parent, nodes) {
  let next = parent.firstElementChild;
  for (const node of nodes) {
    if (node === next) next = next.nextElementSibling;
    else parent.insertBefore(node, next);
  }
  while (next) {
    const leaving = next;
    next = next.nextElementSibling;
    leaving.remove();
  }
}

export const byId = (id) => document.getElementById(id);

function legible(text) {
  const spelled = String(text ?? "");
  const cut = spelled.length > LONGEST ? `${spelled.slice(0, LONGEST)}…` : spelled;
  return cut.replace(DECEIVING, "\ufffd");
}
