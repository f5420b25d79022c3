// What training on one domain is worth on another: what `bump evaluate transfer` does. Every run writes profiles of the
// users of every test log, beside zero-shot profiles and raw histories, all judged in the same pools. <out> gets
// result.json and result.md, and keeps profiles and scores by content.

import { join } from 'node:path'
import { servedModelOf } from '../../judge/config.ts'
import { lazyScoreFile } from '../../judge/score-file.ts'
import type { ServerAccess } from '../../model/served.ts'
import { readTrainedRuns, type TrainedRun } from '../../train/trained-run.ts'
import { BumpError } from '../../util/errors.ts'
import { lockFolder } from '../../util/lock.ts'
import { requireOptions } from '../../util/required.ts'
import { type CollectOptions, collectConditions } from '../profiles/collect.ts'
import { mismatchedOf, type ProfileCondition } from '../profiles/conditions.ts'
import { type JudgedConditions, type JudgingEvent, judgedByEach, nameOfJudge } from '../profiles/judged.ts'
import { judgeNotes } from '../profiles/judges.ts'
import { checkPoolSizes } from '../profiles/judging.ts'
import { type EvaluationEngine, EvaluationModels } from '../profiles/models.ts'
import { DEFAULT_USERS } from '../profiles/plan.ts'
import { type JudgeChoice, judgesOf } from '../profiles/planned-judges.ts'
import { measuredText } from '../profiles/table.ts'
import { zeroShotsOf } from '../profiles/zero-shots.ts'
import type { EvaluationResult } from '../result.ts'
import { logNames, writeResultFiles } from '../result-files.ts'
import { type TestScores, transferTable } from './table.ts'
import { ownTests, type TestUsers, type TransferTest, usersOfTests } from './tests.ts'

export interface TransferOptions extends JudgeChoice {
  /** Run folders of bump train, whose best checkpoints write. Judges and pools that are not named are the first's. */
  runs: readonly string[]
  /** Test logs by their names; default: the test users of every run. */
  tests?: Record<string, TransferTest>
  /** Take SQL expressions of the runs' logs although they were never used on this machine. */
  trust?: boolean
  /** K; default 8, or as many as fit the smallest test. */
  poolSize?: number
  /** At most so many users of each test. */
  users?: number
  /** Of pools and intervals. */
  seed?: number
  /** Folder of the results and of what is kept between calls. */
  out: string
  engine?: EvaluationEngine
  /** Where judges are that read with a model on a server; no file names it. Texts of the users are sent there. */
  judgeServer?: ServerAccess
  /** As result.json records it; default 'evaluateTransfer'. */
  command?: string
  signal?: AbortSignal
  onEvent?: (event: JudgingEvent) => void
}

/**
 * A table for each judge, runs by test logs; also written to `out`. Throws BumpError where options do not belong
 * together, a run, log or model cannot be used or a test has too few users that no run was trained on; CancelledError
 * where the signal aborts, with all that was done kept.
 */
