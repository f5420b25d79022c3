// Progress of work whose size is known, such as the answers of an evaluation: one live line on a terminal, a plain line
// for every twentieth elsewhere. All of it goes to stderr.
import { createLogUpdate } from 'log-update'
import pc from 'picocolors'
import { duration } from './progress.ts'

export interface WorkProgress {
  /**
   * `done` of `total` of the work called `what`; a new name starts a new clock. `share` in [0, 1] is the part of the
   * effort where the pieces are not alike (default done/total). The first call for a name says what was there already.
   */
  update(what: string, done: number, total: number, share?: number): void
  /** A line of its own, above the live view. */
  say(line: string): void
  /** Leaves the terminal as it should be; nothing may follow. */
  done(): void
}

/** The view that fits `stream`: live on a terminal, lines elsewhere. */
export function workProgress(stream: NodeJS.WriteStream = process.stderr): WorkProgress {
  // A terminal without a size (some containers' pseudo-terminals) cannot be drawn on.
  return stream.isTTY && stream.columns > 0 && stream.rows > 0
    ? liveLine(stream)
    : workLines((line) => void stream.write(`${line}\n`))
}

/** Time left of one piece of work, from the pace since its first report. */
class Clock {
  private readonly started = performance.now()

  constructor(
    readonly what: string,
    private readonly first: number,
  ) {}

  left(share: number): string {
    if (share >= 1 || share <= this.first) return ''
    const seconds = (performance.now() - this.started) / 1000
    return ` ETA ${duration((seconds * (1 - share)) / (share - this.first))}`
  }
}

/** One line for every twentieth of the work, and for its end. */
export function workLines(write: (line: string) => void): WorkProgress {
  let clock: Clock | undefined
  let twentieth = 0
  return {
    update(what, done, total, share = total === 0 ? 1 : done / total) {
      const now = done === total ? 20 : Math.min(19, Math.floor(share * 20))
      if (clock?.what !== what) clock = new Clock(what, share)
      else if (now === twentieth) return
      twentieth = now
      write(`${what}: ${done}/${total}${clock.left(share)}`)
    },
    say: write,
    done() {},
  }
}

function liveLine(stream: NodeJS.WriteStream): WorkProgress {
  const draw = createLogUpdate(stream)
  let clock: Clock | undefined
  let line = ''
  return {
    update(what, done, total, share = total === 0 ? 1 : done / total) {
      if (clock?.what !== what) clock = new Clock(what, share)
      const width = 24
      const filled = Math.round(width * Math.min(1, share))
      const bar = `${pc.green('█'.repeat(filled))}${pc.dim('░'.repeat(width - filled))}`
      line = `${bar} ${what}: ${done}/${total}${clock.left(share)}`
      draw(line)
    },
    say(text) {
      draw.clear()
      stream.write(`${text}\n`)
      if (line !== '') draw(line)
    },
    done() {
      draw.done()
    },
  }
}
