// @ts-check
/**
 * What each card shows, derived from the last batches, the recognizer's heartbeat and the configured seconds.
 *
 * The answer (state) and what the recognizer is doing about it (phase) are two things: a card that said "match"
 * goes on saying so while the next batch looks again, and changes when that batch has ended.
 */

/** @import { Card, CardState, CycleSettings, Heartbeat, Participant, Reason, RoomState, TrackAnswer, TrackPhase,
 *   TrackStatus } from "../types/model.js" */

/** @import { IdentityShown } from "../types/people.js" */

import { NOTHING, identityWords } from "./identity.js";
import { byIdentity } from "./participants.js";
import { OUTCOMES } from "./states.js";
import { isOfReference } from "./wire.js";

/** How much later than due the next Check may come before a sender without heartbeats counts as gone. */
const SILENCE_MS = 10_000;
/** A recognizer that loses its room is back mostly at once: what it said stands for so long. */
const BLINK_MS = 6000;
/** Somebody who left keeps their place for so long: they may be back at once. */
const LINGER_MS = 20_000;

/** @typedef {import("./connection.js").Level} Level */
/** @typedef {{ phase: TrackPhase, until: number | null, duration: number }} Phase */

/**
 * What all cards are judged by.
 *
 * @typedef {object} World
 * @property {string} name of the room
 * @property {number} now recognizer's clock
 * @property {Level} level whether the page itself hears anything
 * @property {CycleSettings} settings
 * @property {Heartbeat | null} heartbeat the last one, however old
 * @property {number} sentAt its time, 0 without one
 * @property {boolean} watched whether the recognizer is alive and in its room, by its heartbeat
 * @property {boolean} blinking whether it has been out of it for a moment only
 * @property {Map<string, TrackStatus[]>} tracks by identity
 * @property {Map<string, { isLocal: boolean, video: string }>} room who is in the joined room
 * @property {string | null} referenceId in use
 */

/**
 * One card per participant, in the order in which they were first seen, so that nothing jumps.
 *
 * @param {RoomState} state
 * @param {number} pageNow
 * @param {Level} level
 * @returns {Card[]}
 */
export function cardsOf(state, pageNow, level) {
  const { status } = state;
  if (status === null) return [];
  const { heartbeat, online } = status.recognizer;
  /** @type {World} */
  const world = {
    name: status.room,
    now: pageNow + state.clockOffset,
    level,
    settings: heartbeat?.settings ?? status.settings,
    heartbeat,
    sentAt: heartbeat === null ? 0 : Date.parse(heartbeat.sent_at),
    watched: online && heartbeat !== null && heartbeat.livekit === "connected",
    blinking: online && state.blindSince !== null && pageNow - state.blindSince < BLINK_MS,
    tracks: byIdentity(heartbeat?.tracks ?? []),
    room: new Map(state.roomParticipants.map((participant) => [participant.identity, participant])),
    referenceId: status.reference?.id ?? null,
  };
  return [...state.participants.values()].map((participant) =>
    cardOf(participant, state.identities.get(participant.identity), world),
  );
}

/**
 * @param {Participant} participant
 * @param {IdentityShown | undefined} told
 * @param {World} world
 * @returns {Card}
 */
