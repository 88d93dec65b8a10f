function make(tag, className, text) {
  const node = document.createElement(tag)
  if (className) node.className = className
  if (text !== undefined) node.textContent = text
  return node
}

function tileOf(tile, choose) {
  const node = tile.href ? make("a", "tile") : make("button", "tile")
  if (tile.href) {
    node.href = tile.href
    node.style.color = "inherit"
    node.style.textDecoration = "none"
  } else node.addEventListener("click", () => choose(tile.id))
  node.title = tile.caption
  const frame = make("div", "frame")
  if (tile.src) {
    const image = make("img")
    image.loading = "lazy"
    image.alt = tile.alt
    image.addEventListener("load", () => image.classList.toggle("small", image.naturalWidth <= 128))
    image.src = tile.src
    frame.append(image)
    if (tile.box) {
      const box = make("div", "box")
      const names = ["left", "top", "width", "height"]
      names.forEach((name, i) => { box.style[name] = `${100 * tile.box[i]}%` })
      frame.append(box)
    }
  } else frame.append(make("div", "none", tile.reason))
  node.append(frame)
  if (tile.value !== null) {
    const bar = make("div", "bar")
    const filled = make("i")
    filled.style.width = `${100 * Math.max(0, Math.min(1, tile.value))}%`
    bar.append(filled)
    node.append(bar)
  }
  node.append(make("div", "line", tile.caption))
  return node
}

export default function ({ parentElement, data, setTriggerValue }) {
  const root = parentElement.querySelector(".root")
  root.style.setProperty("--side", `${data.side}px`)
  const tiles = make("div", "tiles")
  tiles.setAttribute("role", "list")
  for (const tile of data.tiles) {
    const item = make("div")
    item.setAttribute("role", "listitem")
    item.style.minWidth = "0"
    item.append(tileOf(tile, (id) => setTriggerValue("chosen", id)))
    tiles.append(item)
  }
  tiles.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key]
    if (!step) return
    const all = [...tiles.querySelectorAll(".tile")]
    const now = all.indexOf(event.target)
    all[Math.max(0, Math.min(all.length - 1, now + step))]?.focus()
    event.preventDefault()
  })
  const parts = [tiles]
  if (data.missing) {
    parts.unshift(make("div", "banner", `${data.missing} of ${data.tiles.length} images cannot be shown.`))
  }
  root.replaceChildren(...parts)
}
