// @ts-check
/** What is remembered of each participant, and how events, heartbeats and the joined room change it. */

/** @import { CheckEvent, FaceEvent, MatchEvent, Participant, RoomParticipant, Status, TrackAnswer, TrackStatus }
 *   from "../types/model.js" */

import { grouped } from "./grouped.js";
import { identityOf, isOfReference, outcomeOf, whoOf } from "./wire.js";

/** @typedef {ReadonlyMap<string, Participant>} Participants */

/** Somebody who is gone for this long leaves the page; the activity list still names them. */
export const FORGET_AFTER_MS = 10 * 60_000;
/** More than anybody can look at; the ones not seen for longest go first. */
export const MOST_PARTICIPANTS = 400;
/** Answers of a participant's former tracks that may pile up where no heartbeat says which still exist. */
const MOST_ANSWERS = 4;
/** Former visits of one participant of which late news is still recognized. */
const MOST_FORMER = 8;
/** Where the sender does not say which track it was. */
const SOME_TRACK = "";

/**
 * Participants after some events, oldest first.
 *
 * @param {Participants} participants
 * @param {readonly FaceEvent[]} events
 * @returns {Participants}
 */
export function withEvents(participants, events) {
  if (events.length === 0) return participants;
  const next = new Map(participants);
  for (const event of events) {
    const identity = identityOf(event);
    const at = Date.parse(event.timestamp);
    const known = next.get(identity) ?? stranger(identity, event.participant_name);
    const late = event.participant_id !== known.participantId && at < known.visitSince;
    const participant = late ? null : visiting(known, event.participant_id, 0);
    if (participant === null) continue; // of a former visit: it says nothing about this one
    next.set(identity, event.type === "match" ? matched(participant, event, at) : checked(participant, event, at));
  }
  return next;
}

/**
 * Participants after a heartbeat: those it lists are here, the visits of others are over, and the answers of tracks that
 * are gone are forgotten.
 *
 * @param {Participants} participants
 * @param {Status} status
 * @param {number} now
 * @returns {Participants}
 */
export function withStatus(participants, status, now) {
  const { heartbeat, online } = status.recognizer;
  const next = new Map(participants);
  if (heartbeat !== null && online && heartbeat.livekit === "connected") {
    const sentAt = Date.parse(heartbeat.sent_at);
    const listed = byIdentity(heartbeat.tracks);
    for (const [identity, participant] of participants) {
      const gone = !listed.has(identity) && (participant.lastEventAt ?? 0) <= sentAt;
      if (gone && !participant.over) next.set(identity, { ...participant, over: true });
    }
    for (const [identity, tracks] of listed) {
      const [first] = tracks;
      if (first === undefined) continue;
      const known = next.get(identity) ?? stranger(identity, first.participant_name);
      const participant = tracks.some((track) => track.participant_id === known.participantId)
        ? known
        : visiting(known, first.participant_id, sentAt);
      if (participant === null) continue; // it was sent before an event that is known
      next.set(identity, {
        ...participant,
        name: first.participant_name,
        over: false,
        answers: ofTracks(participant.answers, tracks, sentAt),
        lastSeen: Math.max(participant.lastSeen, sentAt),
      });
    }
  }
  return forgotten(next, now);
}

/**
 * Participants after a look into the joined room.
 *
 * @param {Participants} participants
 * @param {readonly RoomParticipant[]} roomParticipants
 * @param {number} now
 * @returns {Participants}
 */
export function withRoom(participants, roomParticipants, now) {
  if (roomParticipants.length === 0) return participants;
  const next = new Map(participants);
  for (const { identity, participantId, name } of roomParticipants) {
    const known = next.get(identity) ?? stranger(identity, name || identity);
    const participant = (participantId === "" ? known : visiting(known, participantId, now)) ?? known;
    next.set(identity, { ...participant, name: name || participant.name, lastSeen: Math.max(participant.lastSeen, now) });
  }
  return next;
}

/**
 * Participants after a look at who was in the joined room just before: they were there until now.
 *
 * @param {Participants} participants
 * @param {readonly RoomParticipant[]} before
 * @param {number} now
 * @returns {Participants}
 */
export function seenUntil(participants, before, now) {
  const next = new Map(participants);
  for (const { identity } of before) {
    const participant = next.get(identity);
    if (participant !== undefined) next.set(identity, { ...participant, lastSeen: Math.max(participant.lastSeen, now) });
  }
  return next;
}

/**
 * Participants after somebody has looked at the page: that somebody's match has ended is no news any more.
 *
 * @param {Participants} participants
 * @param {string} identity of whom it was shown
 * @returns {Participants}
 */
export function withEndsSeen(participants, identity) {
  const participant = participants.get(identity);
  return participant === undefined ? participants : new Map(participants).set(identity, { ...participant, matchedAt: null });
}

/**
 * Without those whom nothing has shown for long.
 *
 * @param {Participants} participants
 * @param {number} now
 * @returns {Participants}
 */