function cardOf(participant, told, world) {
  const tracks = world.watched ? (world.tracks.get(participant.identity) ?? []) : [];
  const inRoom = world.room.get(participant.identity);
  const newest = newestAnswer(participant);
  const reason = reasonOf(participant, tracks, newest, inRoom !== undefined, world);
  // Somebody is back whom no batch has looked at since: the answers of their last visit say nothing about this one.
  const answer = participant.over && inRoom !== undefined ? null : decidingAnswer(participant);
  const track = trackOf(answer, participant, tracks);
  const step = phaseOf(track, answer, world);
  const cameraless = track === null && inRoom?.video === "";
  const known = cameraless ? "no_video" : stateOf(track, answer, step, world);
  const counting = reason === "" && step.until !== null && (step.phase === "hold" || step.phase === "wait");
  const scored = known === "match" || known === "no_match";
  const distance = scored ? (answer?.bestDistance ?? null) : null;
  const identity = reason === "" ? identityWords(told) : NOTHING; // what may be old is no green answer
  return {
    key: `${world.name}/${participant.identity}`,
    room: world.name,
    identity: participant.identity,
    name: participant.name,
    isLocal: inRoom?.isLocal ?? false,
    state: reason === "" || reason === "doubt" ? known : "offline",
    reason,
    past: reason === "left" && world.now - participant.lastSeen > LINGER_MS,
    lastKnown: known,
    phase: reason === "" && !cameraless ? step.phase : "",
    remaining: counting && step.until !== null ? Math.max(0, Math.ceil((step.until - world.now) / 1000)) : null,
    duration: step.duration,
    score: distance === null ? null : 1 - distance,
    distance,
    threshold: world.settings.threshold,
    lastCheckAt: newest?.at ?? null,
    matchSince: known === "match" ? participant.matchSince : null,
    matchedAt: known === "match" && reason !== "left" ? null : endedMatch(participant, reason, world),
    identityState: told?.state ?? "",
    identityTone: identity.tone,
    identityWords: identity.words,
    bound: told !== undefined && told.person_id !== null,
    who: known === "match" ? (answer?.who ?? "") : "",
    silent: known === "no_video" && track?.muted !== true && answer?.outcome === "no_frames",
    lastMatch: participant.over && reason !== "left" ? null : matchToShow(participant, world),
    video: inRoom?.video ?? "",
  };
}

/**
 * When a match that has ended was last seen, unless that is no news, or nobody knows whether it has ended.
 *
 * @param {Participant} participant
 * @param {Reason | ""} reason
 * @param {World} world
 */
function endedMatch(participant, reason, world) {
  if (reason === "page" || reason === "recognizer") return null;
  return matchToShow(participant, world) === null && participant.lastMatch !== null ? null : participant.matchedAt;
}

/**
 * @param {Participant} participant
 * @param {World} world
 */
function matchToShow({ lastMatch }, { referenceId }) {
  if (lastMatch === null || !isOfReference(lastMatch)) return lastMatch;
  return isOfFormerReference(lastMatch.reference_id, referenceId) ? null : lastMatch;
}

/**
 * @param {string | null} referenceId of an event or an answer
 * @param {string | null} inUse
 */
function isOfFormerReference(referenceId, inUse) {
  return inUse !== null && referenceId !== null && referenceId !== inUse;
}

/**
 * Why what is known of somebody may no longer be true; "" when it is current.
 *
 * @param {Participant} participant
 * @param {readonly TrackStatus[]} tracks
 * @param {TrackAnswer | null} newest
 * @param {boolean} inRoom
 * @param {World} world
 * @returns {Reason | ""}
 */
function reasonOf(participant, tracks, newest, inRoom, world) {
  if (participant.over && !inRoom) return "left";
  if (world.level === "offline") return "page";
  const current = world.level === "doubtful" ? "doubt" : "";
  const newsSinceHeartbeat = participant.lastEventAt !== null && participant.lastEventAt > world.sentAt;
  if (world.blinking) return current;
  if (world.watched) return tracks.length > 0 || newsSinceHeartbeat || inRoom ? current : "left";
  if (!newsSinceHeartbeat || newest === null) return "recognizer";
  const { settings } = world;
  const pause = newest.outcome === "match" ? settings.hold_seconds : settings.wait_seconds;
  const due = newest.at + (pause + settings.batch_timeout_seconds) * 1000;
  return world.now <= due + SILENCE_MS ? current : "recognizer";
}

/**
 * Somebody with several cameras: one that matches decides, else the one that was looked at last.
 *
 * @param {Participant} participant
 * @returns {TrackAnswer | null}
 */
function decidingAnswer(participant) {
  const answers = Object.values(participant.answers);
  return answers.find((answer) => answer.outcome === "match") ?? newestAnswer(participant);
}

