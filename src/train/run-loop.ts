// The outer loop of a run, whatever it trains: restore, validate and checkpoint when due, stop early, end at a clean
// checkpoint on a signal, finish. GRPO (grpo.ts) and SFT (sft/sft.ts) say what a step, a validation and the end are.
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { LanguageModel } from '../model/contract.ts'
import { checkpointPath, type LogName, type LoopState, type RunFolder } from '../run/folder.ts'
import { CancelledError } from '../util/errors.ts'

/** `summary` is there unless the signal ended the run. */
export type RunResult<Summary> = { status: 'finished'; summary: Summary } | { status: 'interrupted'; step: number }

/** What a loop tells while it runs. */
export type RunEvent<Phase extends string> =
  | { type: 'phase'; phase: Phase; step: number }
  | { type: 'step'; step: number; metrics: Record<string, number | null> }
  | { type: 'validation'; step: number; metrics: Record<string, number>; best: boolean }
  | { type: 'note'; text: string }

/** What the caller of a run decides. */
export interface RunOptions<Phase extends string> {
  /** What is trained. */
  model: LanguageModel
  /** Goes on with the run in the folder. */
  resume?: boolean
  /** Ends the run at a clean checkpoint. */
  signal?: AbortSignal
  onEvent?: (event: RunEvent<Phase>) => void
}

/** When a run validates, writes checkpoints and ends. */
export interface RunPlan {
  steps: number
  /** `patience`: validations without a new best after which the run stops; 0 never stops it. `select`: default best. */
  validation: { every: number; patience: number; select?: 'best' | 'last' }
  checkpoint: { every: number }
}

/** A training step, done. */
export interface StepOutcome<Phase extends string> {
  metrics: Record<string, number | null>
  /** Tokens of prompts and completions. */
  tokens: number
  /** Wall-clock seconds by phase. */
  seconds: Partial<Record<Phase, number>>
  /** Lines for the run's other logs. */
  records?: Partial<Record<LogName, readonly object[]>>
}

/** `Phase`: what wall-clock time is counted for. `Summary`: what summary.json holds. */
export abstract class RunLoop<Phase extends string, Summary extends object> {
  protected state: LoopState

  constructor(
    private readonly run: RunOptions<Phase | 'validation'>,
    protected readonly folder: RunFolder,
    private readonly plan: RunPlan,
    phases: readonly Phase[],
  ) {
    const seconds = Object.fromEntries(phases.map((phase) => [phase, 0]))
    this.state = { step: 0, validatedAt: -1, best: null, worse: 0, tokens: 0, seconds, bytes: {} }
  }

  /** One step on the model, from the state's step to the next. Neither the state nor the logs change in it. */
  protected abstract step(): Promise<StepOutcome<Phase>>

  /** Measures the policy on users that it is not trained on. A score is higher where better. */
  protected abstract validate(): Promise<{ score: number; metrics: Record<string, number> }>

  /** Writes the results. The policy is the best checkpoint's, or the last one's where nothing was validated. */
  protected abstract finish(bestStep: number): Promise<Summary>

  /** Whether there is anything to validate on. */
  protected abstract readonly validates: boolean

  /** Trains to the end or to the signal. */
  async train(): Promise<RunResult<Summary>> {
    const { model, resume, signal } = this.run
    const finished = join(this.folder.path, 'summary.json')
    if (resume && existsSync(finished)) {
      this.tell({ type: 'note', text: 'this run is finished; its summary stands' })
      return { status: 'finished', summary: JSON.parse(readFileSync(finished, 'utf8')) as Summary }
    }
    const restored = this.folder.restore()
    if (restored) {
      this.state = restored
      await model.loadState(checkpointPath(this.folder.path, restored.step))
      this.tell({ type: 'note', text: `resumed after step ${restored.step}` })
    }
    try {
      await this.steps()
      return { status: 'finished', summary: await this.finish(this.state.best?.step ?? this.state.step) }
    } catch (error) {
      if (!(error instanceof CancelledError && signal?.aborted)) throw error
      // The policy and the state are those of the last complete step: nothing of the cancelled work was kept.
      await this.checkpoint()
      return { status: 'interrupted', step: this.state.step }
    }
  }

  protected tell(event: RunEvent<Phase | 'validation'>): void {
    this.run.onEvent?.(event)
  }

  protected spend(phase: Phase | 'validation', seconds: number): void {
    const spent = this.state.seconds
    this.state = { ...this.state, seconds: { ...spent, [phase]: (spent[phase] ?? 0) + seconds } }
  }

  /** Wall-clock seconds by phase, over all processes of the run. */
  protected spentSeconds(): Record<string, number> {
    return Object.fromEntries(Object.entries(this.state.seconds).map(([phase, value]) => [phase, rounded(value)]))
  }

  private async steps(): Promise<void> {
    const { steps, validation, checkpoint } = this.plan
    for (;;) {
      const { step } = this.state
      const last = step === steps
      const due = this.validates && (step % validation.every === 0 || last) && this.state.validatedAt !== step
      if (due) await this.runValidation()
      if (due || step % checkpoint.every === 0 || last) await this.checkpoint()
      if (last || (validation.patience > 0 && this.state.worse >= validation.patience)) return
      if (this.run.signal?.aborted) throw new CancelledError()
      await this.runStep()
    }
  }

  /** The state and the logs change only when all of the step is done. */
  private async runStep(): Promise<void> {
    const started = performance.now()
    const outcome = await this.step()
    const step = this.state.step + 1
    const tokens = this.state.tokens + outcome.tokens
    this.state = { ...this.state, step, tokens }
    for (const phase in outcome.seconds) this.spend(phase, outcome.seconds[phase] ?? 0)
    const metrics = {
      ...outcome.metrics,
      num_tokens: tokens,
      step_time: rounded((performance.now() - started) / 1000),
    }
    for (const [log, records] of Object.entries(outcome.records ?? {})) this.folder.append(log as LogName, records)
    this.folder.append('metrics.jsonl', [{ step, ...metrics }])
    this.tell({ type: 'step', step, metrics })
  }

  private async runValidation(): Promise<void> {
    const { step, best, worse } = this.state
    this.tell({ type: 'phase', phase: 'validation', step })
    const started = performance.now()
    const { score, metrics } = await this.validate()
    const seconds = (performance.now() - started) / 1000
    const better = best === null || score > best.score
    const kept = better || this.plan.validation.select === 'last'
    this.state = {
      ...this.state,
      validatedAt: step,
      best: kept ? { step, score: better ? score : best.score } : best,
      worse: better ? 0 : worse + 1,
    }
    this.spend('validation', seconds)
    this.folder.append('metrics.jsonl', [{ step, ...metrics, 'time/validation': rounded(seconds) }])
    this.tell({ type: 'validation', step, metrics, best: better })
  }

  private async checkpoint(): Promise<void> {
    this.state = { ...this.state, bytes: this.folder.bytes() }
    await this.folder.checkpoint(this.state, (path) => this.run.model.saveState(path))
  }
}

/** To thousandths. */
export function rounded(value: number): number {
  return Math.round(value * 1000) / 1000
}
