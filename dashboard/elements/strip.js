// What a page chose by itself goes into its address without an entry in the history.
function keep(data) {
  const here = new URL(location.href)
  if (here.pathname !== new URL(data.link, here.origin).pathname) return
  const missing = Object.entries(data.kept).filter(([name, value]) => here.searchParams.get(name) !== value)
  for (const [name, value] of missing) here.searchParams.set(name, value)
  if (missing.length) history.replaceState(history.state, "", here)
}

export default function ({ parentElement, data }) {
  keep(data)
  const root = parentElement.querySelector(".root")
  const line = make("div", "strip")
  for (const [name, value] of data.chips) {
    const chip = make("span", "chip line")
    chip.append(make("span", "quiet", `${name} `), make("span", "", value))
    chip.title = `${name}: ${value}`
    line.append(chip)
  }
  line.append(make("span", "push"))
  for (const [name, href] of data.steps) line.append(linked(make("a", "step", name), href))
  const shown = make("div", "copied")
  shown.setAttribute("role", "status")
  const texts = { "Copy link": location.origin + data.link, ...data.texts }
  for (const [name, text] of Object.entries(texts)) {
    const button = make("button", "", name)
    button.setAttribute("aria-expanded", "false")
    button.addEventListener("click", async () => {
      const open = button.getAttribute("aria-expanded") === "true"
      for (const other of line.querySelectorAll("button")) other.setAttribute("aria-expanded", "false")
      if (open) return shown.replaceChildren()
      button.setAttribute("aria-expanded", "true")
      let said = "Copied:"
      try { await navigator.clipboard.writeText(text) } catch { said = "To copy:" }
      shown.replaceChildren(make("span", "quiet", said), make("pre", "", text))
    })
    line.append(button)
  }
  root.replaceChildren(line, shown)
}
