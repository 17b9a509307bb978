// @ts-check
/** The people place: everybody, one person, or somebody who is about to be added. */

/** @import { RoomsOffer } from "../model/rooms.js" */
/** @import { Rights } from "../model/rights.js" */
/** @import { Route } from "../model/route.js" */

import { NEW } from "../model/route.js";
import { AddPerson } from "./add-person.js";
import { PeopleList } from "./people-list.js";
import { PersonPage } from "./person.js";
import { html, memo } from "./preact.js";

/**
 * @typedef {object} PeopleProps
 * @property {Route} route
 * @property {boolean} shown whether somebody is looking at this place
 * @property {Rights} rights
 * @property {boolean} canInvite others could follow a link
 * @property {RoomsOffer | null} offer rooms to invite to; null: there is one
 * @property {number} now ms, whole minutes
 * @property {(href: string) => void} go to another place
 * @property {(href: string) => void} stay here, under another address
 * @property {(person: { id: string, name: string, photos: number }) => void} onErase
 */

/** @param {PeopleProps} props */
function View({ route, shown, rights, canInvite, offer, now, go, stay, onErase }) {
  if (route.id === NEW && rights === "change") return html`<${AddPerson} key=${NEW} />`;
  if (route.id !== "" && route.id !== NEW) {
    return html`<${PersonPage}
      key=${route.id}
      id=${route.id}
      day=${route.params["day"] ?? ""}
      shown=${shown}
      rights=${rights}
      canInvite=${canInvite}
      offer=${offer}
      now=${now}
      go=${go}
      stay=${stay}
      onErase=${onErase}
    />`;
  }
  return html`<${PeopleList}
    key="list"
    search=${route.params["search"] ?? ""}
    attention=${route.params["attention"] === "true"}
    page=${Math.max(1, Number.parseInt(route.params["page"] ?? "1", 10) || 1)}
    shown=${shown}
    rights=${rights}
    now=${now}
    stay=${stay}
  />`;
}

export const People = memo(View);
