// What a check is, and how it says what it found.
import type { Place } from './place.ts'

/** What a check found: what is wrong, and what it measured. */
export class Findings {
  readonly wrong: string[] = []
  readonly figures: [name: string, value: string][] = []

  /** Notes what is wrong unless it holds. */
  holds(so: boolean, otherwise: string): void {
    if (!so) this.wrong.push(otherwise)
  }

  figure(name: string, value: number | string): void {
    const rounded = typeof value === 'number' && !Number.isInteger(value) ? value.toPrecision(3) : String(value)
    this.figures.push([name, rounded])
  }
}

export interface Check {
  name: string
  /** What it holds the product to, in a line. */
  about: string
  /** Whether it has nothing to do with the database, and runs once. */
  once?: boolean
  /** `quick`: in a shorter form. */
  run(place: Place, found: Findings, quick: boolean): Promise<void>
}

/** The value below which so many of them are. `sorted`: ascending. */
export function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]
}
