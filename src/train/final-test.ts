// The end of a run: the best checkpoint against the zero-shot model on the test users, who took no part in any choice.
import { type AnyJudge, isSeveral } from '../judge/several.ts'
import type { Judge } from '../judge/types.ts'
import type { UserLists } from '../logs/user-list.ts'
import type { LanguageModel, WeightSet } from '../model/contract.ts'
import type { RewardFunction } from '../reward/reward.ts'
import type { ProfileLine, Summary } from '../run/format.ts'
import { readProfileLines } from '../run/read.ts'
import type { TrainConfig } from './config.ts'
import { interactionsDigest } from './digest.ts'
import {
  compareMeasurements,
  type Measurement,
  measure,
  measureControls,
  measuredUsers,
  poolUsers,
  type WholeTextJudge,
} from './measure.ts'
import type { OngoingRun } from './ongoing-run.ts'
import type { Part } from './phase-progress.ts'

type MeasuredUsers = Pick<Measurement, 'users' | 'byJudge' | 'profiles' | 'lengths'>

/** What of a run's final test does not depend on its training. */
export interface Baseline {
  /** Zero-shot profiles of the frozen base. */
  before: MeasuredUsers & Pick<Measurement, 'chance'>
  /** The raw history in the profile's place. */
  history: Summary['controls']['history']
}

export interface FinalTestInputs {
  config: TrainConfig
  /** The policy, with its frozen base. */
  model: LanguageModel
  /** Ranks the test users' pools, whatever the reward is. */
  judge: AnyJudge
  /** Others that measure the same profiles, by their names. */
  testJudges?: Readonly<Record<string, Judge>>
  /** The judge for texts longer than its budget for a profile. */
  wholeTexts?: WholeTextJudge
  reward: RewardFunction
  users: UserLists
  /** What an earlier run of the same model, judge, users and budgets measured before training. */
  baseline?: Baseline
  signal?: AbortSignal
}

/** What the test says of a run's summary, and the test users' profiles before and after. */
export interface FinalTest {
  result: Pick<Summary, 'before' | 'after' | 'difference' | 'controls' | 'judges' | 'task' | 'chance' | 'users'>
  profiles: ProfileLine[]
}

/** Measures the frozen base (unless `baseline` knows), then the best checkpoint, which the model is left at. */
export async function finalTest(inputs: FinalTestInputs, run: OngoingRun): Promise<FinalTest> {
  const { config, model, judge, testJudges = {}, reward, users, baseline, signal } = inputs
  const testUsers = await users.test.load(measuredUsers(users.test.listed, config.test.maxUsers, config))
  const progress = run.beginParts('test', testParts(inputs, testUsers.length))
  const onNote = (text: string) => run.note(text)
  const measured = (weights: WeightSet) =>
    measure(model, { judge, others: testJudges, onNote }, testUsers, config, weights, progress, signal)
  const before = baseline?.before ?? (await measured('base'))
  await run.loadBest()
  const after = await measured('policy')
  const controls = await measureControls(model.tokenizer, judge, testUsers, after.profiles, config, {
    signal,
    wholeTexts: inputs.wholeTexts,
    known: baseline?.history,
    onNote,
    progress,
  })
  const profiles = { before: before.profiles, after: after.profiles }
  const task =
    reward.compareTask && (await progress.next(() => reward.compareTask!(poolUsers(testUsers), profiles, { signal })))
  return {
    result: {
      ...compareMeasurements(before, after, config.split.seed),
      controls,
      ...byEachJudge(inputs, before, after),
      ...(task ? { task } : {}),
      chance: before.chance,
      users: testUsers.length,
    },
    profiles: testUsers.map((user, u) => ({
      user: user.id,
      interactions: interactionsDigest(user),
      before: tested(before, u),
      after: tested(after, u),
    })),
  }
}

/** The comparison by each of several judges and each other judge; nothing where there is the one of the run only. */
function byEachJudge(
  { judge, testJudges = {}, config }: FinalTestInputs,
  before: MeasuredUsers,
  after: MeasuredUsers,
): Pick<Summary, 'judges'> {
  const judges: Record<string, Judge> = { ...(isSeveral(judge) ? judge.judges : {}), ...testJudges }
  const measured = Object.entries(judges).filter(([name]) => before.byJudge[name] && after.byJudge[name])
  const compared = measured.map(([name, each]) => ({
    name,
    judge: each.describe(),
    rewarded: config.reward.type === 'bidirectional' && !(name in testJudges),
    ...compareMeasurements({ users: before.byJudge[name] }, { users: after.byJudge[name] }, config.split.seed),
  }))
  return compared.length > 0 ? { judges: compared } : {}
}

/** What the test does, in its order. */
function testParts({ baseline, reward, testJudges = {} }: FinalTestInputs, users: number): Part[] {
  const part = (kind: Part['kind'], what: string): Part => ({ what, kind, users })
  const measured = (when: string) => [
    part('write', `profiles ${when} training`),
    part('judge', `judging those ${when} training`),
    ...Object.keys(testJudges).map((name) => part('judge', `judging those ${when} training by ${name}`)),
  ]
  return [
    ...(baseline ? [] : measured('before')),
    ...measured('after'),
    ...(baseline ? [] : [part('judge', 'judging the raw histories')]),
    ...(users < 3 ? [] : [part('judge', "judging other people's profiles")]),
    ...(reward.compareTask ? [part('judge', "the task's own questions")] : []),
  ]
}

function tested({ profiles, lengths, users, byJudge }: MeasuredUsers, u: number): ProfileLine['before'] {
  const { forward, backward } = users[u]
  const judges = Object.entries(byJudge).map(([name, each]) => [name, each[u]] as const)
  const line = { profile: profiles[u], tokens: lengths[u], forward, backward }
  return judges.length > 0 ? { ...line, judges: Object.fromEntries(judges) } : line
}

/** What a finished run measured before training, for runs of the same model, judge, users and budgets. */
export function readBaseline(run: string, summary: Summary): Baseline {
  const lines = readProfileLines(run)
  return {
    before: {
      users: lines.map(({ user, before: { forward, backward } }) => ({ id: user, forward, backward })),
      byJudge: Object.fromEntries(
        Object.keys(lines[0]?.before.judges ?? {}).map((name) => [
          name,
          lines.map(({ before }) => before.judges![name]),
        ]),
      ),
      profiles: lines.map(({ before }) => before.profile),
      lengths: lines.map(({ before }) => before.tokens),
      chance: summary.chance,
    },
    history: summary.controls.history,
  }
}
