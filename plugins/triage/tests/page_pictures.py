"""Pictures of the page, made small, and how much two of them differ. The browser does the arithmetic."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode

WIDTHS = (390, 768, 1280)
SCHEMES = {"light": False, "dark": True}
REDUCTION = 4
"""Pixels of the page for one of the picture: what is left is what an eye sees from an arm's length, not the edges of letters."""
TOLERANCE = 0.0005
"""The share of pixels that may differ, by more than `STEP` of 255 in a colour. The bars of losses alone are 0.0007 to 0.001."""
STEP = 24

FONTS = """(() => {
  const pen = document.createElement("canvas").getContext("2d"), found = [];
  for (const each of [document.body, document.querySelector(".legs")]) {
    pen.font = `100px ${getComputedStyle(each).fontFamily}`;
    found.push(Math.round(pen.measureText("Net liquidity over time 0123456789 $-+%").width));
  }
  return found;
})()"""
"""How wide a text is in the fonts of the page: where it is another width, no picture can be the same."""

_REDUCE = """
const reduce = async (png) => {
  const image = await createImageBitmap(await (await fetch("data:image/png;base64," + png)).blob());
  const from = new OffscreenCanvas(image.width, image.height).getContext("2d");
  from.drawImage(image, 0, 0);
  const [wide, high] = [Math.floor(image.width / REDUCTION), Math.floor(image.height / REDUCTION)];
  const to = new OffscreenCanvas(wide, high).getContext("2d");
  const result = to.createImageData(wide, high);
  const data = from.getImageData(0, 0, image.width, image.height).data;
  for (let y = 0; y < high; y++) for (let x = 0; x < wide; x++) for (let band = 0; band < 4; band++) {
    let sum = 0;
    for (let v = 0; v < REDUCTION; v++) for (let u = 0; u < REDUCTION; u++)
      sum += data[4 * ((y * REDUCTION + v) * image.width + x * REDUCTION + u) + band];
    result.data[4 * (y * wide + x) + band] = Math.round(sum / REDUCTION ** 2);
  }
  to.putImageData(result, 0, 0);
  const bytes = new Uint8Array(await (await to.canvas.convertToBlob()).arrayBuffer());
  let text = "";
  for (const each of bytes) text += String.fromCharCode(each);
  return btoa(text);
};
"""
_DIFFER = """
const pixels = async (png) => {
  const image = await createImageBitmap(await (await fetch("data:image/png;base64," + png)).blob());
  const pen = new OffscreenCanvas(image.width, image.height).getContext("2d");
  pen.drawImage(image, 0, 0);
  return [image.width, image.height, pen.getImageData(0, 0, image.width, image.height).data];
};
const differ = async (one, other) => {
  const [[wide, high, a], [wide2, high2, b]] = [await pixels(one), await pixels(other)];
  if (wide !== wide2) return 1;
  let count = Math.abs(high - high2) * wide;
  for (let at = 0; at < 4 * wide * Math.min(high, high2); at += 4)
    if ([0, 1, 2].some((band) => Math.abs(a[at + band] - b[at + band]) > STEP)) count++;
  return count / (wide * Math.max(high, high2));
};
"""


def small_picture(browser, html, width, *, dark):
    """The page in a window of that width, as a small PNG."""
    browser.open(html, width, dark=dark)
    return b64decode(_run(browser, _REDUCE, "reduce", browser.picture()))


def difference(browser, one, other):
    """The share of pixels in which two small pictures differ, from 0 to 1."""
    return _run(browser, _DIFFER, "differ", one, other)


def _run(browser, code, name, *pictures):
    browser.open(b"<!doctype html><title>pictures</title>", 400)
    code = code.replace("REDUCTION", str(REDUCTION)).replace("STEP", str(STEP))
    given = ", ".join(json.dumps(b64encode(each).decode()) for each in pictures)
    return browser.value(f"(async () => {{ {code} return await {name}({given}); }})()")
