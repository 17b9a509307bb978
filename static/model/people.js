// @ts-check
/** What is remembered of each participant, and how events, heartbeats and the joined room change it. */

/** @import { CheckEvent, FaceEvent, MatchEvent, Person, RoomPerson, Status, TrackAnswer, TrackStatus }
 *   from "../types/model.js" */

import { identityOf, outcomeOf } from "./wire.js";

/** @typedef {ReadonlyMap<string, Person>} People */

/** Somebody who is gone for this long leaves the page; the activity list still names them. */
export const FORGET_AFTER_MS = 10 * 60_000;
/** More than anybody can look at; the ones not seen for longest go first. */
export const MOST_PEOPLE = 400;
/** Answers of a participant's former tracks that may pile up where no heartbeat says which still exist. */
const MOST_ANSWERS = 4;
/** Former visits of one participant of which late news is still recognized. */
const MOST_FORMER = 8;
/** Where the sender does not say which track it was. */
const SOME_TRACK = "";

/**
 * People after some events, oldest first.
 *
 * @param {People} people
 * @param {readonly FaceEvent[]} events
 * @returns {People}
 */
export function withEvents(people, events) {
  if (events.length === 0) return people;
  const next = new Map(people);
  for (const event of events) {
    const identity = identityOf(event);
    const at = Date.parse(event.timestamp);
    const known = next.get(identity) ?? stranger(identity, event.participant_name);
    const late = event.participant_id !== known.participantId && at < known.visitSince;
    const person = late ? null : visiting(known, event.participant_id, 0);
    if (person === null) continue; // of a former visit: it says nothing about this one
    next.set(identity, event.type === "match" ? matched(person, event, at) : checked(person, event, at));
  }
  return next;
}

/**
 * People after a heartbeat: those it lists are here, the visits of others are over, and the answers of tracks that
 * are gone are forgotten.
 *
 * @param {People} people
 * @param {Status} status
 * @param {number} now
 * @returns {People}
 */
export function withStatus(people, status, now) {
  const { heartbeat, online } = status.recognizer;
  const next = new Map(people);
  if (heartbeat !== null && online && heartbeat.livekit === "connected") {
    const sentAt = Date.parse(heartbeat.sent_at);
    const listed = byIdentity(heartbeat.tracks);
    for (const [identity, person] of people) {
      const gone = !listed.has(identity) && (person.lastEventAt ?? 0) <= sentAt;
      if (gone && !person.over) next.set(identity, { ...person, over: true });
    }
    for (const [identity, tracks] of listed) {
      const [first] = tracks;
      if (first === undefined) continue;
      const known = next.get(identity) ?? stranger(identity, first.participant_name);
      const person = tracks.some((track) => track.participant_id === known.participantId)
        ? known
        : visiting(known, first.participant_id, sentAt);
      if (person === null) continue; // it was sent before an event that is known
      next.set(identity, {
        ...person,
        name: first.participant_name,
        over: false,
        answers: ofTracks(person.answers, tracks, sentAt),
        lastSeen: Math.max(person.lastSeen, sentAt),
      });
    }
  }
  return forgotten(next, now);
}

/**
 * People after a look into the joined room.
 *
 * @param {People} people
 * @param {readonly RoomPerson[]} roomPeople
 * @param {number} now
 * @returns {People}
 */
export function withRoom(people, roomPeople, now) {
  if (roomPeople.length === 0) return people;
  const next = new Map(people);
  for (const { identity, participantId, name } of roomPeople) {
    const known = next.get(identity) ?? stranger(identity, name || identity);
    const person = (participantId === "" ? known : visiting(known, participantId, now)) ?? known;
    next.set(identity, { ...person, name: name || person.name, lastSeen: Math.max(person.lastSeen, now) });
  }
  return next;
}

/**
 * People after a look at who was in the joined room just before: they were there until now.
 *
 * @param {People} people
 * @param {readonly RoomPerson[]} before
 * @param {number} now
 * @returns {People}
 */
