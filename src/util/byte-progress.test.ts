import { afterEach, expect, it, vi } from 'vitest'
import { ByteProgress } from './byte-progress.ts'

afterEach(() => void vi.useRealTimers())

it('says percentage, speed and time left once a second, and the end', () => {
  vi.useFakeTimers({ now: 0 })
  const lines: [string, boolean | undefined][] = []
  const progress = new ByteProgress('preparing weights', 400e6, (line, passing) => lines.push([line, passing]))
  for (const [seconds, megabytes] of [
    [0, 0],
    [0.5, 50],
    [1, 100],
    [1.2, 120],
    [2, 200],
    [2.1, 400],
  ]) {
    vi.setSystemTime(seconds * 1000)
    progress.update(megabytes * 1e6)
  }
  expect(lines).toEqual([
    ['preparing weights: 25 % of 400 MB, 100.0 MB/s, 0:03 left', true],
    ['preparing weights: 50 % of 400 MB, 100.0 MB/s, 0:02 left', true],
    ['preparing weights: 100 % of 400 MB', false],
  ])
})
