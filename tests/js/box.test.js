// @ts-check
import assert from "node:assert/strict";
import { describe, test } from "node:test";

/** @import { BBox } from "../../static/types/model.js" */

import { fitted, placeBox } from "../../static/model/box.js";
import { aroundFace } from "../../static/model/crop.js";

const FRAME = /** @type {const} */ ([1280, 720]);
const HERE = {
  bbox: /** @type {const} */ ([180, 640, 360, 320]),
  frame: FRAME,
  picture: FRAME,
  element: /** @type {const} */ ([320, 180]),
  fit: /** @type {const} */ ("contain"),
  mirrored: false,
};

test("same shape: the box's own fractions, whatever the size", () => {
  assert.deepEqual(placeBox(HERE), { left: 0.25, top: 0.25, width: 0.25, height: 0.25 });
  assert.deepEqual(placeBox({ ...HERE, picture: [320, 180], element: [64, 36] }), placeBox(HERE));
});

test("mirrored: from the other side", () => {
  assert.deepEqual(placeBox({ ...HERE, mirrored: true }), { left: 0.5, top: 0.25, width: 0.25, height: 0.25 });
});

test("contain leaves bars", () => {
  assert.deepEqual(fitted(1, 2, "contain"), { left: 0.25, top: 0, width: 0.5, height: 1 });
  assert.deepEqual(fitted(4, 2, "contain"), { left: 0, top: 0.25, width: 1, height: 0.5 });
  const tall = placeBox({
    ...HERE,
    bbox: [0, 360, 640, 0],
    frame: [360, 640],
    picture: [360, 640],
    element: [640, 360],
  });
  assert.equal(tall?.height, 1);
  assert.ok(Math.abs((tall?.width ?? 0) - 0.31640625) < 1e-9);
});

test("cover cuts, and so is the box", () => {
  assert.deepEqual(fitted(2, 1, "cover"), { left: -0.5, top: 0, width: 2, height: 1 });
  const wide = {
    ...HERE,
    frame: /** @type {const} */ ([200, 100]),
    picture: /** @type {const} */ ([200, 100]),
    element: /** @type {const} */ ([100, 100]),
    fit: /** @type {const} */ ("cover"),
  };
  assert.deepEqual(placeBox({ ...wide, bbox: [0, 100, 100, 0] }), { left: 0, top: 0, width: 0.5, height: 1 });
  assert.equal(placeBox({ ...wide, bbox: [0, 40, 100, 0] }), null);
});

test("a picture of another shape, or of no size, gets no box", () => {
  assert.equal(placeBox({ ...HERE, picture: [720, 1280] }), null);
  assert.equal(placeBox({ ...HERE, picture: [0, 0] }), null);
  assert.equal(placeBox({ ...HERE, element: [0, 180] }), null);
  assert.ok(placeBox({ ...HERE, picture: [642, 360] }) !== null);
});

describe("the window around a face", () => {
  /** @param {BBox} bbox of a face in a small frame */
  function around(bbox) {
    const at = aroundFace(bbox, [640, 360], 1);
    if (at === null) throw new Error("nothing of the face is in the frame");
    return at;
  }

  test("shows the whole face, in the middle where there is room", () => {
    const at = around([100, 400, 260, 240]);
    const side = 640 / at.width;
    const left = -at.left * side;
    const top = -at.top * side;
    assert.ok(left <= 240 && left + side >= 400 && top <= 100 && top + side >= 260);
    assert.ok(Math.abs(left + side / 2 - 320) < 1 && Math.abs(top + side / 2 - 180) < 1);
  });

  test("stays inside the picture at its edges, and never shows less than there is", () => {
    for (const bbox of /** @type {BBox[]} */ ([[-20, 90, 70, -10], [300, 660, 380, 560], [-50, 700, 400, -60]])) {
      const at = around(bbox);
      const side = 640 / at.width;
      assert.ok(at.left <= 0 && -at.left * side + side <= 640.001);
      assert.ok(at.top <= 0 && -at.top * side + side <= 360.001);
    }
  });

  test("there is none for a box beside the picture", () => {
    assert.equal(aroundFace([400, 700, 500, 650], [640, 360], 1), null);
  });
});
