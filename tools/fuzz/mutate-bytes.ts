// Changes of bytes: bits, lengths, spans, numbers and words that readers stumble over.
import { type Mutation, RANGE } from './mutation.ts'

/** Numbers at the borders of what readers hold. */
export const NUMBERS = [
  ...[0, 1, -1, 2, 0.5, 7, 31, 255, 256, 65535, 1e6, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1, 2 ** 40, 2 ** 53, 2 ** 63],
  ...[-(2 ** 31), 1e18, 1e300, 1e-300, -0],
]

/** Texts that are special to some reader. */
export const TEXTS = [
  ...[
    '',
    ' ',
    '\0',
    '\n',
    '\r',
    '\r\n',
    '\t',
    ',',
    ';',
    '"',
    "'",
    '\\',
    '\\"',
    '\\u0000',
    '\\ud83d',
    '\u2028',
    '\u0085',
  ],
  ...['\uFEFF', '\u{1F339}', 'e\u0301'.repeat(40), '\ud83d', 'null', 'NaN', '-Infinity', 'true', '\\N', 'undefined'],
  ...[
    '__proto__',
    'constructor',
    'toString',
    'length',
    '../../x',
    '/dev/zero',
    'file:///etc/passwd',
    '<|im_end|>',
    '{{',
    '%}',
  ],
  ...[
    '[',
    ']',
    '{',
    '}',
    '(',
    ')',
    '[]',
    '{}',
    '""',
    '-',
    '9'.repeat(400),
    '1e999',
    '2024-02-30',
    '0x10',
    'x'.repeat(3000),
  ],
  ...['(a+)+$', '&a [*a,*a]', '<<: *a', '!!js/function x', '%PDF', 'PAR1', 'GGUF', '<script>', '\u001b[2J', '\u202e'],
]

/** What is repeated to nest deeply. */
const OPENERS = ['[', '{"a":', '(', '{% if 1 %}', '- ', '"', '((((', '{{', '\n', '\\', '[[[[[[[[']

/** The same with ends: still a value, at whatever depth. */
const PAIRS = [
  ['[', ']'],
  ['{"a":', '}'],
  ['(', ')'],
  ['{% if true %}', '{% endif %}'],
]

const MOST_COPIES = 64

/** The bytes after one change; the input is left as it is. `words` come from the target: names and signs of its format. */
export function mutateBytes(bytes: Buffer, { kind, at, span, value }: Mutation, words: readonly string[]): Buffer {
  const from = Math.floor((at / RANGE) * (bytes.length + 1))
  // Short spans are the most telling, long ones must happen, too.
  const longest = span % 4 === 0 ? bytes.length : 16
  const to = Math.min(bytes.length, from + 1 + Math.floor((span / RANGE) * longest))
  const replaced = (start: number, end: number, by: Uint8Array | string) =>
    Buffer.concat([bytes.subarray(0, start), Buffer.from(by as Uint8Array), bytes.subarray(end)])
  const changes: (() => Buffer)[] = [
    () => replaced(from, from + 1, Uint8Array.of((bytes[from] ?? 0) ^ (1 << (value % 8)))),
    () => replaced(from, from + 1, Uint8Array.of(value % 256)),
    () => replaced(from, from, chosen(TEXTS, value)),
    () => replaced(from, to, chosen(TEXTS, value)),
    () => replaced(from, from, chosen(words, value)),
    () => replaced(...wordAt(bytes, from), chosen(words, value)),
    () => replaced(from, to, ''),
    () => bytes.subarray(0, from),
    () => bytes.subarray(from),
    () => replaced(to, to, Buffer.concat(Array(1 + (value % MOST_COPIES)).fill(bytes.subarray(from, to)))),
    () => replaced(...wordAt(bytes, from), String(chosen(NUMBERS, value))),
    () => replaced(from, from + 4, integer(chosen(NUMBERS, value), 4)),
    () => replaced(from, from + 8, integer(chosen(NUMBERS, value), 8)),
    () => replaced(from, from, chosen(OPENERS, value).repeat(10 ** (1 + (span % 4)))),
    () => {
      const [start, end] = wordAt(bytes, from)
      const [open, close] = chosen(PAIRS, value).map((sign) => sign.repeat(10 ** (1 + (span % 4))))
      return replaced(start, end, `${open}${bytes.subarray(start, end)}${close}`)
    },
    () => replaced((value / RANGE) * bytes.length, (value / RANGE) * bytes.length, bytes.subarray(from, to)),
  ]
  return chosen(changes, kind)()
}

function chosen<T>(list: readonly T[], value: number): T {
  return list[value % list.length]
}

/** The next run of letters or digits from here on. */
function wordAt(bytes: Buffer, from: number): [start: number, end: number] {
  const isWord = (byte: number) => /\w/.test(String.fromCharCode(byte))
  let start = from
  while (start < bytes.length && !isWord(bytes[start])) start++
  let end = start
  while (end < bytes.length && isWord(bytes[end])) end++
  return [start, end]
}

/** Little-endian, cut to its bytes. */
function integer(value: number, bytes: 4 | 8): Buffer {
  const out = Buffer.alloc(8)
  out.writeBigUInt64LE(BigInt.asUintN(64, BigInt(Math.trunc(Math.max(-1e30, Math.min(1e30, value))))))
  return out.subarray(0, bytes)
}