export function forgotten(participants, now) {
  const kept = [...participants].filter(([, participant]) => now - participant.lastSeen <= FORGET_AFTER_MS);
  if (kept.length > MOST_PARTICIPANTS) {
    const oldest = kept.map(([, participant]) => participant.lastSeen).sort((a, b) => b - a)[MOST_PARTICIPANTS - 1] ?? 0;
    return new Map(kept.filter(([, participant]) => participant.lastSeen >= oldest).slice(-MOST_PARTICIPANTS));
  }
  return new Map(kept);
}

/**
 * Somebody of whom no more is known.
 *
 * @param {string} identity
 * @param {string} name
 * @returns {Participant}
 */
export function stranger(identity, name) {
  return {
    identity,
    name,
    participantId: "",
    former: [],
    visitSince: 0,
    over: false,
    answers: {},
    lastMatch: null,
    matchSince: null,
    matchedAt: null,
    lastEventAt: null,
    lastSeen: 0,
  };
}

/**
 * The participant under a participant sid: another sid is another visit, perhaps of somebody else under the same name. It
 * begins without an answer and without a picture.
 *
 * @param {Participant} participant
 * @param {string} participantId
 * @param {number} seenAt when it was seen other than by an event; 0: it was not
 * @returns {Participant | null} null: that visit was over before the one that is known
 */
export function visiting(participant, participantId, seenAt) {
  if (participant.participantId === participantId) return participant;
  if (participant.former.includes(participantId)) return null;
  const former = participant.participantId === "" ? participant.former : [...participant.former, participant.participantId];
  return {
    ...participant,
    participantId,
    former: former.slice(-MOST_FORMER),
    visitSince: seenAt,
    over: false,
    answers: {},
    lastMatch: null,
    matchSince: null,
  };
}

/**
 * @param {Participant} participant
 * @param {MatchEvent} event
 * @param {number} at
 * @returns {Participant}
 */
function matched(participant, event, at) {
  /** @type {TrackAnswer} */
  const answer = {
    at,
    outcome: "match",
    bestDistance: event.distance ?? 1 - event.confidence,
    referenceId: isOfReference(event) ? event.reference_id : null,
    who: whoOf(event),
  };
  return {
    ...seen(participant, event, at),
    lastMatch: event,
    matchSince: participant.matchSince ?? at,
    matchedAt: Math.max(participant.matchedAt ?? 0, at),
    answers: withAnswer(participant.answers, event.track_sid ?? SOME_TRACK, answer),
  };
}

/**
 * @param {Participant} participant
 * @param {CheckEvent} event
 * @param {number} at
 * @returns {Participant}
 */
function checked(participant, event, at) {
  const outcome = outcomeOf(event);
  const track = event.track_sid ?? SOME_TRACK;
  const before = participant.answers[track];
  const bestDistance = event.best_distance ?? (outcome === "match" ? (before?.bestDistance ?? null) : null);
  const who = whoOf(event);
  const referenceId = who === "" ? event.reference_id : null;
  const answers = withAnswer(participant.answers, track, { at, outcome, bestDistance, referenceId, who });
  const matching = Object.values(answers).some((answer) => answer.outcome === "match");
  return {
    ...seen(participant, event, at),
    answers,
    matchSince: matching ? (participant.matchSince ?? at) : null,
    matchedAt: outcome === "match" ? at : participant.matchedAt,
  };
}

/**
 * @param {Participant} participant
 * @param {FaceEvent} event
 * @param {number} at
 * @returns {Participant}
 */
function seen(participant, event, at) {
  return {
    ...participant,
    name: event.participant_name,
    over: false,
    lastEventAt: Math.max(participant.lastEventAt ?? 0, at),
    lastSeen: Math.max(participant.lastSeen, at),
  };
}

/**
 * @param {Participant["answers"]} answers
 * @param {string} track
 * @param {TrackAnswer} answer
 * @returns {Participant["answers"]}
 */
function withAnswer(answers, track, answer) {
  const next = Object.entries({ ...answers, [track]: answer });
  next.sort(([, a], [, b]) => b.at - a.at);
  return Object.fromEntries(next.slice(0, MOST_ANSWERS));
}

/**
 * @param {Participant["answers"]} answers
 * @param {readonly TrackStatus[]} tracks
 * @param {number} sentAt
 * @returns {Participant["answers"]}
 */
function ofTracks(answers, tracks, sentAt) {
  const sids = new Set(tracks.map((track) => track.track_sid));
  const entries = Object.entries(answers);
  const kept = entries.filter(([sid, answer]) => sid === SOME_TRACK || sids.has(sid) || answer.at > sentAt);
  return kept.length === entries.length ? answers : Object.fromEntries(kept);
}

/**
 * @param {readonly TrackStatus[]} tracks
 * @returns {Map<string, TrackStatus[]>}
 */
export function byIdentity(tracks) {
  return grouped(tracks, (track) => track.participant_identity);
}
