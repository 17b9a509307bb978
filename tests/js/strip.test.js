// @ts-check
import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { busyPart, dayBeside, dayOf, dayText, lineWords, linesOf, spanOf, ticksOf, unlookedOf } from "../../static/model/strip.js";

/** @import { PresenceInterval, PresencePage } from "../../static/types/people.js" */

const HOUR = 3_600_000;
const DAY = dayOf("2026-11-26") ?? { from: 0, to: 0 };

/** @param {number} hour */
const at = (hour) => new Date(DAY.from + hour * HOUR).toISOString();

/** @param {number} from @param {number} to @param {Partial<PresenceInterval>} [changes] @returns {PresenceInterval} */
function seen(from, to, changes = {}) {
  return {
    cursor: from * 1000 + 1,
    room: "lobby",
    participant_identity: "alice42",
    participant_name: "Alice",
    track_sid: "TR",
    person_id: null,
    person_name: null,
    people: [],
    arrived_after: null,
    arrived_by: at(from),
    seen_until: at(to),
    left_before: null,
    looks: 10,
    longest_gap_seconds: 10,
    seconds: (to - from) * 3600,
    ended: null,
    ...changes,
  };
}

/** @param {PresenceInterval[]} intervals @param {[string | null, number, number][]} looked @returns {PresencePage} */
function page(intervals, looked) {
  const stretches = looked.map(([identity, from, to]) => ({
    room: "lobby",
    participant_identity: identity,
    from: at(from),
    to: at(to),
  }));
  return { from: at(0), to: at(24), intervals, more: false, looked: stretches };
}

describe("a day", () => {
  test("is the reader's, and has one before and after it", () => {
    assert.equal(dayText(DAY.from), "2026-11-26");
    assert.equal(dayText(DAY.to - 1), "2026-11-26");
    assert.deepEqual([dayBeside("2026-03-01", -1), dayBeside("2026-12-31", 1)], ["2026-02-28", "2027-01-01"]);
    for (const none of ["", "today", "2026-02-30", "2026-13-01"]) assert.equal(dayOf(none), null);
  });

  test("is shown from its first hour of which anything is known to its last", () => {
    assert.deepEqual(busyPart(DAY, page([], [])), DAY);
    const part = busyPart(DAY, page([seen(9.25, 9.5)], [["alice42", 8.5, 11.75]]));
    assert.deepEqual([part.from, part.to], [DAY.from + 8 * HOUR, DAY.from + 12 * HOUR]);
    assert.deepEqual(
      ticksOf(part).map(({ left }) => left),
      [0, 0.25, 0.5, 0.75],
    );
    assert.equal(ticksOf(DAY).length, 4);
  });
});

describe("a strip", () => {
  test("is cut at its ends, and shows what is short", () => {
    assert.deepEqual(spanOf(DAY, DAY.from - HOUR, DAY.from + 12 * HOUR), { left: 0, width: 0.5 });
    const short = spanOf(DAY, DAY.to - 1, DAY.to - 1);
    assert.ok(short !== null && short.width > 0.001 && short.left + short.width <= 1);
    assert.equal(spanOf(DAY, DAY.to, DAY.to + HOUR), null);
    assert.equal(spanOf(DAY, DAY.from - 2, DAY.from - 1), null);
  });

  test("says where nobody looked, and nothing of what has not been yet", () => {
    const looks = [
      { from: DAY.from + 6 * HOUR, to: DAY.from + 12 * HOUR },
      { from: DAY.from + 12 * HOUR + 10_000, to: DAY.from + 15 * HOUR },
    ];
    const spans = unlookedOf(looks, DAY, DAY.from + 18 * HOUR);
    assert.deepEqual(spans, [
      { left: 0, width: 0.25 },
      { left: 0.625, width: 0.125 },
    ]);
    assert.deepEqual(unlookedOf([], DAY, DAY.from - 1), []);
    assert.deepEqual(unlookedOf([], DAY, DAY.to + HOUR), [{ left: 0, width: 1 }]);
  });

  test("is of a participant in a room, with what was looked at of them alone", () => {
    const answer = page(
      [
        seen(12, 18, { arrived_after: at(6), left_before: at(24) }),
        seen(20, 21),
        seen(1, 2, { participant_identity: "bob", participant_name: "Bob" }),
      ],
      [
        ["alice42", 0, 24],
        ["bob", 0, 12],
        ["carol", 0, 24],
      ],
    );
    const [alice, bob, carol] = linesOf(answer, DAY, DAY.to, "participant");
    assert.deepEqual([alice?.name, alice?.looks, alice?.stays.length, alice?.unlooked], ["Alice", 20, 2, []]);
    assert.deepEqual(alice?.stays[0]?.seen, { left: 0.5, width: 0.25 });
    assert.deepEqual(alice?.stays[0]?.maybe, { left: 0.25, width: 0.75 });
    assert.deepEqual([bob?.id, bob?.unlooked], ["bob", [{ left: 0.5, width: 0.5 }]]);
    assert.deepEqual([carol?.name, carol?.stays, carol && lineWords(carol)], ["carol", [], "not seen"]);
    assert.equal(lineWords(alice ?? { looks: 0, seconds: 0, stays: [] }), "seen 2 times, 7 h in 20 looks");
  });

  test("is of a person by name, and of whoever looked in that room", () => {
    const ada = { person_id: "p_1", person_name: "Ada" };
    const answer = page([seen(1, 2, ada), seen(3, 4, { ...ada, participant_identity: "other" }), seen(5, 6, { person_id: "default" })], [[null, 0, 12]]);
    const [first, second] = linesOf(answer, DAY, DAY.to, "person");
    assert.deepEqual([first?.id, first?.name, first?.stays.length], ["p_1", "Ada", 2]);
    assert.deepEqual([second?.name, second?.unlooked], ["Reference photo", [{ left: 0.5, width: 0.5 }]]);
  });
});
