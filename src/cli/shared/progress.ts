// Progress of a training run: a live view on a terminal, one plain line a step elsewhere. All of it goes to stderr.

import { createLogUpdate } from 'log-update'
import pc from 'picocolors'
import type { Phase } from '../../train/phase-progress.ts'
import type { OnLine } from '../../util/byte-progress.ts'
import { Lines, plain } from './terminal.ts'

type Metrics = Readonly<Record<string, number | null>>

/** What a training loop tells while it runs. */
type ProgressEvent =
  | { type: 'phase'; phase: string; step: number }
  | { type: 'step'; step: number; metrics: Metrics }
  | { type: 'validation'; step: number; metrics: Metrics; best: boolean }
  | { type: 'note'; text: string; passing?: boolean }
  | PartProgress

/** Where a phase is that is done part by part. */
interface PartProgress {
  type: 'progress'
  phase: string
  what: string
  part: number
  parts: number
  share: number
  left: number | undefined
}

/** How a loop's numbers are said. */
export interface ProgressWords {
  /** A step's results, and then what is said more quietly: where its time went. */
  step(metrics: Metrics): [result: string, time: string]
  validation(step: number, metrics: Metrics): string
  /** What is done in a phase. */
  doing: Readonly<Record<string, string>>
}

export interface Progress {
  onEvent(event: ProgressEvent): void
  /** A line of its own, above the live view; a passing one in it. */
  say: OnLine
  /** Leaves the terminal as it should be; no event may follow. */
  done(): void
}

/** The view of a run of `bump train`; `steps`: all steps of the run. */
export function trainProgress(steps: number, stream: NodeJS.WriteStream = process.stderr): Progress {
  return progressView(steps, TRAIN_WORDS, stream)
}

/** The view that fits `stream`: live on a terminal, lines elsewhere. */
function progressView(steps: number, words: ProgressWords, stream: NodeJS.WriteStream = process.stderr): Progress {
  // A terminal without a size (some containers' pseudo-terminals) cannot be drawn on.
  return stream.isTTY && stream.columns > 0 && stream.rows > 0
    ? liveView(steps, words, stream)
    : plainLines(steps, new Lines(() => stream).say, words)
}

const number = (value: unknown, digits = 3): string => (typeof value === 'number' ? value.toFixed(digits) : '-')

/** Seconds as 42s, 3m20s or 2h05m. */
export function duration(seconds: number): string {
  const whole = Math.round(seconds)
  const two = (value: number) => String(value).padStart(2, '0')
  if (whole < 60) return `${whole}s`
  if (whole < 3600) return `${Math.floor(whole / 60)}m${two(whole % 60)}s`
  return `${Math.floor(whole / 3600)}h${two(Math.floor(whole / 60) % 60)}m`
}

/** Time left at the pace of the recent steps. */
class Pace {
  private readonly recent: number[] = []

  add(stepTime: unknown): void {
    if (typeof stepTime !== 'number') return
    this.recent.push(stepTime)
    if (this.recent.length > 10) this.recent.shift()
  }

  left(steps: number): string {
    if (this.recent.length === 0) return '-'
    return duration((steps * this.recent.reduce((a, b) => a + b, 0)) / this.recent.length)
  }
}

/** 'judging 43% (4 of 6) ETA 2m10s'. */
function partText({ what, part, parts, share, left }: PartProgress): string {
  const eta = left === undefined ? '' : ` ETA ${duration(left)}`
  const which = parts === 1 ? '' : ` (${part} of ${parts})`
  return `${what} ${Math.floor(share * 100)}%${which}${eta}`
}

/** A phase is quiet for so many seconds before it says where it is, and then so many between two lines. */
const QUIET_SECONDS = 10
const SECONDS_A_LINE = 30

/** Which progress events of a phase become lines: the first after a while, then one now and then. */
class PartLines {
  private began = 0
  private phase = ''
  private said = Number.NEGATIVE_INFINITY

  constructor(private readonly now: () => number) {}

  /** The phases of a step follow each other as one. */
  begin(phase: string): void {
    const within = phase === 'judge' || (phase === 'train' && this.phase === 'judge')
    this.phase = phase
    if (within) return
    this.began = this.now()
    this.said = Number.NEGATIVE_INFINITY
  }

  due(): boolean {
    const now = this.now()
    if (now - this.began < QUIET_SECONDS || now - this.said < SECONDS_A_LINE) return false
    this.said = now
    return true
  }
}

/** One line for each step, validation and note, and now and then one of a phase that takes long. */
export function plainLines(
  steps: number,
  write: OnLine,
  words: ProgressWords = TRAIN_WORDS,
  now: () => number = () => performance.now() / 1000,
): Progress {
  const pace = new Pace()
  const parts = new PartLines(now)
  return {
    onEvent(event) {
      if (event.type === 'phase') {
        parts.begin(event.phase)
        if (event.phase === 'train' && parts.due()) write(`  ${words.doing.train}: step ${event.step}`)
      }
      if (event.type === 'progress' && parts.due()) write(`  ${words.doing[event.phase]}: ${partText(event)}`)
      if (event.type === 'note') write(event.text, event.passing)
      if (event.type === 'validation') write(validationLine(words, event))
      if (event.type === 'phase' && event.phase === 'test') write(words.doing.test)
      if (event.type !== 'step') return
      const { step, metrics } = event
      pace.add(metrics.step_time)
      write(`step ${step}/${steps} ${words.step(metrics).join(' ')} ETA ${pace.left(steps - step)}`)
    },
    say: write,
    done() {},
  }
}

