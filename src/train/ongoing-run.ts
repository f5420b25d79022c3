// What a run keeps while it trains, whatever it trains: where it stands, its logs, when it validates, saves and ends.
// grpo.ts and sft.ts hold the loops and call it; nothing here knows what a step is.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { LanguageModel } from '../model/contract.ts'
import type { RunFolder } from '../run/folder.ts'
import type { LoopState, RolloutLine } from '../run/format.ts'
import { checkpointPath } from '../run/read.ts'
import { BumpError, CancelledError } from '../util/errors.ts'
import { type Costs, type Part, type PartEvent, type Phase, PhaseProgress } from './phase-progress.ts'

/** What a run tells while it trains. */
export type RunEvent =
  | { type: 'phase'; phase: Phase; step: number }
  | { type: 'step'; step: number; metrics: Record<string, number | null> }
  | { type: 'validation'; step: number; metrics: Record<string, number>; best: boolean }
  | PartEvent
  /** `passing`: the next one says more. */
  | { type: 'note'; text: string; passing?: boolean }

/** When a run validates, saves and ends. */
export interface RunPlan {
  steps: number
  /**
   * `every`: steps between validations; 0 never validates. `patience`: validations without a new best after which the
   * run stops; 0 never stops it. `select`: which checkpoint the run ends with, default best.
   */
  validation: { every: number; patience: number; select?: 'best' | 'last' }
  checkpoint: { every: number }
}

/** A training step, done. */
export interface DoneStep {
  metrics: Record<string, number | null>
  /** Tokens of prompts and completions. */
  tokens: number
  /** Wall-clock seconds by phase. */
  seconds: Partial<Record<Phase, number>>
  rollouts?: readonly RolloutLine[]
}

/** A run between its first step and its last. Its state changes only when a step or a validation is complete. */
export class OngoingRun {
  private stepStarted = performance.now()
  private readonly costs: Costs = new Map()

  private constructor(
    readonly folder: RunFolder,
    private readonly model: LanguageModel,
    private readonly plan: RunPlan,
    private state: LoopState,
    private readonly onEvent: (event: RunEvent) => void,
  ) {}

  /** A run from its start, or from the last complete checkpoint in its folder, which the model then stands at. */
  static async open(
    folder: RunFolder,
    model: LanguageModel,
    plan: RunPlan,
    phases: readonly Phase[],
    onEvent: (event: RunEvent) => void = () => {},
  ): Promise<OngoingRun> {
    const restored = folder.restore()
    const seconds = Object.fromEntries(phases.map((phase) => [phase, 0]))
    const fresh: LoopState = { step: 0, validatedAt: -1, best: null, worse: 0, tokens: 0, seconds, bytes: {} }
    if (restored) {
      await model.loadState(checkpointPath(folder.path, restored.step))
      onEvent({ type: 'note', text: `resumed after step ${restored.step}` })
    }
    return new OngoingRun(folder, model, plan, restored ?? fresh, onEvent)
  }

  /** Complete steps; the next one's number, counted from 0. */
  get step(): number {
    return this.state.step
  }

  /** The best validation; null before the first. */
  get best(): LoopState['best'] {
    return this.state.best
  }

  /** The checkpoint that the run ends with: the best one, or the last where nothing was validated. */
  get bestStep(): number {
    return this.state.best?.step ?? this.state.step
  }

  get validationDue(): boolean {
    const { step, validatedAt } = this.state
    const { every } = this.plan.validation
    return every > 0 && (step % every === 0 || step === this.plan.steps) && validatedAt !== step
  }

  get checkpointDue(): boolean {
    const { step, validatedAt } = this.state
    return validatedAt === step || step % this.plan.checkpoint.every === 0 || step === this.plan.steps
  }

  /** Whether the last step is done, or nothing became better for too long. */
  get ended(): boolean {
    const { patience } = this.plan.validation
    return this.state.step === this.plan.steps || (patience > 0 && this.state.worse >= patience)
  }

