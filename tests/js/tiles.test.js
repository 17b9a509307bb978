// @ts-check
import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { reduce } from "../../static/model/store.js";
import { summaryOf } from "../../static/model/summary.js";
import { PAGE, PLAIN_VIEW, arranged, ordered, showing } from "../../static/model/tiles.js";
import { Page, check, heartbeat, match, status, track } from "./made.js";

/** @import { Card } from "../../static/types/model.js" */

const NAMES = Array.from({ length: 120 }, (_, number) => `Person ${number}`);

/** @param {readonly Card[]} cards */
function who(cards) {
  return cards.map((card) => card.identity);
}

/** @param {string[]} names */
function room(names) {
  return new Page().polled(
    status(
      0,
      heartbeat(
        0,
        names.map((name) => track(name, "wait")),
      ),
    ),
  );
}

describe("order", () => {
  test("alarms, matches, who was pinned, who is looked at, everybody else", () => {
    const page = room(["Else", "Looked", "Pinned", "Matched", "Alarming"]);
    page.heard(check("Else", 1, "encrypted"), check("Looked", 1, "no_match"), match("Matched", 1), match("Alarming", 1));
    const cards = page.cards(2).map((card) =>
      card.identity === "Alarming" ? { ...card, identityTone: /** @type {const} */ ("bad") } : card,
    );
    const pinned = new Set(["room/Pinned"]);
    assert.deepEqual(who(ordered(cards, pinned)), ["Alarming", "Matched", "Pinned", "Looked", "Else"]);
  });

  test("a match that ended keeps its place until somebody has seen that", () => {
    const page = room(["Ann", "Bob"]);
    page.heard(check("Ann", 1, "no_match"), match("Bob", 1), check("Bob", 2, "no_match"));
    assert.deepEqual(who(ordered(page.cards(3))), ["Bob", "Ann"]);
    page.state = reduce(page.state, { type: "ends-seen", room: "room", identity: "Bob" });
    assert.deepEqual(who(ordered(page.cards(3))), ["Ann", "Bob"]);
  });

  test("neither a look without a match nor a camera that goes off moves a card", () => {
    const names = NAMES.slice(0, 6);
    const page = room(names);
    for (const outcome of /** @type {const} */ (["no_match", "no_face", "muted", "error"])) {
      page.heard(check("Person 3", 1, outcome));
      assert.deepEqual(who(ordered(page.cards(2))), names);
    }
  });

  test("who matched is on the first page, wherever they stood", () => {
    const page = room(NAMES);
    page.heard(match("Person 119", 1));
    const { shown, fitting, pages } = arranged(page.cards(2), PLAIN_VIEW);
    assert.equal(shown[0]?.identity, "Person 119");
    assert.deepEqual([shown.length, fitting, pages], [PAGE, 120, 3]);
  });
});

describe("finding", () => {
  test("by a part of the name, of the identity, or of who they were recognized as", () => {
    const page = room(["Guest7", "Bob"]);
    page.heard(match("Guest7", 1, { person_id: "p_1", person_name: "Ada" }));
    assert.deepEqual(who(arranged(page.cards(2), { ...PLAIN_VIEW, search: " ada" }).shown), ["Guest7"]);
    assert.deepEqual(who(arranged(page.cards(2), { ...PLAIN_VIEW, search: "BO" }).shown), ["Bob"]);
    assert.deepEqual(arranged(page.cards(2), { ...PLAIN_VIEW, search: "x" }).shown, []);
  });

  test("a page that is there no more is the last one", () => {
    const { page, shown } = arranged(room(NAMES).cards(1), { ...PLAIN_VIEW, page: 7 });
    assert.deepEqual([page, shown.length], [2, 120 - 2 * PAGE]);
  });

  test("the way to a card leads to its page, whatever was searched for", () => {
    const cards = room(NAMES).cards(1);
    const view = showing(cards, { ...PLAIN_VIEW, search: "nobody", matchesOnly: true }, "room/Person 60");
    assert.ok(who(arranged(cards, view).shown).includes("Person 60"));
  });
});

test("an alarm is the answer, also beside matches, and says where", () => {
  const page = room(["Ann", "Bob"]);
  page.heard(match("Ann", 1), match("Bob", 1));
  const about = { level: /** @type {const} */ ("live"), silence: 0, hasReference: true, now: 0 };
  const cards = page.cards(2).map((card) =>
    card.identity === "Bob"
      ? { ...card, identityTone: /** @type {const} */ ("bad"), identityWords: "Someone else: Ada, expected Bob" }
      : card,
  );
  const summary = summaryOf(cards, { ...about, rights: "change", recognizer: "ok" });
  assert.deepEqual(
    [summary.kind, summary.lead, summary.title, summary.about],
    ["alarm", "Someone else as", "Bob", "room/Bob"],
  );
  assert.equal(summaryOf(page.cards(2), { ...about, rights: "change", recognizer: "ok" }).about, "room/Ann");
});
