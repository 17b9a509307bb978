// @ts-check
/**
 * The page's composition: the event socket, the status polls and the room change one state; the state is drawn at
 * most once a frame, and once a second for what counts time.
 *
 * What tests and scripts can hold on to, besides roles and labels:
 * - cards: `[data-testid=card][data-identity=…]` with `data-state` match | no_match | no_face | looking | no_video |
 *   encrypted | denied | too_large | no_consent | not_compared | error | idle | offline, `data-reason` page |
 *   recognizer | left when offline, doubt when it may be old, `data-ended` unseen while nobody has seen that their match is
 *   over, `data-phase` idle | queued | probe | hold | wait; inside: `card-state`, `card-phase`,
 *   `card-check`, `score`, `countdown`, `face-outline`
 * - the one answer: `answer`, in the bar, with `data-kind` alarm | match | none | looking | empty | no_reference | doubt |
 *   offline | loading; `rooms`, with a link for each; `tiles-search`, `tiles-size`, `tiles-pages`; `past`, with who has
 *   left; `setup-button`, `setup-close`; `enlarged`, one live video
 * - header: `connection` with `data-level` connecting | live | doubtful | reconnecting | offline; `recognizer` with
 *   `data-recognizer` unknown | ok | rivals | no_reference | connecting | lost | absent | never
 * - reference: `reference-file` (input), `reference-image`, `reference-preview`, `reference-refused`,
 *   `reference-accepted`, `reference-weak`, `reference-still`, `reference-former` with `reference-undo`,
 *   `face-outline`
 * - join: `join` with `data-phase` out | joining | in | returning; `join-name`, `join-room`, `join-camera`,
 *   `join-server`, `join-button`, `join-trouble`, `leave-button`, `consent`, `not-compared` (before joining),
 *   `compare-state`, `consent-button` (in the room)
 * - what happened: `sighting-row` with `data-type`, `data-state`, `data-identity`; `live-sightings`, `live-looks`; every
 *   look: `activity-row` with `data-type`, `data-state`, `data-identity`; `filter-kind`, `filter-participant`,
 *   `activity-notice`; small menus: `menu` with `menu-item`; the dialog before something is erased: `erase` with
 *   `data-state` asked | busy | done, `erase-confirm`, `erase-close`, `erase-receipt`, `erase-trouble`; the dialog:
 *   `viewer`; the first steps: `steps`
 * - alarms: `alarm` with `data-kind` match | someone_else | face_changed and `data-identity`, inside `acknowledge`, `right`,
 *   `wrong`, `alarm-faces`; `tell`, `tell-sound`, `tell-notify`; `alarm-count` in the bar, `alarms-recent`, `alarm-trouble`
 * - places: `body[data-place]` live | people | history. People: `persons` with `person-card[data-person]`, `people-search`,
 *   `attention-only`, `add-person`; adding photos: `photo-files`, `intake-row` with `data-state` waiting | sending |
 *   looking | done | failed, `data-tone`, `data-code`; a person: `person[data-person]`, `remarks`, `photo`, `details`,
 *   `merge`, `split`, `presence`. Presence there and in History: `strip-row[data-id]` with `seen`, `unlooked`, `stay`;
 *   `csv`, `statistics`
 */

/** @import { Card } from "../types/model.js" */

import { reuse } from "../model/cards.js";
import { connectionOf, looksForSomebody, recognizerState } from "../model/connection.js";
import { rightsOf } from "../model/rights.js";
import { allCards, several } from "../model/rooms.js";
import { Store, initialState } from "../model/store.js";
import { summaryOf } from "../model/summary.js";
import { ordered } from "../model/tiles.js";
import { Announcer } from "../view/announcer.js";
import { keepFocus } from "../view/focus.js";
import "./account.js";
import { Alarms } from "./alarms.js";
import { Binding } from "./binding.js";
import { Ends } from "./ends.js";
import { Enlarging } from "./enlarging.js";
import { Erasing } from "./erasing.js";
import { Frames } from "./frames.js";
import { Live } from "./live.js";
import { News } from "./news.js";
import { drawPlaces } from "./other-places.js";
import { offeredRooms } from "./offered-rooms.js";
import { Places } from "./places.js";
import { Setup } from "./setup.js";
import { leaveWhenOthersSignIn, signedIn } from "./signed-in.js";
import { Sightings } from "./sightings.js";
import { Tiles } from "./tiles.js";
import { Top } from "./top.js";
import { Viewing } from "./viewing.js";
import { forgetDrops } from "./visitor.js";
import { Visiting } from "./visiting.js";

const DOUBT = "No news from the server: what is shown may be old.";

const mounts = {
  bar: element("bar-state"),
  answer: element("bar-answer"),
  reference: element("reference-content"),
  join: element("join-content"),
  participants: element("participants-content"),
  watch: element("watch-content"),
  people: element("people"),
  history: element("history"),
};

