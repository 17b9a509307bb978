/** The shapes that the page's modules pass around. The wire's own (first part) follow facematch/protocol/events.py. */

import type { IdentityTone } from "../model/identity.js";
import type { IdentityShown } from "./people.js";

/** An event of an element that is known. */
export type From<E extends Element> = Event & { readonly currentTarget: E };

// ---- on the wire -------------------------------------------------------------------------------------------

/** top, right, bottom, left in pixels of the picture it belongs to */
export type BBox = readonly [number, number, number, number];
/** width, height in pixels */
export type Size = readonly [number, number];

export type Outcome =
  | "match" | "no_match" | "no_face" | "no_frames" | "muted" | "encrypted" | "denied" | "too_large" | "no_reference"
  | "error";

interface WireEvent {
  /** position in the server's log */
  cursor: number;
  participant_id: string;
  participant_name: string;
  timestamp: string;
  event_id: string | null;
  room: string | null;
  participant_identity: string | null;
  track_sid: string | null;
  cycle_id: string | null;
  reference_id: string | null;
}
export interface MatchEvent extends WireEvent {
  type: "match";
  /** 1 - distance: a score, not a probability */
  confidence: number;
  snapshot: string | null;
  bbox: BBox;
  frame_size: Size;
  distance: number | null;
  threshold: number | null;
  model: string | null;
  /** "default": the person of the reference photo; null: of an older sender, the same */
  person_id: string | null;
  person_name: string | null;
}
export interface CheckEvent extends WireEvent {
  type: "check";
  match_found: boolean;
  outcome: Outcome | null;
  frames: number | null;
  faces: number | null;
  best_distance: number | null;
  /** ids of who was named; null: of an older sender */
  named: readonly string[] | null;
  /** who was near their tolerance, named or not */
  people: readonly { person_id: string; person_name: string | null }[];
}
export type FaceEvent = MatchEvent | CheckEvent;

export type TrackPhase = "idle" | "queued" | "probe" | "hold" | "wait";
export interface TrackStatus {
  track_sid: string;
  participant_id: string;
  participant_identity: string;
  participant_name: string;
  state: TrackPhase;
  deadline_in: number | null;
  muted: boolean;
  /** why nobody may look at it: "consent", "not_compared"; nothing: nobody is looked for */
  idle_reason?: string | null;
  last_check_at?: string | null;
}
export interface CycleSettings {
  batch_max_frames: number;
  hold_seconds: number;
  wait_seconds: number;
  batch_timeout_seconds: number;
  match_cooldown_seconds: number;
  threshold: number;
}
export interface Heartbeat {
  source: string;
  room: string;
  started_at: string;
  sent_at: string;
  livekit: "connecting" | "waiting" | "connected" | "reconnecting" | "disconnected";
  reference_id: string | null;
  reference_error: string | null;
  settings: CycleSettings;
  tracks: TrackStatus[];
  counters: Record<string, number>;
  cpu_ratio: number;
  memory_bytes: number;
  memory_ratio: number;
}
export interface ReferenceStatus {
  id: string;
  updated_at: string;
  url: string;
}
export interface Status {
  room: string;
  livekit_url: string;
  reference: ReferenceStatus | null;
  /** how many people of the gallery are looked for; an older server does not say */
  people?: number;
  settings: CycleSettings;
  recognizer: {
    online: boolean;
    age_seconds: number | null;
    heartbeat: Heartbeat | null;
    /** other recognizers that report the same room; an older server does not say */
    rivals?: number;
  };
  websocket_clients: number;
  events: { count: number; cursor: number; error: string | null; gaps: { count: number } };
  /** settings that processes have not alike, as sentences; an older server does not say */
  settings_differ?: string[];
  erasures: number;
  server_time: string;
}

// ---- state -------------------------------------------------------------------------------------------------

/** The last batch of one track. Times are milliseconds of the recognizer's clock. */
export interface TrackAnswer {
  at: number;
  outcome: Outcome;
  bestDistance: number | null;
  /** the reference that the batch compared with; null: it does not matter, or is not known */
  referenceId: string | null;
  /** of a match: names of the people of the gallery who were recognized; "" when it is the reference's person */
  who: string;
}
export interface Participant {
  identity: string;
  name: string;
  /** their sid: another one is another visit; "" while only the name is known */
  participantId: string;
  /** sids of visits before that one, which never come back */
  former: readonly string[];
  /** when that visit was first seen, other than by an event: events of other sids from before are late news */
  visitSince: number;
  /** the visit that the answers are of has ended: they no longer say anything about now */
  over: boolean;
  /** by track sid ("" where the sender does not tell) */
  answers: Readonly<Record<string, TrackAnswer>>;
  /** of this visit */
  lastMatch: MatchEvent | null;
  /** since when every batch has matched */
  matchSince: number | null;
  /** the last look that matched; null once somebody has seen that the match has ended */
  matchedAt: number | null;
  lastEventAt: number | null;
  /** when an event, a heartbeat or the room last showed them */
  lastSeen: number;
}

