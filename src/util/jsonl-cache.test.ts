import { appendFileSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeEach, describe, expect, it } from 'vitest'
import { JsonlCache, type JsonlCacheFormat } from './jsonl-cache.ts'

interface Entry {
  name: string
  values: number[]
}
const FORMAT: JsonlCacheFormat<Entry> = {
  parse: (value) => {
    const [name, ...values] = value as [unknown, ...number[]]
    return typeof name === 'string' ? { name, values } : undefined
  },
  key: ({ name }) => name,
  line: ({ name, values }) => [name, ...values],
  damaged: (at) => `${at} is damaged`,
}

describe('JsonlCache', () => {
  let path: string
  beforeEach(() => {
    path = join(mkdtempSync(join(tmpdir(), 'bump-jsonl-')), 'cache.jsonl')
  })
  const open = () => new JsonlCache(path, FORMAT)

  it('finds its entries again, to the last bit', () => {
    const entries = [
      { name: 'a', values: [0.1 + 0.2] },
      { name: 'b', values: [-1e-17, Math.fround(-3.3)] },
    ]
    const cache = open()
    cache.add(...entries)
    cache.add()
    for (const each of [cache, open()]) {
      expect(each.get('a')).toEqual(entries[0])
      expect(each.get('b')).toEqual(entries[1])
      expect(each.get('c')).toBeUndefined()
    }
  })

  it('writes entries as they are where the format does not say otherwise', () => {
    const { line: _, ...plain } = FORMAT
    new JsonlCache(path, plain).add({ name: 'a', values: [1] })
    expect(readFileSync(path, 'utf8')).toBe('{"name":"a","values":[1]}\n')
  })

  it('takes the later of two entries with one key', () => {
    open().add({ name: 'a', values: [1] }, { name: 'a', values: [2] })
    expect(open().get('a')?.values).toEqual([2])
  })

  it('cuts off an interrupted line and goes on', () => {
    open().add({ name: 'a', values: [1] })
    appendFileSync(path, '["b",2')
    const cache = open()
    expect(cache.get('b')).toBeUndefined()
    cache.add({ name: 'c', values: [3] })
    expect(readFileSync(path, 'utf8')).toBe('["a",1]\n["c",3]\n')
  })

  it('replaces all that is in the file and in memory', () => {
    const cache = open()
    cache.add({ name: 'a', values: [1] }, { name: 'b', values: [2] })
    cache.replace([
      { name: 'c', values: [] },
      { name: 'b', values: [4] },
    ])
    expect(readFileSync(path, 'utf8')).toBe('["c"]\n["b",4]\n')
    for (const each of [cache, open()]) {
      expect(each.get('a')).toBeUndefined()
      expect(each.get('b')?.values).toEqual([4])
    }
  })

  it.each(['nonsense', '[1]', 'null'])('names a damaged line: %s', (line) => {
    writeFileSync(path, `["a",1]\n\n${line}\n`)
    expect(open).toThrow(expect.objectContaining({ code: 'file-unusable', message: `${path}:3 is damaged` }))
  })
})
