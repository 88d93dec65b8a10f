const REACH = 10

function bytes(text) {
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0))
}

function nameOf(data, number) {
  let first = 0
  for (const [site, n] of data.sites) {
    if (number < first + n) return `${site}:${number - first}`
    first += n
  }
  return ""
}

function draw(canvas, data, at, colour, found) {
  const context = canvas.getContext("2d")
  const scale = devicePixelRatio || 1
  const width = canvas.clientWidth
  const height = data.height
  canvas.width = width * scale
  canvas.height = height * scale
  canvas.style.height = `${height}px`
  context.scale(scale, scale)
  const place = (i) => [8 + (at[2 * i] / 65535) * (width - 16), 8 + (1 - at[2 * i + 1] / 65535) * (height - 16)]
  const some = data.n_found < colour.length
  for (const wanted of some ? [0, 1] : [1]) {
    context.globalAlpha = wanted ? 0.85 : 0.12
    const size = wanted && some ? 5 : 3
    for (let i = 0; i < colour.length; i++) {
      if ((found[i >> 3] >> (7 - (i & 7)) & 1) !== wanted) continue
      const [x, y] = place(i)
      context.fillStyle = data.colours[colour[i] % data.colours.length]
      context.fillRect(x - size / 2, y - size / 2, size, size)
    }
  }
  return place
}

export default function ({ parentElement, data }) {
  const root = parentElement.querySelector(".root")
  const at = new Uint16Array(bytes(data.places).buffer)
  const colour = bytes(data.groups)
  const found = bytes(data.found)
  const field = make("div", "field")
  const canvas = make("canvas")
  canvas.setAttribute("role", "img")
  canvas.setAttribute("aria-label", data.alt)
  const said = make("div", "said")
  field.append(canvas, said)
  const legend = make("div", "legend")
  data.names.forEach((name, i) => {
    const item = make("span")
    const dot = make("i")
    dot.style.background = data.colours[i % data.colours.length]
    item.append(dot, make("span", "", name))
    legend.append(item)
  })
  root.replaceChildren(field, legend)
  let place = draw(canvas, data, at, colour, found)
  const nearest = (event) => {
    const box = canvas.getBoundingClientRect()
    const x = event.clientX - box.left, y = event.clientY - box.top
    let best = -1, distance = REACH * REACH
    for (let i = 0; i < colour.length; i++) {
      if (!(found[i >> 3] >> (7 - (i & 7)) & 1)) continue
      const [px, py] = place(i)
      const far = (px - x) ** 2 + (py - y) ** 2
      if (far < distance) { best = i; distance = far }
    }
    return best
  }
  canvas.addEventListener("pointermove", (event) => {
    const i = nearest(event)
    said.style.display = i < 0 ? "none" : "block"
    if (i < 0) return
    said.textContent = nameOf(data, i)
    const [x, y] = place(i)
    said.style.left = `${Math.min(x + 8, Math.max(0, canvas.clientWidth - said.clientWidth))}px`
    said.style.top = `${Math.max(0, y - 28)}px`
  })
  canvas.addEventListener("pointerleave", () => { said.style.display = "none" })
  canvas.addEventListener("click", (event) => {
    const i = nearest(event)
    if (i < 0) return
    const link = linked(make("a"), data.link + encodeURIComponent(nameOf(data, i)))
    link.dispatchEvent(new MouseEvent("click", { ctrlKey: event.ctrlKey, metaKey: event.metaKey, cancelable: true }))
  })
  const watch = new ResizeObserver(() => { place = draw(canvas, data, at, colour, found) })
  watch.observe(field)
  return () => watch.disconnect()
}
