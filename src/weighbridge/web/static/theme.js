// The colours change without loading the page again, so that what is typed stays.

export function switchTheme() {
  for (const link of document.querySelectorAll("a[data-theme-is]")) link.addEventListener("click", choose);
}

async function choose(event) {
  const link = event.currentTarget;
  event.preventDefault();
  const theme = link.dataset.themeIs;
  const answer = await fetch(link.href, { redirect: "manual" });
  if (answer.type !== "opaqueredirect") return;
  const root = document.documentElement;
  if (theme === "auto") delete root.dataset.theme;
  else root.dataset.theme = theme;
  document.querySelector('meta[name="color-scheme"]').content = theme === "auto" ? "light dark" : theme;
  for (const each of document.querySelectorAll("a[data-theme-is]")) {
    if (each === link) each.setAttribute("aria-current", "true");
    else each.removeAttribute("aria-current");
  }
}
