// Progress of a training run: a live view on a terminal, one plain line a step elsewhere. All of it goes to stderr.
import { createLogUpdate } from 'log-update'
import pc from 'picocolors'
import type { Phase, TrainEvent } from '../../train/grpo.ts'

export interface Progress {
  onEvent(event: TrainEvent): void
  /** A line of its own, above the live view. */
  say(line: string): void
  /** Leaves the terminal as it should be; no event may follow. */
  done(): void
}

/** The view that fits `stream`: live on a terminal, lines elsewhere. `steps`: all steps of the run. */
export function trainProgress(steps: number, stream: NodeJS.WriteStream = process.stderr): Progress {
  // A terminal without a size (some containers' pseudo-terminals) cannot be drawn on.
  return stream.isTTY && stream.columns > 0 && stream.rows > 0
    ? liveView(steps, stream)
    : plainLines(steps, (line) => void stream.write(`${line}\n`))
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

/** One line for each step, validation and note. */
export function plainLines(steps: number, write: (line: string) => void): Progress {
  const pace = new Pace()
  return {
    onEvent(event) {
      if (event.type === 'note') write(event.text)
      if (event.type === 'validation') write(validationLine(event))
      if (event.type === 'phase' && event.phase === 'test') write('measuring the test users, before and after')
      if (event.type !== 'step') return
      const { step, metrics } = event
      pace.add(metrics.step_time)
      write(`step ${step}/${steps} ${rewardText(metrics)} ${timeText(metrics)} ETA ${pace.left(steps - step)}`)
    },
    say: write,
    done() {},
  }
}

function validationLine({ step, metrics, best }: Extract<TrainEvent, { type: 'validation' }>): string {
  return `unseen users after step ${step}: forward ${number(metrics['eval/forward'])} backward ${number(metrics['eval/backward'])}${best ? ' (best)' : ''}`
}

function rewardText(metrics: Record<string, number | null>): string {
  return `reward ${number(metrics.reward)} forward ${number(metrics['rewards/forward/mean'])} backward ${number(metrics['rewards/backward/mean'])} length ${number(metrics['completions/mean_length'], 1)}`
}

function timeText(metrics: Record<string, number | null>): string {
  const seconds = (phase: string) => number(metrics[`time/${phase}`], 1)
  return `rollout ${seconds('rollout')}s judge ${seconds('judge')}s train ${seconds('train')}s`
}

const DOING: Record<Phase, string> = {
  rollout: 'sampling profiles',
  judge: 'judging',
  train: 'training',
  validation: 'validating',
  test: 'measuring test users',
}

function liveView(steps: number, stream: NodeJS.WriteStream): Progress {
  const draw = createLogUpdate(stream)
  const pace = new Pace()
  let done = 0
  let doing = 'starting'
  let since = Date.now()
  let last: string[] = []
  let unseen = ''
  const show = (): void => {
    const width = 24
    const filled = Math.round((width * done) / steps)
    const bar = `${pc.green('█'.repeat(filled))}${pc.dim('░'.repeat(width - filled))}`
    draw(
      [
        `${bar} step ${done}/${steps}  ETA ${pace.left(steps - done)}  ${pc.dim(`${doing} ${duration((Date.now() - since) / 1000)}`)}`,
        ...last,
        ...(unseen ? [pc.cyan(unseen)] : []),
      ].join('\n'),
    )
  }
  const timer = setInterval(show, 250)
  const say = (line: string): void => {
    draw.clear()
    stream.write(`${line}\n`)
    show()
  }
  return {
    onEvent(event) {
      if (event.type === 'note') return say(event.text)
      if (event.type === 'validation') unseen = validationLine(event)
      if (event.type === 'phase') {
        doing = DOING[event.phase]
        since = Date.now()
        done = event.phase === 'validation' || event.phase === 'test' ? event.step : event.step - 1
      }
      if (event.type === 'step') {
        done = event.step
        pace.add(event.metrics.step_time)
        last = [rewardText(event.metrics), pc.dim(timeText(event.metrics))]
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
