// Train with a reward of your own beside the bidirectional one. Here a service of yours rates how a profile is written;
// the judge goes on rating what it says. One that fails, or hangs when you stop, costs no step: resume goes on.
//
//   node added-reward.js <logs> <model> <steps>
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { defineReward, openLogs, openModel, train } from 'bump-profiles'

const [path = 'reviews.parquet', name = 'HuggingFaceTB/SmolLM2-135M-Instruct', steps = '36'] = process.argv.slice(2)

// In the place of your service: the share of words that do not repeat.
const service = createServer(async (request, response) => {
  const words = (await text(request)).toLowerCase().match(/\p{L}+/gu) ?? []
  response.end(JSON.stringify({ variety: new Set(words).size / Math.max(1, words.length) }))
}).listen(0, '127.0.0.1')
await new Promise((resolve) => service.once('listening', resolve))
const address = `http://127.0.0.1:${(service.address() as AddressInfo).port}`

// All profiles of a step are asked about at once. The signal ends what is under way when the run is stopped.
const variety = defineReward('variety', async (rollout, _user, { signal }) => {
  const answer = await fetch(address, { method: 'POST', body: rollout.text, signal: signal ?? null })
  if (!answer.ok) throw new Error(`the service answered ${answer.status}`)
  return ((await answer.json()) as { variety: number }).variety
})

const logs = await openLogs(path)
const model = await openModel(name, { trainable: 'lora' })
const run = await train({
  model,
  logs,
  out: 'runs/added-reward',
  rewards: [{ reward: variety, weight: 0.5 }],
  optim: { steps: Number(steps) },
  test: { maxUsers: 32 },
  onEvent(event) {
    if (event.type !== 'step') return
    const of = (term: string) => event.metrics[`rewards/${term}/mean`]?.toFixed(3)
    console.log(`step ${event.step}: forward ${of('forward')}, backward ${of('backward')}, variety ${of('variety')}`)
  },
})
console.log(run.config.reward)
await model.close()
await logs.close()
service.close()
