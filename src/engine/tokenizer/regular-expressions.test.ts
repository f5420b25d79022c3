// The regular expressions that a tokenizer.json brings along: they mean what they mean in Python, or are refused.
import { describe, expect, it } from 'vitest'
import { openTokenizer } from './open-tokenizer.ts'
import { changedFolders, problem } from './testing/changed-folder.ts'

const { changed } = changedFolders()

describe('regular expressions of the folder', () => {
  const splitBy = (pattern: string, place = 'pre_tokenizer') =>
    changed('gpt2', 'tokenizer.json', (json) => {
      const bytes = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: false }
      const split = { type: 'Split', pattern: { Regex: pattern }, behavior: 'Isolated', invert: false }
      if (place === 'normalizer') json.normalizer = { type: 'Replace', pattern: { Regex: pattern }, content: 'x' }
      else json.pre_tokenizer = { type: 'Sequence', pretokenizers: [split, bytes] }
      // Two Hebrew letters, or two quotes, are one token where they stand in one piece.
      const model = json.model as { vocab: Record<string, number>; merges: [string, string][] }
      for (const [left, right] of [
        ['×', '©'],
        ['×©', '×©'],
        ['"', '"'],
      ] as [string, string][]) {
        model.vocab[left] ??= Object.keys(model.vocab).length
        model.vocab[right] ??= Object.keys(model.vocab).length
        model.vocab[left + right] = Object.keys(model.vocab).length
        model.merges.push([left, right])
      }
    })
  const tokens = async (where: string, text: string) => (await openTokenizer(where)).encode(text).length

  // Numbers of pieces as Python's tokenizers splits.
  it.each([
    [String.raw`\w|\s`, 'שש', 2],
    [String.raw`\w+`, 'שש', 1],
    [String.raw`\W+`, '""', 1],
    [String.raw`['\"]`, '""', 2],
    [String.raw`['\"]+`, '""', 1],
  ])('mean what they mean in Python: %s', async (pattern, text, count) => {
    expect(await tokens(splitBy(pattern), text)).toBe(count)
  })

  it.each(['(?x) a b', String.raw`\K`, String.raw`\X`, '(?~a)', '('])(
    'are refused where they are not known: %s',
    async (pattern) => {
      expect(await problem(splitBy(pattern))).toMatch(/tokenizer\.json: not a usable tokenizer/)
    },
  )

  it.each(['pre_tokenizer', 'normalizer'])('are bounded: of the %s', async (place) => {
    const tokenizer = await openTokenizer(splitBy('(a+)+$', place))
    expect(tokenizer.decode(tokenizer.encode('aab'))).toBe('aab')
    const text = `${'a'.repeat(60)}!`
    const message = /tokenizer\.json: a regular expression of this tokenizer takes longer than 2\.\d+ s/
    expect(() => tokenizer.encode(text)).toThrow(message)
    expect(() => tokenizer.chat([{ role: 'user', content: text }])).toThrow(message)
  })
})
