// The connection to tinylb: asks for its state every second and hears of events, while somebody looks on.

const EVERY_SECOND = 1000;
// Without events there is nobody to say when to ask.
const WITHOUT_EVENTS = 500;
const TIMEOUT = 2000;
// Several changes often come together; one question answers for all of them.
const TOGETHER = 50;
const DECISIONS_ANEW = 5000;
const EVENTS_ANEW = 3000;

/** Those that change what is in the set, or in which state. */
const CHANGES = new Set(["backends-replaced", "target-removed", "verdict-changed", "missed"]);

/**
 * Calls `state`, `decisions` and `event` with what tinylb tells, `hears` with whether events come, and `lost` with the
 * cause when it does not answer. It goes on trying; the next `state` says that it answers again.
 */
export class Feed {
  #told;
  #events = null;
  #eventsTried = -Infinity;
  #decisionsAsked = -Infinity;
  #timer = null;

  constructor(told) {
    this.#told = told;
    this.askState = oneAtATime(() => this.#ask("api/state", (state) => this.#answered(state)));
    this.askDecisions = oneAtATime(() => this.#ask("api/explain", (decisions) => this.#told.decisions(decisions)));
    document.addEventListener("visibilitychange", () => this.#look());
    this.#look();
  }

  #look() {
    clearTimeout(this.#timer);
    if (document.hidden) this.#closeEvents();
    else this.#beat();
  }

  #beat() {
    const hears = this.#events?.readyState === EventSource.OPEN;
    this.#timer = setTimeout(() => this.#beat(), hears ? EVERY_SECOND : WITHOUT_EVENTS);
    this.askState();
  }

  #answered(state) {
    const now = performance.now();
    this.#told.state(state);
    if (!this.#events && !document.hidden && now - this.#eventsTried > EVENTS_ANEW) this.#openEvents(now);
    // How often somebody is passed over changes without an event.
    if (now - this.#decisionsAsked > DECISIONS_ANEW) this.#refreshDecisions();
  }

  #refreshDecisions() {
    this.#decisionsAsked = performance.now();
    this.askDecisions();
  }

  async #ask(path, take) {
    if (document.hidden) return;
    let answer;
    try {
      const response = await fetch(path, { cache: "no-store", signal: AbortSignal.timeout(TIMEOUT) });
      if (!response.ok) throw new Error(`it answers ${response.status}`);
      answer = await response.json();
    } catch (error) {
      this.#lose(cause(error));
      return;
    }
    try {
      take(answer);
    } catch (error) {
      console.error(error);
      this.#lose("its answer is not understood; if it was upgraded, load this page anew");
    }
  }

  #lose(cause) {
    this.#closeEvents();
    this.#told.lost(cause);
  }

  #openEvents(now) {
    this.#eventsTried = now;
    const events = new EventSource("api/events");
    events.onmessage = ({ data }) => this.#heard(JSON.parse(data));
    events.onopen = () => {
      this.#told.hears(true);
      // What happened before may have been missed.
      this.#refresh();
    };
    // A browser does not try again after an answer such as 503; the next state does.
    events.onerror = () => this.#closeEvents();
    this.#events = events;
  }

  #closeEvents() {
    this.#events?.close();
    this.#events = null;
    this.#told.hears(false);
  }

  #heard(event) {
    this.#told.event(event);
    if (CHANGES.has(event.what)) this.#refresh();
  }

  #refresh() {
    this.askState();
    this.#refreshDecisions();
  }
}

/** Runs a task on demand, never twice at the same time. Those who ask meanwhile get one more run behind it. */
function oneAtATime(task) {
  let isRunning = false;
  let isAskedAgain = false;
  return async () => {
    isAskedAgain = true;
    if (isRunning) return;
    isRunning = true;
    while (isAskedAgain) {
      isAskedAgain = false;
      await task();
      await new Promise((resolve) => setTimeout(resolve, TOGETHER));
    }
    isRunning = false;
  };
}

/** What went wrong; empty where nobody answered, for which each browser has words of its own. */
function cause(error) {
  if (error instanceof TypeError) return "";
  if (error.name === "TimeoutError") return "it does not answer in time";
  return error instanceof SyntaxError ? "it does not answer with JSON" : error.message;
}
