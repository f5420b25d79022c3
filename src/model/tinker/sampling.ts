// Sampling and log probabilities on a Tinker server: one request a completion or continuation, as many at once as keep
// its engines busy. What a server cannot do, restricting the choice of a token, is done here from log probabilities.
import { BumpError, CancelledError } from '../../util/errors.ts'
import { uniform } from '../../util/random.ts'
import type { Completion, SampleOptions, SampleRequest, ScoreRequest, TokenIds } from '../contract.ts'
import type { TinkerServer } from './server.ts'
import { seed31 } from './session.ts'
import { readSample, type SampleAnswer } from './wire.ts'

/** Requests under way at a time. */
const CONCURRENCY = 64

/** What the next request says of the weights that it is about. */
export type SamplingSource = () => object

interface OneSample {
  prompt: TokenIds
  maxTokens: number
  temperature: number
  seed: number
  stopTokens: TokenIds
  promptLogprobs: boolean
}

/** Asks for one completion. */
async function sampleOne(
  server: TinkerServer,
  source: SamplingSource,
  { prompt, maxTokens, temperature, seed, stopTokens, promptLogprobs }: OneSample,
  signal: AbortSignal | undefined,
): Promise<SampleAnswer> {
  const body = {
    prompt: { chunks: [{ type: 'encoded_text', tokens: prompt }] },
    num_samples: 1,
    sampling_params: {
      max_tokens: maxTokens,
      temperature,
      seed: seed31(seed),
      ...(stopTokens.length > 0 ? { stop: stopTokens } : {}),
    },
    ...(promptLogprobs ? { prompt_logprobs: true } : {}),
    ...source(),
    type: 'sample',
  }
  const answer = await server.result('asample', await server.submit('asample', body, { signal }), signal)
  return server.read('asample', () => readSample(answer, prompt.length))
}

/** [request][seed] completions. `vocabulary`: ids that there are. */
export async function sampleAll(
  server: TinkerServer,
  source: SamplingSource,
  requests: readonly SampleRequest[],
  {
    maxTokens,
    temperature,
    stopTokens,
    signal,
    onProgress,
  }: SampleOptions & { temperature: number; stopTokens: TokenIds },
  vocabulary: number,
): Promise<Completion[][]> {
  let tokens = 0
  const jobs = requests.flatMap(({ prompt, seeds }) => seeds.map((seed) => ({ prompt, seed })))
  const completions = await atOnce(jobs, signal, async ({ prompt, seed }, ending): Promise<Completion> => {
    const wanted = { prompt, seed, maxTokens, temperature, stopTokens, promptLogprobs: false }
    const answer = await sampleOne(server, source, wanted, ending)
    const { length } = answer.tokens
    const stopped = length > 0 && stopTokens.includes(answer.tokens[length - 1])
    if (length > maxTokens || (length < maxTokens && !stopped))
      throw new BumpError(
        'server-failed',
        `${server.shown} ends a completion of at most ${maxTokens} tokens after ${length}, without a stop token`,
      )
    const odd = answer.tokens.find((token) => !(token >= 0 && token < vocabulary))
    if (odd !== undefined)
      throw new BumpError(
        'model-unusable',
        `${server.shown} samples token ${odd}, but the tokenizer has ${vocabulary}: they are of different models`,
      )
    tokens += length
    onProgress?.(tokens)
    return { tokens: answer.tokens, logprobs: answer.logprobs, stopReason: stopped ? 'stop' : 'length' }
  })
  let next = 0
  return requests.map(({ seeds }) => seeds.map(() => completions[next++]))
}

/** [request][continuation][token] log probabilities. */
export async function scoreAll(
  server: TinkerServer,
  source: SamplingSource,
  requests: readonly ScoreRequest[],
  { signal, onProgress }: { signal?: AbortSignal; onProgress?: (share: number) => void },
): Promise<Float32Array[][]> {
  let done = 0
  const jobs = requests.flatMap(({ prefix, continuations }) => continuations.map((tokens) => ({ prefix, tokens })))
  const logprobs = await atOnce(jobs, signal, async ({ prefix, tokens }, ending) => {
    const prompt = [...prefix, ...tokens]
    const wanted = { prompt, seed: 0, maxTokens: 1, temperature: 1, stopTokens: [], promptLogprobs: true }
    const { promptLogprobs } = await sampleOne(server, source, wanted, ending)
    if (promptLogprobs === undefined)
      throw new BumpError(
        'judge-unusable',
        `${server.shown} gives no log probabilities of a prompt, so its base cannot judge: name another model in judge.model`,
      )
    onProgress?.(++done / jobs.length)
    return promptLogprobs.slice(prefix.length)
  })
  let next = 0
  return requests.map(({ continuations }) => continuations.map(() => logprobs[next++]))
}

