// How much of what profiles claim the history supports: what `bump evaluate claims` does. A language model reads the
// history and each statement. Beside them stand two controls: interactions of the history, which must be supported, and
// statements of other users' profiles, which must not. <out> gets result.json, claims.jsonl and to-label.jsonl.
import { join } from 'node:path'
import { ScoreFile } from '../../judge/score-file.ts'
import { isEncoder, type JudgeModel } from '../../model/encoder.ts'
import { BumpError } from '../../util/errors.ts'
import { writeFileAtomic } from '../../util/files.ts'
import { mean } from '../../util/stats.ts'
import { mismatchedWith } from '../measure/controls.ts'
import { areaUnder, rocCurve } from '../privacy/roc.ts'
import { type ProfileEvaluationOptions, profileEvaluation } from '../profiles/evaluation.ts'
import type { EvaluationResult, ResultTable } from '../result.ts'
import { type MeasuredCondition, unpairedTable, userTable } from '../user-table.ts'
import { claimId, type JudgedClaim, kappa, linesToLabel, readLabels } from './labels.ts'
import { type Claim, statementsOf, supportOf } from './statements.ts'

export interface ClaimsOptions extends Omit<ProfileEvaluationOptions, 'scorer' | 'decoder' | 'judges'> {
  /** A filled in to-label.jsonl of an earlier call: the agreement with it is measured. */
  labels?: string
}

/** Users where no number is named: each has several statements under several conditions. */
const USERS = 30

/**
 * Tables of the support and, with `labels`, of the agreement; also written to `out`. Throws BumpError where options do
 * not belong together, a run, log, model or file cannot be used, or users were in the training of a run;
 * CancelledError where the signal aborts, with what was done kept.
 */
export async function evaluateClaims(options: ClaimsOptions): Promise<EvaluationResult> {
  const { out, seed = 0, labels: labelFile, signal } = options
  const labels = labelFile === undefined ? undefined : readLabels(labelFile)
  const frame = { kind: 'claims', name: 'evaluateClaims', kinds: ['history', 'zero-shot', 'run'] } as const
  const planned = { ...options, users: options.users ?? USERS, scorer: 'pointwise' } as const
  return await profileEvaluation(frame, planned, async ({ plan, models, onProgress, collect }) => {
    const [{ model, config }] = plan.judges
    const collected = await collect()
    const { users, conditions } = collected
    const history = conditions.find(({ key }) => key === 'history')
    const written = conditions.filter(({ key }) => key !== 'history')
    if (!history || written.length === 0)
      throw new BumpError(
        'invalid-options',
        'claims are of profiles, beside the history: name a run, a model or a file of profiles, and where you name kinds, history among them',
      )
    const mismatch = mismatchedWith(users.length, seed)
    const asked: Asked[] = [
      {
        condition: 'interaction',
        label: 'control: an interaction of the history',
        claims: history.profiles.map((records) => [{ records, statement: statementOfRecord(records) }]),
      },
      ...written.flatMap(({ key, label, profiles }) => {
        const of = (whose: (u: number) => number) =>
          history.profiles.map((records, u) =>
            statementsOf(profiles[whose(u)]).map((statement) => ({ records, statement })),
          )
        return [
          { condition: key, label, claims: of((u) => u) },
          { condition: `${key}-other`, label: `control: another user's ${label}`, claims: of((u) => mismatch[u]) },
        ]
      }),
    ]
    const judged = await models.judge(
      model,
      config,
      async (reader) => {
        const flat = asked.flatMap(({ claims }) => claims.flat())
        const store = new ScoreFile(join(out, 'scores.jsonl'))
        const answers = await supportOf(flat, readerOf(reader), store, {
          signal,
          onProgress: (done, total) => onProgress('checking statements', done, total),
        })
        return { answers: new Map(flat.map((claim, i) => [claimId(claim), answers[i]])), info: reader.info }
      },
      { quantize: plan.config.quantize },
    )
    const all = asked.flatMap(({ condition, claims }) =>
      claims.flatMap((own, u) =>
        own.map((claim) => ({
          ...claim,
          user: users[u].id,
          condition,
          probability: judged.answers.get(claimId(claim))!,
        })),
      ),
    )
    const main = written.at(-1)!.key
    const under = (key: string) => all.filter(({ condition }) => condition === key)
    writeFileAtomic(join(out, 'claims.jsonl'), all.map((claim) => `${JSON.stringify(claim)}\n`).join(''))
    writeFileAtomic(join(out, 'to-label.jsonl'), linesToLabel(under(main), under(`${main}-other`), seed))
    return {
      tables: [
        supportTable(asked, all, written, judged.info.name, seed),
        ...(labels ? [agreementTable(all, labels, main, seed)] : []),
      ],
      collected,
      settings: { judge: { name: judged.info.name, digest: judged.info.digest } },
    }
  })
}

