// A strict program of a user of the package, compiled by main.ts against the tarball and never run. It holds the types
// of the front door, and of the two others: what one gives, what one gets, and that they are no `any`.
import {
  BumpError,
  defineReward,
  type Judge,
  openGenerator,
  openLogs,
  openModel,
  type Summary,
  type TrainEvent,
  type TrainOptions,
  train,
  type WrittenProfile,
} from 'bump-profiles'
import { type ProfileMiddleware, profileMiddleware } from 'bump-profiles/ai-sdk'
import { BumpClient, BumpProblem, type Profile } from 'bump-profiles/client'

export async function tenLines(): Promise<WrittenProfile> {
  const logs = await openLogs('reviews.parquet', { user: 'user_id', time: 'ts', text: "title || ': ' || body" })
  const model = await openModel('HuggingFaceTB/SmolLM2-135M-Instruct', { trainable: 'lora' })
  const run = await train({ model, logs, out: 'runs/reviews', optim: { steps: 36 } })
  const gained: Summary['difference'] = run.summary.difference
  console.log(gained.both.mean.toFixed(3))

  const generator = await openGenerator('runs/reviews')
  const written = await generator.write(['how I pruned my roses', 'beans on a trellis'])
  await generator.close()
  return written
}

export const judge: Judge = {
  name: 'of one’s own',
  describe: () => ({}),
  score: async ({ forward, backward }) => ({
    forward: forward.map(({ candidates }) => [candidates.map((text) => text.length)]),
    backward: backward.map(({ candidates }) => [candidates.map(() => 0)]),
  }),
}

export const options: TrainOptions = {
  model: 'HuggingFaceTB/SmolLM2-135M-Instruct',
  logs: 'reviews.parquet',
  out: 'runs/reviews',
  customJudge: judge,
  customReward: defineReward('brief', ({ tokens }, { heldOut }) => heldOut.length / tokens),
  signal: new AbortController().signal,
  onEvent(event: TrainEvent) {
    if (event.type === 'step') console.log(event.metrics.reward?.toFixed(3))
  },
}

export async function trained(): Promise<Summary | undefined> {
  try {
    return (await train(options)).summary
  } catch (error) {
    if (!BumpError.isInstance(error)) throw error
    // @ts-expect-error: the codes are a closed list
    if (error.code === 'no-such-code') throw error
    return error.code === 'cancelled' ? undefined : Promise.reject(error)
  }
}

// @ts-expect-error: a model's name is text
void openModel(1)
// @ts-expect-error: there is no such loss
void train({ ...options, optim: { loss: 'no-such-loss' } })
// @ts-expect-error: options are checked for names that do not exist
void train({ ...options, optimiser: {} })

const bump = new BumpClient({ url: 'http://127.0.0.1:8080', key: 'bump_x_y', timeoutMs: 1000, fetch: globalThis.fetch })

export async function served(signal: AbortSignal): Promise<Profile | undefined> {
  try {
    const { accepted, rejected } = await bump.addInteractions([{ user: 'u7', text: 'How do I prune roses?' }])
    console.log(accepted.toFixed(), rejected[0]?.message.trim())
    await bump.correct('u7', { kind: 'exclude', interactions: ['event-81'] }, { signal })
    const { data, nextCursor } = await bump.request('GET /v1/users/{user}/interactions', { path: { user: 'u7' } })
    console.log(data[0]?.time.toFixed(), nextCursor?.trim(), (await bump.profileBlock('u7')).trim())
    return await bump.profile('u7')
  } catch (error) {
    if (!(error instanceof BumpProblem)) throw error
    // @ts-expect-error: the codes are a closed list
    if (error.code === 'no-such-code') throw error
    return error.code === 'not-found' ? undefined : Promise.reject(error)
  }
}

export const middleware: ProfileMiddleware = profileMiddleware({ client: bump, user: 'u7', record: true })

// @ts-expect-error: there is no such operation
void bump.request('GET /v1/nothing', {})
// @ts-expect-error: this one names a user in its path
void bump.request('GET /v1/users/{user}', {})
// @ts-expect-error: a middleware is for one user
profileMiddleware({ client: bump })
