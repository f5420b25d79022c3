// A minute of fuzzing, the same cases every time; `npm run fuzz` goes on from there.
import { afterAll, describe, expect, it } from 'vitest'
import { hunt, newTally, Reader } from './hunt.ts'

/** Cases of each target, as many as a few seconds hold. */
const CASES = {
  logs: 30,
  expressions: 30,
  lamp: 100,
  gguf: 150,
  safetensors: 200,
  config: 200,
  encoders: 100,
  tokenizer: 150,
  template: 150,
  adapters: 150,
  yaml: 100,
  runs: 60,
}

describe('whatever becomes of an input, it is read or refused', () => {
  const reader = new Reader()
  afterAll(() => reader.close())

  it.each(Object.entries(CASES))('%s', async (target, cases) => {
    const tally = newTally()
    await hunt(target, 1, cases, reader, tally)
    expect(tally.findings).toEqual([])
    expect(tally.read).toBeGreaterThan(0)
    expect(tally.refused).toBeGreaterThan(0)
  })
})
