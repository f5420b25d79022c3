// Prefill and decode on llama.cpp through node-llama-cpp, whose module NODE_LLAMA_CPP names, on <folder>/<precision>.gguf:
// node llama-cpp.mjs SIZE FOLDER CASE THREADS PRECISION
import { join } from 'node:path'
import { caseArguments, mean, median, report, SEEDS, timed, tokens } from './work.mjs'

const { getLlama, LlamaLogLevel } = await import(process.env.NODE_LLAMA_CPP)
const { work, model: shape, folder, name, threads, precision } = caseArguments()
const { runs } = work
const [kind, batch = '1'] = name.split('-')
const sizes = work[kind]
const sequences = Number(batch)
const ids = (seed, n) => tokens(seed, n, shape.vocab)

const llama = await getLlama({
  gpu: false,
  build: 'never',
  skipDownload: true,
  logLevel: LlamaLogLevel.error,
  maxThreads: threads,
})
const model = await llama.loadModel({ modelPath: join(folder, `${precision}.gguf`) })
const contextSize = (kind === 'prefill' ? sizes.tokens : sizes.prompt + sizes.long) + 32
const context = await model.createContext({ contextSize, sequences, batchSize: 512, threads })

const CASES = {
  async prefill() {
    const sequence = context.getSequence()
    const texts = Array.from({ length: sizes.prompts }, (_, i) => ids(SEEDS.prefill + i, sizes.tokens))
    const seconds = await timed(runs, async () => {
      for (const text of texts) {
        await sequence.clearHistory()
        await sequence.evaluateWithoutGeneratingNewTokens(text)
      }
    })
    const check = []
    for (const text of texts) {
      await sequence.clearHistory()
      const options = { temperature: 1, topK: 0, topP: 1, minP: 0 }
      const last = [text.at(-1), { generateNext: { probabilities: true, options } }]
      const results = await sequence.controlledEvaluate([...text.slice(0, -1), last])
      const { probabilities } = results.at(-1).next
      const logits = Array.from({ length: 16 }, (_, i) => Math.log(probabilities.get(i + 1)))
      check.push(...logits.map((value) => value - mean(logits)))
    }
    report({ seconds: median(seconds), work: sizes.prompts * sizes.tokens, unit: 'tok', check })
  },

  async decode() {
    const prompt = ids(SEEDS.decode, sizes.prompt)
    const all = Array.from({ length: sequences }, () => context.getSequence())
    for (const sequence of all) await sequence.evaluateWithoutGeneratingNewTokens(prompt.slice(0, -1))
    const generate = (count) =>
      Promise.all(
        all.map(async (sequence, i) => {
          await sequence.eraseContextTokenRanges([{ start: prompt.length - 1, end: sequence.nextTokenIndex }])
          // Its own top-k of 40: sorting the whole vocabulary takes as long as the model.
          const options = { temperature: 1, topK: 40, topP: 1, minP: 0, seed: i, yieldEogToken: true }
          let left = count
          for await (const _ of sequence.evaluate(prompt.slice(-1), options)) if (--left === 0) break
        }),
      )
    const time = async (count) => median(await timed(runs, () => generate(count)))
    const seconds = (await time(sizes.long)) - (await time(sizes.short))
    report({ seconds, work: sequences * (sizes.long - sizes.short), unit: 'tok' })
  },
}

await CASES[kind]()
await llama.dispose()
