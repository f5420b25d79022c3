// What many users cost: a table from unit costs (docs/scale-users.md has its formulas). The defaults were measured on 2
// cores (docs/performance.md names the commands); nothing of a GPU was, so its speeds are the caller's.
// node scripts/scale.mjs --users 10000000 --interactions 1000000000 --gpu-prefill 20000 --gpu-decode 4000
import { parseArgs } from 'node:util'

const number = (value) => ({ type: 'string', default: String(value) })
const { values } = parseArgs({
  options: {
    users: number(10_000_000),
    interactions: number(1_000_000_000),
    // Tokens of a prompt and of a profile.
    prompt: number(400),
    profile: number(64),
    // Of a training run, whose cost does not depend on the number of users.
    steps: number(300),
    rollouts: number(8),
    negatives: number(8),
    positives: number(1),
    // docs/performance.md, Large logs: 10 M interactions of a Parquet file are read in 51 s.
    'read-interactions': number(10_000_000 / 51),
    // docs/performance.md, The engine (Xeon, SmolLM2-135M, int8): tokens, pairs and seconds of a step of 8 users, which
    // was measured in f32 only.
    'cpu-prefill': number(825),
    'cpu-decode': number(725),
    'cpu-pairs': number(40),
    'cpu-step': number(74.4),
    // One GPU, by the caller.
    'gpu-prefill': { type: 'string' },
    'gpu-decode': { type: 'string' },
    'gpu-pairs': { type: 'string' },
    'gpu-step': { type: 'string' },
  },
})
const given = Object.fromEntries(
  Object.entries(values).map(([name, value]) => {
    if (!(Number(value) > 0)) {
      console.error(`--${name} ${value}: expected a number above 0`)
      process.exit(2)
    }
    return [name, Number(value)]
  }),
)

const NOT_MEASURED = 'not measured by us'
const time = (seconds) => {
  if (!Number.isFinite(seconds)) return NOT_MEASURED
  if (seconds < 120) return `${seconds.toFixed(1)} s`
  if (seconds < 7200) return `${(seconds / 60).toFixed(0)} min`
  return seconds < 72 * 3600 ? `${(seconds / 3600).toFixed(1)} h` : `${(seconds / 86_400).toFixed(1)} days`
}
const row = (...cells) => console.log(`| ${cells.join(' | ')} |`)
const count = (value) => value.toLocaleString('en-US')

/** Machines: how many, and which speeds. A speed that is not given makes a cost NaN. */
const machines = [
  ['1 CPU (2 cores)', 'cpu', 1],
  ['8 GPUs', 'gpu', 8],
  ['64 GPUs', 'gpu', 64],
]
const { users, interactions, prompt, profile, steps } = given
const costs = [
  // Each machine reads the whole log.
  ['read and sort the log', () => interactions / given['read-interactions']],
  [
    'write all profiles',
    (kind, of) => (users * (prompt / given[`${kind}-prefill`] + profile / given[`${kind}-decode`])) / of,
  ],
  // One model is trained on one of them.
  [`train ${steps} steps of 8 users`, (kind) => steps * given[`${kind}-step`]],
]
console.log(`${count(users)} users, ${count(interactions)} interactions\n`)
row('work', ...machines.map(([name]) => name))
row(...['work', ...machines].map(() => '---'))
for (const [what, cost] of costs) row(what, ...machines.map(([, kind, of]) => time(cost(kind, of))))

/** Pairs of profile and interaction that the judge of a step reads, at most: K of the users besides one at most. */
const pairs = (batch, wanted) => {
  const others = Math.min(wanted, batch - 1)
  return batch * given.rollouts * (others + given.positives) + batch * others * given.positives
}
console.log(`\nThe judge of a step with ${given.rollouts} rollouts a user\n`)
const pools = [
  [`K = ${given.negatives}`, () => given.negatives],
  ['K = all others', (batch) => batch - 1],
]
row('users', ...pools.flatMap(([name]) => [`${name}: pairs`, '1 CPU', '1 GPU']))
row(...Array.from({ length: 7 }, () => '---'))
for (const batch of [8, 32, 128, 512])
  row(
    batch,
    ...pools.flatMap(([, wanted]) => {
      const read = pairs(batch, wanted(batch))
      return [count(read), time(read / given['cpu-pairs']), time(read / given['gpu-pairs'])]
    }),
  )
