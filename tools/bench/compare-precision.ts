// How far a judge in int8 agrees with the exact one, on real logs: NDCG of the users' raw histories in both directions,
// its paired difference with a 95 % interval, the mean rank correlation (Spearman) of the scores within a pool, and
// seconds.
//
//   npx tsx tools/bench/compare-precision.ts <model> <logs> [text column] [users] [threads]
import { rawHistory } from '../../src/evaluate/measure/controls.ts'
import { evaluateProfiles } from '../../src/evaluate/measure/evaluate-profiles.ts'
import { judgeConfigSchema } from '../../src/judge/config.ts'
import { createJudge } from '../../src/judge/judge.ts'
import type { Judge } from '../../src/judge/types.ts'
import '../../src/lamp/log-format.ts'
import { loadUsers } from '../../src/logs/load.ts'
import type { Interaction } from '../../src/logs/types.ts'
import { openModel } from '../../src/model/onnx/open.ts'
import { bootstrapInterval, intervalText, mean } from '../../src/util/stats.ts'

const HISTORY_TOKENS = 160

const [path, logs, text, count = '40', threads] = process.argv.slice(2)
if (path === undefined || logs === undefined) {
  console.error('usage: npx tsx tools/bench/compare-precision.ts <model> <logs> [text] [users] [threads]')
  process.exit(2)
}
const { split } = await loadUsers(
  { paths: [logs], ...(text === undefined ? {} : { text }) },
  { heldOut: 1, minInteractions: 5, validation: 0, test: 0, seed: 0 },
)
const users = split.train.slice(0, Number(count))
const texts = (interactions: readonly Interaction[]) => interactions.map((interaction) => interaction.text)
const pools = users.map(({ id, heldOut }) => ({ id, heldOut: texts(heldOut) }))

/** Ranks of values, ties by their mean. */
function ranks(values: readonly number[]): number[] {
  return values.map((a) => {
    const below = values.filter((b) => b < a).length
    return below + (values.filter((b) => b === a).length - 1) / 2
  })
}

function correlation(a: readonly number[], b: readonly number[]): number {
  const [x, y] = [ranks(a), ranks(b)]
  const [mx, my] = [mean(x), mean(y)]
  const product = (u: readonly number[], mu: number, v: readonly number[], mv: number) =>
    u.reduce((sum, value, i) => sum + (value - mu) * (v[i] - mv), 0)
  return product(x, mx, y, my) / Math.sqrt(product(x, mx, x, mx) * product(y, my, y, my))
}

interface Measured {
  /** [user] mean of both directions. */
  ndcg: number[]
  /** [pool][candidate] */
  scores: number[][]
  seconds: number
}

async function measure(quantize: 'none' | 'int8'): Promise<Measured> {
  const model = await openModel(path, { quantize, ...(threads === undefined ? {} : { threads: Number(threads) }) })
  const judge = createJudge(model, judgeConfigSchema.parse({ scorer: 'likelihood' }))
  const scores: number[][] = []
  const recording: Judge = {
    ...judge,
    async score(request, options) {
      const result = await judge.score(request, options)
      for (const [order] of [...result.forward, ...result.backward]) scores.push(order)
      return result
    },
  }
  const budget = { historyTokens: HISTORY_TOKENS, interactionTokens: 48 }
  const profiles = users.map(({ history }) => rawHistory(history, model.tokenizer, budget))
  // The first call opens sessions.
  await evaluateProfiles(pools.slice(0, 3), profiles.slice(0, 3), judge, { positives: 1, negatives: 2, seed: 0 })
  const started = performance.now()
  const { users: measured } = await evaluateProfiles(pools, profiles, recording, {
    positives: 1,
    negatives: 8,
    seed: 0,
  })
  const seconds = (performance.now() - started) / 1000
  await model.close()
  return { ndcg: measured.map(({ forward, backward }) => (forward + backward) / 2), scores, seconds }
}

const exact = await measure('none')
const rounded = await measure('int8')
console.log(`${users.length} users, raw histories of ${HISTORY_TOKENS} tokens, pools of 1 + 8, both directions`)
for (const [name, { ndcg, scores, seconds }] of [['f32', exact] as const, ['int8', rounded] as const]) {
  const difference = bootstrapInterval(
    ndcg.map((value, u) => value - exact.ndcg[u]),
    { seed: 0 },
  )
  const agreement = mean(scores.map((pool, i) => correlation(pool, exact.scores[i])))
  console.log(
    `${name.padEnd(5)} NDCG ${mean(ndcg).toFixed(3)}  difference ${intervalText(difference)}  rank correlation ${agreement.toFixed(3)}  ${seconds.toFixed(1)} s (${(exact.seconds / seconds).toFixed(2)}x)`,
  )
}
