// The faults of a page that a script can see, as text: what overflows, what cannot be read (WCAG 2.2, 1.4.3), controls
// without a name (4.1.2), a page without a language or a title (3.1.1, 2.4.2).
() => {
  const faults = []
  const root = document.documentElement
  const about = element =>
    `<${element.localName}${element.id ? "#" + element.id : ""}> ${element.textContent.trim().slice(0, 40)}`

  if (root.scrollWidth > root.clientWidth) {
    const wide = [...document.body.querySelectorAll("*")]
      .filter(each => each.getBoundingClientRect().right > root.clientWidth + 1)
      .slice(0, 3)
    faults.push(`it is ${root.scrollWidth} px wide in a window of ${root.clientWidth}: ${wide.map(about).join(" | ")}`)
  }
  if (!root.lang) faults.push("it has no language")
  if (!document.title) faults.push("it has no title")
  if (document.querySelectorAll("h1").length > 1) faults.push("it has more than one <h1>")

  for (const control of document.querySelectorAll("input, select, textarea, button, progress, meter")) {
    const labels = [...(control.labels || [])].map(each => each.textContent)
    const own = control.localName === "button" ? control.textContent : ""
    const name = [control.getAttribute("aria-label") || control.title, ...labels, own].join("")
    if (control.type !== "hidden" && !name.trim()) faults.push(`${about(control)} has no name`)
  }

  // A colour of any notation as red, green, blue (0 to 255) and opacity (0 to 1).
  const canvas = new OffscreenCanvas(1, 1).getContext("2d", {willReadFrequently: true})
  const colour = text => {
    canvas.clearRect(0, 0, 1, 1)
    canvas.fillStyle = text
    canvas.fillRect(0, 0, 1, 1)
    const [red, green, blue, alpha] = canvas.getImageData(0, 0, 1, 1).data
    return [red, green, blue, alpha / 255]
  }
  const over = (top, below) => [0, 1, 2].map(i => top[i] * top[3] + below[i] * (1 - top[3])).concat(1)
  const dark = matchMedia("(prefers-color-scheme: dark)").matches && getComputedStyle(root).colorScheme.includes("dark")
  const paper = colour(dark ? "#121212" : "#fff")

  const behind = element => {
    const layers = []
    for (let each = element; each; each = each.parentElement) {
      const background = colour(getComputedStyle(each).backgroundColor)
      if (background[3]) layers.push(background)
      if (background[3] === 1) break
    }
    return layers.reduceRight((below, top) => over(top, below), paper)
  }
  const opacity = element => {
    let product = 1
    for (let each = element; each; each = each.parentElement) product *= getComputedStyle(each).opacity
    return product
  }
  const luminance = rgb => {
    const linear = value => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4)
    const [red, green, blue] = rgb.map(value => linear(value / 255))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
  }

  const words = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
  const seen = new Set()
  while (words.nextNode()) {
    const element = words.currentNode.parentElement
    if (!words.currentNode.data.trim() || seen.has(element)) continue
    seen.add(element)
    if (element.closest(":disabled, script, style, option")) continue
    if (!element.checkVisibility({visibilityProperty: true, opacityProperty: true})) continue
    const style = getComputedStyle(element)
    const below = behind(element)
    const text = colour(style.color)
    text[3] *= opacity(element)
    const [brighter, darker] = [luminance(over(text, below)), luminance(below)].sort((a, b) => b - a)
    const contrast = (brighter + 0.05) / (darker + 0.05)
    const size = parseFloat(style.fontSize)
    const wanted = size >= 24 || (size >= 18.66 && style.fontWeight >= 700) ? 3 : 4.5
    if (contrast < wanted) {
      const colours = `${style.color} on ${below.map(Math.round)}`
      faults.push(`contrast ${contrast.toFixed(2)}, wanted ${wanted}: ${about(element)} (${colours})`)
    }
  }
  return faults
}
