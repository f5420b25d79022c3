// The adapter that a run on a SkyRL server ended with, as that server has it, and as bump's own engine, transformers
// with PEFT, and vLLM read it from the run's folder: all give the same log probabilities.
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { beforeAll, describe, expect, it } from 'vitest'
import { openGenerator } from '../../src/generator/open.ts'
import type { LanguageModel, ScoreRequest } from '../../src/model/contract.ts'
import { openTinker } from '../../src/model/tinker/open.ts'
import { SERVED } from './install.ts'

/** The run and its last checkpoint; the environment of SkyRL has transformers and PEFT. */
const { TINKER_BASE_URL: server, BUMP_RUN, CHECKPOINT, SKYRL_FOLDER, VLLM_LORA_URL } = process.env
const checkpoint = join(BUMP_RUN ?? '', 'checkpoints', CHECKPOINT ?? '')

const TEXTS = [
  ['Tried rose bushes and', ' tomato seeds in the garden, with friends.'],
  ['Asked about overtures and', ' stage sets on the big stage, at dusk.'],
] as const

describe.skipIf(!BUMP_RUN)('the trained adapter', () => {
  let texts: number[][]
  let expected: number[]
  let requests: ScoreRequest[]
  const scored = async (model: LanguageModel, weights: 'policy' | 'base') =>
    (await model.score(requests, { weights })).flat().flatMap((logprobs) => [...logprobs])

  beforeAll(async () => {
    const generator = await openGenerator(BUMP_RUN!, { threads: 1 })
    try {
      const { tokenizer } = generator.model
      requests = TEXTS.map(([prefix, text]) => ({
        prefix: tokenizer.encode(prefix),
        continuations: [tokenizer.encode(text)],
      }))
      texts = requests.map(({ prefix, continuations }) => [...prefix, ...continuations[0]])
      expected = await scored(generator.model, 'policy')
      const base = await scored(generator.model, 'base')
      // An adapter that changes nothing would prove nothing.
      expect(furthest(base, expected)).toBeGreaterThan(1e-3)
    } finally {
      await generator.close()
    }
  })

  it('is that of the server', async () => {
    const generator = await openGenerator(BUMP_RUN!, { threads: 1 })
    const { tokenizer, info } = generator.model
    const { contextLength } = info
    const trainable = { type: 'lora', rank: 8 } as const
    const model = await openTinker({ server, model: SERVED, tokenizer, contextLength, trainable })
    try {
      await model.loadState(checkpoint)
      same('SkyRL', await scored(model, 'policy'))
    } finally {
      await model.close()
      await generator.close()
    }
  })

  it('is read by transformers with PEFT', () => {
    const python = join(SKYRL_FOLDER!, '.venv', 'bin', 'python')
    const script = fileURLToPath(new URL('peft_logprobs.py', import.meta.url))
    const input = JSON.stringify(texts)
    const answer = execFileSync(python, [script, join(SKYRL_FOLDER!, SERVED), checkpoint], { input, encoding: 'utf8' })
    same('transformers with PEFT', ownOf(JSON.parse(answer) as number[][]))
  })

  it.skipIf(!VLLM_LORA_URL)('is read by vLLM', async () => {
    await posted('load_lora_adapter', { lora_name: 'trained', lora_path: checkpoint })
    const logprobs: number[][] = []
    for (const prompt of texts) {
      const asked = { model: 'trained', prompt, prompt_logprobs: 0, max_tokens: 1 }
      const { choices } = JSON.parse(await posted('completions', asked)) as VllmAnswer
      logprobs.push(choices[0].prompt_logprobs.slice(1).map((at, i) => at![prompt[i + 1]].logprob))
    }
    same('vLLM', ownOf(logprobs))
  })

  /** Of the continuations alone, from those of whole texts without their first tokens. */
  const ownOf = (logprobs: number[][]) => logprobs.flatMap((each, i) => each.slice(requests[i].prefix.length - 1))

  function same(reader: string, logprobs: number[]): void {
    const apart = furthest(logprobs, expected)
    console.log(`${reader}: ${logprobs.length} log probabilities, at most ${apart.toExponential(1)} nats apart`)
    expect(logprobs).toHaveLength(expected.length)
    expect(apart).toBeLessThan(1e-5)
  }
})

interface VllmAnswer {
  choices: { prompt_logprobs: (Record<string, { logprob: number }> | null)[] }[]
}

const furthest = (these: number[], those: number[]) =>
  Math.max(...these.map((logprob, i) => Math.abs(logprob - those[i])))

async function posted(path: string, body: object): Promise<string> {
  const response = await fetch(`${VLLM_LORA_URL}/${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  const text = await response.text()
  if (!response.ok) throw new Error(`vLLM answers ${response.status} to ${path}: ${text}`)
  return text
}
