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

/** @import { Card, State } from "../types/model.js" */
/** @import { Connection, Level, RecognizerState } from "../model/connection.js" */
/** @import { Rights } from "../model/rights.js" */
/** @import { Summary } from "../model/summary.js" */

import { titleWith } from "../model/alarms.js";
import { reuse } from "../model/cards.js";
import { connectionOf, looksForSomebody, recognizerState } from "../model/connection.js";
import { rightsOf } from "../model/rights.js";
import { allCards, asked, several, tabsOf } from "../model/rooms.js";
import { hrefOf } from "../model/route.js";
import { Seeing } from "../model/seeing.js";
import { setUpWords } from "../model/setup.js";
import { Store, initialState } from "../model/store.js";
import { summaryOf } from "../model/summary.js";
import { ordered } from "../model/tiles.js";
import { Identities } from "../net/identity.js";
import { StatusPoll } from "../net/poll.js";
import { RoomsPoll } from "../net/rooms.js";
import { EventSocket } from "../net/socket.js";
import { Session } from "../room/session.js";
import { actionsOf, visitOf } from "../room/visit.js";
import { Watching } from "../room/watching.js";
import { Announcer } from "../view/announcer.js";
import { Bar } from "../view/bar.js";
import { keepFocus } from "../view/focus.js";
import { Headline } from "../view/headline.js";
import { Join } from "../view/join.js";
import { Participants } from "../view/participants.js";
import { html, render } from "../view/preact.js";
import { Reference } from "../view/reference.js";
import { Watch } from "../view/watch.js";
import { currentTheme, nextTheme } from "../view/theme-choice.js";
import { Alarms } from "./alarms.js";
import { Binding } from "./binding.js";
import { Enlarging } from "./enlarging.js";
import { Erasing } from "./erasing.js";
import { drawPlaces } from "./other-places.js";
import { identitiesInView, keysSeen } from "./in-view.js";
import { Places } from "./places.js";
import { Setup } from "./setup.js";
import { leaveWhenOthersSignIn, signedIn } from "./signed-in.js";
import { Sightings } from "./sightings.js";
import { Tiles } from "./tiles.js";
import { Viewing } from "./viewing.js";
import { forgetDrops, rememberName, rememberedName } from "./visitor.js";

/** How soon a video is received whose place has come into view. */
const LOOKED_MS = 500;
/** Between two pictures of what the server says. */
const NEWS_MS = 200;
/** Rooms whose identities are asked for at once. */
const MOST_HURRIED = 8;
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
const announcer = new Announcer(element("announcer"));

const store = new Store(initialState(Date.now()));
const session = new Session(onRoomChange);
const watching = new Watching(onRoomChange);
const socket = new EventSocket({
  cursor: () => store.state.cursor,
  onMessages: (messages) => {
    store.dispatch({ type: "messages", messages, at: Date.now() });
    if (messages.some(({ alarm }) => alarm)) void alarms.ask();
    const changed = new Set(messages.flatMap(({ identityIn: room }) => (room === undefined || room === "" ? [] : [room])));
    // After a pause it may be all of them: each is asked about in its turn.
    if (changed.size <= MOST_HURRIED) for (const room of changed) void identities.hurry(room);
  },
  onState: (state) => store.dispatch({ type: "socket", socket: state }),
});
/** The cursor at which the last poll found the socket behind the log; behind at the same one again, it is dead. */
let silentAt = -1;

const identities = new Identities((room, told) => store.dispatch({ type: "identities", room, told }));

