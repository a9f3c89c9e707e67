// Buttons that copy the code beside them. They are hidden until script is here.

export function showCopy(root) {
  for (const button of root.querySelectorAll("[data-copy][hidden]")) button.hidden = false;
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest?.("[data-copy]");
  if (!button) return;
  const code = button.parentElement.querySelector("code, input");
  await copied(code.value ?? code.textContent);
  const label = button.getAttribute("aria-label");
  button.setAttribute("aria-label", document.body.dataset.copied);
  button.classList.add("done");
  say(document.body.dataset.copied);
  setTimeout(() => {
    button.setAttribute("aria-label", label);
    button.classList.remove("done");
  }, 1500);
});

async function copied(text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch { // no clipboard beyond this machine without TLS
    const area = document.createElement("textarea");
    area.value = text;
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
}

// Tells a screen reader, in the one place of a page for it.
export function say(text) {
  const place = document.querySelector("[data-told]");
  if (place) place.textContent = text;
}
