// Which users stand in the batch of a step. Every epoch goes through the users once, in a seeded order; with hard
// negatives (docs/method.md §7) users with similar histories stand together.
import { buildProfilePrompt } from '../generator/history.ts'
import type { ListedUser, UserList } from '../logs/user-list.ts'
import type { Tokenizer } from '../model/contract.ts'
import type { HardExamples, ShownUser } from '../reward/hard-examples.ts'
import { seedFrom, shuffled } from '../util/random.ts'
import type { TrainConfig } from './config.ts'

/** Neighbours of a user are looked for among so many, so that what that costs a user does not grow with their number. */
const AMONG = 16_384

/**
 * The batches of a run: a function of users, configuration and step. The remainder of an epoch is left out, so that no
 * user stands in a batch twice.
 */
export class UserBatches<U extends ListedUser> {
  private epoch = -1
  /** Of the epoch: users that no batch has yet, and the batches so far. */
  private left: U[] = []
  private made: U[][] = []

  constructor(
    private readonly users: readonly U[],
    private readonly config: Pick<TrainConfig, 'rollout' | 'reward' | 'seed'>,
    private readonly hardExamples?: HardExamples,
    private readonly among = AMONG,
  ) {}

  /** Users of step `step` (from 0). A resumed run makes the epoch's batches before it again. */
  at(step: number): U[] {
    const size = this.config.rollout.users
    const perEpoch = Math.floor(this.users.length / size)
    const epoch = Math.floor(step / perEpoch)
    if (epoch !== this.epoch) {
      this.epoch = epoch
      this.left = shuffled(this.users, seedFrom(this.config.seed, 'epoch', epoch)).slice(0, perEpoch * size)
      this.made = []
    }
    while (this.made.length <= step % perEpoch) this.made.push(this.next(size))
    return this.made[step % perEpoch]
  }

  /** With hard negatives, a batch is as many neighbourhoods as it has room for, each a user with K neighbours. */
  private next(size: number): U[] {
    if (!this.hardExamples?.config.negatives) return this.left.splice(0, size)
    const batch: U[] = []
    while (batch.length < size)
      batch.push(
        ...this.neighbourhood(Math.min(this.config.reward.negatives + 1, size - batch.length), this.hardExamples),
      )
    return batch
  }

  /** The next user of the epoch with those most like it; near-duplicates only where no others are left. */
  private neighbourhood(size: number, hardExamples: HardExamples): U[] {
    const [anchor, ...others] = this.left.slice(0, 1 + this.among)
    const { near, tooNear } = hardExamples.ranked(anchor.id, others, ({ id }) => id)
    const chosen = [anchor, ...[...near, ...tooNear.reverse()].slice(0, size - 1)]
    const taken = new Set(chosen)
    this.left = others.filter((user) => !taken.has(user)).concat(this.left.slice(1 + this.among))
    return chosen
  }
}

/** Users who are read at once to be embedded. */
const USERS_AT_ONCE = 1024

/** Embeds what the generator is shown of each user; `say` takes passing lines. Throws what `embed` throws. */
export async function embedUsers(
  hardExamples: HardExamples,
  users: UserList,
  tokenizer: Tokenizer,
  prompt: TrainConfig['prompt'],
  say: (line: string) => void,
  signal?: AbortSignal,
): Promise<void> {
  const started = performance.now()
  const shown: ShownUser[] = []
  for (let start = 0; start < users.listed.length; start += USERS_AT_ONCE)
    for (const { id, history, heldOut } of await users.load(users.listed.slice(start, start + USERS_AT_ONCE)))
      shown.push({
        id,
        shown: buildProfilePrompt(history, tokenizer, prompt).texts,
        heldOut: heldOut.map(({ text }) => text),
      })
  await hardExamples.embed(shown, {
    signal,
    onProgress: (share) => {
      const left = ((performance.now() - started) / 1000) * (1 / share - 1)
      const eta = share > 0.02 ? ` ETA ${Math.ceil(left)}s` : ''
      say(`embedding histories ${Math.floor(100 * share)} %${eta}`)
    },
  })
}
