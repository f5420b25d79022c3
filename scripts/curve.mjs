// Draws a run's learning curve as SVG: NDCG of the rollouts at every step and of the validation users.
// node scripts/curve.mjs runs/<name> > curve.svg
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

const [folder] = process.argv.slice(2)
if (!folder) {
  console.error('usage: node scripts/curve.mjs <run folder> > curve.svg')
  process.exit(2)
}
const lines = readFileSync(join(folder, 'metrics.jsonl'), 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line))
const steps = lines.filter((line) => 'reward' in line)
const validations = lines.filter((line) => 'eval/forward' in line)
const series = [
  { name: 'rollouts, forward', key: 'rewards/forward/mean', from: steps, color: '#1d4ed8', dash: '' },
  { name: 'rollouts, backward', key: 'rewards/backward/mean', from: steps, color: '#b45309', dash: '6 4' },
  { name: 'unseen users, forward', key: 'eval/forward', from: validations, color: '#1d4ed8', mark: 'circle' },
  { name: 'unseen users, backward', key: 'eval/backward', from: validations, color: '#b45309', mark: 'square' },
]
const [width, height, left, right, top, bottom] = [760, 380, 56, 190, 24, 48]
const lastStep = Math.max(1, ...lines.map((line) => line.step))
const values = series.flatMap(({ key, from }) => from.map((line) => line[key]))
const [forward, backward] = ['forward', 'backward'].map((direction) => validations[0]?.[`eval/chance/${direction}`])
const chances =
  forward === backward
    ? [{ name: 'chance', value: forward, color: '#64748b' }]
    : [
        { name: 'chance, forward', value: forward, color: '#1d4ed8' },
        { name: 'chance, backward', value: backward, color: '#b45309' },
      ]
const low = Math.floor(Math.min(...values, ...chances.map(({ value }) => value ?? 1)) * 20) / 20
const high = Math.ceil(Math.max(...values) * 20) / 20
const x = (step) => left + (step / lastStep) * (width - left - right)
const y = (value) => height - bottom - ((value - low) / (high - low)) * (height - top - bottom)
const text = (content, at, more = '') => `<text x="${at[0]}" y="${at[1]}" ${more}>${content}</text>`
const out = [
  `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="system-ui, sans-serif" font-size="12" role="img" aria-label="NDCG by training step">`,
  `<rect width="${width}" height="${height}" fill="#ffffff"/>`,
]
for (let value = low; value <= high + 1e-9; value += 0.05) {
  out.push(`<line x1="${left}" x2="${width - right}" y1="${y(value)}" y2="${y(value)}" stroke="#e2e8f0"/>`)
  out.push(text(value.toFixed(2), [left - 8, y(value) + 4], 'text-anchor="end" fill="#334155"'))
}
for (let i = 0; i <= 4; i++) {
  const step = Math.round((lastStep * i) / 4)
  out.push(text(step, [x(step), height - bottom + 18], 'text-anchor="middle" fill="#334155"'))
}
out.push(text('step', [(left + width - right) / 2, height - 10], 'text-anchor="middle" fill="#334155"'))
out.push(text('NDCG', [left - 8, 14], 'text-anchor="end" fill="#334155"'))
for (const { name, value, color } of chances.filter(({ value }) => value !== undefined))
  out.push(
    `<line x1="${left}" x2="${width - right}" y1="${y(value)}" y2="${y(value)}" stroke="${color}" stroke-dasharray="2 3"/>`,
    text(name, [width - right + 8, y(value) + 4], `fill="${color}"`),
  )
series.forEach(({ name, key, from, color, dash, mark }, i) => {
  const points = from.map((line) => [x(line.step), y(line[key])])
  const path = points.map(([px, py]) => `${px.toFixed(1)},${py.toFixed(1)}`).join(' ')
  const weight = mark ? 2.5 : 1.2
  out.push(
    `<polyline points="${path}" fill="none" stroke="${color}" stroke-width="${weight}" stroke-dasharray="${dash ?? ''}"/>`,
  )
  const symbol = ([px, py]) =>
    mark === 'circle'
      ? `<circle cx="${px}" cy="${py}" r="4" fill="${color}"/>`
      : `<rect x="${px - 4}" y="${py - 4}" width="8" height="8" fill="${color}"/>`
  if (mark) out.push(...points.map(symbol))
  const row = top + 10 + i * 20
  const at = width - right + 12
  out.push(
    `<line x1="${at}" x2="${at + 26}" y1="${row}" y2="${row}" stroke="${color}" stroke-width="${weight}" stroke-dasharray="${dash ?? ''}"/>`,
    ...(mark ? [symbol([at + 13, row])] : []),
    text(name, [at + 32, row + 4], 'fill="#0f172a"'),
  )
})
out.push('</svg>')
console.log(out.join('\n'))
