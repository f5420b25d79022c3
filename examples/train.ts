// Train a profile generator on your own logs, and see what it gained on people it never saw.
//
//   node train.js <logs> <model> <steps>
import { BumpError, openLogs, openModel, train } from 'bump-profiles'

const [path = 'reviews.parquet', name = 'HuggingFaceTB/SmolLM2-135M-Instruct', steps = '36'] = process.argv.slice(2)

try {
  // Column names, or SQL over the columns. What is left out is found by its usual name.
  const logs = await openLogs(path, { user: 'user', time: 'time', text: 'text' })
  console.log(`${logs.report.interactions} interactions`)

  const model = await openModel(name, { trainable: 'lora' })
  const run = await train({
    model,
    logs,
    out: 'runs/example',
    optim: { steps: Number(steps) },
    test: { maxUsers: 32 },
    onEvent(event) {
      if (event.type === 'step') console.log(`step ${event.step}: reward ${event.metrics.reward?.toFixed(3)}`)
    },
  })
  await model.close()
  await logs.close()

  const { mean, low, high } = run.summary.difference.both
  console.log(`NDCG on ${run.summary.users} unseen users: ${mean.toFixed(3)} [${low.toFixed(3)}, ${high.toFixed(3)}]`)
} catch (error) {
  // What you can act on has a stable code (docs/errors.md). Run it again with `resume: true` and it goes on.
  if (!BumpError.isInstance(error)) throw error
  console.error(`${error.code}: ${error.message}`)
  process.exitCode = 1
}
