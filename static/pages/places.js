// @ts-check
/** The places of the page: which one is shown, by its address; the keyboard comes along. */

/** @import { Route } from "../model/route.js" */

import { HOME, PLACES, routeOf } from "../model/route.js";

export class Places {
  /** @type {Route} */
  route = routeOf(location.hash) ?? HOME;
  /** The last address of each place: what it goes on showing while another one is in front. */
  /** @type {Map<string, Route>} */
  #last = new Map();
  #onChange;
  /** @type {MutationObserver | null} */
  #waiting = null;

  /** @param {() => void} onChange another place, or something else of it, is shown */
  constructor(onChange) {
    this.#onChange = onChange;
    window.addEventListener("hashchange", () => this.#went());
    for (const skip of document.querySelectorAll("a.skip")) {
      skip.addEventListener("click", (event) => {
        event.preventDefault();
        (this.#titleOf(this.route) ?? document.getElementById(this.route.place))?.focus();
      });
    }
    this.#show();
  }

  /** @param {string} place @returns {Route | null} what it shows, or showed last; null: it has not been shown yet */
  routeOf = (place) => this.#last.get(place) ?? null;

  /** @param {string} href */
  go = (href) => {
    location.hash = href;
  };

  /** @param {string} href of the same place: not a step to go back */
  stay = (href) => {
    history.replaceState(null, "", href);
    this.#went();
  };

  #went() {
    const route = routeOf(location.hash);
    if (route === null) return; // something on the page
    const before = this.route;
    this.route = route;
    this.#show();
    this.#onChange();
    if (before.place === route.place && (before.id === route.id || route.place === "live")) return;
    window.scrollTo(0, 0);
    requestAnimationFrame(() => requestAnimationFrame(() => this.#arrive(route)));
  }

  /** @param {Route} route The keyboard goes to its title, as soon as there is one. */
  #arrive(route) {
    this.#waiting?.disconnect();
    const place = document.getElementById(route.place);
    const title = this.#titleOf(route);
    if (title !== null || place === null) {
      title?.focus({ preventScroll: true });
      return;
    }
    this.#waiting = new MutationObserver(() => {
      const found = this.#titleOf(route);
      if (found === null) return;
      this.#waiting?.disconnect();
      if (document.activeElement === document.body || place.contains(document.activeElement)) {
        found.focus({ preventScroll: true });
      }
    });
    this.#waiting.observe(place, { childList: true, subtree: true });
  }

  #show() {
    this.#last.set(this.route.place, this.route);
    document.body.dataset["place"] = this.route.place;
    for (const place of PLACES) {
      const shown = place === this.route.place;
      document.getElementById(place)?.toggleAttribute("hidden", !shown);
      const link = document.querySelector(`.places a[href="#/${place}"]`);
      if (shown) link?.setAttribute("aria-current", "page");
      else link?.removeAttribute("aria-current");
    }
  }

  /** @param {Route} route @returns {HTMLElement | null} */
  #titleOf({ place }) {
    return document.querySelector(`[data-place-title="${place}"]`);
  }
}
