// What the widgets are set to stands in the address, in place of what is there and without an entry
// in the history: a run that began before a widget was turned writes the address of before, and what
// code sets is in no address. A widget that was not in the address when its page opened is left out
// while it has the value of then; the run always stands there.
const opened = new Map()

function keep(data) {
  const here = new URL(location.href)
  const { pathname, searchParams } = here
  if (pathname !== new URL(data.link, here.origin).pathname) return
  const wanted = Object.entries(data.kept)
  const plain = wanted.filter(([name]) => name !== "run" && !searchParams.has(name))
  if (!opened.has(pathname)) opened.set(pathname, new Map(plain))
  const there = (name) => (searchParams.has(name) ? searchParams.getAll(name) : opened.get(pathname).get(name) ?? "")
  const stale = wanted.filter(([name, values]) => String(there(name)) !== String(values))
  for (const [name, values] of stale) {
    searchParams.delete(name)
    for (const value of values) searchParams.append(name, value)
  }
  if (stale.length) history.replaceState(history.state, "", here)
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