function validationLine(
  words: ProgressWords,
  { step, metrics, best }: Extract<ProgressEvent, { type: 'validation' }>,
): string {
  return `${words.validation(step, metrics)}${best ? ' (best)' : ''}`
}

const DOING: Record<Phase, string> = {
  rollout: 'sampling profiles',
  judge: 'judging',
  train: 'training',
  validation: 'validating',
  test: 'measuring the test users, before and after',
}

/** The terms of the run's own reward, by the names that `pattern` finds in the metrics. */
function termText(metrics: Metrics, pattern: RegExp): string {
  return Object.entries(metrics)
    .flatMap(([name, value]) => {
      const term = pattern.exec(name)?.[1]
      return term === undefined ? [] : [`${term} ${number(value)}`]
    })
    .join(' ')
}

const STEP_TERM = /^rewards\/(?!length\/|copied\/)(.+)\/mean$/
const EVAL_TERM = /^eval\/(?!score$|mean_length$|users$|chance\/)(.+)$/

const TRAIN_WORDS: ProgressWords = {
  step(metrics) {
    const seconds = (phase: string) => number(metrics[`time/${phase}`], 1)
    return [
      `reward ${number(metrics.reward)} ${termText(metrics, STEP_TERM)} length ${number(metrics['completions/mean_length'], 1)}`,
      `rollout ${seconds('rollout')}s judge ${seconds('judge')}s train ${seconds('train')}s`,
    ]
  },
  validation: (step, metrics) => `unseen users after step ${step}: ${termText(metrics, EVAL_TERM)}`,
  doing: DOING,
}

function liveView(steps: number, words: ProgressWords, stream: NodeJS.WriteStream): Progress {
  const draw = createLogUpdate(stream)
  const pace = new Pace()
  let done = 0
  let doing = 'starting'
  let since = Date.now()
  let where: string | undefined
  let last: string[] = []
  let unseen = ''
  const show = (): void => {
    const width = 24
    const filled = Math.round((width * done) / steps)
    const bar = `${pc.green('█'.repeat(filled))}${pc.dim('░'.repeat(width - filled))}`
    draw(
      [
        `${bar} step ${done}/${steps}  ETA ${pace.left(steps - done)}  ${pc.dim(`${doing} ${duration((Date.now() - since) / 1000)}`)}`,
        ...(where === undefined ? [] : [where]),
        ...last,
        ...(unseen ? [pc.cyan(unseen)] : []),
      ].join('\n'),
    )
  }
  const timer = setInterval(show, 250)
  const say = (line: string, passing = false): void => {
    if (passing) {
      where = plain(line)
      return
    }
    draw.clear()
    stream.write(`${plain(line)}\n`)
    show()
  }
  return {
    onEvent(event) {
      if (event.type === 'note') return say(event.text, event.passing)
      if (event.type === 'validation') unseen = validationLine(words, event)
      if (event.type === 'progress') {
        where = partText(event)
        return
      }
      if (event.type === 'phase') {
        where = undefined
        doing = words.doing[event.phase]
        since = Date.now()
        done = event.phase === 'validation' || event.phase === 'test' ? event.step : event.step - 1
      }
      if (event.type === 'step') {
        done = event.step
        pace.add(event.metrics.step_time)
        const [result, time] = words.step(event.metrics)
        last = [result, pc.dim(time)]
      }
      show()
    },
    say,
    done() {
      clearInterval(timer)
      show()
      draw.done()
    },
  }
}

export const SFT_WORDS: ProgressWords = {
  step: (metrics) => [
    `loss ${number(metrics.loss, 4)} entropy ${number(metrics.entropy, 4)} grad norm ${number(metrics.grad_norm, 4)}`,
    `tokens ${metrics.num_tokens} epoch ${metrics.epoch}`,
  ],
  validation: (step, metrics) => `held-out users after step ${step}: loss ${number(metrics.eval_loss, 4)}`,
  doing: { train: 'training', validation: 'validating' },
}

/** The view of a run of `steps` steps. */
export function sftProgress(steps: number): Progress {
  return progressView(steps, SFT_WORDS)
}

export interface WorkProgress {
  /**
   * `done` of `total` of the work called `what`; a new name starts a new clock. `share` in [0, 1] is the part of the
   * effort where the pieces are not alike (default done/total). The first call for a name says what was there already.
   */
  update(what: string, done: number, total: number, share?: number): void
  /** A line of its own, above the live view; a passing one in it. */
  say: OnLine
  /** Leaves the terminal as it should be; nothing may follow. */
  done(): void
}

/** The view that fits `stream`: live on a terminal, lines elsewhere. */
export function workProgress(stream: NodeJS.WriteStream = process.stderr): WorkProgress {
  // A terminal without a size (some containers' pseudo-terminals) cannot be drawn on.
  return stream.isTTY && stream.columns > 0 && stream.rows > 0
    ? liveLine(stream)
    : workLines(new Lines(() => stream).say)
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
export function workLines(write: OnLine): WorkProgress {
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
      line = `${bar} ${plain(what)}: ${done}/${total}${clock.left(share)}`
      draw(line)
    },
    say(text, passing = false) {
      if (passing) return draw(plain(text))
      draw.clear()
      stream.write(`${plain(text)}\n`)
      if (line !== '') draw(line)
    },
    done() {
      draw.done()
    },
  }
}
