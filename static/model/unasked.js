// @ts-check
/**
 * Rooms that are not asked about: of each it is known what the list of rooms says, whose identity is an alarm, and every
 * event. That is enough for the cards that are answers; the others are there when it is asked about.
 */

/** @import { Card, Participant, RoomListed, RoomState, State, Status, TrackAnswer, TrackStatus } from "../types/model.js" */
/** @import { IdentityShown } from "../types/people.js" */
/** @typedef {import("./connection.js").Level} Level */
/** @typedef {import("./participants.js").Participants} Participants */

import { cardsOf } from "./cards.js";
import { grouped } from "./grouped.js";
import { identityWords } from "./identity.js";
import { byIdentity, stranger, visiting } from "./participants.js";

/** A room that nothing is known of yet. */
/** @type {RoomState} */
export const UNKNOWN = {
  status: null,
  statusAt: 0,
  blindSince: null,
  clockOffset: 0,
  participants: new Map(),
  roomParticipants: [],
  identities: new Map(),
};

/** What only a recognizer knows. */
const NONE = { reference_id: null, reference_error: null, counters: {}, cpu_ratio: 0, memory_bytes: 0, memory_ratio: 0 };

/** @param {IdentityShown} told */
export function alarms(told) {
  return identityWords(told).tone === "bad";
}

/**
 * The rooms beside the first, with those who match there.
 *
 * @param {State["others"]} others
 * @param {readonly RoomListed[]} listed
 * @param {Status | null} status which is the first; null: it is not known yet
 */
export function withMatches(others, listed, status) {
  if (status === null) return others;
  const next = new Map(others);
  for (const one of listed) {
    if (one.room === status.room || (one.matches ?? []).length === 0) continue;
    const room = next.get(one.room) ?? UNKNOWN;
    next.set(one.room, { ...room, participants: withListed(room.participants, one) });
  }
  return next;
}

/**
 * The rooms beside the first, of which those that are not asked about have other alarms, or none any more.
 *
 * @param {State} state
 * @param {{ told: readonly IdentityShown[], asked: ReadonlySet<string>, at: number }} news of all rooms; at: page clock
 */
export function withAlarms(state, { told, asked, at }) {
  const others = new Map(state.others);
  const byRoom = grouped(told, ({ room }) => room);
  for (const { room: name } of state.listed) {
    const alarming = byRoom.get(name) ?? [];
    const room = others.get(name) ?? UNKNOWN;
    if (name === state.status?.room || asked.has(name) || alarming.length + room.identities.size === 0) continue;
    const identities = new Map(alarming.map((one) => [one.participant_identity, one]));
    const participants = withTold(room.participants, alarming, at + state.clockOffset);
    others.set(name, { ...room, identities, participants });
  }
  return others;
}

/**
 * Participants after the list of rooms, which names those who match; what an event has said since then stands.
 *
 * @param {Participants} participants
 * @param {RoomListed} listed
 * @returns {Participants}
 */
function withListed(participants, { matches = [], told_at: said }) {
  if (said === undefined || said === null) return participants;
  const toldAt = Date.parse(said);
  const next = new Map(participants);
  for (const [identity, tracks] of byIdentity(matches)) {
    const [first] = tracks;
    if (first === undefined) continue;
    const known = next.get(identity) ?? stranger(identity, first.participant_name);
    const participant = visiting(known, first.participant_id, toldAt);
    if (participant !== null) next.set(identity, matchedBy(participant, tracks, toldAt));
  }
  return next;
}

/**
 * @param {Participant} participant
 * @param {readonly TrackStatus[]} tracks whose last looks matched
 * @param {number} toldAt
 * @returns {Participant}
 */
function matchedBy(participant, tracks, toldAt) {
  const answers = { ...participant.answers };
  let matchedAt = participant.matchedAt;
  for (const { track_sid: sid, last_check_at: last } of tracks) {
    const at = last === undefined || last === null ? toldAt : Date.parse(last);
    const known = answers[sid];
    if (known !== undefined && (known.at >= at || known.outcome === "match")) continue;
    /** @type {TrackAnswer} */
    const answer = { at, outcome: "match", bestDistance: null, referenceId: null, who: "" };
    answers[sid] = answer;
    matchedAt = Math.max(matchedAt ?? 0, at);
  }
  const lastSeen = Math.max(participant.lastSeen, toldAt);
  return { ...participant, over: false, answers, matchedAt, matchSince: participant.matchSince ?? matchedAt, lastSeen };
}

/**
 * Participants with those of whom nothing else has been heard.
 *
 * @param {Participants} participants
 * @param {readonly IdentityShown[]} told
 * @param {number} now
 * @returns {Participants}
 */
function withTold(participants, told, now) {
  const next = new Map(participants);
  for (const { participant_identity: identity, participant_name: name = identity } of told) {
    if (!next.has(identity)) next.set(identity, { ...stranger(identity, name), lastSeen: now });
  }
  return next;
}

/**
 * The cards of a room that are answers: matches and alarms.
 *
 * @param {RoomState} room
 * @param {RoomListed} listed
 * @param {RoomState & { status: Status }} first whose settings and clock are taken for those of all
 * @param {number} pageNow
 * @param {Level} level
 * @returns {Card[]}
 */
export function answersIn(room, listed, first, pageNow, level) {
  const status = briefly(room, listed, first.status);
  // No card of anybody else is an answer.
  const participants = new Map(
    [...room.participants].filter(
      ([identity, { answers }]) =>
        room.identities.has(identity) || Object.values(answers).some(({ outcome }) => outcome === "match"),
    ),
  );
  const known = { ...room, participants, status, clockOffset: first.clockOffset, blindSince: null };
  return cardsOf(known, pageNow, level).filter(
    ({ reason, lastKnown, identityTone }) =>
      reason !== "left" && reason !== "recognizer" && (lastKnown === "match" || identityTone === "bad"),
  );
}

/**
 * The status that the room would have, as far as it is known.
 *
 * @param {RoomState} room
 * @param {RoomListed} listed
 * @param {Status} first
 * @returns {Status}
 */
function briefly(room, { room: name, watched, matched, matches = [], told_at: toldAt = null }, first) {
  const alarming = [...room.identities.values()].filter(alarms).map(trackOf);
  const settings = first.recognizer.heartbeat?.settings ?? first.settings;
  const people = byIdentity(matches).size;
  // Some are not named: whoever was heard to match does so until another look.
  const sent = matched > people ? new Date(0).toISOString() : toldAt;
  const tracks = [...matches, ...alarming];
  const heartbeat =
    sent === null
      ? null
      : { ...NONE, source: "", room: name, started_at: sent, sent_at: sent, livekit: /** @type {const} */ ("connected"), settings, tracks };
  return { ...first, room: name, recognizer: { online: watched, age_seconds: null, heartbeat } };
}

/** @param {IdentityShown} told @returns {TrackStatus} */
function trackOf({ participant_identity: identity, participant_id: id = "", participant_name: name = identity }) {
  return {
    track_sid: "",
    participant_id: id,
    participant_identity: identity,
    participant_name: name,
    state: "probe",
    deadline_in: null,
    muted: false,
  };
}
