function make(tag, className, text) {
  const node = document.createElement(tag)
  if (className) node.className = className
  if (text !== undefined) node.textContent = text
  return node
}

const within = (value, low, high) => Math.max(low, Math.min(high, value))
const rounded = (value) => Math.round(value * 100) / 100

export default function ({ parentElement, data, setTriggerValue }) {
  const root = parentElement.querySelector(".root")
  const stage = make("div", "stage")
  const image = make("img")
  image.alt = data.alt
  image.addEventListener("load", () => image.classList.toggle("small", image.naturalWidth <= 128))
  image.src = data.src
  const frame = make("div", "frame")
  frame.tabIndex = 0
  frame.setAttribute("role", "application")
  frame.setAttribute("aria-label",
    `The word “${data.text}”: arrow keys move it, plus and minus change its size`)
  const ghost = make("span", "ghost", data.text)
  const corner = make("div", "corner")
  corner.title = "Drag to change the size"
  frame.append(ghost, corner)
  stage.append(image, frame)
  const [left, top, right, bottom] = data.box
  const width = right - left, height = bottom - top
  let centre = [(left + right) / 2, (top + bottom) / 2], size = data.size
  const draw = () => {
    const scale = size / data.size
    frame.style.left = `${100 * (centre[0] - width * scale / 2)}%`
    frame.style.top = `${100 * (centre[1] - height * scale / 2)}%`
    frame.style.width = `${100 * width * scale}%`
    frame.style.height = `${100 * height * scale}%`
    ghost.style.fontSize = `${0.8 * size * Math.min(stage.clientWidth, stage.clientHeight)}px`
  }
  const moving = (on) => frame.classList.toggle("moving", on)
  let sent = false
  const send = () => {
    moving(false)
    if (sent) return
    sent = true
    setTriggerValue("place", [rounded(centre[0]), rounded(centre[1]), rounded(size)])
  }
  let grip = null, timer = null
  frame.addEventListener("pointerdown", (event) => {
    grip = { x: event.clientX, y: event.clientY, centre: [...centre], size, resize: event.target === corner }
    frame.setPointerCapture(event.pointerId)
    moving(true)
    event.preventDefault()
    frame.focus()
  })
  frame.addEventListener("pointermove", (event) => {
    if (!grip) return
    const box = stage.getBoundingClientRect()
    const across = (event.clientX - grip.x) / box.width, down = (event.clientY - grip.y) / box.height
    if (grip.resize) {
      const grown = 1 + Math.max(2 * across / (width * grip.size / data.size), 2 * down / (height * grip.size / data.size))
      size = within(grip.size * grown, data.least, data.most)
    } else {
      centre = [within(grip.centre[0] + across, 0, 1), within(grip.centre[1] + down, 0, 1)]
    }
    draw()
  })
  const release = () => {
    if (!grip) return
    const changed = grip.size !== size || grip.centre.some((value, i) => value !== centre[i])
    grip = null
    if (changed) send()
    else moving(false)
  }
  frame.addEventListener("pointerup", release)
  frame.addEventListener("pointercancel", release)
  frame.addEventListener("keydown", (event) => {
    const step = event.shiftKey ? 0.1 : 0.02
    const moves = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] }
    if (moves[event.key]) {
      centre = centre.map((value, i) => within(value + moves[event.key][i], 0, 1))
    } else if (event.key === "+" || event.key === "=") {
      size = within(size + 0.01, data.least, data.most)
    } else if (event.key === "-") {
      size = within(size - 0.01, data.least, data.most)
    } else return
    event.preventDefault()
    moving(true)
    draw()
    clearTimeout(timer)
    timer = setTimeout(send, 350)
  })
  root.replaceChildren(stage, make("div", "quiet", "Drag the word, or its corner; arrow keys, + and − work too."))
  draw()
  image.addEventListener("load", draw)
  return () => clearTimeout(timer)
}
