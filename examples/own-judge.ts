// Train with a judge of your own: the reward stays bidirectional NDCG, but who ranks is up to you. Here, shared words.
//
//   node own-judge.js <logs> <model> <steps>
import { type Judge, openLogs, openModel, type Pool, train } from 'bump-profiles'

const [path = 'reviews.parquet', name = 'HuggingFaceTB/SmolLM2-135M-Instruct', steps = '36'] = process.argv.slice(2)

const words = (text: string) => [...new Set(text.toLowerCase().match(/\p{L}{4,}/gu))]

// [order][candidate]: one order, since it does not matter to this judge; the higher the score, the better.
const shared = ({ query, candidates }: Pool) => {
  const wanted = new Set(words(query))
  return [candidates.map((text) => words(text).filter((word) => wanted.has(word)).length)]
}

// `forward`: a profile and interactions; `backward`: an interaction and profiles. All pools of a step come in one call.
const judge: Judge = {
  name: 'shared words',
  describe: () => ({ version: 1 }),
  score: async ({ forward, backward }) => ({ forward: forward.map(shared), backward: backward.map(shared) }),
}

const logs = await openLogs(path)
const model = await openModel(name, { trainable: 'lora' })
const run = await train({
  model,
  logs,
  out: 'runs/own-judge',
  customJudge: judge,
  optim: { steps: Number(steps) },
  test: { maxUsers: 32 },
})
console.log(run.summary.judge, run.summary.difference.both)
await model.close()
await logs.close()
