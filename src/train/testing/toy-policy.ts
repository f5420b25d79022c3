// A trainable language model of a toy world, for tests of the GRPO loop: no network, real gradients, exact save and
// load. Users like one topic; the policy is a table of word logits for each topic it may see in a prompt, zero at
// first, so that zero-shot profiles are random words. Other texts are scored by the share of each word in the prefix,
// so that a profile which names the topic predicts the user's interactions: all that the likelihood judge needs.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { User, UserSplit } from '../../logs/types.ts'
import type {
  AdamParams,
  Completion,
  ForwardBackwardResult,
  LanguageModel,
  SampleOptions,
  SampleRequest,
  ScoreOptions,
  ScoreRequest,
  TokenIds,
  Tokenizer,
  TokenLoss,
  TrainGroup,
} from '../../model/contract.ts'
import { lossAndGradient } from '../../model/token-loss.ts'
import { CancelledError } from '../../util/errors.ts'
import { seedFrom, uniform } from '../../util/random.ts'

const TOPICS = [
  ['coffee', 'espresso', 'beans'],
  ['trains', 'stations', 'rails'],
  ['gardens', 'roses', 'soil'],
  ['chess', 'openings', 'endgames'],
  ['sailing', 'winds', 'harbours'],
  ['jazz', 'saxophones', 'swing'],
]
const WORDS = TOPICS.flat()
const FIRST_WORD = 256
const STOP = FIRST_WORD + WORDS.length
/** The policy's choices: every word, then the stop token. */
const CHOICES = WORDS.length + 1
const PROMPT_MARK = 'Write only the profile.'

/** Bytes, and one token for each topic word with the space before it. */
export const toyTokenizer: Tokenizer = {
  vocabSize: STOP + 1,
  stopTokens: [STOP],
  bosToken: undefined,
  encode: (text) =>
    (text.match(/ [a-z]+|[\s\S]/g) ?? []).flatMap((part) => {
      const word = WORDS.indexOf(part.slice(1))
      return word >= 0 && part[0] === ' ' ? [FIRST_WORD + word] : [...Buffer.from(part)]
    }),
  decode: (tokens) => {
    const bytes = tokens.flatMap((id) => {
      if (id === STOP) return []
      return id < FIRST_WORD ? [id] : [...Buffer.from(` ${WORDS[id - FIRST_WORD]}`)]
    })
    return Buffer.from(bytes).toString()
  },
  chat: (messages) => toyTokenizer.encode(messages.map(({ content }) => content).join('\n\n')),
}

/** `count` users of the toy world, each with one topic; their interactions name its words. */
export function toyUsers(count: number, prefix: string): User[] {
  return Array.from({ length: count }, (_, u) => {
    const topic = TOPICS[u % TOPICS.length]
    const next = uniform(seedFrom('toy-user', prefix, u))
    const interaction = (i: number) => ({
      text: `note ${i} on ${topic[Math.floor(next() * 3)]} and ${topic[Math.floor(next() * 3)]}`,
      time: undefined,
      metadata: {},
    })
    return {
      id: `${prefix}${u}`,
      history: Array.from({ length: 5 }, (_, i) => interaction(i)),
      heldOut: Array.from({ length: 2 }, (_, i) => interaction(5 + i)),
    }
  })
}

/** Users of the toy world split three ways. */
export function toySplit(): UserSplit {
  return { train: toyUsers(12, 'train'), validation: toyUsers(6, 'val'), test: toyUsers(12, 'test') }
}

interface State {
  steps: number
  table: number[][]
  first: number[][]
  second: number[][]
}

const zeros = (): number[][] => TOPICS.map(() => new Array<number>(CHOICES).fill(0))

export interface ToyOptions {
  /** Called before each sample, score and forwardBackward; tests abort from here. */
  onCall?: (what: 'sample' | 'score' | 'forwardBackward') => void
  digest?: string
}

