// Scoring: log probabilities of continuations after a shared prefix, and logits of a few labels. What is shared is
// computed once: prefixes are run first, then all suffixes on them in rectangles of similar shape.
import type { ScoreRequest, TokenIds, WeightSet } from '../../model/contract.ts'
import { HEAD_CHUNKS } from '../model/loss-head.ts'
import {
  type Cancelled,
  type Core,
  computePrefixes,
  extendPrefix,
  type Prefixes,
  run,
  throwIfCancelled,
} from './core.ts'
import { f32, floats, longs } from './tensors.ts'

/** A continuation and its number in its request. */
interface Suffix {
  index: number
  tokens: TokenIds
}

/** A common beginning of fewer tokens is not worth a run of its own. */
const LEAST_SHARED = 16

/**
 * [request][continuation][token] log probabilities at a temperature. What all prefixes begin with is run once, then
 * each prefix.
 */
export async function score(
  core: Core,
  requests: readonly ScoreRequest[],
  weightSet: WeightSet,
  cancelled: Cancelled,
  temperature = 1,
  onProgress: (share: number) => void = () => {},
): Promise<Float32Array[][]> {
  const out = requests.map((request) => request.continuations.map((tokens) => new Float32Array(tokens.length)))
  const work = requests
    .map((request, index) => ({
      index,
      prefix: request.prefix,
      suffixes: request.continuations
        .map((tokens, k): Suffix => ({ index: k, tokens }))
        .filter((s) => s.tokens.length > 0)
        .sort((a, b) => a.tokens.length - b.tokens.length),
    }))
    .filter((w) => w.suffixes.length > 0)
    .sort((a, b) => a.prefix.length - b.prefix.length || a.suffixes.length - b.suffixes.length)
  const tokensOf = ({ prefix, suffixes }: (typeof work)[number]) =>
    suffixes.reduce((sum, { tokens }) => sum + tokens.length, prefix.length)
  const tokens = work.reduce((sum, w) => sum + tokensOf(w), 0)
  let done = 0
  const { runPrefixes } = await withRoot(
    core,
    work.map((w) => w.prefix),
    weightSet,
  )
  for (let at = 0; at < work.length; ) {
    throwIfCancelled(cancelled)
    let end = at + 1
    while (
      end < work.length &&
      (end + 1 - at) * work[end].prefix.length <= core.rows.prefix &&
      sameCounts(work[at], work[end])
    )
      end++
    const chunk = work.slice(at, end)
    at = end
    // The last token of a prefix runs with each suffix, where it predicts the first token.
    const prefixes = await runPrefixes(chunk.map((w) => w.prefix.slice(0, -1)))
    for (const { users, first, last } of rectangles(
      chunk.map((w) => w.suffixes),
      core.rows.suffix,
    )) {
      throwIfCancelled(cancelled)
      const part = chunk.slice(users.from, users.to)
      await scoreRectangle(
        core,
        slicePrefixes(prefixes, users.from, users.to),
        part.map((w) => ({
          index: w.index,
          lastToken: w.prefix[w.prefix.length - 1],
          suffixes: w.suffixes.slice(first, last),
        })),
        { weightSet, temperature },
        out,
      )
    }
    done += chunk.reduce((sum, w) => sum + tokensOf(w), 0)
    onProgress(done / tokens)
  }
  return out
}

/** Requests whose numbers of suffixes differ widely would waste a rectangle. */
const sameCounts = (a: { suffixes: unknown[] }, b: { suffixes: unknown[] }) =>
  Math.min(a.suffixes.length, b.suffixes.length) * 2 >= Math.max(a.suffixes.length, b.suffixes.length)

const longest = (suffixes: readonly Suffix[]) => Math.max(0, ...suffixes.map((s) => s.tokens.length))

