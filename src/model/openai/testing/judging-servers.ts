// Servers over a language model of this machine that answer as real ones were seen to: each knows some fields of a
// request and passes over the others without a word.
import type { ChatMessage, LanguageModel, TokenIds } from '../../contract.ts'
import { json, type Script } from './fake-server.ts'

interface Request {
  messages: ChatMessage[]
  [field: string]: unknown
}

/** Answers that are listed with their probabilities, besides the letters. */
const WORDS = [...'ABCDEFGHIJ', 'Yes', 'No', 'The', 'I', 'It']
const CHATTER = 'Sure! The best is B, and then A.'

interface Make {
  /** [place] the labels that the request allows there; undefined where it holds nothing that this server knows. */
  steps(request: Request): string[][] | undefined
  /** The answer that these labels are. */
  written?(labels: readonly string[]): string
  /** Most tokens that are listed; 0 where it lists none. */
  listed: number
  /** Fields by which it scores a text. */
  scores: readonly ('echo' | 'prompt_logprobs')[]
}

/** The labels of `ABC[DEF]{3}` at each place. */
function stepsOfPattern(pattern: unknown): string[][] | undefined {
  const [, fixed, left, count] = /^([A-Z]*)\[([A-Z]+)\]\{(\d+)\}$/.exec(String(pattern)) ?? []
  if (left === undefined) return undefined
  return [...[...fixed].map((label) => [label]), ...Array.from({ length: Number(count) }, () => [...left])]
}

function stepsOfSchema(request: Request): string[][] | undefined {
  const format = request.response_format as
    | { json_schema?: { schema?: { properties?: Record<string, { enum: string[] }> } } }
    | undefined
  const properties = format?.json_schema?.schema?.properties
  return properties && Object.values(properties).map((each) => each.enum)
}

const asObject = (labels: readonly string[]) =>
  JSON.stringify(Object.fromEntries(labels.map((label, i) => [i + 1, label])))

/** vLLM: `structured_outputs`, both ways to score a text, at most 20 tokens listed. */
export const VLLM: Make = {
  steps: ({ structured_outputs: held }) => stepsOfPattern((held as { regex?: string } | undefined)?.regex),
  listed: 20,
  scores: ['echo', 'prompt_logprobs'],
}

/** llama.cpp: grammars; it scores no text. */
export const LLAMA_CPP: Make = {
  steps({ grammar }) {
    const [, fixed, rest] = /^root ::= (?:"([A-Z]+)" )?(\[.*)$/.exec(String(grammar)) ?? []
    return rest === undefined ? undefined : stepsOfPattern(`${fixed ?? ''}${rest}`)
  },
  listed: 100,
  scores: [],
}

/** A hosted service: schemas and few tokens listed. */
export const HOSTED: Make = { steps: stepsOfSchema, written: asObject, listed: 5, scores: [] }

/** Takes every request and knows nothing of it but the words. */
export const DEAF: Make = { steps: () => undefined, listed: 0, scores: [] }

/** The script of a server of a make over `model`. */
export function servedBy(model: LanguageModel, make: Make): Script {
  const { tokenizer } = model
  const idOf = (text: string) => tokenizer.encode(text)[0]

  async function chat(request: Request): Promise<object> {
    const prompt = tokenizer.chat(request.messages)
    const steps = make.steps(request)
    const labels = steps && (await constrained(prompt, steps))
    const content = labels ? (make.written ?? ((each: string[]) => each.join('')))(labels) : CHATTER
    const count = Number(request.top_logprobs ?? 0)
    const usage = { prompt_tokens: prompt.length, completion_tokens: labels?.length ?? 1 }
    const logprobs = request.logprobs && make.listed > 0 ? { content: [await listed(prompt, count)] } : undefined
    return { choices: [{ message: { role: 'assistant', content }, finish_reason: 'stop', logprobs }], usage }
  }

  async function constrained(prompt: TokenIds, steps: readonly string[][]): Promise<string[]> {
    const allowed = { steps: steps.map((labels) => labels.map(idOf)) }
    const options = { maxTokens: steps.length, temperature: 0, stopTokens: [], allowed, weights: 'base' as const }
    const [[{ tokens }]] = await model.sample([{ prompt, seeds: [0] }], options)
    return tokens.map((token, i) => steps[i].find((label) => idOf(label) === token)!)
  }

  async function listed(prompt: TokenIds, count: number): Promise<object> {
    const [logits] = await model.labelLogits([prompt], WORDS.map(idOf), { weights: 'base' })
    const total = Math.log(logits.reduce((sum, logit) => sum + Math.exp(logit), 0))
    const top = WORDS.map((token, i) => ({ token, logprob: logits[i] - total }))
    top.sort((a, b) => b.logprob - a.logprob)
    return { ...top[0], top_logprobs: top.slice(0, count) }
  }

  async function completion({ prompt, echo, prompt_logprobs }: Record<string, unknown>): Promise<object> {
    const text = String(prompt)
    const ids = [...(tokenizer.bosToken === undefined ? [] : [tokenizer.bosToken]), ...tokenizer.encode(text)]
    const usage = { prompt_tokens: ids.length, completion_tokens: 0 }
    const echoes = echo === true && make.scores.includes('echo')
    const prompts = prompt_logprobs !== undefined && make.scores.includes('prompt_logprobs')
    if (!echoes && !prompts) return { choices: [{ text: ' and', logprobs: { content: [] } }], usage }
    const [first, ...rest] = ids
    const [[scores]] = await model.score([{ prefix: [first], continuations: [rest] }], { weights: 'base' })
    const token_logprobs = [null, ...scores]
    const tokens = ids.map((id) => tokenizer.decode([id]))
    if (echoes) return { choices: [{ text, logprobs: { tokens, token_logprobs } }], usage }
    const places = token_logprobs.map((logprob, i) => (logprob === null ? null : { [ids[i]]: { logprob } }))
    return { choices: [{ text: ' and', prompt_logprobs: places }], usage }
  }

  return async ({ url, body }, response) => {
    const count = Number(body.top_logprobs ?? 0)
    if (make.listed > 0 && count > make.listed)
      return json(response, { error: { message: `top_logprobs: at most ${make.listed} are allowed` } }, 400)
    if (url.endsWith('/chat/completions')) return json(response, await chat(body))
    if (make === DEAF || make === HOSTED) return json(response, { error: { message: 'Not Found' } }, 404)
    json(response, await completion(body))
  }
}
