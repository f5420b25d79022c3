import { readFileSync, statSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { exampleLog } from './example-log.ts'

const committed = new URL('../../assets/example/log.jsonl', import.meta.url)

describe('the example log', () => {
  const content = readFileSync(committed, 'utf8')
  const rows = content
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, string>)

  it('is what the generator writes', () => {
    expect(content).toBe(exampleLog())
    expect(statSync(committed).size).toBeLessThan(400_000)
  })

  it('has at least 100 users with at least 12 records each, in order of time', () => {
    const counts = new Map<string, number>()
    for (const row of rows) {
      expect(Object.keys(row)).toEqual(['user', 'time', 'text'])
      expect(new Date(row.time).toISOString()).toBe(row.time.replace('Z', '.000Z'))
      counts.set(row.user, (counts.get(row.user) ?? 0) + 1)
    }
    expect(counts.size).toBeGreaterThanOrEqual(100)
    for (const count of counts.values()) expect(count).toBeGreaterThanOrEqual(12)
    const times = rows.map(({ time }) => time)
    expect(times).toEqual([...times].sort())
  })
})
