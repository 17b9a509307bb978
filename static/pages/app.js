// @ts-check
/**
 * The page's composition: the event socket, the status polls and the room change one state; the state is drawn at
 * most once a frame, and once a second for what counts time.
 *
 * What tests and scripts can hold on to, besides roles and labels:
 * - cards: `[data-testid=card][data-identity=…]` with `data-state` match | no_match | no_face | looking | no_video |
 *   error | idle | offline, `data-reason` page | recognizer | left when offline, `data-phase` idle | queued | probe |
 *   hold | wait; inside: `card-state`, `card-phase`, `card-check`, `score`, `countdown`, `face-outline`
 * - the one answer: `answer` with `data-kind` match | none | looking | empty | no_reference | offline | loading
 * - header: `connection` with `data-level` connecting | live | reconnecting | offline; `recognizer` with
 *   `data-recognizer` unknown | ok | no_reference | connecting | lost | absent | never
 * - reference: `reference-file` (input), `reference-image`, `reference-preview`, `reference-refused`,
 *   `reference-accepted`, `reference-still`, `face-outline`
 * - join: `join` with `data-phase` out | joining | in | returning; `join-name`, `join-room`, `join-camera`,
 *   `join-server`, `join-button`, `join-trouble`, `leave-button`
 * - activity: `activity-row` with `data-type`, `data-state`, `data-identity`; `filter-kind`, `filter-person`,
 *   `activity-notice`; small menus: `menu` with `menu-item`; the dialog before something is erased: `erase` with
 *   `data-state` asked | busy | done, `erase-confirm`, `erase-close`, `erase-receipt`, `erase-trouble`; the dialog: `viewer`; the first steps: `steps`
 */

/** @import { Card, MatchEvent, State } from "../types/model.js" */

import { NO_FILTER, beside } from "../model/activity.js";
import { cardsOf, reuse } from "../model/cards.js";
import { connectionOf, recognizerState } from "../model/connection.js";
import { rightsOf } from "../model/rights.js";
import { Store, initialState } from "../model/store.js";
import { summaryOf } from "../model/summary.js";
import { StatusPoll } from "../net/poll.js";
import { EventSocket } from "../net/socket.js";
import { Session } from "../room/session.js";
import { actionsOf, visitOf } from "../room/visit.js";
import { Activity } from "../view/activity.js";
import { Announcer } from "../view/announcer.js";
import { Bar } from "../view/bar.js";
import { Join } from "../view/join.js";
import { People } from "../view/people.js";
import { html, render } from "../view/preact.js";
import { Reference } from "../view/reference.js";
import { currentTheme, nextTheme } from "../view/theme-choice.js";
import { Viewer } from "../view/viewer.js";
import { Erasing } from "./erasing.js";
import { signedIn } from "./signed-in.js";
import { forgetDrops, rememberName, rememberedName } from "./visitor.js";

const DAY_MS = 86_400_000;

const mounts = {
  bar: element("bar-state"),
  reference: element("reference-content"),
  join: element("join-content"),
  people: element("people-content"),
  activity: element("activity-content"),
};
const viewer = /** @type {HTMLDialogElement} */ (element("viewer"));
const announcer = new Announcer(element("announcer"));

const store = new Store(initialState(Date.now()));
const session = new Session(onRoomChange);
const socket = new EventSocket({
  cursor: () => store.state.cursor,
  onMessages: (messages) => store.dispatch({ type: "messages", messages }),
  onState: (state) => store.dispatch({ type: "socket", socket: state }),
});
/** The cursor at which the last poll found the socket behind the log; behind at the same one again, it is dead. */
let silentAt = -1;

const poll = new StatusPoll({
  cursor: () => store.state.cursor,
  onStatus: (answer) => {
    const { logEpoch, cursor, api } = store.state;
    store.dispatch({ type: "status", ...answer });
    socket.start();
    if (api.failures > 0) socket.hurry(); // the server is back: no reason to wait any longer
    const silent = answer.status.events.cursor > cursor && cursor === silentAt;
    silentAt = answer.status.events.cursor > cursor ? cursor : -1;
    if (store.state.logEpoch !== logEpoch) {
      socket.reread();
      view(null);
    } else if (silent && store.state.socket.state === "open") socket.restart();
  },
  onFailure: (at) => store.dispatch({ type: "status-failed", at }),
});
let filter = NO_FILTER;
/** @type {MatchEvent | null} */
let viewing = null;
/** @type {readonly Card[]} */
let cards = [];
/** Each time the panel begins anew: it may still show the photo from this machine that it has just sent. */
let referencesErased = 0;
let suggestedName = rememberedName();

const actions = actionsOf(session, (name) => {
  suggestedName = name;
  rememberName(name);
});

/** @param {string} identity */
const videoOf = (identity) => session.videoOf(identity);

/** @param {MatchEvent | null} event */
function view(event) {
  viewing = event;
  schedule();
}
const closeViewer = () => view(null);
/** @param {typeof filter} next */
const onFilter = (next) => {
  filter = next;
  schedule();
};
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
const onErasePerson = (identity, name) => erasing.ask({ kind: "participant", identity, name });
const onEraseReference = () => erasing.ask({ kind: "reference" });

