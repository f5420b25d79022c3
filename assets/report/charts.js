// Draws the report's charts with Observable Plot, at the width that each has: every [data-chart] element is filled from
// the data in #charts. Runs in the browser, inlined into the report; Plot and d3 are globals by then.
;(() => {
  const charts = JSON.parse(document.getElementById('charts').textContent)
  const HEIGHT = 250
  const MARGIN = { top: 28, bottom: 38, left: 48 }
  const LABEL_HEIGHT = 14
  // The widest label at a line’s end, in em, and how many characters of one are sure to fit.
  const LABEL_EMS = 13
  const LABEL_CHARACTERS = 18
  // Narrower than this a chart is not laid out yet, or hidden.
  const NARROWEST = 160

  // As formatNumber of src/report/format.ts, without trailing zeros.
  function number(value) {
    const size = Math.abs(value)
    if (value === 0) return '0'
    return (size < 0.0005 || size >= 1e7 ? power(value) : decimals(value, size)).replaceAll('-', '−')
  }

  function power(value) {
    return Number(value.toPrecision(3)).toExponential().replace('+', '')
  }

  function decimals(value, size) {
    const small = size < 0.1 ? 2 - Math.floor(Math.log10(size)) : 3
    return value.toLocaleString('en-US', { maximumFractionDigits: size < 10 ? small : size < 100 ? 1 : 0 })
  }

  // Every step with its values, as the tip shows them.
  function readings({ axis = 'step', lines, band, stacks }) {
    const bySteps = new Map()
    const add = (step, text) => bySteps.set(step, [...(bySteps.get(step) ?? []), text])
    for (const { label, points, reference } of lines)
      if (!reference) for (const [step, value] of points) add(step, `${label}: ${number(value)}`)
    for (const [step, low, high] of band?.points ?? []) add(step, `${band.label}: ${number(low)} to ${number(high)}`)
    for (const { label, bars } of stacks ?? [])
      for (const [from, to, low, high] of bars)
        if (high > low) add((from + to) / 2, `${label}: ${number(high - low)} s`)
    return [...bySteps].map(([step, texts]) => ({ step, title: [`${axis} ${number(axis === 'step' ? Math.round(step) : step)}`, ...texts].join('\n') }))
  }

  // Whether labels still differ where they are cut; if not, the legend alone names the lines.
  function toldApart(lines) {
    return new Set(lines.map(({ label }) => label.slice(0, LABEL_CHARACTERS))).size === lines.length
  }

  // Labels at the lines' ends: near their lines, never on each other.
  function endLabels(lines, y) {
    const labels = lines
      .map(({ label, style, points }) => ({ label, color: style.color, at: y.apply(points.at(-1)[1]) }))
      .sort((a, b) => a.at - b.at)
    for (let i = 1; i < labels.length; i++) labels[i].at = Math.max(labels[i].at, labels[i - 1].at + LABEL_HEIGHT)
    const floor = HEIGHT - MARGIN.bottom
    for (let i = labels.length - 1; i >= 0; i--)
      labels[i].at = Math.min(labels[i].at, floor - LABEL_HEIGHT * (labels.length - 1 - i))
    return labels.map((label) => ({ ...label, value: y.invert(label.at) }))
  }

  function lineMarks({ points, style: { color, dash, width, marker } }) {
    const at = { x: (point) => point[0], y: (point) => point[1] }
    const alone = points.length === 1 ? 'circle' : undefined
    const symbol = marker ?? alone
    return [
      Plot.line(points, { ...at, stroke: color, strokeWidth: width, strokeDasharray: dash || undefined }),
      symbol && Plot.dot(points, { ...at, symbol, r: 3.5, fill: color, stroke: color }),
    ]
  }

  function draw(chart, width) {
    const { lines, band, stacks, unit, axis: title = 'step' } = chart
    const labelled = width >= 480 && lines.length > 1 && toldApart(lines)
    const longest = Math.max(0, ...lines.map(({ label }) => label.length))
    const values = [
      ...lines.flatMap(({ points }) => points.map(([, value]) => value)),
      ...(band?.points.flatMap(([, low, high]) => [low, high]) ?? []),
      ...(stacks ? [0, ...stacks.flatMap(({ bars }) => bars.map(([, , , high]) => high))] : []),
    ]
    const y = Plot.scale({
      y: {
        domain: chart.domain ?? [Math.min(...values), Math.max(...values)],
        nice: chart.domain === undefined,
        range: [HEIGHT - MARGIN.bottom, MARGIN.top],
      },
    })
    const rows = readings(chart)
    const axis = { tickSize: 0, labelArrow: 'none' }
    const steps = (step) => (title !== 'step' || Number.isInteger(step) ? number(step) : '')
    const marks = [
      Plot.gridY({ stroke: 'var(--rule)', strokeOpacity: 1, ticks: 5 }),
      Plot.axisX({ ...axis, label: title, labelAnchor: 'center', ticks: Math.max(2, Math.floor(width / 90)), tickPadding: 8, tickFormat: steps }),
      Plot.axisY({ ...axis, label: unit, ticks: 5, tickFormat: number }),
      band && Plot.areaY(band.points, { x: (p) => p[0], y1: (p) => p[1], y2: (p) => p[2], fill: 'var(--accent-soft)' }),
      ...(stacks ?? []).map(({ fill, bars }) =>
        Plot.rect(bars, {
          x1: (bar) => bar[0],
          x2: (bar) => bar[1],
          y1: (bar) => bar[2],
          y2: (bar) => bar[3],
          fill,
          stroke: 'var(--surface)',
          strokeWidth: 0.5,
        }),
      ),
      ...lines.flatMap(lineMarks),
      labelled &&
        Plot.text(endLabels(lines, y), {
          text: 'label',
          y: 'value',
          fill: 'color',
          frameAnchor: 'right',
          textAnchor: 'start',
          textOverflow: 'ellipsis',
          lineWidth: LABEL_EMS,
          dx: 8,
        }),
      Plot.ruleX(rows, Plot.pointerX({ x: 'step', stroke: 'var(--muted)', maxRadius: Number.POSITIVE_INFINITY })),
      Plot.tip(
        rows,
        Plot.pointerX({
          x: 'step',
          maxRadius: Number.POSITIVE_INFINITY,
          title: 'title',
          frameAnchor: 'top',
          fill: 'var(--surface)',
          stroke: 'var(--muted)',
          lineWidth: 24,
        }),
      ),
    ]
    return Plot.plot({
      width,
      height: HEIGHT,
      marginTop: MARGIN.top,
      marginBottom: MARGIN.bottom,
      marginLeft: MARGIN.left,
      marginRight: labelled ? Math.min(170, 20 + 6.6 * longest) : 16,
      style: { fontSize: '12px', fontFamily: 'inherit', overflow: 'visible' },
      x: { type: 'linear' },
      y: { domain: y.domain },
      marks: marks.filter(Boolean),
    })
  }

  const observer = new ResizeObserver((entries) => {
    for (const { target, contentRect } of entries) {
      const width = Math.floor(contentRect.width)
      if (width < NARROWEST || target.dataset.width === String(width)) continue
      target.dataset.width = String(width)
      target.replaceChildren(draw(charts[Number(target.dataset.chart)], width))
    }
  })
  for (const place of document.querySelectorAll('[data-chart]')) observer.observe(place)
})()
