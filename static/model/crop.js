// @ts-check
/** How a picture is laid out so that a small window shows the face in it and not the whole room. */

/** @import { BBox, Size } from "../types/model.js" */
/** @typedef {{ width: number, left: number, top: number }} Layout fractions of the window: `left` and `top` are <= 0 */

/** The window is this many faces high: hair and chin belong to a face, the box of a face stops at neither. */
const FACES_HIGH = 1.7;

/**
 * @param {BBox} bbox in frame pixels
 * @param {Size} frame
 * @param {number} windowAspect width / height
 * @returns {Layout | null} null when the box is not in the frame
 */
export function aroundFace(bbox, frame, windowAspect) {
  const [top, right, bottom, left] = bbox;
  const [width, height] = frame;
  if (right <= 0 || bottom <= 0 || left >= width || top >= height || right <= left || bottom <= top) return null;
  const wanted = Math.max(bottom - top, (right - left) / windowAspect) * FACES_HIGH;
  const cropHeight = Math.min(wanted, height, width / windowAspect);
  const cropWidth = cropHeight * windowAspect;
  const x = within((left + right - cropWidth) / 2, width - cropWidth);
  const y = within((top + bottom - cropHeight) / 2, height - cropHeight);
  return { width: width / cropWidth, left: -x / cropWidth, top: -y / cropHeight };
}

/**
 * @param {number} value
 * @param {number} most
 */
function within(value, most) {
  return Math.max(0, Math.min(value, most));
}