const poll = new StatusPoll({
  cursor: () => store.state.cursor,
  room: () => (several(store.state) ? (store.state.status?.room ?? "") : ""),
  onStatus: (answer) => {
    const { logEpoch, cursor, api } = store.state;
    store.dispatch({ type: "status", ...answer });
    socket.start();
    void identities.follow(answer.status);
    alarms.keep();
    if (api.failures > 0) socket.hurry(); // the server is back: no reason to wait any longer
    const silent = answer.status.events.cursor > cursor && cursor === silentAt;
    silentAt = answer.status.events.cursor > cursor ? cursor : -1;
    if (store.state.logEpoch !== logEpoch) {
      socket.reread();
      viewing.close();
      void alarms.ask();
    } else if (silent && store.state.socket.state === "open") socket.restart();
  },
  onFailure: (at, { status }) => {
    store.dispatch({ type: "status-failed", at });
    if (status === 401 || status === 403) signedIn.again();
  },
});
const alarms = new Alarms(
  { panel: element("alarms"), list: element("alarms-content"), count: element("bar-alarms"), tell: element("bar-sound") },
  () => schedule(),
);
const roomsPoll = new RoomsPoll({
  wanted: () => asked(store.state, places.route.place === "live" ? places.route.id : ""),
  onRooms: (rooms) => store.dispatch({ type: "rooms", rooms }),
  onStatus: (answer) => {
    store.dispatch({ type: "other-status", ...answer });
    void identities.follow(answer.status);
  },
  onAlarms: (told, among) => store.dispatch({ type: "alarms-elsewhere", told, asked: among, at: Date.now() }),
});
const viewing = new Viewing(/** @type {HTMLDialogElement} */ (element("viewer")), () => store.state.activity);
/** @type {readonly Card[]} */
let cards = [];
/** Each time the panel begins anew: it may still show the photo from this machine that it has just sent. */
let referencesErased = 0;
let suggestedName = rememberedName();
let entitled = "";

const actions = actionsOf(session, (name) => {
  suggestedName = name;
  rememberName(name);
});

/** @param {Card} card */
const videoOf = ({ room, identity }) =>
  (room === session.room ? session.videoOf(identity) : null) ?? (room === watching.room ? watching.videoOf(identity) : null);

const enlarging = new Enlarging(
  /** @type {HTMLDialogElement} */ (element("enlarged")),
  () => cards,
  videoOf,
  () => session.camera.mirrored,
);

const onTheme = () => {
  nextTheme();
  schedule();
};
const onRetry = () => {
  socket.hurry();
  void poll.now();
};
const onReferenceChanged = () => void poll.now();

const erasing = new Erasing(/** @type {HTMLDialogElement} */ (element("erase")), (kind) => {
  if (kind === "reference") referencesErased += 1;
  void poll.now(); // it says that something was erased, as to every other page
});
/** @param {string} identity @param {string} name */
const onEraseParticipant = (identity, name) => erasing.ask({ kind: "participant", identity, name });
const onEraseReference = () => erasing.ask({ kind: "reference" });
/** @param {{ id: string, name: string, photos: number }} person */
const onErasePerson = (person) => erasing.ask({ kind: "person", ...person });
const binding = new Binding(
  /** @type {HTMLDialogElement} */ (element("bind")),
  () => store.state.status?.reference != null,
  () => {
    identities.forget();
    void poll.now();
  },
);
const manage = { bind: binding.ask, release: binding.release, seenTo: binding.seenTo, erase: onEraseParticipant };
const places = new Places(() => schedule());
const tiles = new Tiles(mounts.participants, () => schedule());
const sightings = new Sightings(element("sightings-content"), () => schedule(), viewing.show);
const setup = new Setup(element("setup"), () => schedule());

/** Something about the room or the camera is different now. */
function onRoomChange() {
  // Somebody in a room that no recognizer has is not looked for: no card.
  const first = store.state.status?.room ?? "";
  const watched = session.room === first || store.state.listed.some(({ room }) => room === session.room);
  const inside = watched && (session.phase === "in" || session.phase === "returning");
  if (inside && watching.phase !== "off") {
    watching.stop(); // its videos are the same, or those of another room; and all of this once more
    return;
  }
  const rooms = new Map([[watching.room === "" ? first : watching.room, watching.participants()]]);
  if (watched && (inside || !rooms.has(session.room))) rooms.set(session.room, session.participants());
  for (const [room, participants] of rooms) store.dispatch({ type: "room", room, participants, at: Date.now() });
  schedule();
}

/** @param {string} key of a card that is wanted, wherever on the page somebody is */
const onShow = (key) => {
  endsSeen([key]);
  tiles.show(cards, key);
};

/** What is in view of matches that have ended. */
const seeing = new Seeing();

/** @param {readonly string[]} keys of cards: somebody has seen that their matches have ended */
function endsSeen(keys) {
  for (const { key, room, identity, matchedAt } of cards) {
    if (matchedAt !== null && keys.includes(key)) {
      store.dispatch({ type: "ends-seen", room, identities: new Set([identity]) });
    }
  }
}

function lookAtEnds() {
  const ended = new Set(cards.filter(({ matchedAt }) => matchedAt !== null).map(({ key }) => key));
  seeing.look(ended.size === 0 ? [] : keysSeen(mounts.participants).filter((key) => ended.has(key)), Date.now());
}

