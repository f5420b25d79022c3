// Train with a reward of your own in place of the bidirectional one: here, profiles that share words with what their
// person did next. bump still subtracts the penalties for length and for copied text.
//
//   node own-reward.js <logs> <model> <steps>
import { defineReward, openLogs, openModel, train } from 'bump-profiles'

const [path = 'reviews.parquet', name = 'HuggingFaceTB/SmolLM2-135M-Instruct', steps = '36'] = process.argv.slice(2)

const words = (text: string) => new Set(text.toLowerCase().match(/\p{L}{4,}/gu))

// A number, or several by name; the higher, the better. It may be async, and call whatever it likes.
const reward = defineReward('shared_words', ({ text }, { heldOut }) => {
  const next = words(heldOut.join(' '))
  return [...words(text)].filter((word) => next.has(word)).length / Math.max(1, next.size)
})

const logs = await openLogs(path)
const model = await openModel(name, { trainable: 'lora' })
const run = await train({
  model,
  logs,
  out: 'runs/own-reward',
  customReward: reward,
  optim: { steps: Number(steps) },
  test: { maxUsers: 32 },
  onEvent(event) {
    if (event.type === 'step') console.log(event.step, event.metrics['rewards/shared_words/mean'])
  },
})
console.log(run.config.reward)
await model.close()
await logs.close()
