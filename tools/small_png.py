"""Pictures of pages as small PNG files: 256 colours, which is more than a page needs to look as it does."""

import base64
import struct
import zlib
from typing import Final

from playwright.async_api import Browser

_PALETTE: Final = """async (source) => {
  const image = await createImageBitmap(await (await fetch(source)).blob());
  const canvas = new OffscreenCanvas(image.width, image.height).getContext("2d");
  canvas.drawImage(image, 0, 0);
  const points = new Uint32Array(canvas.getImageData(0, 0, image.width, image.height).data.buffer);
  const counts = new Map();
  for (const each of points) counts.set(each, (counts.get(each) ?? 0) + 1);
  const parts = (each) => [each & 255, (each >> 8) & 255, (each >> 16) & 255];
  const all = [...counts].sort((one, other) => other[1] - one[1]).map(([each]) => parts(each));
  const apart = ([red, green, blue], [r, g, b]) => 2 * (r - red) ** 2 + 4 * (g - green) ** 2 + (b - blue) ** 2;
  const palette = all.splice(0, 176);
  const rest = all.map((each) => [each, Math.min(...palette.map((other) => apart(each, other)))]);
  while (palette.length < 256 && rest.length) { // those that are least like any other: a sign's red, a link's green
    const next = rest.reduce((one, other) => (other[1] > one[1] ? other : one));
    palette.push(next[0]);
    for (const each of rest) each[1] = Math.min(each[1], apart(each[0], next[0]));
  }
  const places = new Map();
  for (const each of counts.keys()) {
    let [best, least] = [0, Infinity];
    palette.forEach((other, place) => {
      const far = apart(parts(each), other);
      if (far < least) [best, least] = [place, far];
    });
    places.set(each, best);
  }
  let text = "";
  for (const each of points) text += String.fromCharCode(places.get(each));
  return [image.width, image.height, palette, btoa(text)];
}"""


async def small(png: bytes, browser: Browser) -> bytes:
    """The same picture, of 256 of its colours: those that it has most of, and those that are like none of them."""
    page = await browser.new_page()
    try:
        source = f"data:image/png;base64,{base64.b64encode(png).decode()}"
        width, height, palette, points = await page.evaluate(_PALETTE, source)
    finally:
        await page.close()
    return _png(width, height, bytes(part for colour in palette for part in colour), base64.b64decode(points))


def _png(width: int, height: int, palette: bytes, points: bytes) -> bytes:
    """https://www.w3.org/TR/png-3/"""
    lines = b"".join(b"\0" + points[row * width : (row + 1) * width] for row in range(height))
    head = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)
    parts = ((b"IHDR", head), (b"PLTE", palette), (b"IDAT", zlib.compress(lines, 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, data) for kind, data in parts)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
