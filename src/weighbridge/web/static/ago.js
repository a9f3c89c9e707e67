// Keeps "3 minutes ago" true: <time datetime data-ago>, in the words and digits of the page.

const STEPS = [["year", 31536000], ["month", 2592000], ["week", 604800], ["day", 86400], ["hour", 3600], ["minute", 60]];
const root = document.documentElement;
const words = new Intl.RelativeTimeFormat(`${root.lang}-u-nu-latn`);

export function ago(at, now = Date.now()) {
  const seconds = (at - now) / 1000;
  if (Math.abs(seconds) < 10) return root.dataset.now;
  const [unit, size] = STEPS.find(([, each]) => Math.abs(seconds) >= each * 1.5) ?? ["second", 1];
  return inDigits(words.format(Math.round(seconds / size), unit));
}

export function inDigits(text) {
  return text.replace(/\d/g, (digit) => root.dataset.digits[digit]);
}

export function keepTimes() {
  setInterval(() => {
    if (document.hidden) return;
    for (const time of document.querySelectorAll("time[data-ago]")) {
      const said = ago(Date.parse(time.dateTime));
      if (time.textContent !== said) time.textContent = said;
    }
  }, 15000);
}