/** @type {readonly Card[]} */
let cards = [];
const frames = new Frames(draw);
const redraw = frames.soon;
const store = new Store(initialState(Date.now()));
const announcer = new Announcer(element("announcer"));
const places = new Places(redraw);
const viewing = new Viewing(dialog("viewer"), () => store.state.activity);
const alarms = new Alarms(
  { panel: element("alarms"), list: element("alarms-content"), count: element("bar-alarms"), tell: element("bar-sound") },
  redraw,
);
const news = new News(store, {
  chosen: () => (places.route.place === "live" ? places.route.id : ""),
  onAlarm: () => void alarms.ask(),
  onAnswer: () => alarms.keep(),
  onEmptied: () => {
    viewing.close();
    void alarms.ask();
  },
  onRefused: () => signedIn.again(),
});
const ends = new Ends(store, () => cards, mounts.participants);
const tiles = new Tiles(mounts.participants, redraw);
const setup = new Setup(element("setup"), redraw);
const visiting = new Visiting(store, mounts, redraw);
const header = new Top(mounts, {
  onChange: redraw,
  onRetry: news.hurry,
  onShow: (key) => {
    ends.seen([key]);
    tiles.show(cards, key); // wherever on the page somebody is
  },
});
const enlarging = new Enlarging(dialog("enlarged"), () => cards, visiting.videoOf, () => visiting.mirrored);
const erasing = new Erasing(dialog("erase"), (kind) => {
  if (kind === "reference") live.forgetReference();
  news.ask(); // it says that something was erased, as to every other page
});
const binding = new Binding(dialog("bind"), () => store.state.status?.reference != null, news.identitiesChanged);
const live = new Live(
  mounts,
  { visiting, tiles, setup, enlarging, sightings: new Sightings(element("sightings-content"), redraw, viewing.show) },
  {
    onEnlarge: viewing.show,
    onReferenceChanged: news.ask,
    onEraseReference: () => erasing.ask({ kind: "reference" }),
    manage: {
      bind: binding.ask,
      release: binding.release,
      seenTo: binding.seenTo,
      erase: (identity, name) => erasing.ask({ kind: "participant", identity, name }),
    },
  },
);
/** @param {{ id: string, name: string, photos: number }} person */
const onErasePerson = (person) => erasing.ask({ kind: "person", ...person });

function draw() {
  const { state } = store;
  const pageNow = Date.now();
  const connection = connectionOf(state, pageNow, document.hidden);
  const recognizer = recognizerState(state, connection.level);
  // Whole seconds, so that what counts time is drawn once a second and not with every change.
  const now = Math.floor((pageNow + state.clockOffset) / 1000) * 1000;
  cards = reuse(cards, allCards(state, pageNow, connection.level));
  const loading = state.status === null && connection.level !== "offline";
  const hasReference = looksForSomebody(state.status);
  const rights = rightsOf(signedIn.who?.role ?? null);
  const summary = summaryOf(ordered(cards), {
    level: loading ? "connecting" : connection.level === "connecting" ? "live" : connection.level,
    silence: connection.silence,
    hasReference,
    rights,
    recognizer,
    now,
  });
  const { place } = places.route;
  const chosen = chosenRoom();
  const canInvite = signedIn.who?.by === "login";
  offeredRooms.follow(state, chosen, signedIn.who?.many_rooms ?? false);
  const { offer } = offeredRooms;

  alarms.draw({ rights, several: several(state), reference: state.status?.reference ?? null, pageNow });
  header.draw({ state, connection, recognizer, summary, cards, chosen, place, alarms: alarms.open });
  if (!loading) setup.begin(hasReference || connection.level === "offline");
  if (place === "live") {
    const login = { canInvite, offer, consentRequired: signedIn.who?.consent_required ?? false };
    live.draw({ state, cards, chosen, connection, recognizer, rights, login, loading, pageNow, now });
  }
  drawPlaces(places, mounts, {
    ...{ rights, canInvite, offer, pageNow, room: state.status?.room ?? "" },
    onErase: onErasePerson,
    onEnlarge: viewing.show,
  });
  viewing.draw();
  enlarging.draw();
  announcer.hear(cards, pageNow, connection.level === "doubtful" ? DOUBT : "");
}

/** The room whose cards are shown; "" all of them. */
function chosenRoom() {
  const { place, id } = places.routeOf("live") ?? places.route;
  return several(store.state) && place === "live" ? id : "";
}

/** @param {string} id */
function element(id) {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`the page has no #${id}`);
  return found;
}

/** @param {string} id */
function dialog(id) {
  return /** @type {HTMLDialogElement} */ (element(id));
}

window.addEventListener("online", news.hurry);
document.addEventListener("visibilitychange", () => {
  if (!document.hidden) news.hurry(); // its answer is drawn; what is old by now is not shown once more before
});
keepFocus();
forgetDrops(window);

store.subscribe(frames.news);
signedIn.subscribe(redraw);
leaveWhenOthersSignIn(false);
setInterval(redraw, 1000);
redraw();
news.start();
visiting.start();
ends.start();
