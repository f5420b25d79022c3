// Draws the report's charts with Observable Plot, at the width that each has: every [data-chart] element is filled from
// the data in #charts. Runs in the browser, inlined into the report; Plot and d3 are globals by then.
;(() => {
  const charts = JSON.parse(document.getElementById('charts').textContent)
  const HEIGHT = 250
  const number = (value) => {
    const size = Math.abs(value)
    if (value === 0) return '0'
    if (size < 0.0005 || size >= 1e7) return value.toExponential(1)
    return value.toLocaleString('en-US', { maximumFractionDigits: size < 10 ? 3 : size < 100 ? 1 : 0 })
  }

  // Every step with its values, as the tip shows them.
  function readings({ lines, band, stacks }) {
    const bySteps = new Map()
    const add = (x, text) => bySteps.set(x, [...(bySteps.get(x) ?? []), text])
    for (const { label, points } of lines)
      if (!label.startsWith('chance') || points.length > 2)
        for (const [x, y] of points) add(x, `${label}: ${number(y)}`)
    for (const [x, low, high] of band?.points ?? []) add(x, `${band.label}: ${number(low)} to ${number(high)}`)
    for (const { label, bars } of stacks ?? [])
      for (const [from, to, low, high] of bars) if (high > low) add((from + to) / 2, `${label}: ${number(high - low)} s`)
    return [...bySteps].map(([x, texts]) => ({ x, title: [`step ${number(Math.round(x))}`, ...texts].join('\n') }))
  }

  // Where the labels at the lines' ends go: near their lines, never on each other.
  function endLabels(lines, y) {
    const labels = lines
      .map(({ label, style, points }) => ({ label, color: style.color, at: y.apply(points.at(-1)[1]) }))
      .sort((a, b) => a.at - b.at)
    for (let i = 1; i < labels.length; i++) labels[i].at = Math.max(labels[i].at, labels[i - 1].at + 14)
    for (let i = labels.length - 1; i >= 0; i--)
      labels[i].at = Math.min(labels[i].at, HEIGHT - 38 - 14 * (labels.length - 1 - i))
    return labels.map((label) => ({ ...label, y: y.invert(label.at) }))
  }

  function draw(chart, width) {
    const { lines, band, stacks, unit } = chart
    const wide = width >= 480 && lines.length > 1
    const marginRight = wide ? Math.min(150, 22 + 6.4 * Math.max(...lines.map(({ label }) => label.length))) : 16
    const marginLeft = 48
    const values = [
      ...lines.flatMap(({ points }) => points.map(([, y]) => y)),
      ...(band?.points.flatMap(([, low, high]) => [low, high]) ?? []),
      ...(stacks ? [0, ...stacks.flatMap(({ bars }) => bars.map(([, , , high]) => high))] : []),
    ]
    const domain = chart.domain ?? [Math.min(...values), Math.max(...values)]
    const nice = chart.domain === undefined
    const y = Plot.scale({ y: { domain, nice, range: [HEIGHT - 36, 26] } })
    const rows = readings(chart)
    return Plot.plot({
      width,
      height: HEIGHT,
      marginLeft,
      marginRight,
      marginTop: 26,
      marginBottom: 36,
      style: { fontSize: '12px', fontFamily: 'inherit', overflow: 'visible' },
      x: { label: 'step', ticks: Math.max(2, Math.floor(width / 90)), tickFormat: (step) => (Number.isInteger(step) ? number(step) : ''), labelArrow: 'none' },
      y: { label: unit, domain: y.domain, ticks: 5, labelArrow: 'none', tickFormat: number },
      marks: [
        Plot.gridY({ stroke: 'var(--rule)', strokeOpacity: 1, ticks: 5 }),
        Plot.axisX({ tickSize: 0, tickPadding: 8, ticks: Math.max(2, Math.floor(width / 90)), label: 'step', labelArrow: 'none', tickFormat: (step) => (Number.isInteger(step) ? number(step) : '') }),
        Plot.axisY({ tickSize: 0, ticks: 5, label: unit, labelArrow: 'none', tickFormat: number }),
        band && Plot.areaY(band.points, { x: (p) => p[0], y1: (p) => p[1], y2: (p) => p[2], fill: 'var(--accent-soft)' }),
        (stacks ?? []).map(({ fill, bars }) =>
          Plot.rect(bars, { x1: (b) => b[0], x2: (b) => b[1], y1: (b) => b[2], y2: (b) => b[3], fill, stroke: 'var(--surface)', strokeWidth: 0.5 }),
        ),
        lines.map(({ points, style }) => [
          Plot.line(points, { x: (p) => p[0], y: (p) => p[1], stroke: style.color, strokeWidth: style.width, strokeDasharray: style.dash || undefined, strokeLinejoin: 'round' }),
          style.marker && Plot.dot(points, { x: (p) => p[0], y: (p) => p[1], symbol: style.marker, r: 3.5, fill: style.color, stroke: style.color }),
          !style.marker && points.length === 1 && Plot.dot(points, { x: (p) => p[0], y: (p) => p[1], r: 3, fill: style.color }),
        ]),
        wide &&
          Plot.text(endLabels(lines, y), { text: 'label', y: 'y', fill: 'color', frameAnchor: 'right', textAnchor: 'start', dx: 8, className: 'end' }),
        Plot.ruleX(rows, Plot.pointerX({ x: 'x', stroke: 'var(--muted)' })),
        Plot.tip(rows, Plot.pointerX({ x: 'x', title: 'title', frameAnchor: 'top', fill: 'var(--surface)', stroke: 'var(--muted)', lineWidth: 24 })),
      ],
    })
  }

  const observer = new ResizeObserver((entries) => {
    for (const { target, contentRect } of entries) {
      const width = Math.floor(contentRect.width)
      if (width === 0 || target.dataset.width === String(width)) continue
      target.dataset.width = String(width)
      target.replaceChildren(draw(charts[Number(target.dataset.chart)], width))
    }
  })
  for (const place of document.querySelectorAll('[data-chart]')) observer.observe(place)
})()
