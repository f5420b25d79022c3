// Numbers and long texts as the report shows them.
import type { Interval } from '../util/stats.ts'

/**
 * A number with as many decimals as its size asks for: 1,204, 12.3, 0.512, 0.050; below 0.1 three significant digits
 * where it has them: 0.0123, 0.0016, 3e−4.
 */
export function formatNumber(value: number): string {
  const size = Math.abs(value)
  if (!Number.isFinite(value)) return 'not finite'
  if (value === 0) return '0'
  if (size < 0.0005 || size >= 1e7) return minus(Number(value.toPrecision(3)).toExponential().replace('+', ''))
  return size < 0.1 ? decimals(value, 3, 2 - Math.floor(Math.log10(size))) : formatScore(value)
}

/** A number whose column has three decimals whatever its size, such as an NDCG: 0.512, 0.012, 0.000. */
export function formatScore(value: number): string {
  const size = Math.abs(value)
  if (!Number.isFinite(value) || size >= 1e7) return formatNumber(value)
  if (size < 0.0005) return '0.000'
  const shown = size < 10 ? 3 : size < 100 ? 1 : 0
  return decimals(value, shown, shown)
}

/** A whole number with thousands separated. */
export function formatCount(value: number): string {
  return minus(Math.round(value).toLocaleString('en-US'))
}

/** `0.512 [0.471, 0.553]`. */
export function formatInterval({ mean, low, high }: Interval): string {
  return `${formatScore(mean)} [${formatScore(low)}, ${formatScore(high)}]`
}

/** A difference, with its sign. */
export function formatDifference({ mean, low, high }: Interval): string {
  return `${signed(mean)} [${signed(low)}, ${signed(high)}]`
}

/** Seconds as a person would say them. */
export function formatDuration(seconds: number): string {
  if (seconds < 10) return `${seconds.toFixed(1)} s`
  if (seconds < 120) return `${Math.round(seconds)} s`
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`
  return `${(seconds / 3600).toFixed(1)} h`
}

/** At most `limit` characters of a text, and how many there were. */
export function shortened(text: string, limit: number): string {
  const characters = text.length > limit ? [...text] : []
  if (characters.length <= limit) return text
  return `${characters.slice(0, limit).join('')} … (cut: ${formatCount(characters.length)} characters in all)`
}

/** The last part of a path or of a hub name. */
export function lastPart(path: string): string {
  return path.split(/[\\/]/).filter(Boolean).at(-1) ?? path
}

function signed(value: number): string {
  return value > 0 ? `+${formatScore(value)}` : formatScore(value)
}

function decimals(value: number, least: number, most: number): string {
  return minus(value.toLocaleString('en-US', { minimumFractionDigits: least, maximumFractionDigits: most }))
}

function minus(text: string): string {
  return text.replaceAll('-', '−')
}
