// @ts-check
/** Where a face's box lies on a picture that is fitted into an element, in fractions of it; exact for both fits. */

/** @import { BBox, Size } from "../types/model.js" */
/** @typedef {{ left: number, top: number, width: number, height: number }} Rect fractions of the element, 0 to 1 */

/** A picture whose shape differs more than this from the frame's is another picture (a phone was turned). */
const SHAPE_TOLERANCE = 0.04;

/**
 * The part of an element that a fitted picture covers; with `cover` it reaches outside of it.
 *
 * @param {number} pictureAspect width / height
 * @param {number} elementAspect width / height
 * @param {"contain" | "cover"} fit
 * @returns {Rect}
 */
export function fitted(pictureAspect, elementAspect, fit) {
  const wider = pictureAspect > elementAspect;
  const fullWidth = fit === "contain" ? wider : !wider;
  const width = fullWidth ? 1 : pictureAspect / elementAspect;
  const height = fullWidth ? elementAspect / pictureAspect : 1;
  return { left: (1 - width) / 2, top: (1 - height) / 2, width, height };
}

/**
 * The box's place over the element, cut at its edges; null when none of it shows or the shapes do not agree.
 *
 * @param {object} what
 * @param {BBox} what.bbox in frame pixels
 * @param {Size} what.frame the size of the frame that the box was found in
 * @param {Size} what.picture the size of the picture that is shown now (a simulcast layer of the frame)
 * @param {Size} what.element
 * @param {"contain" | "cover"} what.fit
 * @param {boolean} what.mirrored whether the picture is shown mirrored
 * @returns {Rect | null}
 */
export function placeBox({ bbox, frame, picture, element, fit, mirrored }) {
  if (![...frame, ...picture, ...element].every((side) => side > 0)) return null;
  const aspect = picture[0] / picture[1];
  if (Math.abs(aspect / (frame[0] / frame[1]) - 1) > SHAPE_TOLERANCE) return null;
  const area = fitted(aspect, element[0] / element[1], fit);
  const [top, right, bottom, left] = bbox;
  const from = mirrored ? frame[0] - right : left;
  const to = mirrored ? frame[0] - left : right;
  return cut({
    left: area.left + (from / frame[0]) * area.width,
    top: area.top + (top / frame[1]) * area.height,
    width: ((to - from) / frame[0]) * area.width,
    height: ((bottom - top) / frame[1]) * area.height,
  });
}

/**
 * @param {Rect} box
 * @returns {Rect | null}
 */
function cut(box) {
  const left = Math.max(0, box.left);
  const top = Math.max(0, box.top);
  const width = Math.min(1, box.left + box.width) - left;
  const height = Math.min(1, box.top + box.height) - top;
  return width > 0 && height > 0 ? { left, top, width, height } : null;
}
