function cellOf(tile, source) {
  const cell = make("div", "cell")
  if (!source) {
    cell.append(make("div", "none", "cannot be shown"))
    return cell
  }
  const image = make("img")
  image.loading = "lazy"
  image.alt = tile.alt
  image.addEventListener("load", () => image.classList.toggle("small", image.naturalWidth <= 128))
  image.src = source
  cell.append(image)
  if (tile.heat) cell.append(heatOf(tile.heat))
  if (tile.box) {
    const box = make("div", "box")
    const names = ["left", "top", "width", "height"]
    names.forEach((name, i) => { box.style[name] = `${100 * tile.box[i]}%` })
    cell.append(box)
  }
  return cell
}

function heatOf(heat) {
  const canvas = make("canvas")
  canvas.width = heat.w
  canvas.height = heat.h
  const context = canvas.getContext("2d")
  const pixels = context.createImageData(heat.w, heat.h)
  heat.values.forEach((value, i) => {
    pixels.data.set([...(value >= 0 ? [213, 94, 0] : [0, 114, 178]), Math.abs(value)], 4 * i)
  })
  context.putImageData(pixels, 0, 0)
  return canvas
}

function barOf(tile) {
  const bar = make("div", "bar")
  const filled = make("i")
  filled.style.width = `${100 * tile.value}%`
  bar.append(filled)
  if (tile.chance !== null) {
    const mark = make("b")
    mark.style.left = `${100 * tile.chance}%`
    bar.append(mark)
  }
  return bar
}

function tileOf(tile, sources) {
  const node = make(tile.href ? "a" : "div", "tile")
  if (tile.href) linked(node, tile.href)
  else node.tabIndex = 0
  node.title = tile.hint
  if (tile.images.length) {
    const frame = make("div", tile.images.length > 1 ? "frame many" : "frame")
    for (const name of tile.images) frame.append(cellOf(tile, sources[name]))
    node.append(frame)
  }
  if (tile.value !== null) node.append(barOf(tile))
  node.append(make("div", "title number", tile.title))
  if (tile.note) node.append(make("div", "note number", tile.note))
  return node
}

export default function ({ parentElement, data }) {
  const root = parentElement.querySelector(".root")
  root.style.setProperty("--side", `${data.side}px`)
  root.style.setProperty("--columns", data.columns)
  const tiles = make("div", "tiles")
  tiles.setAttribute("role", "list")
  for (const tile of data.tiles) {
    const item = make("div")
    item.setAttribute("role", "listitem")
    item.style.minWidth = "0"
    item.append(tileOf(tile, data.sources))
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
  if (data.missing) parts.unshift(make("div", "banner", data.missing))
  root.replaceChildren(...parts)
}
