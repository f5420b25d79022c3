// Many requests at once, as fast as they are answered, and how long each took.
import { Pool } from 'undici'
import { quantile } from './check.ts'

export interface Asked {
  method: 'GET' | 'POST'
  path: string
  body?: string
  headers?: Record<string, string>
}

export interface Measured {
  requests: number
  perSecond: number
  /** Milliseconds. */
  p50: number
  p99: number
  longest: number
  /** [status] how many. */
  statuses: Record<number, number>
}

/**
 * So many clients, each of which asks again when it was answered, for so long. `ask`: the next request of a client;
 * `heard`: its answer's body, where anybody wants it.
 */
export async function manyRequests(
  address: string,
  { clients, seconds }: { clients: number; seconds: number },
  ask: (client: number) => Asked,
  heard?: (asked: Asked, status: number, body: string) => void,
): Promise<Measured> {
  const pool = new Pool(address, { connections: clients, pipelining: 1 })
  const times: number[] = []
  const statuses: Record<number, number> = {}
  const started = performance.now()
  const end = started + 1000 * seconds
  const one = async (client: number) => {
    while (performance.now() < end) {
      const asked = ask(client)
      const at = performance.now()
      const { statusCode, body } = await pool.request(asked)
      const text = await body.text()
      times.push(performance.now() - at)
      statuses[statusCode] = (statuses[statusCode] ?? 0) + 1
      heard?.(asked, statusCode, text)
    }
  }
  await Promise.all(Array.from({ length: clients }, (_, c) => one(c)))
  const passed = (performance.now() - started) / 1000
  await pool.close()
  times.sort((a, b) => a - b)
  return {
    requests: times.length,
    perSecond: times.length / passed,
    p50: quantile(times, 0.5),
    p99: quantile(times, 0.99),
    longest: times.at(-1)!,
    statuses,
  }
}
