// @ts-check
/** Runs before the page is painted: the chosen theme, so that nothing flashes. Without one the system decides. */
(() => {
  try {
    const theme = localStorage.getItem("face-match.theme");
    if (theme === "light" || theme === "dark") document.documentElement.dataset["theme"] = theme;
  } catch {
    // storage is denied: the system's theme then
  }
})();