export function seenUntil(people, before, now) {
  const next = new Map(people);
  for (const { identity } of before) {
    const person = next.get(identity);
    if (person !== undefined) next.set(identity, { ...person, lastSeen: Math.max(person.lastSeen, now) });
  }
  return next;
}

/**
 * Without those whom nothing has shown for long.
 *
 * @param {People} people
 * @param {number} now
 * @returns {People}
 */
export function forgotten(people, now) {
  const kept = [...people].filter(([, person]) => now - person.lastSeen <= FORGET_AFTER_MS);
  if (kept.length > MOST_PEOPLE) {
    const oldest = kept.map(([, person]) => person.lastSeen).sort((a, b) => b - a)[MOST_PEOPLE - 1] ?? 0;
    return new Map(kept.filter(([, person]) => person.lastSeen >= oldest).slice(-MOST_PEOPLE));
  }
  return new Map(kept);
}

/**
 * @param {string} identity
 * @param {string} name
 * @returns {Person}
 */
function stranger(identity, name) {
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
    lastEventAt: null,
    lastSeen: 0,
  };
}

/**
 * The person under a participant sid: another sid is another visit, perhaps of somebody else under the same name. It
 * begins without an answer and without a picture.
 *
 * @param {Person} person
 * @param {string} participantId
 * @param {number} seenAt when it was seen other than by an event; 0: it was not
 * @returns {Person | null} null: that visit was over before the one that is known
 */
function visiting(person, participantId, seenAt) {
  if (person.participantId === participantId) return person;
  if (person.former.includes(participantId)) return null;
  const former = person.participantId === "" ? person.former : [...person.former, person.participantId];
  return {
    ...person,
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
 * @param {Person} person
 * @param {MatchEvent} event
 * @param {number} at
 * @returns {Person}
 */
function matched(person, event, at) {
  /** @type {TrackAnswer} */
  const answer = {
    at,
    outcome: "match",
    bestDistance: event.distance ?? 1 - event.confidence,
    referenceId: event.reference_id,
  };
  return {
    ...seen(person, event, at),
    lastMatch: event,
    matchSince: person.matchSince ?? at,
    answers: withAnswer(person.answers, event.track_sid ?? SOME_TRACK, answer),
  };
}

/**
 * @param {Person} person
 * @param {CheckEvent} event
 * @param {number} at
 * @returns {Person}
 */
function checked(person, event, at) {
  const outcome = outcomeOf(event);
  const track = event.track_sid ?? SOME_TRACK;
  const before = person.answers[track];
  const bestDistance = event.best_distance ?? (outcome === "match" ? (before?.bestDistance ?? null) : null);
  const answers = withAnswer(person.answers, track, { at, outcome, bestDistance, referenceId: event.reference_id });
  const matching = Object.values(answers).some((answer) => answer.outcome === "match");
  return { ...seen(person, event, at), answers, matchSince: matching ? (person.matchSince ?? at) : null };
}

/**
 * @param {Person} person
 * @param {FaceEvent} event
 * @param {number} at
 * @returns {Person}
 */
function seen(person, event, at) {
  return {
    ...person,
    name: event.participant_name,
    over: false,
    lastEventAt: Math.max(person.lastEventAt ?? 0, at),
    lastSeen: Math.max(person.lastSeen, at),
  };
}

/**
 * @param {Person["answers"]} answers
 * @param {string} track
 * @param {TrackAnswer} answer
 * @returns {Person["answers"]}
 */
function withAnswer(answers, track, answer) {
  const next = Object.entries({ ...answers, [track]: answer });
  next.sort(([, a], [, b]) => b.at - a.at);
  return Object.fromEntries(next.slice(0, MOST_ANSWERS));
}

/**
 * @param {Person["answers"]} answers
 * @param {readonly TrackStatus[]} tracks
 * @param {number} sentAt
 * @returns {Person["answers"]}
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
  /** @type {Map<string, TrackStatus[]>} */
  const groups = new Map();
  for (const track of tracks) {
    const group = groups.get(track.participant_identity);
    if (group === undefined) groups.set(track.participant_identity, [track]);
    else group.push(track);
  }
  return groups;
}