interface Asked {
  condition: string
  label: string
  /** [user][statement] */
  claims: Claim[][]
}

/** The latest interaction as a statement, which the records support word for word. */
function statementOfRecord(records: string): string {
  return `Their records hold: ${records.split('\n').at(-1)!.replace(/^- /, '')}`
}

function readerOf(reader: JudgeModel) {
  if (!isEncoder(reader)) return reader
  throw new BumpError(
    'judge-unusable',
    `${reader.info.name} is an encoder, which answers no question: name a language model`,
  )
}

function supportTable(
  asked: readonly Asked[],
  all: readonly JudgedClaim[],
  written: readonly { key: string; label: string }[],
  judge: string,
  seed: number,
): ResultTable {
  // Pairs need the same users in each condition: those who have a statement in all of them.
  const users = [...asked[0].claims.keys()].filter((u) => asked.every(({ claims }) => claims[u].length > 0))
  if (users.length === 0)
    throw new BumpError('evaluation-failed', 'there is no user of whom every profile holds a statement')
  const answers = new Map(all.map((claim) => [claimId(claim), claim.probability]))
  const rows = asked.map(({ condition, label, claims }): MeasuredCondition => {
    const of = (value: (probability: number) => number) =>
      users.map((u) => mean(claims[u].map((claim) => value(answers.get(claimId(claim))!))))
    return {
      condition,
      label,
      values: { supported: of((p) => Number(p > 0.5)), probability: of((p) => p) },
    }
  })
  const probabilities = (key: string) =>
    all.filter(({ condition }) => condition === key).map(({ probability }) => probability)
  const metric = (key: string, label: string) => ({ key, label, higherIsBetter: true, chance: null })
  return userTable(
    {
      title: 'Statements that the history supports',
      notes: [
        `${users.length} users who have a statement under every condition; means of their statements with 95 % intervals. ${judge} reads the interactions that the generator read and one sentence, and answers yes or no: supported where yes is the likelier.`,
        'The controls say what the numbers are worth: interactions of the history must be supported, and statements of other users must not, but for what is true of anybody.',
        ...written.map(({ key, label }) => {
          const auc = areaUnder(rocCurve(probabilities(key), probabilities(`${key}-other`)))
          return `${label}: an own statement is found likelier than another user's in ${(100 * auc).toFixed(0)} of 100 pairs; 50 is a judge that cannot tell.`
        }),
      ],
      metrics: [metric('supported', 'supported'), metric('probability', 'probability of yes')],
    },
    rows,
    seed,
  )
}

/** How far the model agrees with the labels, apart for own statements and those of others. */
function agreementTable(
  all: readonly JudgedClaim[],
  labels: ReadonlyMap<string, boolean>,
  main: string,
  seed: number,
): ResultTable {
  const labelled = [...new Map(all.map((claim) => [claimId(claim), claim]))].flatMap(([id, { probability }]) => {
    const byHand = labels.get(id)
    return byHand === undefined ? [] : [{ id, byHand, byModel: probability > 0.5 }]
  })
  // A profile of everybody's words is an own statement and another user's.
  const under = (key: string) => {
    const ids = new Set(all.filter(({ condition }) => condition === key).map(claimId))
    return labelled.filter(({ id }) => ids.has(id))
  }
  if (labelled.length === 0)
    throw new BumpError(
      'evaluation-failed',
      'labels: none of the labelled statements is among these: they are of other users, profiles or another seed',
    )
  const parts = [
    { condition: 'all', label: 'all labelled statements', of: labelled },
    { condition: 'own', label: 'own statements', of: under(main) },
    {
      condition: 'other',
      label: "another user's statements",
      of: under(`${main}-other`),
    },
  ].filter(({ of }) => of.length > 0)
  const metric = (key: string, label: string) => ({ key, label, higherIsBetter: true, chance: null })
  return unpairedTable(
    {
      title: 'Agreement with labels by hand',
      notes: [
        `${labelled.length} of ${labels.size} labels are of these statements. Cohen's kappa: ${kappa(labelled.map(({ byHand, byModel }) => [byHand, byModel])).toFixed(2)} (0 is agreement by chance).`,
      ],
      metrics: [
        metric('agreed', 'model agrees'),
        metric('byHand', 'supported, by hand'),
        metric('byModel', 'supported, by model'),
      ],
    },
    parts.map(({ condition, label, of }) => ({
      condition,
      label,
      values: {
        agreed: of.map(({ byHand, byModel }) => Number(byHand === byModel)),
        byHand: of.map(({ byHand }) => Number(byHand)),
        byModel: of.map(({ byModel }) => Number(byModel)),
      },
    })),
    seed,
  )
}
