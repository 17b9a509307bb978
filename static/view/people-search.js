// @ts-check
/** The field in which people are looked for by name: what is typed counts when the typing pauses. */

/** @import { From } from "../types/model.js" */

import { Icon } from "./icons.js";
import { html, useEffect, useRef, useState } from "./preact.js";

const TYPING_MS = 200;

/** @param {{ search: string, testid: string, onSearch: (text: string) => void }} props search: what is looked for now */
export function PeopleSearch({ search, testid, onSearch }) {
  const [text, setText] = useState(search);
  const sent = useRef(search);
  useEffect(() => {
    if (search !== sent.current) setText(search); // by a link, or on the way back
    sent.current = search;
  }, [search]);
  useEffect(() => {
    if (text === sent.current) return undefined;
    const timer = setTimeout(() => {
      sent.current = text;
      onSearch(text);
    }, TYPING_MS);
    return () => clearTimeout(timer);
  }, [text]);
  return html`<label class="search">
    <span class="visually-hidden">Search by name</span>
    <${Icon} name="looking" size=${18} />
    <input
      class="input"
      type="search"
      placeholder="Search by name"
      maxlength="200"
      autocomplete="off"
      spellcheck="false"
      data-testid=${testid}
      value=${text}
      onInput=${(/** @type {From<HTMLInputElement>} */ event) => setText(event.currentTarget.value)}
    />
  </label>`;
}