/** Somebody in the room that this page has joined. */
export interface RoomParticipant {
  identity: string;
  /** their sid; "" before the server has given one */
  participantId: string;
  name: string;
  isLocal: boolean;
  /** the sid of the camera track that can be shown now; "" without one */
  video: string;
}

export type Socket =
  | { state: "idle" }
  | { state: "connecting"; attempt: number; since: number }
  | { state: "open"; since: number }
  | { state: "waiting"; attempt: number; since: number; retryAt: number };

export interface ApiHealth {
  /** failed polls in a row */
  failures: number;
  since: number;
}

/** What is known of one room. */
export interface RoomState {
  status: Status | null;
  /** page clock, when `status` was received */
  statusAt: number;
  /** page clock, since when the recognizer has been out of its room; null while it is in it */
  blindSince: number | null;
  /** page clock to the recognizer's clock, ms */
  clockOffset: number;
  participants: ReadonlyMap<string, Participant>;
  /** who is in it, by this page's own visit */
  roomParticipants: readonly RoomParticipant[];
  /** who participants are supposed to be, by identity */
  identities: ReadonlyMap<string, IdentityShown>;
}

/** A room as GET /api/rooms lists it. */
export interface RoomListed {
  room: string;
  watched: boolean;
  participants: number;
  matched: number;
  /** their cameras, the first of them; an older server does not say */
  matches?: readonly TrackStatus[];
  /** when its recognizer said so, by its clock */
  told_at?: string | null;
}

/** What is known of the server, of the room that it is asked about first, and of the others. */
export interface State extends RoomState {
  api: ApiHealth;
  /** page clock, when the server last said anything */
  heardAt: number;
  socket: Socket;
  cursor: number;
  /** counts restarts of the server's log, whose cursors begin anew */
  logEpoch: number;
  /** newest first, bounded */
  activity: readonly ActivityEntry[];
  /** by name; empty: the server tells of one room only */
  listed: readonly RoomListed[];
  /** those beside the first that are asked about, by name */
  others: ReadonlyMap<string, RoomState>;
}

export interface ActivityEntry {
  key: string;
  at: number;
  event: FaceEvent;
}

// ---- what a card shows -------------------------------------------------------------------------------------

export type CardState =
  | "match" | "no_match" | "no_face" | "looking" | "no_video" | "encrypted" | "denied" | "too_large" | "no_consent"
  | "not_compared" | "error" | "idle"
  | "offline";
/** doubt: it may well be so, but the server has not said so for some seconds; the others: offline */
export type Reason = "page" | "recognizer" | "left" | "doubt";

/** One card, flat, so that equal models are found by comparing fields. */
export interface Card {
  /** of all rooms' cards */
  key: string;
  room: string;
  identity: string;
  name: string;
  isLocal: boolean;
  state: CardState;
  reason: Reason | "";
  /** left long enough ago to stand aside */
  past: boolean;
  /** offline: what was last known */
  lastKnown: CardState;
  phase: TrackPhase | "";
  /** whole seconds until the phase ends, null where it has no end */
  remaining: number | null;
  /** the phase's whole length in seconds */
  duration: number;
  score: number | null;
  distance: number | null;
  threshold: number | null;
  lastCheckAt: number | null;
  matchSince: number | null;
  /** of a match that has ended, until somebody has seen that: its last look */
  matchedAt: number | null;
  /** of a match: who it is; "" the person of the reference photo */
  who: string;
  /** whether they are who they are supposed to be: a state, and words for it; "" when nothing is said */
  identityState: string;
  identityTone: IdentityTone;
  identityWords: string;
  /** whether anybody says who they are supposed to be */
  bound: boolean;
  /** no video: the camera is on, and what it films does not arrive */
  silent: boolean;
  /** of this visit and of the reference in use: its snapshot where there is no live video, its box where there is */
  lastMatch: MatchEvent | null;
  /** the sid of the track to show live; "" without one */
  video: string;
}
