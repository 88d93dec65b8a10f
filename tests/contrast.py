"""How well text can be read: the contrast of everything that a browser shows, as WCAG 2 counts it.

The ratio is ``(L1 + 0.05) / (L2 + 0.05)`` of the relative luminances of text and background (WCAG
2.2, "contrast ratio" and "relative luminance"). Text must have 4.5, large text 3 (from 24 px, bold
from 18.66 px; success criterion 1.4.3), and so must icons (1.4.11). Disabled controls are exempt.

What lies behind a text is worked out from the page: the backgrounds of all elements around it, each
under its opacity, and in a drawing the shapes below it. Text over an image must have a box behind.

Limits: text inside a canvas (tables of Streamlit) is not seen, nor are shadows and filters.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

Colour = Sequence[float]
"""Red, green and blue from 0 to 255, and how opaque it is, from 0 to 1."""

TEXT, LARGE = 4.5, 3.0
LARGE_PX, LARGE_BOLD_PX, BOLD = 24.0, 18.66, 700


@dataclass(frozen=True, slots=True, kw_only=True)
class Ink:
    """Text as it is shown.

    Attributes:
        words: Its beginning.
        where: The elements around it.
        layers: From the page inwards: the background of each element and its opacity.
        colour: Of the text itself.
        size_px, weight: Of the font.
        icon: Whether it is a picture from a font of icons.
        bare: Whether it lies over an image without a box behind it.
    """

    words: str
    where: str
    layers: list[tuple[Colour, float]]
    colour: Colour
    size_px: float
    weight: float
    icon: bool
    bare: bool

    @property
    def needed(self) -> float:
        """The contrast that it must have."""
        bold = self.size_px >= LARGE_BOLD_PX and self.weight >= BOLD
        return LARGE if self.icon or bold or self.size_px >= LARGE_PX else TEXT

    @property
    def ratio(self) -> float:
        """The contrast that it has."""
        return ratio(_seen(self.layers, self.colour), _seen(self.layers, (0, 0, 0, 0)))

    def __str__(self) -> str:
        over = ", over an image without a box" if self.bare else ""
        return f"{self.ratio:.2f} of {self.needed:g}: {self.words!r} in {self.where}{over}"


def luminance(colour: Colour) -> float:
    """Relative luminance, 0 of black to 1 of white."""
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
        for part in (value / 255 for value in colour[:3])
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def ratio(one: Colour, other: Colour) -> float:
    """Contrast of two opaque colours, from 1 to 21."""
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def over(top: Colour, below: Colour) -> Colour:
    """What is seen of a colour that lies on an opaque one."""
    *rgb, alpha = top
    return [alpha * a + (1 - alpha) * b for a, b in zip(rgb, below, strict=False)]


def _seen(layers: Sequence[tuple[Colour, float]], colour: Colour, below: Colour = ()) -> Colour:
    """The colour of a text inside its elements: each is painted, then blended by its opacity."""
    if not layers:
        return over(colour, below)
    (background, opacity), *inner = layers
    inside = _seen(inner, colour, over(background, below) if below else background[:3])
    return over([*inside, opacity], below) if below else inside


def inks(page: Any) -> list[Ink]:
    """Every kind of text that the page shows now, also within its frames, one example of each."""
    return [
        Ink(**{**one, "words": one["words"][:40]})
        for frame in page.frames
        for one in frame.evaluate(_COLLECT)
    ]


def too_faint(page: Any) -> list[str]:
    """What cannot be read well enough, in words."""
    faint = [ink for ink in inks(page) if ink.bare or ink.ratio < ink.needed]
    return sorted(map(str, faint))


_COLLECT = r"""() => {
  const parsed = new Map();
  function rgba(text) {
    if (!parsed.has(text)) {
      const n = (text.match(/-?[\d.]+(e-?\d+)?/g) || []).map(Number);
      const srgb = text.startsWith("color(srgb");
      if (!srgb && !text.startsWith("rgb")) { throw new Error("a colour in other words: " + text); }
      const scale = srgb ? 255 : 1;
      parsed.set(text, [n[0] * scale, n[1] * scale, n[2] * scale, n.length > 3 ? n[3] : 1]);
    }
    return parsed.get(text);
  }
  const styles = new Map();
  function style(element) {
    if (!styles.has(element)) { styles.set(element, getComputedStyle(element)); }
    return styles.get(element);
  }
  function parent(node) {
    return node.assignedSlot || node.parentElement || (node.getRootNode().host ?? null);
  }
  const chains = new Map();
  function around(element) {  // from the page inwards
    if (!chains.has(element)) {
      const up = parent(element);
      chains.set(element, [...(up ? around(up) : []), element]);
    }
    return chains.get(element);
  }
  function sheet() {  // what a page without a background lies on
    const probe = document.createElement("i");
    probe.style.color = "Canvas";
    document.documentElement.append(probe);
    const colour = rgba(getComputedStyle(probe).color);
    probe.remove();
    return colour;
  }
  const canvas = sheet();
  function named(chain) {
    return chain.slice(-4).map((one) => {
      const kind = one.getAttribute("data-testid") || one.getAttribute("class") || one.id || "";
      return one.tagName.toLowerCase() + (kind ? "." + kind.trim().split(/\s+/)[0] : "");
    }).join(" > ");
  }
  function holds(box, x, y) {
    return box.left <= x && x <= box.right && box.top <= y && y <= box.bottom && box.width > 0;
  }
  function within(shape, x, y) {  // what cuts the shape leaves this place
    return around(shape).every((one) => {
      const cut = /#([^"')]+)/.exec(one.getAttribute("clip-path") || "");
      const edge = cut && document.getElementById(cut[1])?.querySelector("rect");
      if (!edge) { return true; }
      const at = new DOMPoint(x, y).matrixTransform(one.getScreenCTM().inverse());
      const [left, top] = [edge.x.baseVal.value, edge.y.baseVal.value];
      return at.x >= left && at.x <= left + edge.width.baseVal.value
        && at.y >= top && at.y <= top + edge.height.baseVal.value;
    });
  }
  function below(element, x, y) {  // shapes of a drawing under a text of it
    const layers = [], drawing = element.closest("svg");
    if (!drawing) { return layers; }
    for (const shape of drawing.querySelectorAll("rect, path, circle, polygon")) {
      if (!(shape.compareDocumentPosition(element) & Node.DOCUMENT_POSITION_FOLLOWING)) { break; }
      const look = style(shape);
      if (look.fill === "none" || look.fill.startsWith("url") || look.visibility !== "visible"
          || shape.closest("defs, clipPath") || !holds(shape.getBoundingClientRect(), x, y)
          || !within(shape, x, y)) { continue; }
      const colour = rgba(look.fill);
      const alpha = around(shape).slice(around(drawing).length)
        .reduce((all, one) => all * Number(style(one).opacity), Number(look.fillOpacity));
      layers.push([[...colour.slice(0, 3), colour[3] * alpha], 1]);
    }
    return layers;
  }
  const pictures = [];
  const nodes = [];
  (function walk(root) {
    const walker = document.createTreeWalker(root, NodeFilter.SHOW_ELEMENT | NodeFilter.SHOW_TEXT);
    for (let node = walker.currentNode; node; node = walker.nextNode()) {
      if (node.nodeType === Node.TEXT_NODE) {
        if (node.data.trim() && node.parentElement) { nodes.push([node, node.parentElement]); }
      } else if (node.nodeType === Node.ELEMENT_NODE) {
        if (node.shadowRoot) { walk(node.shadowRoot); }
        if (/^(IMG|VIDEO|CANVAS)$/.test(node.tagName)) { pictures.push(node); }
        if (/^(INPUT|TEXTAREA)$/.test(node.tagName)) { nodes.push([node, node]); }
        for (const part of ["::before", "::after"]) {
          const said = getComputedStyle(node, part).content;
          if (/^".*\p{L}.*"/u.test(said)) { nodes.push([node, node, part]); }
        }
      }
    }
  })(document.documentElement);
  function shown(node, element) {
    let box;
    if (node.nodeType === Node.TEXT_NODE) {
      const range = document.createRange();
      range.selectNodeContents(node);
      box = range.getBoundingClientRect();
    } else { box = element.getBoundingClientRect(); }
    if (box.width < 2 || box.height < 2 || box.right <= 0) { return null; }
    if (!element.checkVisibility({ visibilityProperty: true })) { return null; }
    for (const one of around(element)) {  // cut away, as what is only read aloud
      const look = style(one);
      if (Number(look.opacity) === 0) { return null; }
      if (look.overflow !== "visible" || look.clip !== "auto" || look.clipPath !== "none") {
        const cut = one.getBoundingClientRect();
        if (cut.width < 2 || cut.height < 2) { return null; }
      }
    }
    return box;
  }
  const found = new Map();
  for (const [node, element, part] of nodes) {
    if (/^(SCRIPT|STYLE|NOSCRIPT|TITLE|OPTION|TEMPLATE|DESC)$/i.test(element.tagName)) { continue; }
    if (/^(checkbox|radio|file|range|hidden|color)$/.test(element.type || "")) { continue; }
    const off = "[disabled], [aria-disabled='true'], [inert], [aria-hidden='true'] svg";
    const chain = around(element);
    if (chain.some((one) => one.matches(off))) { continue; }
    const box = shown(node, element);
    if (!box) { continue; }
    const field = node === element && !part;
    const placeholder = field && !element.value;
    const words = part ? getComputedStyle(element, part).content
      : field ? element.value || element.placeholder : node.data.trim();
    if (!words) { continue; }
    const apart = part || (placeholder ? "::placeholder" : "");
    const look = apart ? getComputedStyle(element, apart) : style(element);
    const drawn = element.namespaceURI.endsWith("svg");
    const ink = rgba(drawn ? look.fill : look.color);
    const alpha = Number(drawn ? look.fillOpacity : 1) * Number(apart ? look.opacity : 1);
    const [left, top, right, bottom] = chain.reduce((edges, one) => {  // what is not cut off
      if (style(one).overflow === "visible") { return edges; }
      const cut = one.getBoundingClientRect();
      return [Math.max(edges[0], cut.left), Math.max(edges[1], cut.top),
        Math.min(edges[2], cut.right), Math.min(edges[3], cut.bottom)];
    }, [box.left, box.top, box.right, box.bottom]);
    const scrolled = left >= right || top >= bottom;  // away, for now
    const [x, y] = scrolled ? [box.left + box.width / 2, box.top + box.height / 2]
      : [(left + right) / 2, (top + bottom) / 2];
    const cutter = chain.findLastIndex((one) => scrolled && style(one).overflow !== "visible"
      && !holds(one.getBoundingClientRect(), x, y));
    const layers = chain.map((one, i) => [  // what stands out of its parent does not lie on it
      i <= Math.max(0, cutter) || holds(one.getBoundingClientRect(), x, y)
        ? rgba(style(one).backgroundColor) : [0, 0, 0, 0], Number(style(one).opacity)]);
    const over = scrolled ? [] : pictures.filter((one) => !element.contains(one)
      && !chain.includes(one)
      && one.checkVisibility({ visibilityProperty: true, opacityProperty: true })
      && holds(one.getBoundingClientRect(), x, y));
    const bare = over.some((one) => {
      const own = chain.filter((other) => !around(one).includes(other)).map(style);
      return !own.some((look) => rgba(look.backgroundColor)[3] * Number(look.opacity) > 0.7);
    });
    const one = {
      words: words.slice(0, 80), where: named(chain), colour: [...ink.slice(0, 3), ink[3] * alpha],
      layers: [[canvas, 1], ...layers.filter(([colour, opacity]) => colour[3] || opacity < 1),
        ...below(element, x, y)],
      size_px: parseFloat(look.fontSize), weight: Number(look.fontWeight),
      icon: /material|icon/i.test(look.fontFamily), bare: bare,
    };
    const key = JSON.stringify([one.colour, one.layers, one.size_px, one.weight, one.icon, bare]);
    if (!found.has(key)) { found.set(key, one); }
  }
  return [...found.values()];
}"""
