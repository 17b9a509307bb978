// @ts-check
/** Preact and htm as the views use them; user text only ever becomes text nodes, since nothing here sets markup. */

/** @import { Child } from "/static/vendor/preact.standalone.module.js" */

import { Component, h } from "/static/vendor/preact.standalone.module.js";

export {
  html,
  render,
  useEffect,
  useLayoutEffect,
  useMemo,
  useRef,
  useState,
} from "/static/vendor/preact.standalone.module.js";

/** @param {object} one @param {object} other */
function sameFields(one, other) {
  const keys = Object.keys(one);
  if (keys.length !== Object.keys(other).length) return false;
  const [a, b] = [/** @type {Record<string, unknown>} */ (one), /** @type {Record<string, unknown>} */ (other)];
  return keys.every((key) => Object.is(a[key], b[key]));
}

/**
 * The component, drawn anew only when a field of its props has changed.
 *
 * @template {object} P
 * @param {(props: P) => Child} view
 * @returns {(props: P) => Child}
 */
export function memo(view) {
  /** @extends {Component<P>} */
  class Memo extends Component {
    /** @param {P} next */
    shouldComponentUpdate(next) {
      return !sameFields(this.props, next);
    }

    render() {
      return h(view, this.props);
    }
  }
  return /** @type {(props: P) => Child} */ (/** @type {unknown} */ (Memo));
}
