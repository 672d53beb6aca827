// Numbers and moments as people read them.

const WHOLE = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const CLOCK = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const DAY = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short" });
const STEPS = ["", "k", "M", "G", "T", "P", "E", "Z", "Y"];

// A figure and its unit stay on one line.
const SPACE = "\u00a0";

export const NONE = "–";

/** How many: 12,345, and from a million on 1.2 M. */
export function count(number) {
  return Math.abs(number) < 1e6 ? WHOLE.format(number) : scaled(number, "");
}

/** How many of a thing, in words. */
export function counted(number, what) {
  return `${count(number)} ${what}${number === 1 ? "" : "s"}`;
}

/** Things a second; below ten a tenth counts. */
export function perSecond(rate) {
  if (rate === null) return NONE;
  return `${rate > 0 && rate < 9.95 ? rate.toFixed(1) : count(rate)}/s`;
}

/** Bytes, in steps of a thousand. */
export const bytes = (number) => scaled(number, "B");

/** Bytes a second. */
export const bytesPerSecond = (rate) => (rate === null ? NONE : `${bytes(rate)}/s`);

/** For how long, in the two units that matter at most. */
export function lasting(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  if (whole < 60) return `${whole}${SPACE}s`;
  if (whole < 3600) return `${Math.floor(whole / 60)}${SPACE}min`;
  if (whole < 86400) return `${Math.floor(whole / 3600)}${SPACE}h ${Math.floor((whole % 3600) / 60)}${SPACE}min`;
  return counted(Math.floor(whole / 86400), "day");
}

/** A measured time, as exact as it is of use. */
export function measured(seconds) {
  if (seconds < 1) return `${WHOLE.format(seconds * 1000)}${SPACE}ms`;
  return seconds < 60 ? `${seconds.toFixed(1)}${SPACE}s` : lasting(seconds);
}

/** The time of day; with the date where that is another day. */
export function clock(moment) {
  if (Number.isNaN(moment.getTime())) return NONE;
  const isToday = moment.toDateString() === new Date().toDateString();
  return isToday ? CLOCK.format(moment) : `${DAY.format(moment)} ${CLOCK.format(moment)}`;
}

/** A few of many, and how many more. */
export function some(texts, most = 5) {
  const more = texts.length - most;
  return more > 0 ? `${texts.slice(0, most).join(", ")} and ${more} more` : texts.join(", ");
}

function scaled(number, unit) {
  const size = Math.abs(number);
  // 999.5 is the first that would be spelled 1000.
  let step = 0;
  while (step < STEPS.length - 1 && size >= 999.5 * 1000 ** step) step += 1;
  const value = number / 1000 ** step;
  const digits = step > 0 && Math.abs(value) < 9.95 ? 1 : 0;
  // Only beyond the last of the steps.
  const figure = Math.abs(value) >= 999.5 ? value.toExponential(1) : value.toFixed(digits);
  return `${figure}${SPACE}${STEPS[step]}${unit}`;
}
