export default function ({ parentElement, data, setTriggerValue }) {
  const root = parentElement.querySelector(".root")
  const reach = Math.max(1e-12, ...data.values.map(Math.abs))
  const line = document.createElement("div")
  line.className = "words"
  data.words.forEach((word, number) => {
    const value = data.values[number]
    const button = document.createElement("button")
    button.textContent = word
    const small = document.createElement("small")
    small.className = "number"
    small.textContent = (value >= 0 ? "+" : "−") + Math.abs(value).toFixed(3)
    button.append(small)
    button.title = `${word}: ${value} in ${data.unit}`
    const share = 0.75 * Math.abs(value) / reach
    button.style.background = `rgba(${value >= 0 ? "213,94,0" : "0,114,178"},${share})`
    button.addEventListener("click", () => setTriggerValue("word", number))
    line.append(button)
  })
  root.replaceChildren(line)
}
