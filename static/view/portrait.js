// @ts-check
/** The face of somebody's photo, or their initials. */

import { faceUrl } from "../model/persons.js";
import { displayName, initials } from "../model/text.js";
import { html, memo, useState } from "./preact.js";

/**
 * @param {{ url: string | null, name: string, side: number }} props side: pixels of the picture that is fetched
 */
function View({ url, name, side }) {
  const [missing, setMissing] = useState("");
  if (url === null || url === missing) {
    return html`<span class="portrait blank" aria-hidden="true">
      <span class="portrait-initials" translate=${false}>${initials(displayName(name))}</span>
    </span>`;
  }
  return html`<span class="portrait">
    <img
      src=${faceUrl(url, side)}
      alt=""
      width=${side}
      height=${side}
      loading="lazy"
      decoding="async"
      onError=${() => setMissing(url)}
    />
  </span>`;
}

export const Portrait = memo(View);
