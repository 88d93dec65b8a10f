function make(tag, className, text) {
  const node = document.createElement(tag)
  if (className) node.className = className
  if (text !== undefined) node.textContent = text
  return node
}

// A click goes there within the app and leaves an entry in the history; a click with a key held, or
// another button, is the browser's own.
function linked(node, href) {
  node.href = href
  node.addEventListener("click", (event) => {
    if (event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return
    event.preventDefault()
    history.pushState({}, "", href)
    dispatchEvent(new PopStateEvent("popstate"))
  })
  return node
}
