// What a run is, in a few words each: model, judge, data, reward, seed, steps, time.
import { formatCount, formatDuration, lastPart, shortened } from '../format.ts'
import type { RunData } from '../run-data.ts'

type Fact = [term: string, value: string | undefined]

/** Terms with their values; what the run does not tell is left out. */
export function facts(run: RunData): [term: string, value: string][] {
  const { config, model, judge, data } = run.header
  const outcome = record(run.summary ?? run.sftSummary)
  const list: Fact[] = [
    ['Model', modelText(record(model))],
    ['Judge', judge && judgeText(judge, record(model))],
    ['Data', dataText(config)],
    [run.kind === 'sft' ? 'Examples' : 'Users', counts(record(data))],
    ['Task', taskText(config, outcome)],
    ['Reward', rewardText(record(config.reward))],
    ['Seed', config.seed === undefined ? undefined : String(config.seed)],
    ['Steps', stepsText(run, outcome)],
    ['Time', timeText(record(outcome.seconds))],
    ['Peak memory', typeof outcome.peakMemoryBytes === 'number' ? gibibytes(outcome.peakMemoryBytes) : undefined],
    ['Made by', versionText(record(run.header.package))],
  ]
  return list.flatMap(([term, value]) => (value ? [[term, shortened(value, 300)]] : []))
}

function modelText({ name, parameters, trainableParameters, digest }: Record<string, unknown>): string {
  return joined([
    typeof name === 'string' && lastPart(name),
    typeof parameters === 'number' && `${size(parameters)} parameters`,
    typeof trainableParameters === 'number' && trainableParameters > 0 && `${size(trainableParameters)} trained`,
    typeof digest === 'string' && `digest ${digest.slice(0, 8)}`,
  ])
}

function judgeText(judge: Record<string, unknown>, model: Record<string, unknown>): string {
  if (Array.isArray(judge.judges))
    return `${judge.combine} of ${judge.judges.map((each) => `(${judgeText(record(each), model)})`).join(' and ')}`
  const same = judge.digest !== undefined && judge.digest === model.digest
  return joined([same ? 'the same model, frozen' : modelText(judge), typeof judge.scorer === 'string' && judge.scorer])
}

function dataText({ logs, data }: Record<string, unknown>): string {
  const { paths, testPaths } = record(logs)
  const names = (list: unknown) => (Array.isArray(list) ? list.map((path) => lastPart(String(path))).join(', ') : '')
  const tested = names(testPaths)
  return joined([names(paths), tested && `tested on ${tested}`, typeof data === 'string' && lastPart(data)])
}

/** Every count that the run's data has: users or examples by part. */
function counts(data: Record<string, unknown>): string {
  return joined(
    Object.entries(data).map(([part, value]) => typeof value === 'number' && `${formatCount(value)} ${part}`),
  )
}

/** The task of an SFT run. */
function taskText({ task, condition }: Record<string, unknown>, { rebuilt }: Record<string, unknown>): string {
  if (typeof task !== 'number') return ''
  return joined([
    `LaMP-${task}`,
    typeof condition === 'string' && `condition ${condition}`,
    rebuilt === true && 'rebuilt data: not comparable with published scores',
  ])
}

function rewardText(reward: Record<string, unknown>): string {
  const { type, forwardWeight, backwardWeight, added, lengthBudget } = reward
  const others = Array.isArray(added) ? added.map(record) : []
  const bidirectional = typeof forwardWeight === 'number' && typeof backwardWeight === 'number'
  return joined([
    type === 'custom' && customText(reward),
    bidirectional && `${forwardWeight} × forward + ${backwardWeight} × backward`,
    others.length > 0 &&
      `added: ${others.map(({ name, weight }) => `${weight} × ${lastPart(String(name))}`).join(' + ')}`,
    typeof lengthBudget === 'number' && `free up to ${lengthBudget} tokens`,
  ])
}

/** That of a LaMP task's labels, or one's own by its name. */
function customText({ name, options }: Record<string, unknown>): string {
  const { task } = record(options)
  if (name === 'labels' && typeof task === 'number') return `labels of LaMP-${task}`
  return typeof name === 'string' ? lastPart(name) : ''
}

function stepsText({ header, metrics }: RunData, { steps, bestStep }: Record<string, unknown>): string {
  const done = typeof steps === 'number' ? steps : (metrics.get('learning_rate')?.at(-1)?.[0] ?? 0)
  const planned = record(header.config.optim).steps
  return joined([
    typeof planned === 'number' ? `${formatCount(done)} of ${formatCount(planned)}` : formatCount(done),
    typeof bestStep === 'number' && `best at ${formatCount(bestStep)}`,
  ])
}

function timeText(seconds: Record<string, unknown>): string {
  const phases = Object.entries(seconds).flatMap(([phase, value]): [string, number][] =>
    typeof value === 'number' && value > 0 ? [[phase, value]] : [],
  )
  if (phases.length === 0) return ''
  const total = phases.reduce((sum, [, value]) => sum + value, 0)
  return `${formatDuration(total)}: ${phases.map(([phase, value]) => `${phase} ${formatDuration(value)}`).join(', ')}`
}

function versionText({ name, version }: Record<string, unknown>): string {
  return [name, version].filter((part) => typeof part === 'string').join(' ')
}

function size(count: number): string {
  return count >= 1e9 ? `${(count / 1e9).toFixed(1)} B` : `${(count / 1e6).toFixed(1)} M`
}

function gibibytes(bytes: number): string {
  return `${(bytes / 2 ** 30).toFixed(1)} GiB`
}

function joined(parts: readonly (string | false | undefined)[]): string {
  return parts.filter(Boolean).join(', ')
}

function record(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
}