  /** Tells that a phase begins: of the step under way, or after the steps done. */
  begin(phase: Phase): void {
    const within = phase !== 'validation' && phase !== 'test'
    if (phase === 'rollout' || (phase === 'train' && !('rollout' in this.state.seconds)))
      this.stepStarted = performance.now()
    this.onEvent({ type: 'phase', phase, step: this.state.step + (within ? 1 : 0) })
  }

  /** Begins a phase that is done part by part, and tells where it is. */
  beginParts(phase: Phase, parts: readonly Part[]): PhaseProgress {
    this.begin(phase)
    return new PhaseProgress(phase, parts, this.costs, this.onEvent)
  }

  /** Tells something that a reader of the run should know. */
  note(text: string): void {
    this.onEvent({ type: 'note', text })
  }

  /** A step is complete: it is counted, logged and told. */
  stepDone({ metrics, tokens, seconds, rollouts }: DoneStep): void {
    const step = this.state.step + 1
    this.state = { ...this.state, step, tokens: this.state.tokens + tokens }
    for (const [phase, spent] of Object.entries(seconds)) this.spend(phase as Phase, spent)
    const logged = {
      ...metrics,
      num_tokens: this.state.tokens,
      step_time: rounded((performance.now() - this.stepStarted) / 1000),
    }
    if (rollouts) this.folder.append('rollouts.jsonl', rollouts)
    this.folder.append('metrics.jsonl', [{ step, ...logged }])
    this.onEvent({ type: 'step', step, metrics: logged })
  }

  /** The policy was measured on users it is not trained on. `score`: the higher the better. */
  validated(score: number, metrics: Record<string, number>, seconds: number): void {
    const { step, best, worse } = this.state
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
    this.onEvent({ type: 'validation', step, metrics, best: better })
  }

  /** Counts wall-clock seconds of a phase. */
  spend(phase: Phase, seconds: number): void {
    const spent = this.state.seconds
    this.state = { ...this.state, seconds: { ...spent, [phase]: (spent[phase] ?? 0) + seconds } }
  }

  /** Wall-clock seconds by phase, over all processes of the run. */
  spentSeconds(): Record<string, number> {
    return Object.fromEntries(Object.entries(this.state.seconds).map(([phase, value]) => [phase, rounded(value)]))
  }

  /** The first line of metrics.jsonl. */
  firstMetrics(): Record<string, number> {
    const [line] = readFileSync(join(this.folder.path, 'metrics.jsonl'), 'utf8').split('\n', 1)
    return JSON.parse(line) as Record<string, number>
  }

  /** Saves the model and the state. */
  async checkpoint(): Promise<void> {
    this.state = { ...this.state, bytes: this.folder.bytes() }
    await this.folder.checkpoint(this.state, (path) => this.model.saveState(path))
  }

  /** Puts the model where the run's best checkpoint is. */
  async loadBest(): Promise<void> {
    await this.model.loadState(checkpointPath(this.folder.path, this.bestStep))
  }

  /**
   * Runs the loop. Where `signal` ends it, or a reward, a judge or a server fails, the last complete step becomes a
   * checkpoint first: nothing of a step under way was kept, neither in the policy nor in the state.
   */
  async until<T>(signal: AbortSignal | undefined, loop: () => Promise<T>): Promise<T> {
    try {
      return await loop()
    } catch (error) {
      const cancelled = error instanceof CancelledError && signal?.aborted
      const failed = BumpError.isInstance(error) && ['reward-failed', 'server-failed'].includes(error.code)
      if (!cancelled && !failed) throw error
      await this.checkpoint().catch((reason: Error) => {
        // Where the policy's own server failed, its checkpoint may too: the first failure is the one to tell.
        if (cancelled) throw reason
        this.note(`no checkpoint after step ${this.step}: ${reason.message}`)
        throw error
      })
      const ended = `ended after step ${this.step}, with a checkpoint`
      if (cancelled) throw new CancelledError(ended)
      this.note(`${ended}: resume goes on from there`)
      throw error
    }
  }
}

/** To thousandths. */
export function rounded(value: number): number {
  return Math.round(value * 1000) / 1000
}

/** Peak resident memory of this process, in bytes. */
export function peakMemoryBytes(): number {
  return process.resourceUsage().maxRSS * 1024
}
