// The live page: puts its parts together, and says when something is wrong with all of it. It changes nothing.

import { Backends } from "./backends.js";
import { Decisions } from "./decisions.js";
import { byId, element, setText } from "./dom.js";
import { Events } from "./events.js";
import { Feed } from "./feed.js";
import { Rates } from "./rates.js";
import { Totals } from "./totals.js";
import { clock, lasting } from "./wording.js";

class Page {
  #rates = new Rates();
  #totals = new Totals(this.#rates);
  #backends = new Backends(this.#rates);
  #decisions = new Decisions();
  #events = new Events();
  #notices = new Map();
  #heard = null;
  #isLost = false;

  constructor() {
    byId("scriptless").remove();
    setText(byId("where"), location.host);
    setText(byId("verdict"), "connecting");
    new Feed({
      state: (state) => this.#take(state),
      decisions: (decisions) => this.#decisions.take(decisions),
      event: (event) => this.#events.take(event),
      hears: (hears) => setText(byId("hears"), hears ? "connected" : "not connected"),
      lost: (cause) => this.#lose(cause),
    });
  }

  #take(state) {
    const now = new Date();
    this.#rates.take(state, performance.now() / 1000);
    this.#totals.take(state);
    this.#backends.take(state);
    this.#showSource(state, now);
    // A backend that clients could not reach is not given up: without checks it only rests.
    const serves = state.ready && state.backends.some(({ state }) => state === "ready");
    const isReady = serves && state.listening.every(({ accepting }) => accepting);
    this.#announce(isReady ? "ready" : "not ready", isReady);
    this.#notice("unusable", serves ? "" : unusable(state.backends));
    const deaf = state.listening.filter(({ accepting }) => !accepting).map(({ address, why }) => `${address}: ${why}`);
    this.#notice("deaf", deaf.length ? `No new clients are taken at ${deaf.join("; ")}.` : "");
    const trouble = state.provider.error;
    this.#notice("trouble", trouble ? `The source is in trouble, and the last set stays: ${trouble}` : "");
    document.querySelector("main").hidden = false;
    // Only now: what cannot be shown is as good as lost.
    this.#heard = now;
    this.#find();
  }

  #lose(cause) {
    if (this.#isLost) return;
    this.#isLost = true;
    const what = this.#heard ? ` What is shown is from ${clock(this.#heard)}.` : "";
    this.#notice("lost", `No connection to tinylb${cause && ` (${cause})`}; trying again.${what}`);
    this.#announce("no connection", false);
    document.body.classList.add("stale");
  }

  #find() {
    this.#isLost = false;
    this.#notice("lost", "");
    document.body.classList.remove("stale");
  }

  #showSource({ provider, revision }, now) {
    const changed = provider.changed ? new Date(provider.changed) : null;
    const when = changed
      ? `set ${revision}, changed at ${clock(changed)}, ${lasting((now - changed) / 1000)} ago`
      : "no set yet";
    setText(byId("source"), `${provider.source}: ${when}`);
  }

  #announce(verdict, isGood) {
    setText(byId("verdict"), verdict);
    byId("verdict").className = isGood ? "good" : "bad";
    document.title = `${verdict} · tinylb ${location.host}`;
  }

  /** What everybody has to know; read out when it changes, and only then. An empty text takes it away. */
  #notice(name, text) {
    const shown = this.#notices.get(name);
    if (!text) {
      shown?.remove();
      this.#notices.delete(name);
    } else if (shown) {
      setText(shown, text);
    } else {
      const notice = element("p", "notice", text);
      this.#notices.set(name, notice);
      byId("notices").append(notice);
    }
  }
}

/** What it means for clients that no backend is usable. */
function unusable(backends) {
  return backends.some(({ state }) => state !== "draining")
    ? "No backend is ready. Each new client is tried with all of them."
    : "There is no backend for new clients: they are closed at once.";
}

new Page();
