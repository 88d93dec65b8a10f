function make(tag, className, text) {
  const node = document.createElement(tag)
  if (className) node.className = className
  if (text !== undefined) node.textContent = text
  return node
}

function colour(value, reach) {
  if (value === null) return "transparent"
  const share = 0.75 * Math.min(1, Math.abs(value) / reach)
  return `rgba(${value >= 0 ? "213,94,0" : "0,114,178"},${share})`
}

export default function ({ parentElement, data, setTriggerValue }) {
  const root = parentElement.querySelector(".root")
  const numbers = data.values.flat().filter((value) => value !== null)
  const reach = Math.max(1e-12, ...numbers.map(Math.abs))
  const table = make("table", "number")
  table.setAttribute("aria-label", data.caption)
  const head = make("tr")
  head.append(make("td"))
  for (const name of data.columns) {
    const cell = make("th", "column line", name)
    cell.scope = "col"
    cell.title = name
    head.append(cell)
  }
  table.append(head)
  data.values.forEach((row, r) => {
    const line = make("tr")
    const name = make("th", "row")
    name.scope = "row"
    const inner = make("div")
    if (data.images[r]) {
      const image = make("img")
      image.src = data.images[r]
      image.alt = ""
      inner.append(image)
    }
    inner.append(make("span", "line", data.rows[r]))
    inner.title = data.rows[r]
    name.append(inner)
    line.append(name)
    row.forEach((value, c) => {
      const cell = make("td")
      const button = make("button", "", data.texts[r][c])
      button.style.background = colour(value, reach)
      if (data.hints) button.title = data.hints[r][c]
      button.setAttribute("aria-label", `${data.rows[r]}, ${data.columns[c]}: ${data.hints ? data.hints[r][c] : data.texts[r][c]}`)
      if (data.marked.some(([i, j]) => i === r && j === c)) button.classList.add("marked")
      if (data.chosen && data.chosen[0] === r && data.chosen[1] === c) button.classList.add("chosen")
      button.addEventListener("click", () => setTriggerValue("cell", [r, c]))
      button.addEventListener("keydown", (event) => {
        const step = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key]
        if (!step) return
        const next = table.rows[1 + r + step[0]]?.cells[1 + c + step[1]]?.querySelector("button")
        if (next) { next.focus(); event.preventDefault() }
      })
      cell.append(button)
      line.append(cell)
    })
    table.append(line)
  })
  const scroll = make("div", "scroll")
  scroll.append(table)
  const below = make("div", "below quiet", data.caption)  // a wide table would take it out of sight
  below.setAttribute("aria-hidden", "true")
  root.replaceChildren(scroll, below)
}
