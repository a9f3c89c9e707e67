// Makes an element's children like another's, changing only what differs: focus, open details, what is typed and how far
// is scrolled stay as they are.

export function morph(into, from) {
  let here = into.firstChild;
  for (const fresh of [...from.childNodes]) {
    const match = found(here, fresh);
    if (!match) {
      into.insertBefore(document.importNode(fresh, true), here);
      continue;
    }
    if (match !== here) into.insertBefore(match, here);
    renewed(match, fresh);
    here = match.nextSibling;
  }
  while (here) {
    const next = here.nextSibling;
    here.remove();
    here = next;
  }
}

// The node from `here` on that a fresh one takes the place of: of the same key, or the very next of its kind.
function found(here, fresh) {
  const key = keyed(fresh);
  if (!key) return here && alike(here, fresh) && !keyed(here) ? here : null;
  for (let each = here; each; each = each.nextSibling) {
    if (keyed(each) === key && alike(each, fresh)) return each;
  }
  return null;
}

function keyed(node) {
  return node.nodeType === Node.ELEMENT_NODE ? node.dataset.key || node.id : "";
}

function alike(one, other) {
  return one.nodeType === other.nodeType && one.nodeName === other.nodeName;
}

function renewed(old, fresh) {
  if (old.nodeType !== Node.ELEMENT_NODE) {
    if (old.nodeValue !== fresh.nodeValue) {
      old.nodeValue = fresh.nodeValue;
      seen(old.parentElement);
    }
    return;
  }
  if (old.hasAttribute("data-keep")) return;
  for (const { name } of [...old.attributes]) {
    if (!fresh.hasAttribute(name) && !(name === "open" && old.nodeName === "DETAILS")) old.removeAttribute(name);
  }
  for (const { name, value } of fresh.attributes) {
    if (old.getAttribute(name) !== value && name !== "hidden") old.setAttribute(name, value);
  }
  if (!fresh.hasAttribute("hidden")) old.hidden = false;
  morph(old, fresh);
}

// A number that has changed shows it for a moment.
function seen(element) {
  if (element?.nodeName !== "DATA") return;
  element.classList.add("changed");
  setTimeout(() => element.classList.remove("changed"), 1500);
}
