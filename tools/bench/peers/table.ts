// From measurements to the tables that are printed: a row of work with everybody's exact and best figures, all
// measurements with whether their results agree, and the goals.

/** What is measured: one work, on one system, at one precision. */
export interface Subject {
  /** A case of run.ts. */
  case: string
  system: string
  precision: string
}

export interface Measurement extends Subject {
  seconds: number
  /** In `unit`, done in `seconds`. */
  work: number
  unit: string
  /** Peak of the process. */
  peakGB: number
  /** Up to 64 results that must agree with bump's in f32, null where they depend on random sampling. */
  check: number[] | null
  /** Seconds by phase. */
  phases: Record<string, number> | null
}

/** A measurement, or why there is none. */
export type Result = Measurement | (Subject & { error: string })

export const BUMP = 'bump'
export const TRANSFORMERS = 'transformers + PEFT'
export const TRL = 'TRL'
export const LLAMA_CPP = 'llama.cpp'

const EXACT = ['f32', 'F16']

/** How far results may be from bump's in f32, as a share of how far those vary (root mean squares). */
const BOUNDS: Record<string, number> = {
  F16: 0.01,
  bf16: 0.05,
  autocast: 0.05,
  int8: 0.1,
  'int8-training': 0.1,
  Q8_0: 0.1,
  Q4_K_M: 0.3,
}
/** In f32 every result must be as near as this, or as this share of it where it is above 1. */
const F32_BOUND = 2e-3

const measured = (results: readonly Result[]) => results.filter((one): one is Measurement => 'seconds' in one)

/** Of a system's measurements of a case: that of its most exact precision, or the fastest. */
function pick(results: readonly Result[], name: string, system: string, which: 'exact' | 'best') {
  const all = measured(results).filter((one) => one.case === name && one.system === system)
  if (which === 'exact') return all.find(({ precision }) => EXACT.includes(precision))
  return all.sort((a, b) => a.seconds - b.seconds).at(0)
}

function speed({ unit, seconds, work }: Measurement): string {
  const perSecond = work / seconds
  return unit === 'rollouts' ? `${seconds.toFixed(1)} s` : `${perSecond.toFixed(perSecond < 100 ? 1 : 0)} ${unit}/s`
}

const times = (mine: Measurement | undefined, theirs: Measurement | undefined) =>
  mine && theirs ? `${(theirs.seconds / mine.seconds).toFixed(2)}×` : '–'

const row = (cells: readonly string[]) => `| ${cells.join(' | ')} |`
const table = (head: readonly string[], rows: readonly (readonly string[])[]) =>
  [row(head), row(head.map(() => '---')), ...rows.map(row)].join('\n')

/** One row a work: bump in f32 and at its best, each peer the same, and how many times as fast bump is. */
export function summary(results: readonly Result[], works: ReadonlyMap<string, string>): string {
  const rows = [...works].map(([name, what]) => {
    const exact = pick(results, name, BUMP, 'exact')
    const best = pick(results, name, BUMP, 'best')
    const figure = (one?: Measurement) => (one ? `${speed(one)}${one === exact ? '' : ` (${one.precision})`}` : '–')
    const peers = [name.endsWith('step') ? TRL : TRANSFORMERS, LLAMA_CPP].flatMap((system) => {
      const theirs = pick(results, name, system, 'exact')
      const theirBest = pick(results, name, system, 'best')
      if (theirBest === undefined) return ['', '', '']
      const bestFigure = `${speed(theirBest)} (${theirBest.precision})`
      return [theirs ? speed(theirs) : '–', bestFigure, `${times(exact, theirs)}, ${times(best, theirBest)}`]
    })
    return [what, figure(exact), figure(best), ...peers]
  })
  const head = ['work', 'bump f32', "bump's best"]
  for (const [peer, exact] of [
    ['transformers + PEFT, or TRL,', 'f32'],
    ['llama.cpp', 'F16'],
  ])
    head.push(`${peer} ${exact}`, 'its best', `bump faster by: f32, best`)
  return table(head, rows)
}

