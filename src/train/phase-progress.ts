// Where a long phase is and when it will end: validation and the final test write profiles and have them judged, part
// after part. What a user costs is learned from the parts that are done, those of earlier phases too.

/** What wall-clock time is counted for. */
export type Phase = 'rollout' | 'judge' | 'train' | 'validation' | 'test'

/** Where a phase is: `part` of `parts` (from 1), the share of it that is done, and the phase's seconds left, if known. */
export interface PartEvent {
  type: 'progress'
  phase: Phase
  what: string
  part: number
  parts: number
  share: number
  left: number | undefined
}

/** A part of a phase. */
export interface Part {
  /** As people read it: 'profiles before training'. */
  what: string
  /** Parts of one kind cost alike, a user. */
  kind: 'write' | 'judge' | 'sample' | 'reward' | 'loss'
  users: number
}

/** Seconds that a user costs, by the kind of part; kept over the phases of a run. */
export type Costs = Map<Part['kind'], number>

/** Below this share the pace of a part says little. */
const LEAST_SHARE = 0.05

/** Tells the progress of one phase. */
export class PhaseProgress {
  private done = 0

  constructor(
    private readonly phase: Phase,
    private readonly parts: readonly Part[],
    private readonly costs: Costs,
    private readonly onEvent: (event: PartEvent) => void,
    private readonly now: () => number = () => performance.now() / 1000,
  ) {}

  /** Does the next part; `work` tells the share of it that is done. */
  async next<T>(work: (onProgress: (share: number) => void) => Promise<T>): Promise<T> {
    const part = this.parts[this.done]
    const started = this.now()
    const tell = (share: number): void => {
      const seconds = this.now() - started
      if (share >= LEAST_SHARE) this.costs.set(part.kind, seconds / share / part.users)
      const left = this.left(part, share, seconds)
      const { phase, done: index, parts } = this
      this.onEvent({ type: 'progress', phase, what: part.what, share, part: index + 1, parts: parts.length, left })
    }
    tell(0)
    const result = await work((share) => tell(Math.min(1, share)))
    this.costs.set(part.kind, (this.now() - started) / part.users)
    this.done++
    return result
  }

  /** Seconds until the phase ends; undefined while a kind of part to come was never seen. */
  private left(part: Part, share: number, seconds: number): number | undefined {
    let left = share >= LEAST_SHARE ? (seconds * (1 - share)) / share : this.cost(part) - seconds
    left = Math.max(0, left)
    for (const later of this.parts.slice(this.done + 1)) left += this.cost(later)
    return Number.isNaN(left) ? undefined : left
  }

  private cost({ kind, users }: Part): number {
    return (this.costs.get(kind) ?? Number.NaN) * users
  }
}
