// Run inside the page by test_page_states.py: what a reader would stumble over, as a list of sentences.
(() => {
  const shown = (element) => element.checkVisibility({ opacityProperty: true, visibilityProperty: true });
  const named = (element) => element.outerHTML.slice(0, 110);

  /** sRGB of a CSS colour, painted over what lies below it. */
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const rgba = (colour) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const luminance = ([red, green, blue]) => {
    const [r, g, b] = [red, green, blue].map((value) => {
      const part = value / 255;
      return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (element) => {
    for (let at = element; at !== null; at = at.parentElement) {
      const colour = rgba(getComputedStyle(at).backgroundColor);
      if (colour[3] === 255) return colour;
    }
    return [255, 255, 255, 255];
  };

  const contrast = () => {
    const found = [];
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
      const element = walker.currentNode.parentElement;
      if (walker.currentNode.data.trim() === "" || !shown(element)) continue;
      if (element.closest(".visually-hidden, .skip, :disabled, option") !== null) continue;
      const style = getComputedStyle(element);
      const size = parseFloat(style.fontSize);
      const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
      const [one, other] = [luminance(rgba(style.color)), luminance(ground(element))].sort((a, b) => b - a);
      const ratio = (one + 0.05) / (other + 0.05);
      if (ratio < (large ? 3 : 4.5)) found.push(`contrast ${ratio.toFixed(2)}: ${named(element)}`);
    }
    return found;
  };

  const names = () => {
    const found = [];
    for (const element of document.querySelectorAll("button, a[href], input, select, summary, dialog[open]")) {
      if (!shown(element)) continue;
      const label = element.getAttribute("aria-label") ?? "";
      const by = element.getAttribute("aria-labelledby")?.split(" ").map((id) => document.getElementById(id)?.textContent);
      const labels = [...(element.labels ?? [])].map((one) => one.textContent);
      const text = [label, by?.join(" "), ...labels, element.textContent].join(" ").trim();
      if (text === "") found.push(`no name: ${named(element)}`);
    }
    for (const image of document.querySelectorAll("img")) {
      if (!image.hasAttribute("alt")) found.push(`no alt: ${named(image)}`);
    }
    for (const element of document.querySelectorAll("style, script:not([src]), [onclick], [onerror], [onload]")) {
      found.push(`inline: ${named(element)}`);
    }
    const ids = [...document.querySelectorAll("[id]")].map((element) => element.id);
    for (const id of ids) if (ids.indexOf(id) !== ids.lastIndexOf(id)) found.push(`id twice: ${id}`);
    return found;
  };

  const width = () => {
    const wide = document.documentElement.scrollWidth - document.documentElement.clientWidth;
    return wide > 0 ? [`scrolls sideways by ${wide} px`] : [];
  };

  /** Controls of which a part cannot be seen, whatever is scrolled. */
  const cutOff = () => {
    const found = [];
    for (const element of document.querySelectorAll("button, a[href], input, select, summary")) {
      if (!shown(element) || element.closest(".visually-hidden, .skip") !== null) continue;
      const at = element.getBoundingClientRect();
      for (let around = element.parentElement; around !== null; around = around.parentElement) {
        const { overflowX, overflowY } = getComputedStyle(around);
        const frame = around.getBoundingClientRect();
        const beside = at.left < frame.left - 1 || at.right > frame.right + 1;
        const beyond = at.top < frame.top - 1 || at.bottom > frame.bottom + 1;
        const clips = (overflow) => overflow === "hidden" || overflow === "clip";
        if ((clips(overflowX) && beside) || (clips(overflowY) && beyond)) found.push(`cut off: ${named(element)}`);
      }
    }
    return found;
  };

  /** What scrolls up and down alone, and goes sideways by a few pixels. */
  const sideways = () =>
    [...document.querySelectorAll("*")]
      .filter((element) => shown(element) && /auto|scroll/.test(getComputedStyle(element).overflowY))
      .filter((element) => element.scrollWidth > element.clientWidth && element.closest(".rooms, .table-frame") === null)
      .map((element) => `scrolls sideways by ${element.scrollWidth - element.clientWidth}px: ${named(element)}`);

  /** Words that reach out of their control. */
  const beyondItself = () => {
    const found = [];
    for (const element of document.querySelectorAll("button, .pill, summary")) {
      if (!shown(element) || element.closest(".visually-hidden, .skip") !== null) continue;
      const open = getComputedStyle(element).overflowX === "visible"; // a long name ends in dots
      if (open && element.scrollWidth > element.clientWidth + 1) found.push(`out of itself: ${named(element)}`);
    }
    return found;
  };

  return [...names(), ...contrast(), ...width(), ...sideways(), ...cutOff(), ...beyondItself()];
})();
