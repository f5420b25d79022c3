// What a Tinker server does, found out on an adapter that is thrown away: how it reduces the gradients of several
// texts, which no answer says, and whether it gives the log probabilities that a judge needs.
import { BumpError } from '../../util/errors.ts'
import type { TokenIds } from '../contract.ts'
import { Policy, type Reduction } from './policy.ts'
import { scoreAll } from './sampling.ts'
import type { Session } from './session.ts'
import { dataOf } from './training.ts'
import type { Datum } from './wire.ts'

export interface Probe {
  reduction: Reduction
  /** Whether that was measured; false where the server does not tell norms of gradients, and is taken to sum. */
  measured: boolean
  /**
   * Largest distance between the log probabilities of trainer and sampler, nats; undefined where the sampler has none.
   */
  gap: number | undefined
}

/** No step moves the weights, which an optimiser's moments could. */
const STILL = { learningRate: 0, beta1: 0.9, beta2: 0.999, eps: 1e-8, weightDecay: 0, maxGradNorm: 0 }

/** `text`: at least four tokens. Throws BumpError where the server reduces gradients in a way that is not known. */
export async function probe(session: Session, rank: number, text: TokenIds, signal?: AbortSignal): Promise<Probe> {
  const policy = await Policy.create(session, rank, 1, signal)
  try {
    const whole = textDatum(text)
    const half = textDatum(text.slice(0, Math.ceil(text.length / 2)))
    const [ofWhole, ofHalf] = await policy.forward([whole, half], signal)
    const first = half.targets.length
    const norm = async (data: Datum[]) => {
      await policy.forwardBackward(data, signal)
      return await policy.step(STILL)
    }
    const counted = (datum: Datum, logprobs: Float32Array, targets: number): Datum => ({
      ...datum,
      logprobs,
      advantages: Float32Array.from(logprobs, (_, t) => (t < targets ? 1 : 0)),
    })
    const one = counted(half, ofHalf, first)
    const alone = await norm([one])
    const gap = await gapOf(session, text, ofWhole, signal)
    if (alone === null) return { reduction: 'sum', measured: false, gap }
    // The same text twice, and the same tokens in a longer text.
    const twice = Number(await norm([one, one])) / alone
    const longer = Number(await norm([counted(whole, ofWhole, first)])) / alone
    const near = (ratio: number, expected: number) => Math.abs(ratio / expected - 1) < 0.1
    if (near(twice, 2) && near(longer, 1)) return { reduction: 'sum', measured: true, gap }
    if (near(twice, 1) && near(longer, first / whole.targets.length)) return { reduction: 'mean', measured: true, gap }
    throw new BumpError(
      'server-failed',
      `${session.server.shown} reduces gradients in a way that is not known: the same text twice has ${twice.toFixed(3)} times the gradient of one, in a text of ${text.length} tokens ${longer.toFixed(3)} times`,
    )
  } finally {
    await policy.unload()
  }
}

const textDatum = (text: TokenIds) =>
  dataOf([{ prompt: text.slice(0, 1), completions: [{ tokens: text.slice(1) }] }])[0]

/**
 * Between the trainer's log probabilities and those that the base gives as a prompt: a fresh adapter changes nothing.
 */
async function gapOf(
  session: Session,
  text: TokenIds,
  trainer: Float32Array,
  signal: AbortSignal | undefined,
): Promise<number | undefined> {
  const request = { prefix: text.slice(0, 1), continuations: [text.slice(1)] }
  const source = () => ({ base_model: session.baseModel })
  try {
    const [[sampler]] = await scoreAll(session.server, source, [request], { signal })
    return sampler.reduce((most, logprob, t) => Math.max(most, Math.abs(logprob - trainer[t])), 0)
  } catch (error) {
    if (BumpError.isInstance(error) && error.code === 'judge-unusable') return undefined
    throw error
  }
}
