// @ts-check
/** Who looks at this page, known once for all its parts. With a login that has ended it leads to where people sign in. */

import { endingOf } from "../model/ending.js";
import { fetchWho } from "../net/login.js";
import { WhoPoll } from "../net/who.js";

/**
 * Another login of the same browser may be one of a role that has another page.
 *
 * @param {boolean} forGuests whether this is the page of those who were invited
 */
export function leaveWhenOthersSignIn(forGuests) {
  signedIn.subscribe(() => {
    if ((signedIn.who?.role === "participant") !== forGuests) location.replace("/");
  });
}

export const signedIn = new WhoPoll({
  fetchWho,
  onEnded: (before) => {
    const ending = endingOf(before, Date.now());
    location.replace(ending === null ? "/login" : `/login#${ending}`);
  },
});