/** Cuts [user][suffix] into rectangles of at most `rowsAtOnce` rows, where a single suffix allows it. */
function rectangles(
  users: readonly Suffix[][],
  rowsAtOnce: number,
): { users: { from: number; to: number }; first: number; last: number }[] {
  const out: { users: { from: number; to: number }; first: number; last: number }[] = []
  const perUser = Math.max(...users.map((s) => s.length * longest(s)))
  const usersPerRun = Math.max(1, Math.min(users.length, Math.floor(rowsAtOnce / perUser)))
  for (let from = 0; from < users.length; from += usersPerRun) {
    const to = Math.min(users.length, from + usersPerRun)
    const columns = Math.max(...users.slice(from, to).map((s) => s.length))
    const rows = (first: number, last: number) =>
      (to - from) * (last - first) * Math.max(...users.slice(from, to).map((s) => longest(s.slice(first, last))))
    for (let first = 0; first < columns; ) {
      let last = first + 1
      while (last < columns && rows(first, last + 1) <= rowsAtOnce) last++
      out.push({ users: { from, to }, first, last })
      first = last
    }
  }
  return out
}

/** Prefixes of users [from, to): views, not copies. */
function slicePrefixes(prefixes: Prefixes, from: number, to: number): Prefixes {
  if (from === 0 && to === prefixes.lengths.length) return prefixes
  const feeds: Prefixes['feeds'] = {}
  for (const [name, tensor] of Object.entries(prefixes.feeds)) {
    const size = tensor.size / prefixes.lengths.length
    feeds[name] = floats(f32(tensor).subarray(from * size, to * size), [to - from, ...tensor.dims.slice(1)])
  }
  return { feeds, lengths: prefixes.lengths.slice(from, to), P: prefixes.P }
}

async function scoreRectangle(
  core: Core,
  prefixes: Prefixes,
  users: { index: number; lastToken: number; suffixes: Suffix[] }[],
  { weightSet, temperature }: { weightSet: WeightSet; temperature: number },
  out: Float32Array[][],
): Promise<void> {
  const U = users.length
  const G = Math.max(...users.map((u) => u.suffixes.length))
  const S = Math.max(...users.map((u) => longest(u.suffixes)))
  const ids = new Int32Array(U * G * S)
  const positions = new Int32Array(ids.length)
  const rows: number[] = []
  const targets: number[] = []
  users.forEach((user, u) => {
    for (let k = 0; k < G; k++) {
      const start = (u * G + k) * S
      for (let t = 0; t < S; t++) positions[start + t] = prefixes.lengths[u] + t
      const suffix = user.suffixes[k]
      if (!suffix) continue
      ids[start] = user.lastToken
      for (let t = 0; t < suffix.tokens.length; t++) {
        if (t > 0) ids[start + t] = suffix.tokens[t - 1]
        rows.push(start + t)
        targets.push(suffix.tokens[t])
      }
    }
  })
  const counted = rows.length
  while (rows.length % HEAD_CHUNKS !== 0) {
    rows.push(rows[0])
    targets.push(targets[0])
  }
  const result = await run(core, { graph: 'extend', head: 'logprobs' }, weightSet, {
    ...prefixes.feeds,
    ids: longs(ids),
    positions: longs(positions, [positions.length, 1]),
    sizes: longs([U, prefixes.P, G, S]),
    rows: longs(rows),
    targets: longs(targets),
    inverse_temperature: floats(Float32Array.of(1 / temperature), []),
  })
  const logprobs = f32(result.logprobs)
  let at = 0
  for (const user of users)
    for (const suffix of user.suffixes) {
      out[user.index][suffix.index].set(logprobs.subarray(at, at + suffix.tokens.length))
      at += suffix.tokens.length
    }
  if (at !== counted) throw new Error('scored rows went astray')
}

/** Runs what all of `prefixes` begin with, once; the result runs any of them, complete or without its last token. */
async function withRoot(
  core: Core,
  prefixes: readonly TokenIds[],
  weightSet: WeightSet,
): Promise<{ shared: number; runPrefixes: (wanted: readonly number[][]) => Promise<Prefixes> }> {
  const shared = commonBeginning(prefixes)
  if (shared < LEAST_SHARED)
    return { shared: 0, runPrefixes: (wanted) => computePrefixes(core, wanted, weightSet, 'extend') }
  const root = await computePrefixes(core, [prefixes[0].slice(0, shared)], weightSet, 'extend')
  const runPrefixes = async (wanted: readonly number[][]) => {
    const rests = wanted.map((prefix) => prefix.slice(shared))
    return rests.length === 1 && rests[0].length === 0 ? root : extendPrefix(core, root, rests, weightSet)
  }
  return { shared, runPrefixes }
}

