// @ts-check
/**
 * Preact and htm as the views use them. User text only ever becomes text nodes, since nothing here sets markup; and no
 * text node is held on to, since a browser that translates the page replaces them: an element with words in it has
 * nothing else in it, and its content is replaced as a whole when the words change. Names and figures are not translated:
 * `translate=${false}`, since the element has a property of that name.
 */

/** @import { Child, VNode } from "htm/preact/standalone" */

import { Component, h, html as build } from "htm/preact/standalone";

export { render, useEffect, useLayoutEffect, useMemo, useRef, useState } from "htm/preact/standalone";

/**
 * @param {TemplateStringsArray} strings
 * @param {...unknown} values
 * @returns {VNode}
 */
export function html(strings, ...values) {
  return /** @type {VNode} */ (settle(/** @type {Child} */ (build(strings, ...values))));
}

/**
 * @param {Child} child
 * @returns {Child}
 */
function settle(child) {
  if (Array.isArray(child)) return child.map(settle);
  if (isText(child)) return words(child);
  if (typeof child !== "object" || child === null || child.settled === true) return child;
  child.settled = true; // htm hands out the same one again where a template never changes
  const { props, type } = child;
  const inside = /** @type {Child} */ (props["children"]);
  const children = Array.isArray(inside) ? inside : [inside];
  if (typeof type === "string" && children.some(isText) && children.every((one) => isText(one) || isNothing(one))) {
    delete props["children"];
    props["textContent"] = children.filter(isText).join("");
  } else if (inside !== undefined) {
    props["children"] = apart(children);
  }
  return child;
}

/**
 * Children with each run of text in an element of its own, which stands where the run began: the others keep their
 * places.
 *
 * @param {Child[]} children
 * @returns {Child[]}
 */
function apart(children) {
  /** @type {Child[]} */
  const found = [];
  let run = "";
  let begun = 0;
  const end = () => {
    if (run !== "") found[begun] = words(run);
    run = "";
  };
  children.forEach((child, index) => {
    if (isText(child)) {
      if (run === "") begun = index;
      run += child;
      found.push(null);
    } else {
      if (!isNothing(child)) end();
      found.push(settle(child));
    }
  });
  end();
  return found;
}

/** @param {string | number} text */
function words(text) {
  return h("span", { textContent: String(text) });
}

/** @param {Child} child @returns {child is string | number} */
function isText(child) {
  return typeof child === "string" || typeof child === "number";
}

/** @param {Child} child */
function isNothing(child) {
  return child === null || child === undefined || typeof child === "boolean";
}

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