export async function evaluateTransfer(options: TransferOptions): Promise<EvaluationResult> {
  requireOptions('evaluateTransfer()', options, ['runs', 'out'])
  const started = performance.now()
  const { out, engine, seed = 0, trust, command = 'evaluateTransfer', judgeServer, signal, onEvent } = options
  const note = (text: string, passing?: boolean) => onEvent?.({ type: 'note', text, passing })
  const runs = readTrainedRuns(options.runs)
  if (runs.length === 0) throw new BumpError('invalid-options', 'runs: name at least one run of bump train')
  const [{ config }] = runs
  const served = judgeServer && { ...judgeServer, answers: lazyScoreFile(join(out, 'judge-answers.jsonl')) }
  const models = new EvaluationModels({ ...engine, signal, onProgress: note }, served)
  const judges = judgesOf(options, config)
  for (const { model, config: judge } of judges) models.refuseUnusableJudge(model, judge)
  if (judgeServer && !judges.some((judge) => servedModelOf(judge.config)))
    throw new BumpError(
      'invalid-options',
      'judgeServer does nothing here: no judge reads with a model on a server. Name that model by servedJudge',
    )
  const tests = await usersOfTests(options.tests ?? ownTests(runs), runs, config, {
    ...{ trust, signal, most: options.users ?? DEFAULT_USERS },
    onReport: (report) => onEvent?.({ type: 'logs', report }),
    onNote: note,
  })
  for (const text of tests.flatMap(({ notes }) => notes)) note(text)
  if (tests.length === 0) throw new BumpError('invalid-options', 'tests: name at least one test')
  const smallest = Math.min(...tests.map(({ users }) => users.length))
  const poolSize = options.poolSize ?? Math.min(8, smallest - 2)
  checkPoolSizes(smallest, [poolSize])
  const release = lockFolder(out, 'out folder')
  try {
    const [{ model: judge, config: judging }] = judges
    const written = await writeAll(runs, tests, {
      judgeTokenizer: () => models.judge(judge, judging, async ({ tokenizer }) => tokenizer),
      ...{ out, models, signal },
      onProgress: (what, done, total) => onEvent?.({ type: 'progress', what, done, total }),
    })
    const judged: { test: TestUsers; conditions: ProfileCondition[]; by: JudgedConditions[] }[] = []
    for (const [t, test] of tests.entries()) {
      const conditions = written.conditions[t]
      note(`judging ${test.name}`)
      const plan = { users: test.users, judges, poolSizes: [poolSize], config }
      judged.push({
        test,
        conditions,
        by: await judgedByEach(conditions, plan, { models, out, seed, signal, onEvent }),
      })
    }
    const { positives } = config.reward
    const result: EvaluationResult = {
      kind: 'transfer',
      createdAt: new Date().toISOString(),
      command,
      seconds: Math.round(performance.now() - started) / 1000,
      tables: judges.map((_, j) => {
        const { record } = judged[0].by[j]
        const scores: TestScores[] = judged.map(({ test, conditions, by }) => ({
          test,
          conditions,
          scores: by[j].sizes[0],
        }))
        return transferTable(scores, runs, written.zeroShotOf, {
          judge: judges.length > 1 ? nameOfJudge(record) : undefined,
          notes: [
            `K = ${poolSize}; means with 95 % intervals, bootstrap over users; differences are paired. "both" is the mean of forward and backward.`,
            ...tests.map(({ name, users }) => `${name}: ${measuredText(users, positives)}.`),
            ...tests.flatMap(({ notes }) => notes),
            ...judgeNotes(record, runs),
          ],
          seed,
        })
      }),
      settings: {
        judges: judged[0].by.map(({ record }) => record),
        generators: written.generators,
        tests: Object.fromEntries(
          tests.map(({ name, users, source }) => [name, { logs: logNames(source.paths), users: users.length }]),
        ),
        ...{ positives, poolSize, seed },
        runs: runs.map(({ folder, config: { prompt, profile, split } }) => ({ folder, prompt, profile, split })),
      },
    }
    writeResultFiles(out, result)
    return result
  } finally {
    release()
  }
}

interface AllWritten {
  /** [test] raw histories, zero-shot profiles, those of each run, and the mismatched control. */
  conditions: ProfileCondition[][]
  /** [run] key of the zero-shot profiles by the run's own base and prompt. */
  zeroShotOf: string[]
  generators: Record<string, unknown>
}

/** Everybody's profiles by every run; each base is opened once a run, whatever the number of tests. */
async function writeAll(
  runs: readonly TrainedRun[],
  tests: readonly TestUsers[],
  options: Omit<CollectOptions, 'users' | 'config'>,
): Promise<AllWritten> {
  const everybody = tests.flatMap(({ users }) => users)
  const all: ProfileCondition[] = []
  const generators: Record<string, unknown> = {}
  const zeroShots = zeroShotsOf(runs)
  for (const [r, run] of runs.entries()) {
    const zeroShot = zeroShots[r]
    const first = zeroShot.run === run
    const kinds = [...(r === 0 ? ['history' as const] : []), ...(first ? ['zero-shot' as const] : []), 'run' as const]
    const sources = { runs: [run], checkpoints: [], files: [], kinds }
    const collected = await collectConditions(sources, { ...options, users: everybody, config: run.config })
    const keys: Record<string, string> = { 'zero-shot': zeroShot.key, run: `run${r + 1}` }
    for (const { key, label, profiles } of collected.conditions) {
      const shown = key === 'zero-shot' ? zeroShot.label : label
      all.push({ key: keys[key] ?? key, label: shown, profiles })
    }
    for (const [key, generator] of Object.entries(collected.generators)) generators[keys[key] ?? key] = generator
  }
  let start = 0
  const conditions = tests.map(({ users }) => {
    const from = start
    start += users.length
    const own = all.map((each) => ({ ...each, profiles: each.profiles.slice(from, from + users.length) }))
    return [...own, mismatchedOf(own.find(({ key }) => key === 'run1')!)]
  })
  return { conditions, zeroShotOf: zeroShots.map(({ key }) => key), generators }
}
