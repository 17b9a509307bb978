/** The shapes of people and of presence, as the server answers them: facematch/server/people/answers.py and presence. */

import type { BBox, MatchEvent, Size } from "./model.js";

export interface Person {
  id: string;
  name: string;
  /** where they are looked for; empty: in every room */
  rooms: readonly string[];
  tolerance: number | null;
  basis: string;
  consent: { at: string; by: string; text_version: string } | null;
  /** as it was asked for; null: when they were not seen for long */
  delete_at: string | null;
  /** when they are erased by themselves */
  erased_at: string;
  created_at: string;
  /** to the day; null: not yet */
  last_seen_at: string | null;
  photos: number;
  /** of one of the photos */
  portrait: string | null;
  /** codes, of which a later server may send more */
  attention: readonly string[];
}
export interface WeakPoint {
  code: string;
  detail: string;
}
export interface Photo {
  id: string;
  url: string;
  added_at: string;
  source: string;
  bbox: BBox;
  frame_size: Size;
  face_px: number;
  weak: readonly WeakPoint[];
  unlike_the_others: boolean;
  origin_person_id: string;
}
export interface PersonWhole extends Person {
  photo_list: readonly Photo[];
  merged: readonly { id: string; name: string }[];
  /** null: without a photo; missing from older servers */
  recognition?: {
    tolerance: number | null;
    reason: string;
    candidates: number;
    tolerance_bound: number;
    resembles: { person_id: string; name: string; distance: number } | null;
  } | null;
}
export interface PeoplePage {
  people: readonly Person[];
  total: number;
  /** of those whose name fits, how many need it */
  attention: number;
  offset: number;
}
export interface PhotoResult {
  file: string;
  ok: boolean;
  code: string | null;
  detail: string | null;
  photo: Photo | null;
  turned: number;
  photo_id: string | null;
  person_id: string | null;
}

export interface UnknownFace {
  id: string;
  /** the same for faces that are alike */
  group: string;
  room: string;
  participant_identity: string;
  participant_name: string;
  first_at: string;
  at: string;
  url: string;
}
export interface UnknownsPage {
  kept: boolean;
  unknowns: readonly UnknownFace[];
}
export interface Assigned extends PhotoResult {
  /** null: it was refused */
  assigned_to: string | null;
}

export interface PresenceInterval {
  cursor: number;
  room: string | null;
  participant_identity: string;
  participant_name: string;
  track_sid: string;
  person_id: string | null;
  person_name: string | null;
  people: readonly string[];
  arrived_after: string | null;
  arrived_by: string;
  seen_until: string;
  left_before: string | null;
  looks: number;
  longest_gap_seconds: number;
  seconds: number;
  ended: string | null;
}
export interface PresencePage {
  from: string;
  to: string;
  intervals: readonly PresenceInterval[];
  more: boolean;
  looked?: readonly { room: string | null; participant_identity: string | null; from: string; to: string }[] | null;
}
export interface Figures {
  looks: number;
  seen: number;
  seconds: number;
  first_seen: string | null;
  last_seen: string | null;
}
export interface ParticipantStatistics extends Figures {
  participant_identity: string;
  not_seen: number;
  unknowable: number;
  persons: readonly { person_id: string; seen: number; seconds: number }[];
  days: readonly (Figures & { day: string; room: string | null; not_seen: number; unknowable: number })[];
}
export interface PersonStatistics extends Figures {
  person_id: string;
  days: readonly (Figures & { day: string; room: string | null; participant_identity: string })[];
}

/** Whether a participant is who they are supposed to be, now; see docs/identity.md. */
export interface IdentityShown {
  room: string | null;
  participant_identity: string;
  participant_id?: string;
  participant_name?: string;
  /** a later server may say others */
  state: string;
  detail: string | null;
  /** who they are supposed to be; null: nobody says */
  person_id: string | null;
  person_name: string | null;
  /** of `other_person` */
  seen_person_id: string | null;
  seen_person_name: string | null;
  certainty: string | null;
}

/** Who somebody is supposed to be; or, about no participant, that somebody watches the room, signed in, changed photos. */
export interface SaidEvent {
  type: string;
  change: string;
  by: string;
  person_name?: string | null;
  person_id?: string | null;
}

/** One line of what happened: see GET /api/sightings. */
export interface SightingLine {
  kind: "sighting" | "unseen" | "joined" | "left" | "said";
  cursor: number;
  began: string;
  until: string;
  going_on: boolean;
  room: string | null;
  participant_identity: string | null;
  participant_name: string | null;
  people: readonly { person_id: string; person_name: string | null }[];
  looks: number;
  best: number | null;
  reason: string | null;
  match: MatchEvent | null;
  event: SaidEvent | null;
}