/** @param {Participant} participant @returns {TrackAnswer | null} */
function newestAnswer(participant) {
  return Object.values(participant.answers).reduce(
    (/** @type {TrackAnswer | null} */ newest, answer) =>
      newest === null || answer.at > newest.at ? answer : newest,
    null,
  );
}

/**
 * The track that the card's phase is about: the answer's, else the first.
 *
 * @param {TrackAnswer | null} answer
 * @param {Participant} participant
 * @param {readonly TrackStatus[]} tracks
 * @returns {TrackStatus | null}
 */
function trackOf(answer, participant, tracks) {
  const of = tracks.find((track) => answer !== null && participant.answers[track.track_sid] === answer);
  return of ?? tracks[0] ?? null;
}

/**
 * What the recognizer is doing: the newer of the heartbeat and the last Check tells.
 *
 * @param {TrackStatus | null} track
 * @param {TrackAnswer | null} answer
 * @param {World} world
 * @returns {Phase}
 */
function phaseOf(track, answer, { settings, sentAt, now }) {
  const step =
    answer !== null && (track === null || answer.at > sentAt)
      ? afterBatch(answer, settings)
      : byHeartbeat(track, sentAt, settings);
  const over = step.until !== null && now >= step.until && (step.phase === "hold" || step.phase === "wait");
  return over ? { phase: "probe", until: null, duration: 0 } : step;
}

/**
 * @param {TrackAnswer} answer
 * @param {CycleSettings} settings
 * @returns {Phase}
 */
function afterBatch(answer, settings) {
  if (answer.outcome === "no_reference") return { phase: "idle", until: null, duration: 0 };
  const matched = answer.outcome === "match";
  const duration = matched ? settings.hold_seconds : settings.wait_seconds;
  return { phase: matched ? "hold" : "wait", until: answer.at + duration * 1000, duration };
}

/**
 * @param {TrackStatus | null} track
 * @param {number} sentAt
 * @param {CycleSettings} settings
 * @returns {Phase}
 */
function byHeartbeat(track, sentAt, settings) {
  if (track === null) return { phase: "probe", until: null, duration: 0 };
  const until = track.deadline_in === null ? null : sentAt + track.deadline_in * 1000;
  if (track.state === "hold") return { phase: "hold", until, duration: settings.hold_seconds };
  if (track.state === "wait") return { phase: "wait", until, duration: settings.wait_seconds };
  return { phase: track.state, until: null, duration: 0 };
}

/**
 * @param {TrackStatus | null} track
 * @param {TrackAnswer | null} answer
 * @param {Phase} step
 * @param {World} world
 * @returns {CardState}
 */
function stateOf(track, answer, step, world) {
  if (step.phase === "idle") return answer === null || world.sentAt >= answer.at ? idleState(track) : "idle";
  const newsFromTrack = track !== null && (answer === null || world.sentAt >= answer.at);
  if (newsFromTrack && track.muted) return "no_video";
  if (answer === null) return "looking";
  if (isOfFormerReference(answer.referenceId, world.referenceId)) return "looking";
  if (answer.outcome === "muted" && newsFromTrack && step.phase === "probe") return "looking";
  return OUTCOMES[answer.outcome].state;
}

/**
 * Why nothing is done with a track.
 *
 * @param {TrackStatus | null} track
 * @returns {CardState}
 */
function idleState(track) {
  if (track?.idle_reason === "consent") return "no_consent";
  return track?.idle_reason === "not_compared" ? "not_compared" : "idle";
}

/**
 * The cards with every one that says the same as before being the same object, so that only what changed is drawn.
 *
 * @param {readonly Card[]} before
 * @param {readonly Card[]} after
 * @returns {readonly Card[]}
 */
export function reuse(before, after) {
  const known = new Map(before.map((card) => [card.key, card]));
  return after.map((card) => {
    const old = known.get(card.key);
    return old !== undefined && saysTheSame(old, card) ? old : card;
  });
}

/** @param {Card} one @param {Card} other */
function saysTheSame(one, other) {
  const keys = /** @type {(keyof Card)[]} */ (Object.keys(one));
  return keys.every((key) => Object.is(one[key], other[key]));
}
