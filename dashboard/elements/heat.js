const UP = [213, 94, 0], DOWN = [0, 114, 178]

function make(tag, className, text) {
  const node = document.createElement(tag)
  if (className) node.className = className
  if (text !== undefined) node.textContent = text
  return node
}

function short(value) {
  const size = Math.abs(value)
  if (value === 0) return "0"
  return size >= 0.001 && size < 10000 ? Number(value.toPrecision(3)).toString() : value.toExponential(1)
}

function paint(canvas, panel, reach) {
  canvas.width = panel.w
  canvas.height = panel.h
  const context = canvas.getContext("2d")
  const pixels = context.createImageData(panel.w, panel.h)
  panel.values.forEach((value, i) => {
    const colour = value >= 0 ? UP : DOWN
    pixels.data.set([...colour, Math.round(225 * Math.min(1, Math.abs(value) / reach))], 4 * i)
  })
  context.putImageData(pixels, 0, 0)
}

function colourBar(lowest, highest) {
  const reach = Math.max(Math.abs(lowest), Math.abs(highest)) || 1
  const stop = (value) => `rgba(${(value >= 0 ? UP : DOWN).join(",")},${0.88 * Math.abs(value) / reach})`
  const stops = lowest < 0 && highest > 0
    ? [stop(lowest), `transparent ${100 * -lowest / (highest - lowest)}%`, stop(highest)]
    : [stop(lowest), stop(highest)]
  return `linear-gradient(90deg, ${stops.join(", ")})`
}

function frameAt(node, panel, place) {
  const column = Math.min(panel.w - 1, Math.floor(place[0] * panel.w))
  const row = Math.min(panel.h - 1, Math.floor(place[1] * panel.h))
  node.style.display = "block"
  node.style.left = `calc(${100 * column / panel.w}% - 1px)`
  node.style.top = `calc(${100 * row / panel.h}% - 1px)`
  node.style.width = `${100 / panel.w}%`
  node.style.height = `${100 / panel.h}%`
  return panel.values[row * panel.w + column]
}

export default function ({ parentElement, data, setTriggerValue }) {
  const root = parentElement.querySelector(".root")
  root.style.setProperty("--side", `${data.side}px`)
  const ends = data.panels.map((panel) => [Math.min(0, ...panel.values), Math.max(0, ...panel.values)])
  const tools = make("div", "tools")
  const label = make("label", "quiet", "Strength of the colours ")
  const slider = make("input")
  Object.assign(slider, { type: "range", min: 0, max: 1, step: 0.05, value: 0.8 })
  slider.setAttribute("aria-label", "Strength of the colours")
  label.append(slider)
  tools.append(label)
  const panels = make("div", "panels")
  const shown = data.panels.map((panel, number) => {
    const [lowest, highest] = ends[number]
    const node = make("div", "panel")
    const title = make("div", "title line", panel.title)
    title.title = panel.title
    const stage = make("div", "stage")
    stage.tabIndex = 0
    stage.setAttribute("role", "img")
    stage.setAttribute("aria-label", `${panel.title}: ${data.alt}`)
    const image = make("img")
    image.alt = ""
    image.addEventListener("load", () => image.classList.toggle("small", image.naturalWidth <= 128))
    image.src = data.src
    const canvas = make("canvas")
    paint(canvas, panel, Math.max(Math.abs(lowest), Math.abs(highest)) || 1)
    const cursor = make("div", "cursor")
    const mark = make("div", "mark")
    if (data.mark) frameAt(mark, panel, data.mark)
    stage.append(image, canvas, mark, cursor)
    const scale = make("div", "scale number")
    const bar = make("div", "colours")
    bar.style.backgroundImage = colourBar(lowest, highest)
    scale.append(make("span", "", short(lowest)), bar, make("span", "", short(highest)))
    const value = make("div", "number", `in ${panel.unit}`)
    node.append(title, stage, scale, value)
    if (panel.note) node.append(make("div", "quiet", panel.note))
    panels.append(node)
    return { panel, stage, canvas, cursor, value }
  })
  slider.addEventListener("input", () => {
    for (const one of shown) one.canvas.style.opacity = slider.value
  })
  for (const one of shown) one.canvas.style.opacity = slider.value
  let place = data.mark || [0.5, 0.5]
  const point = (where) => {
    place = where.map((share) => Math.max(0, Math.min(0.9999, share)))
    for (const one of shown) {
      one.value.textContent = `${short(frameAt(one.cursor, one.panel, place))} in ${one.panel.unit}`
    }
  }
  const leave = () => {
    for (const one of shown) {
      one.cursor.style.display = "none"
      one.value.textContent = `in ${one.panel.unit}`
    }
  }
  const send = () => setTriggerValue("place", place)
  for (const one of shown) {
    const over = (event) => {
      const box = one.stage.getBoundingClientRect()
      point([(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height])
    }
    one.stage.addEventListener("pointermove", over)
    one.stage.addEventListener("pointerleave", leave)
    one.stage.addEventListener("click", (event) => { over(event); send() })
    one.stage.addEventListener("keydown", (event) => {
      const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }
      if (event.key === "Enter") send()
      else if (steps[event.key]) {
        const [x, y] = steps[event.key]
        point([place[0] + x / one.panel.w, place[1] + y / one.panel.h])
      } else return
      event.preventDefault()
    })
  }
  root.replaceChildren(tools, panels)
}