/** How far a result is from bump's in f32, and whether that is within its bound; undefined where nothing is compared. */
export function agreement(results: readonly Result[], one: Measurement): { text: string; within: boolean } | undefined {
  const reference = pick(results, one.case, BUMP, 'exact')
  if (!one.check || !reference?.check || one === reference) return undefined
  const [expected, found] = [reference.check, one.check]
  const errors = expected.map((value, i) => Math.abs(found[i] - value))
  if (one.precision === 'f32') {
    const farthest = Math.max(...errors.map((error, i) => error / Math.max(1, Math.abs(expected[i]))))
    return verdict(farthest, F32_BOUND, farthest.toExponential(0), String(F32_BOUND))
  }
  const centre = expected.reduce((sum, value) => sum + value, 0) / expected.length
  const squares = (values: readonly number[]) => values.reduce((sum, value) => sum + value ** 2, 0)
  const share = Math.sqrt(squares(errors) / squares(expected.map((value) => value - centre)))
  const percent = (value: number) => `${(100 * value).toFixed(1)} %`
  const bound = BOUNDS[one.precision]
  return verdict(share, bound, percent(share), percent(bound))
}

function verdict(value: number, bound: number, said: string, limit: string) {
  const within = value <= bound
  return { within, text: `${within ? 'yes' : 'NO'} (${said}, at most ${limit})` }
}

/** Every measurement, and every one that failed. */
export function everything(results: readonly Result[], works: ReadonlyMap<string, string>): string {
  const rows = results.map((one) => {
    const subject = [works.get(one.case) ?? one.case, one.system, one.precision]
    if ('error' in one) return [...subject, `failed: ${one.error}`, '', '']
    const phases = Object.entries(one.phases ?? {}).map(([phase, seconds]) => `${phase} ${seconds.toFixed(1)}`)
    const figure = `${speed(one)}${phases.length > 0 ? ` (${phases.join(', ')})` : ''}`
    return [...subject, figure, `${one.peakGB.toFixed(1)} GB`, agreement(results, one)?.text ?? '']
  })
  return table(['work', 'system', 'precision', 'figure', 'peak memory', "agrees with bump's f32"], rows)
}

interface Goal {
  case: string
  /** bump's best precision is held against this one. */
  system: string
  which: 'exact' | 'best'
  atLeast: number
  of: 'speed' | 'memory'
}

const GOALS: Goal[] = [
  ...['', 'qwen-'].flatMap((shape): Goal[] => [
    { case: `${shape}step`, system: TRL, which: 'exact', atLeast: 8, of: 'speed' },
    { case: `${shape}step`, system: TRL, which: 'best', atLeast: 5, of: 'speed' },
    { case: `${shape}step`, system: TRL, which: 'best', atLeast: 3, of: 'memory' },
    { case: `${shape}train`, system: TRANSFORMERS, which: 'best', atLeast: 1, of: 'speed' },
    { case: `${shape}group`, system: TRANSFORMERS, which: 'best', atLeast: 4, of: 'speed' },
  ]),
  { case: 'judge', system: BUMP, which: 'exact', atLeast: 3, of: 'speed' },
  { case: 'decode-1', system: LLAMA_CPP, which: 'best', atLeast: 1, of: 'speed' },
  { case: 'decode-32', system: LLAMA_CPP, which: 'best', atLeast: 5, of: 'speed' },
  { case: 'prefill', system: LLAMA_CPP, which: 'best', atLeast: 1.5, of: 'speed' },
  { case: 'prefill', system: TRANSFORMERS, which: 'best', atLeast: 1.5, of: 'speed' },
]

/** The goals of the works that were measured, met or missed. */
export function goals(results: readonly Result[], works: ReadonlyMap<string, string>): string {
  const rows = GOALS.flatMap(({ case: name, system, which, atLeast, of }) => {
    const what = works.get(name)
    if (what === undefined) return []
    const [mine, theirs] = [pick(results, name, BUMP, 'best'), pick(results, name, system, which)]
    const goal = [what, `${system}${which === 'best' ? ', its best' : `, ${theirs?.precision ?? 'f32'}`}`]
    const wanted = of === 'speed' ? `${atLeast}× as fast` : `1/${atLeast} of its peak memory`
    if (!mine || !theirs) return [[...goal, wanted, '–', 'not measured']]
    const ratio = of === 'speed' ? theirs.seconds / mine.seconds : theirs.peakGB / mine.peakGB
    const got = of === 'speed' ? `${ratio.toFixed(2)}×` : `1/${ratio.toFixed(2)}`
    return [
      [...goal, wanted, `${got} (${mine.precision} against ${theirs.precision})`, ratio >= atLeast ? 'met' : 'MISSED'],
    ]
  })
  return table(['work', "bump's best against", 'goal', 'measured', 'met'], rows)
}
