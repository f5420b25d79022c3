import { describe, expect, it } from 'vitest'
import { decompressed } from './decompress.ts'
import { gzipped, jsonLines, testFolder } from './testing/files.ts'
import { reader } from './testing/read.ts'
import { zstdFrame } from './testing/written.ts'

const { read } = reader(testFolder())

const rows = Array.from({ length: 5000 }, (_, i) => ({ user: `u${i % 7}`, text: `a text of some length, number ${i}` }))

describe('zstd', () => {
  it('is read, whatever the name, and so are several frames in one file', async () => {
    const text = jsonLines(rows)
    for (const name of ['rows.jsonl.zst', 'rows']) {
      const log = await read(name, zstdFrame(Buffer.from(text)))
      expect([log.report.interactions, log.report.issues]).toEqual([5000, []])
    }
    const half = text.indexOf('\n', text.length / 2) + 1
    const frames = [text.slice(0, half), text.slice(half)].map((part) => zstdFrame(Buffer.from(part)))
    expect((await read('two.csv.zst', Buffer.concat(frames), { format: 'jsonl' })).report.interactions).toBe(5000)
  })

  it('that breaks off is read up to there, and counted', async () => {
    const whole = zstdFrame(Buffer.from(jsonLines(rows)))
    const log = await read('cut.jsonl.zst', whole.subarray(0, whole.length - 20_000))
    expect(log.report.interactions).toBeGreaterThan(1000)
    expect(log.report.interactions).toBeLessThan(5000)
    expect(log.count('truncated-file')).toBe(1)
  })

  it('with a long window is read, or the command that unpacks it is named', async () => {
    const long = zstdFrame(Buffer.from(jsonLines(rows)), 31)
    const [major, minor] = process.versions.node.split('.').map(Number)
    if (major > 22 || (major === 22 && minor >= 15)) {
      expect((await read('long.jsonl.zst', long)).report.interactions).toBe(5000)
    } else {
      await expect(read('long.jsonl.zst', long)).rejects.toThrow(/zstd -d --long=31 .*long\.jsonl\.zst/)
    }
  })
})

it.each([
  ['another part', gzipped('{"user":"b","text":"y"}\n'), 2, 0],
  ['zeros', Buffer.alloc(512), 1, 0],
  ['many zeros', Buffer.alloc(20_000), 1, 0],
  ['other bytes', Buffer.concat([Buffer.alloc(9000), Buffer.from('lost')]), 1, 1],
])('gzip with %s at its end comes to an end', async (_, tail, interactions, problems) => {
  const log = await read('a.jsonl.gz', Buffer.concat([gzipped('{"user":"a","text":"x"}\n'), tail]))
  expect([log.report.interactions, log.count('truncated-file')]).toEqual([interactions, problems])
})

it('what is not compressed passes through', async () => {
  async function* bytes() {
    yield Buffer.from('plain')
  }
  const read: string[] = []
  for await (const chunk of decompressed(bytes, Buffer.from('plain'), 'f')) read.push(chunk.toString())
  expect(read).toEqual(['plain'])
})