/** A fresh toy model. */
export function toyPolicy(options: ToyOptions = {}): LanguageModel & { state: State } {
  const base = zeros()
  const gradient = zeros()
  const model = {
    state: { steps: 0, table: zeros(), first: zeros(), second: zeros() } as State,
    info: {
      name: 'toy',
      digest: options.digest ?? 'toy-digest',
      contextLength: 4096,
      parameters: TOPICS.length * CHOICES,
      trainableParameters: TOPICS.length * CHOICES,
    },
    tokenizer: toyTokenizer,

    async sample(requests: readonly SampleRequest[], sampling: SampleOptions): Promise<Completion[][]> {
      enter('sample', sampling.signal)
      const table = sampling.weights === 'base' ? base : model.state.table
      return requests.map(({ prompt, seeds }) => {
        const logps = logSoftmax(table[topicOf(prompt)])
        return seeds.map((seed) => sampleOne(logps, seed, sampling))
      })
    },

    async score(requests: readonly ScoreRequest[], call: ScoreOptions = {}): Promise<Float32Array[][]> {
      enter('score', call.signal)
      return requests.map(({ prefix, continuations }) =>
        continuations.map((tokens) =>
          isProfilePrompt(prefix)
            ? policyLogprobs(
                tempered((call.weights === 'base' ? base : model.state.table)[topicOf(prefix)], call.temperature),
                tokens,
              )
            : Float32Array.from(unigram(prefix, tokens)),
        ),
      )
    },

    async labelLogits(): Promise<Float32Array[]> {
      throw new Error('the toy model has no labels')
    },

    async forwardBackward(
      groups: readonly TrainGroup[],
      loss: TokenLoss,
      call: { signal?: AbortSignal } = {},
    ): Promise<ForwardBackwardResult> {
      enter('forwardBackward', call.signal)
      const temperature = loss.type === 'cross_entropy' ? 1 : (loss.temperature ?? 1)
      let total = 0
      const completions = groups.map(({ prompt, completions }) =>
        completions.map((completion) => {
          const topic = topicOf(prompt)
          const logits = tempered(model.state.table[topic], temperature)
          const logps = logSoftmax(logits)
          const logprobs = policyLogprobs(logits, completion.tokens)
          const result = lossAndGradient(loss, { ...completion, logprobs })
          total += result.loss
          for (const [t, token] of completion.tokens.entries())
            for (let c = 0; c < CHOICES; c++)
              gradient[topic][c] +=
                (result.gradient[t] * ((c === token - FIRST_WORD ? 1 : 0) - Math.exp(logps[c]))) / temperature
          const entropy = -logps.reduce((sum, logp) => sum + Math.exp(logp) * logp, 0)
          return { logprobs, entropy: new Float32Array(completion.tokens.length).fill(entropy) }
        }),
      )
      return { loss: total, completions }
    },

    async optimStep(adam: AdamParams): Promise<{ gradNorm: number }> {
      const gradNorm = Math.sqrt(gradient.flat().reduce((sum, value) => sum + value * value, 0))
      const scale = adam.maxGradNorm > 0 && gradNorm > adam.maxGradNorm ? adam.maxGradNorm / gradNorm : 1
      const { table, first, second } = model.state
      const step = ++model.state.steps
      for (let k = 0; k < TOPICS.length; k++)
        for (let c = 0; c < CHOICES; c++) {
          const g = gradient[k][c] * scale
          first[k][c] = adam.beta1 * first[k][c] + (1 - adam.beta1) * g
          second[k][c] = adam.beta2 * second[k][c] + (1 - adam.beta2) * g * g
          const denominator = Math.sqrt(second[k][c] / (1 - adam.beta2 ** step)) + adam.eps
          table[k][c] -= adam.learningRate * (first[k][c] / (1 - adam.beta1 ** step) / denominator)
          gradient[k][c] = 0
        }
      return { gradNorm }
    },

    async saveState(folder: string): Promise<void> {
      mkdirSync(folder, { recursive: true })
      writeFileSync(join(folder, 'toy.json'), JSON.stringify(model.state))
    },
    async loadState(folder: string): Promise<void> {
      model.state = JSON.parse(readFileSync(join(folder, 'toy.json'), 'utf8'))
    },
    savePolicy: (folder: string) => model.saveState(folder),
    loadPolicy: (folder: string) => model.loadState(folder),
    async close(): Promise<void> {},
  }
  return model

  function enter(what: 'sample' | 'score' | 'forwardBackward', signal?: AbortSignal): void {
    options.onCall?.(what)
    if (signal?.aborted) throw new CancelledError()
  }
}

function isProfilePrompt(prompt: TokenIds): boolean {
  return toyTokenizer.decode(prompt).includes(PROMPT_MARK)
}

/** The topic whose words a prompt names most. */
function topicOf(prompt: TokenIds): number {
  const counts = TOPICS.map(() => 0)
  for (const id of prompt) if (id >= FIRST_WORD && id < STOP) counts[Math.floor((id - FIRST_WORD) / 3)]++
  return counts.indexOf(Math.max(...counts))
}

function logSoftmax(logits: readonly number[]): number[] {
  const top = Math.max(...logits)
  const log = top + Math.log(logits.reduce((sum, logit) => sum + Math.exp(logit - top), 0))
  return logits.map((logit) => logit - log)
}

const tempered = (logits: readonly number[], temperature = 1): number[] => logits.map((logit) => logit / temperature)

function policyLogprobs(logits: readonly number[], tokens: TokenIds): Float32Array {
  const logps = logSoftmax(logits)
  return Float32Array.from(tokens, (token) => logps[token - FIRST_WORD])
}

function sampleOne(logps: readonly number[], seed: number, { maxTokens, temperature = 1 }: SampleOptions): Completion {
  const next = uniform(seed)
  const drawn = temperature === 0 ? logps : logSoftmax(tempered(logps, temperature))
  const tokens: number[] = []
  while (tokens.length < maxTokens && tokens.at(-1) !== STOP) {
    let choice = 0
    if (temperature === 0) choice = drawn.indexOf(Math.max(...drawn))
    else
      for (let rest = next() - Math.exp(drawn[0]); rest > 0 && choice < CHOICES - 1; ) rest -= Math.exp(drawn[++choice])
    tokens.push(FIRST_WORD + choice)
  }
  return {
    tokens,
    logprobs: Float32Array.from(tokens, (token) => drawn[token - FIRST_WORD]),
    stopReason: tokens.at(-1) === STOP ? 'stop' : 'length',
  }
}

/** Log probability of each token as its smoothed share among the prefix's tokens. */
function unigram(prefix: TokenIds, tokens: TokenIds): number[] {
  const smoothing = 0.05
  return tokens.map((token) => {
    const count = prefix.filter((id) => id === token).length
    return Math.log((count + smoothing) / (prefix.length + smoothing * (STOP + 1)))
  })
}