/** Something about the room or the camera is different now. */
function onRoomChange() {
  // Somebody in another room than the recognizer's is not looked for: no card.
  const watched = session.room === store.state.status?.room;
  store.dispatch({ type: "room", people: watched ? session.people() : [], at: Date.now() });
  schedule();
}

let scheduled = false;

/** Draws with the next frame, however much happens before it; a hidden page, which has no frames, soon. */
function schedule() {
  if (scheduled) return;
  scheduled = true;
  if (document.hidden) setTimeout(draw, 250);
  else requestAnimationFrame(draw);
}

function draw() {
  scheduled = false;
  const { state } = store;
  const pageNow = Date.now();
  const connection = connectionOf(state, pageNow);
  const recognizer = recognizerState(state, connection.level);
  const offline = connection.level === "offline";
  // Whole seconds, so that what counts time is drawn once a second and not with every change.
  const now = Math.floor((pageNow + state.clockOffset) / 1000) * 1000;
  cards = reuse(cards, cardsOf(state, pageNow, offline));
  const loading = state.status === null && !offline;
  const hasReference = state.status !== null && state.status.reference !== null;
  const rights = rightsOf(signedIn.who?.role ?? null);
  const summary = summaryOf(cards, {
    level: loading ? "connecting" : connection.level === "connecting" ? "live" : connection.level,
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
      recognizer=${recognizer}
      heartbeat=${heartbeat}
      missing=${state.status?.events.gaps.count ?? 0}
      answer=${summary.title}
      answerKind=${summary.kind}
      theme=${currentTheme()}
      onTheme=${onTheme}
      onRetry=${onRetry}
    />`,
    mounts.bar,
  );
  render(
    html`<${Reference}
      key=${referencesErased}
      reference=${state.status?.reference ?? null}
      rights=${rights}
      loading=${state.status === null}
      inUse=${recognizer === "ok" ? (heartbeat?.reference_id ?? null) : null}
      problem=${heartbeat?.reference_error ?? null}
      now=${now}
      onChanged=${onReferenceChanged}
      onErase=${onEraseReference}
    />`,
    mounts.reference,
  );
  drawJoin(state);
  render(
    html`<${People}
      summary=${summary}
      cards=${cards}
      now=${now}
      loading=${loading}
      showSteps=${!loading && !offline && rights !== "unknown" && (!hasReference || cards.length === 0)}
      hasReference=${hasReference}
      rights=${rights}
      canInvite=${signedIn.who?.by === "login"}
      joined=${session.phase === "in" || session.phase === "returning"}
      videoOf=${videoOf}
      mirrored=${session.camera.mirrored}
      onEnlarge=${view}
      onErase=${rights === "change" ? onErasePerson : null}
    />`,
    mounts.people,
  );
  render(
    html`<${Activity}
      entries=${state.activity}
      filter=${filter}
      day=${Math.floor(pageNow / DAY_MS)}
      notice=${noticeOf(state, offline)}
      loading=${loading}
      onFilter=${onFilter}
      onEnlarge=${view}
    />`,
    mounts.activity,
  );
  drawViewer(state);
  document.title = summary.kind === "match" ? `● ${summary.title} – Face Match` : `${summary.title} – Face Match`;
  announcer.hear(cards, pageNow);
}

/**
 * Why the activity list may lack something.
 *
 * @param {State} state
 * @param {boolean} offline
 */
function noticeOf({ status }, offline) {
  if (offline) return "Offline: nothing new arrives. What was missed is fetched as soon as the server is back.";
  const error = status?.events.error ?? null;
  return error === null ? "" : `The event log does not work, and nothing new is kept: ${error}`;
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
    />`,
    mounts.join,
  );
}

/** @param {State} state */
function drawViewer(state) {
  if (viewing === null) {
    if (viewer.open) viewer.close();
    return;
  }
  const { newer, older } = beside(state.activity, viewing);
  render(
    html`<${Viewer} event=${viewing} newer=${newer} older=${older} onShow=${view} onClose=${closeViewer} />`,
    viewer,
  );
  if (!viewer.open) viewer.showModal();
}

/** @param {string} id */
function element(id) {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`the page has no #${id}`);
  return found;
}

viewer.addEventListener("close", closeViewer);
viewer.addEventListener("click", (event) => {
  if (event.target === viewer) closeViewer(); // beside the content: the backdrop
});
viewer.addEventListener("keydown", (event) => {
  if (viewing === null || (event.key !== "ArrowLeft" && event.key !== "ArrowRight")) return;
  const { newer, older } = beside(store.state.activity, viewing);
  const next = event.key === "ArrowLeft" ? newer : older;
  if (next !== null) view(next);
});
window.addEventListener("online", onRetry);
window.addEventListener("pagehide", () => session.leave());
document.addEventListener("visibilitychange", () => {
  if (document.hidden) return;
  onRetry();
  schedule();
});
forgetDrops(window);

store.subscribe(schedule);
signedIn.subscribe(schedule);
setInterval(schedule, 1000);
schedule();
void poll.now();
void session.camera.list();
