// @ts-check
/** Who looks at this page, known once for all its parts. With a login that has ended it leads to where people sign in. */

import { fetchWho } from "../net/login.js";
import { WhoPoll } from "../net/who.js";

export const signedIn = new WhoPoll({ fetchWho, onEnded: () => location.replace("/login") });
