// @ts-check
/**
 * The drawer with what is needed once: it stands open until there is somebody to look for, and from then on as it was
 * left. What is in it goes on while it is closed.
 */

const KEY = "face-match.setup";
/** Where there is one column only, what comes first is above. */
const ONE_COLUMN = "(max-width: 759px)";

export class Setup {
  open = false;
  #drawer;
  #onChange;
  #begun = false;
  /** @type {Element | null} what opened it */
  #opener = null;

  /**
   * @param {HTMLElement} drawer
   * @param {() => void} onChange it was opened or closed
   */
  constructor(drawer, onChange) {
    this.#drawer = drawer;
    this.#onChange = onChange;
    drawer.querySelector("#setup-close")?.addEventListener("click", () => this.close());
    drawer.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && !event.defaultPrevented) this.close();
    });
    window.addEventListener("hashchange", () => this.#led());
  }

  /** @param {boolean} ready whether there is somebody to look for: told once, when it is first known */
  begin(ready) {
    if (this.#begun) return;
    this.#begun = true;
    if (!ready && matchMedia(ONE_COLUMN).matches) this.#drawer.parentElement?.prepend(this.#drawer);
    const kept = remembered();
    this.#set(kept === null ? !ready : kept === "open");
    this.#led();
  }

  toggle = () => {
    if (this.open) {
      this.close();
      return;
    }
    this.#opener = document.activeElement;
    this.#set(true);
    remember("open");
    this.#go(this.#drawer);
  };

  close() {
    const inside = this.#drawer.contains(document.activeElement);
    this.#set(false);
    remember("closed");
    if (!inside) return;
    const back = this.#opener?.isConnected ? this.#opener : document.querySelector("[data-testid=setup-button]");
    if (back instanceof HTMLElement) back.focus();
  }

  /** An address of something inside leads there. */
  #led() {
    const wanted = /^#[a-z]/.test(location.hash) ? document.getElementById(location.hash.slice(1)) : null;
    if (wanted === null || !this.#drawer.contains(wanted)) return;
    this.#set(true);
    this.#go(wanted);
  }

  /** @param {HTMLElement} where the keyboard goes on there */
  #go(where) {
    where.scrollIntoView({ block: "nearest" });
    const first = /** @type {HTMLElement | null} */ (where.querySelector("button, input, select, summary"));
    first?.focus();
  }

  /** @param {boolean} open */
  #set(open) {
    this.open = open;
    this.#drawer.hidden = !open;
    this.#onChange();
  }
}

/** @returns {string | null} */
function remembered() {
  try {
    return localStorage.getItem(KEY);
  } catch {
    return null; // storage is denied: as on the first visit
  }
}

/** @param {"open" | "closed"} how */
function remember(how) {
  try {
    localStorage.setItem(KEY, how);
  } catch {
    // storage is denied: for this visit only
  }
}
