// Live parts: <div data-part="figures" data-on="ledger budgets"> is asked for again when /live names one of its topics.
// While something in a part has data-again="SECONDS", the part is asked for again after so many.
// Nothing is kept, so that a page left open for days is as it was; a page that is not seen asks for nothing.
import { morph } from "./morph.js";
import { showCopy } from "./copy.js";

const APART = 2000; // milliseconds between two askings of a page, at least
const AGAIN = 5000; // until a lost connection is tried again
const due = new Set();
let source = null;
let renewing = 0; // timers
let opening = 0;
let waiting = 0;
let asked = 0;
let over = false; // signed out: nothing is asked any more

export function listen() {
  wait();
  if (parts().length === 0) return;
  document.addEventListener("visibilitychange", () => (document.hidden ? close() : open(true)));
  addEventListener("pagehide", close);
  addEventListener("pageshow", (event) => event.persisted && open(true));
  open(false);
}

function parts() {
  return [...document.querySelectorAll("[data-part][data-on]")];
}

function topics(part) {
  return part.dataset.on.split(" ").filter(Boolean);
}

function open(missed) {
  clearTimeout(opening);
  if (source || over || document.hidden) return;
  if (missed) all();
  let lost = false;
  source = new EventSource(`/live?seen=${document.body.dataset.seen ?? ""}`);
  source.onopen = () => {
    told("");
    if (lost) all(); // what happened meanwhile was not told
    lost = false;
  };
  source.onmessage = (event) => event.data.split(" ").forEach(note);
  source.onerror = () => {
    lost = true;
    told(document.body.dataset.away);
    if (source?.readyState !== EventSource.CLOSED) return; // the browser tries again by itself
    close();
    all(); // which finds out whether we are signed out
    opening = setTimeout(() => open(true), AGAIN);
  };
}

function close() {
  source?.close();
  source = null;
  for (const timer of [opening, renewing]) clearTimeout(timer);
  renewing = 0;
}

function all() {
  for (const part of parts()) topics(part).forEach(note);
}

function note(topic) {
  due.add(topic);
  if (!renewing) renewing = setTimeout(renew, Math.max(0, asked + APART - Date.now()));
}

async function renew() {
  renewing = 0;
  asked = Date.now();
  const named = new Set();
  for (const part of parts()) if (topics(part).some((topic) => due.has(topic))) named.add(part.dataset.part);
  due.clear();
  if (named.size) await fetched([...named]);
}

// Asks again for the parts that something in them says are not finished.
function wait() {
  clearTimeout(waiting);
  const unfinished = [...document.querySelectorAll("[data-part] [data-again]")];
  if (over || unfinished.length === 0) return;
  const seconds = Math.min(...unfinished.map((each) => Number(each.dataset.again)));
  waiting = setTimeout(async () => {
    const names = new Set(unfinished.map((each) => each.closest("[data-part]")?.dataset.part));
    names.delete(undefined);
    if (!document.hidden && names.size) await fetched([...names]);
    else wait();
  }, Math.max(1, seconds) * 1000);
}

async function fetched(names) {
  try {
    const answer = await fetch(location.href, { headers: { "X-Part": names.join(" ") }, redirect: "manual" });
    if (answer.type === "opaqueredirect" || answer.status === 401) signedOut();
    else if (answer.ok) put(names, new DOMParser().parseFromString(await answer.text(), "text/html").body);
  } catch {
    // nobody is there: EventSource sees that too, and says when somebody is again
  }
  wait();
}

function put(names, fresh) {
  for (const name of names) {
    const same = `[data-part="${CSS.escape(name)}"]`;
    const own = names.length > 1 ? fresh.querySelector(same) : fresh;
    for (const part of document.querySelectorAll(same)) {
      morph(part, own);
      showCopy(part);
      part.dispatchEvent(new CustomEvent("renewed", { bubbles: true }));
    }
  }
}

function signedOut() {
  over = true;
  close();
  const place = told(document.body.dataset.signedOut);
  if (!place) return;
  const link = document.createElement("a");
  link.href = `/sign-in?next=${encodeURIComponent(location.pathname + location.search)}`;
  link.textContent = document.body.dataset.signIn;
  place.append(" ", link);
}

function told(text) {
  const place = document.querySelector("[data-pulse]");
  if (!place || (over && text !== document.body.dataset.signedOut)) return null;
  if (place.textContent !== text) place.textContent = text;
  place.hidden = !text;
  return place;
}