/** How many tokens several prefixes all begin with, their last ones left out; 0 for a single one. */
function commonBeginning(prefixes: readonly TokenIds[]): number {
  if (prefixes.length < 2) return 0
  return prefixes.reduce(
    (shared, prefix) => commonLength(prefixes[0], prefix, Math.min(shared, prefix.length - 1)),
    prefixes[0].length - 1,
  )
}

/** Longest common beginning of two texts. */
function commonLength(a: TokenIds, b: TokenIds, limit: number): number {
  let n = 0
  while (n < limit && a[n] === b[n]) n++
  return n
}

/**
 * [prompt][label] next-token logits. The prompts are a tree of three levels, each computed once: what all begin with,
 * what the prompts of a group begin with, and the rest of each.
 */
export async function labelLogits(
  core: Core,
  prompts: readonly TokenIds[],
  labels: TokenIds,
  weightSet: WeightSet,
  cancelled: Cancelled,
  onProgress: (share: number) => void = () => {},
): Promise<Float32Array[]> {
  const out: Float32Array[] = new Array(prompts.length)
  let done = 0
  const { shared, runPrefixes } = await withRoot(core, prompts, weightSet)
  for (const group of sharedBeginnings(prompts, shared)) {
    throwIfCancelled(cancelled)
    const prefixes = await runPrefixes([prompts[group.members[0]].slice(0, group.shared)])
    const rests = group.members.map((m) => prompts[m].slice(group.shared))
    const order = rests.map((_, i) => i).sort((a, b) => rests[a].length - rests[b].length)
    for (let at = 0; at < order.length; ) {
      throwIfCancelled(cancelled)
      let end = at + 1
      while (end < order.length && (end + 1 - at) * rests[order[end]].length <= core.rows.suffix) end++
      const part = order.slice(at, end)
      at = end
      const S = Math.max(...part.map((i) => rests[i].length))
      const ids = new Int32Array(part.length * S)
      part.forEach((i, k) => {
        ids.set(rests[i], k * S)
      })
      const result = await run(core, { graph: 'extend', head: 'labels' }, weightSet, {
        ...prefixes.feeds,
        ids: longs(ids),
        positions: longs(
          ids.map((_, i) => group.shared + (i % S)),
          [ids.length, 1],
        ),
        sizes: longs([1, prefixes.P, part.length, S]),
        rows: longs(part.map((i, k) => k * S + rests[i].length - 1)),
        labels: longs(labels),
      })
      const logits = f32(result.logits)
      part.forEach((i, k) => {
        out[group.members[i]] = logits.slice(k * labels.length, (k + 1) * labels.length)
      })
      done += part.length
      onProgress(done / prompts.length)
    }
  }
  return out
}

/**
 * Groups of prompts with a long common beginning (all but at least one token each); the rest in one group that has no
 * more in common than all have.
 */
function sharedBeginnings(prompts: readonly TokenIds[], common: number): { members: number[]; shared: number }[] {
  const order = prompts.map((_, i) => i).sort((a, b) => compare(prompts[a], prompts[b]))
  const groups: { members: number[]; shared: number }[] = []
  for (const i of order) {
    const last = groups.at(-1)
    if (last) {
      const limit = Math.min(last.shared, prompts[i].length - 1)
      const beginning = commonLength(prompts[last.members[0]], prompts[i], limit)
      if (beginning >= LEAST_SHARED && beginning * 2 >= Math.min(limit, last.shared)) {
        last.members.push(i)
        last.shared = beginning
        continue
      }
    }
    groups.push({ members: [i], shared: prompts[i].length - 1 })
  }
  const together = groups.filter(({ members }) => members.length > 1)
  const alone = groups.filter(({ members }) => members.length === 1).flatMap(({ members }) => members)
  return alone.length > 0 ? [...together, { members: alone, shared: common }] : together
}

function compare(a: TokenIds, b: TokenIds): number {
  const n = commonLength(a, b, Math.min(a.length, b.length))
  return n < a.length && n < b.length ? a[n] - b[n] : a.length - b.length
}
