// How far a judge in int8 agrees with the exact one, on real logs: NDCG of the users' raw histories in both
// directions, its paired difference with a 95 % interval, the mean rank correlation (Spearman) of the scores within a
// pool, and seconds. It needs dist/ (npm run build).
//
//   node scripts/compare-precision.mjs <model> <logs> [text column] [users] [threads]
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const dist = (path) => import(join(fileURLToPath(new URL('../dist', import.meta.url)), path))
const { createJudge } = await dist('judge/judge.js')
const { judgeConfigSchema } = await dist('judge/config.js')
const { openModel } = await dist('model/onnx/open.js')
const { loadUsers } = await dist('logs/load.js')
const { evaluateProfiles } = await dist('evaluate/measure/evaluate-profiles.js')
const { formatInterval, historyText } = await dist('evaluate/judge-check.js')
const { bootstrapInterval, mean } = await dist('util/stats.js')

const [path, logs, text, count = '40', threads] = process.argv.slice(2)
if (logs === undefined)
  throw new Error('usage: node scripts/compare-precision.mjs <model> <logs> [text] [users] [threads]')
const { split } = await loadUsers(
  { paths: [logs], text },
  { heldOut: 1, minInteractions: 5, validation: 0, test: 0, seed: 0 },
)
const users = split.train.slice(0, Number(count))
const texts = (interactions) => interactions.map((interaction) => interaction.text)
const pools = users.map(({ id, heldOut }) => ({ id, heldOut: texts(heldOut) }))

/** Ranks of values, ties by their mean. */
function ranks(values) {
  return values.map((a) => {
    const below = values.filter((b) => b < a).length
    return below + (values.filter((b) => b === a).length - 1) / 2
  })
}

function correlation(a, b) {
  const [x, y] = [ranks(a), ranks(b)]
  const [mx, my] = [mean(x), mean(y)]
  const product = (u, mu, v, mv) => u.reduce((sum, value, i) => sum + (value - mu) * (v[i] - mv), 0)
  return product(x, mx, y, my) / Math.sqrt(product(x, mx, x, mx) * product(y, my, y, my))
}

async function measure(quantize) {
  const model = await openModel(path, { quantize, threads: threads && Number(threads) })
  const judge = createJudge(model, judgeConfigSchema.parse({ scorer: 'likelihood' }))
  const scores = []
  const recording = {
    config: judge.config,
    async rank(request, options) {
      const result = await judge.rank(request, options)
      for (const direction of ['forward', 'backward']) for (const views of result[direction]) scores.push(views[0])
      return result
    },
  }
  const profiles = users.map(({ history }) => historyText(texts(history), model.tokenizer, 160))
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

const results = {}
for (const quantize of ['none', 'int8']) results[quantize] = await measure(quantize)
const exact = results.none
process.stdout.write(`${users.length} users, raw histories of 160 tokens, pools of 1 + 8, both directions\n`)
for (const [name, { ndcg, scores, seconds }] of Object.entries(results)) {
  const difference = bootstrapInterval(
    ndcg.map((value, u) => value - exact.ndcg[u]),
    { seed: 0 },
  )
  const agreement = mean(scores.map((pool, i) => correlation(pool, exact.scores[i])))
  process.stdout.write(
    `${name.padEnd(5)} NDCG ${mean(ndcg).toFixed(3)}  difference ${formatInterval(difference)}  rank correlation ${agreement.toFixed(3)}  ${seconds.toFixed(1)} s (${(exact.seconds / seconds).toFixed(2)}x)\n`,
  )
}
