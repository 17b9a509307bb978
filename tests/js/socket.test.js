// @ts-check
import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, mock, test } from "node:test";

import { EventSocket } from "../../static/net/socket.js";
import { T0 } from "./made.js";

/** @import { Socket } from "../../static/types/model.js" */

/** Stands in for the browser's WebSocket; the test opens, fills and closes it. */
class FakeWebSocket extends EventTarget {
  /** @type {FakeWebSocket[]} */
  static made = [];
  closed = false;

  /** @param {URL} address */
  constructor(address) {
    super();
    this.address = String(address);
    FakeWebSocket.made.push(this);
  }

  close() {
    this.closed = true;
  }

  open() {
    this.dispatchEvent(new Event("open"));
  }

  /** @param {number} cursor */
  tell(cursor) {
    this.dispatchEvent(new MessageEvent("message", { data: JSON.stringify({ type: "novel", cursor }) }));
  }

  lose() {
    this.dispatchEvent(new Event("close"));
  }
}

let cursor = 0;
/** @type {number[][]} */
let groups = [];
/** @type {Socket[]} */
let states = [];
let socket = made();

function made() {
  return new EventSocket({
    cursor: () => cursor,
    onMessages: (messages) => groups.push(messages.map((message) => (cursor = message.cursor))),
    onState: (state) => states.push(state),
  });
}

/** @returns {FakeWebSocket} */
function latest() {
  const found = FakeWebSocket.made.at(-1);
  if (found === undefined) throw new Error("no connection was made");
  return found;
}

beforeEach(() => {
  mock.timers.enable({ apis: ["setTimeout", "Date"], now: T0 });
  Object.assign(globalThis, {
    WebSocket: FakeWebSocket,
    location: { href: "https://here:8000/", protocol: "https:" },
  });
  FakeWebSocket.made = [];
  [cursor, groups, states] = [0, [], []];
  socket = made();
  socket.start();
});

afterEach(() => {
  socket.stop();
  mock.timers.reset();
});

describe("the event socket", () => {
  test("asks for what comes after the cursor, by the page's own scheme", () => {
    assert.equal(latest().address, "wss://here:8000/ws/events?after=0");
    socket.start();
    assert.equal(FakeWebSocket.made.length, 1);
  });

  test("hands a replay over as one group", () => {
    latest().open();
    for (const position of [1, 2, 3]) latest().tell(position);
    assert.deepEqual(groups, []);
    mock.timers.tick(50);
    assert.deepEqual(groups, [[1, 2, 3]]);
  });

  test("comes back by itself, after the last message that it had", () => {
    latest().open();
    latest().tell(7);
    latest().lose();
    assert.deepEqual(groups, [[7]]);
    assert.equal(states.at(-1)?.state, "waiting");
    mock.timers.tick(500);
    assert.equal(latest().address, "wss://here:8000/ws/events?after=7");
    latest().open();
    assert.equal(states.at(-1)?.state, "open");
  });

  test("waits longer when it is refused again and again, and remembers since when", () => {
    const waits = [];
    for (let attempt = 0; attempt < 4; attempt += 1) {
      latest().lose();
      const state = states.at(-1);
      if (state?.state !== "waiting") throw new Error("it does not wait");
      waits.push(state.retryAt - Date.now());
      mock.timers.tick(15_000);
    }
    assert.ok(
      waits.every((wait, index) => wait >= 250 * 2 ** index && wait <= 500 * 2 ** index),
      String(waits),
    );
  });

  test("does not wait when there is a reason to hope", () => {
    latest().lose();
    socket.hurry();
    assert.equal(FakeWebSocket.made.length, 2);
    socket.hurry();
    assert.equal(FakeWebSocket.made.length, 2);
  });

  test("gives up a connection that never opens", () => {
    mock.timers.tick(10_000);
    assert.ok(latest().closed);
    assert.equal(states.at(-1)?.state, "waiting");
  });

  test("started anew, it hears nothing more of the old connection", () => {
    const old = latest();
    old.open();
    socket.restart();
    assert.ok(old.closed && FakeWebSocket.made.length === 2);
    old.tell(99);
    old.lose();
    mock.timers.tick(50);
    assert.deepEqual([groups, states.at(-1)?.state], [[], "connecting"]);
  });
});