let scheduled = false;
let drawnAt = 0;
/** @type {ReturnType<typeof setTimeout> | undefined} */
let later;

/**
 * Draws with the next frame, however much happens before it; a hidden page, which has no frames, soon.
 */
function schedule() {
  if (scheduled) return;
  scheduled = true;
  clearTimeout(later);
  later = undefined;
  if (document.hidden) setTimeout(draw, 250);
  else requestAnimationFrame(draw);
}

/** What the server says may wait for what else it says: a burst of it is a few pictures a second, not sixty. */
function scheduleNews() {
  if (scheduled || later !== undefined) return;
  const wait = drawnAt + NEWS_MS - performance.now();
  if (wait <= 0) schedule();
  else later = setTimeout(schedule, wait);
}

function draw() {
  scheduled = false;
  drawnAt = performance.now();
  const { state } = store;
  const pageNow = Date.now();
  const connection = connectionOf(state, pageNow, document.hidden);
  const recognizer = recognizerState(state, connection.level);
  const offline = connection.level === "offline";
  // Whole seconds, so that what counts time is drawn once a second and not with every change.
  const now = Math.floor((pageNow + state.clockOffset) / 1000) * 1000;
  cards = reuse(cards, allCards(state, pageNow, connection.level));
  const loading = state.status === null && !offline;
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
  const heartbeat = state.status?.recognizer.heartbeat ?? null;

  render(
    html`<${Bar}
      level=${connection.level}
      retryIn=${connection.level === "offline" || connection.level === "reconnecting" ? connection.retryIn : null}
      room=${state.status?.room ?? ""}
      rooms=${state.listed.length}
      unwatched=${state.listed.filter(({ watched }) => !watched).length}
      recognizer=${recognizer}
      heartbeat=${heartbeat}
      missing=${state.status?.events.gaps.count ?? 0}
      theme=${currentTheme()}
      onTheme=${onTheme}
      onRetry=${onRetry}
    />`,
    mounts.bar,
  );
  const about = cards.find((card) => card.key === summary.about)?.room ?? "";
  const rooms = new Set(cards.filter((card) => speaks(card, summary.kind)).map(({ room }) => room));
  const chosen = chosenRoom(state);
  render(
    html`<${Headline}
      ...${summary}
      where=${several(state) ? about : ""}
      rooms=${rooms.size}
      href=${hrefOf("live", chosen === "" || about === "" ? chosen : about)}
      onShow=${onShow}
    />`,
    mounts.answer,
  );
  alarms.draw({ rights, several: several(state), reference: state.status?.reference ?? null, pageNow });
  if (!loading) setup.begin(hasReference || offline);
  if (places.route.place === "live") drawLive({ state, connection, recognizer, rights, loading, pageNow, now });
  drawPlaces(places, mounts, {
    rights,
    canInvite: signedIn.who?.by === "login",
    pageNow,
    room: state.status?.room ?? "",
    onErase: onErasePerson,
    onEnlarge: viewing.show,
  });
  viewing.draw();
  enlarging.draw();
  entitle(titleWith(titleOf(summary), alarms.open));
  announcer.hear(cards, pageNow, connection.level === "doubtful" ? DOUBT : "");
}

/**
 * @param {object} drawn
 * @param {State} drawn.state
 * @param {Connection} drawn.connection
 * @param {RecognizerState} drawn.recognizer
 * @param {Rights} drawn.rights
 * @param {boolean} drawn.loading
 * @param {number} drawn.pageNow
 * @param {number} drawn.now recognizer's clock, whole seconds
 */
