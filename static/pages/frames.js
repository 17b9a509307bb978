// @ts-check
/** When the page is drawn: at most once a frame, and a few times a second for what the server says. */

/** Between two pictures of what the server says. */
const NEWS_MS = 200;
/** A hidden page has no frames. */
const HIDDEN_MS = 250;

export class Frames {
  #draw;
  #scheduled = false;
  #drawnAt = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #later;

  /** @param {() => void} draw */
  constructor(draw) {
    this.#draw = draw;
  }

  /** Draws with the next frame, however much happens before it. */
  soon = () => {
    if (this.#scheduled) return;
    this.#scheduled = true;
    clearTimeout(this.#later);
    this.#later = undefined;
    if (document.hidden) setTimeout(this.#now, HIDDEN_MS);
    else requestAnimationFrame(this.#now);
  };

  /** What the server says may wait for what else it says: a burst of it is a few pictures a second, not sixty. */
  news = () => {
    if (this.#scheduled || this.#later !== undefined) return;
    const wait = this.#drawnAt + NEWS_MS - performance.now();
    if (wait <= 0) this.soon();
    else this.#later = setTimeout(this.soon, wait);
  };

  #now = () => {
    this.#scheduled = false;
    this.#drawnAt = performance.now();
    this.#draw();
  };
}
