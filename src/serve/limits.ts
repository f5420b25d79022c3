// How many requests a key may make: a bucket of tokens each, in the memory of one process. Several servers on one
// database each count by themselves.
import type { MiddlewareHandler } from 'hono'
import type { ServeEnv } from './auth.ts'
import { Problem } from './problem.ts'

interface Bucket {
  tokens: number
  /** Milliseconds, when the tokens were counted. */
  at: number
}

/** Full buckets say nothing; they are taken away where there are more than this. */
const MOST_BUCKETS = 10_000

/** `perMinute` requests a minute for each key, which it may also make at once. */
export class RateLimit {
  private readonly buckets = new Map<string, Bucket>()

  constructor(
    readonly perMinute: number,
    private readonly now: () => number = () => performance.now(),
  ) {}

  /** Takes a token of a key: how many are left, or the seconds until there is one. */
  take(key: string): { left: number } | { wait: number } {
    const now = this.now()
    const bucket = this.buckets.get(key) ?? { tokens: this.perMinute, at: now }
    bucket.tokens = this.filled(bucket, now)
    bucket.at = now
    if (this.buckets.size >= MOST_BUCKETS) this.sweep(now)
    this.buckets.set(key, bucket)
    if (bucket.tokens < 1) return { wait: Math.ceil(((1 - bucket.tokens) * 60) / this.perMinute) }
    bucket.tokens--
    return { left: Math.floor(bucket.tokens) }
  }

  private filled({ tokens, at }: Bucket, now: number): number {
    return Math.min(this.perMinute, tokens + ((now - at) / 60_000) * this.perMinute)
  }

  private sweep(now: number): void {
    for (const [key, bucket] of this.buckets) if (this.filled(bucket, now) >= this.perMinute) this.buckets.delete(key)
  }
}

/** Refuses what is beyond the limit of the request's key, and says in headers how much is left. */
export function rateLimited(limit: RateLimit): MiddlewareHandler<ServeEnv> {
  return async (c, next) => {
    const taken = limit.take(c.get('key').id)
    const policy = { 'ratelimit-limit': String(limit.perMinute), 'ratelimit-policy': `${limit.perMinute};w=60` }
    if ('wait' in taken) {
      const wait = String(taken.wait)
      const headers = { ...policy, 'ratelimit-remaining': '0', 'ratelimit-reset': wait, 'retry-after': wait }
      throw new Problem('rate-limited', undefined, headers)
    }
    await next()
    for (const [name, value] of Object.entries({ ...policy, 'ratelimit-remaining': String(taken.left) }))
      c.res.headers.set(name, value)
  }
}