function drawLive({ state, connection, recognizer, rights, loading, pageNow, now }) {
  const heartbeat = state.status?.recognizer.heartbeat ?? null;
  const hasReference = looksForSomebody(state.status);
  const offline = connection.level === "offline";
  const joined = session.phase === "in" || session.phase === "returning";
  const chosen = chosenRoom(state);
  render(
    html`<${Reference}
      key=${referencesErased}
      reference=${state.status?.reference ?? null}
      rights=${rights}
      loading=${state.status === null}
      inUse=${recognizer === "ok" || recognizer === "rivals" ? (heartbeat?.reference_id ?? null) : null}
      problem=${heartbeat?.reference_error ?? null}
      now=${now}
      onChanged=${onReferenceChanged}
      onErase=${onEraseReference}
    />`,
    mounts.reference,
  );
  drawJoin(state);
  drawWatch(joined);
  render(
    html`<${Participants}
      cards=${chosen === "" ? cards : cards.filter((card) => card.room === chosen)}
      tabs=${tabsOf(state, cards, pageNow, connection.level)}
      chosen=${chosen}
      view=${tiles.view}
      onView=${tiles.choose}
      onPin=${tiles.pin}
      now=${now}
      loading=${loading}
      showSteps=${!loading && !offline && rights !== "unknown" && (!hasReference || cards.length === 0)}
      hasReference=${hasReference}
      rights=${rights}
      canInvite=${signedIn.who?.by === "login"}
      joined=${joined}
      setUp=${setUpWords(state.status, joined ? session.name : "")}
      setupOpen=${setup.open}
      onSetup=${setup.toggle}
      videoOf=${videoOf}
      mirrored=${session.camera.mirrored}
      onEnlarge=${viewing.show}
      onWatch=${enlarging.show}
      manage=${rights === "change" ? manage : null}
    />`,
    mounts.participants,
  );
  sightings.draw(state, { room: chosen, notice: noticeOf(state, connection.level), loading, now: pageNow });
}

/** @param {Card} card @param {Summary["kind"]} kind whether the answer is about it, among others */
function speaks(card, kind) {
  return kind === "alarm" ? card.identityTone === "bad" : kind === "match" && card.state === "match";
}

/** @param {State} state the room whose cards are shown; "" all of them */
function chosenRoom(state) {
  const { place, id } = places.routeOf("live") ?? places.route;
  return several(state) && place === "live" ? id : "";
}

/** @param {Summary} summary a match is told wherever somebody is on the page */
function titleOf({ kind, title }) {
  const { place } = places.route;
  const live = kind === "match" || kind === "alarm" ? `● ${title}` : title;
  if (place === "live") return live;
  return live !== title ? live : place === "people" ? "People" : "History";
}

/** @param {string} words written only when they change: the browser may have translated them */
function entitle(words) {
  if (words === entitled) return;
  entitled = words;
  document.title = `${words} – Face Match`;
}

/**
 * Why the activity list may lack something.
 *
 * @param {State} state
 * @param {Level} level
 */
function noticeOf({ status }, level) {
  if (level === "offline") {
    return "Offline: nothing new arrives. What was missed is fetched as soon as the server is back.";
  }
  if (level === "doubtful") return "The server has said nothing for some seconds: there may be more than this.";
  const error = status?.events.error ?? null;
  return error === null ? "" : `The event log does not work, and nothing new is kept: ${error}`;
}

const onWatch = () => {
  const { status } = store.state;
  const chosen = chosenRoom(store.state);
  if (watching.phase !== "off") watching.stop();
  else if (status !== null) void watching.start(chosen === "" ? status.room : chosen);
};

/** @param {boolean} joined */
function drawWatch(joined) {
  render(
    joined
      ? null
      : html`<${Watch} phase=${watching.phase} room=${watching.room} trouble=${watching.trouble} onToggle=${onWatch} />`,
    mounts.watch,
  );
}

/** @param {State} state */
function drawJoin(state) {
  render(
    html`<${Join}
      ...${visitOf(session)}
      actions=${actions}
      watchedRoom=${state.status?.room ?? ""}
      serverUrl=${state.status?.livekit_url ?? ""}
      suggestedName=${suggestedName}
      consentRequired=${signedIn.who?.consent_required ?? false}
    />`,
    mounts.join,
  );
}

/** @param {string} id */
function element(id) {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`the page has no #${id}`);
  return found;
}

window.addEventListener("online", onRetry);
window.addEventListener("pagehide", () => {
  session.leave();
  watching.stop();
});
document.addEventListener("visibilitychange", () => {
  if (!document.hidden) onRetry(); // its answer is drawn; what is old by now is not shown once more before
});
keepFocus();
forgetDrops(window);

store.subscribe(scheduleNews);
signedIn.subscribe(schedule);
leaveWhenOthersSignIn(false);
setInterval(schedule, 1000);
setInterval(lookAtEnds, LOOKED_MS);
for (const sign of ["pointermove", "pointerdown", "keydown", "wheel"]) {
  addEventListener(sign, () => endsSeen(seeing.moved(Date.now())), { passive: true });
}
setInterval(() => watching.want(identitiesInView(mounts.participants), Date.now()), LOOKED_MS);
schedule();
void poll.now();
void roomsPoll.now();
void session.camera.list();