/**
 * [request][seed] completions of allowed tokens only. `logitsOf` gives the logits of those after each prompt;
 * completions that stand at the same place share them.
 */
export async function sampleAllowed(
  requests: readonly SampleRequest[],
  {
    maxTokens,
    temperature,
    stopTokens,
    allowed,
    onProgress,
  }: SampleOptions & { temperature: number; stopTokens: TokenIds; allowed: NonNullable<SampleOptions['allowed']> },
  logitsOf: (prompts: TokenIds[], labels: TokenIds) => Promise<Float32Array[]>,
): Promise<Completion[][]> {
  let sampled = 0
  const complete = async (prompt: TokenIds, seeds: readonly number[]): Promise<Completion[]> => {
    const known = new Map<string, Promise<Float32Array[]>>()
    return await Promise.all(
      seeds.map(async (seed) => {
        const next = uniform(seed)
        const tokens: number[] = []
        const logprobs: number[] = []
        while (tokens.length < maxTokens && !stopTokens.includes(tokens[tokens.length - 1])) {
          const step = allowed.steps[Math.min(tokens.length, allowed.steps.length - 1)]
          const open = allowed.distinct ? step.filter((token) => !tokens.includes(token)) : step
          if (open.length === 0) throw new BumpError('invalid-options', 'allowed: no token is left for a step')
          const place = tokens.join()
          const logits = known.get(place) ?? logitsOf([[...prompt, ...tokens]], open)
          known.set(place, logits)
          const { index, logprob } = drawn((await logits)[0], temperature, next())
          tokens.push(open[index])
          logprobs.push(logprob)
          onProgress?.(++sampled)
        }
        const stopped = stopTokens.includes(tokens[tokens.length - 1])
        return { tokens, logprobs: Float32Array.from(logprobs), stopReason: stopped ? 'stop' : 'length' }
      }),
    )
  }
  const completions: Completion[][] = []
  for (const { prompt, seeds } of requests) completions.push(await complete(prompt, seeds))
  return completions
}

/** The place drawn by `u` in [0, 1) at a temperature, and its log probability; the largest, with 0, where that is 0. */
function drawn(logits: Float32Array, temperature: number, u: number): { index: number; logprob: number } {
  const top = Math.max(...logits)
  if (temperature === 0) return { index: logits.indexOf(top), logprob: 0 }
  const weights = Array.from(logits, (logit) => Math.exp((logit - top) / temperature))
  const total = weights.reduce((sum, weight) => sum + weight, 0)
  let index = 0
  for (let left = u * total; index < weights.length - 1 && left >= weights[index]; index++) left -= weights[index]
  return { index, logprob: Math.log(weights[index] / total) }
}

/** Does the jobs, some at once, in their order; the first that fails ends those beside it. */
async function atOnce<Job, Result>(
  jobs: readonly Job[],
  signal: AbortSignal | undefined,
  work: (job: Job, ending: AbortSignal) => Promise<Result>,
): Promise<Result[]> {
  if (signal?.aborted) throw new CancelledError()
  const failed = new AbortController()
  const ending = signal ? AbortSignal.any([signal, failed.signal]) : failed.signal
  const results = new Array<Result>(jobs.length)
  let next = 0
  const worker = async () => {
    while (next < jobs.length) {
      const at = next++
      results[at] = await work(jobs[at], ending)
    }
  }
  const workers = Array.from({ length: Math.min(CONCURRENCY, jobs.length) }, worker)
  try {
    await Promise.all(workers)
  } catch (error) {
    failed.abort()
    await Promise.allSettled(workers)
    throw error
  }
  return results
}
