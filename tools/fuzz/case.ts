// What is tried: a valid sample of a target, and a few mutations of its files. A case is plain numbers, so that it can be
// sent to another process, made again from its seed, and shrunk: fewer mutations, smaller numbers.
import fc from 'fast-check'
import { mutateBytes } from './mutate-bytes.ts'
import { mutateTree } from './mutate-tree.ts'
import { type Mutation, RANGE } from './mutation.ts'

export interface FuzzCase {
  /** Which sample, modulo. */
  sample: number
  mutations: Mutation[]
}

const part = fc.nat(RANGE - 1)
export const fuzzCase: fc.Arbitrary<FuzzCase> = fc.record({
  sample: fc.nat(999),
  mutations: fc.array(
    fc.record({ file: fc.nat(99), stage: fc.nat(2), kind: fc.nat(99), at: part, span: part, value: part }),
    { minLength: 1, maxLength: 4 },
  ),
})

/** A structure of plain values, and how it is written as a file. */
export interface StructuredFile {
  tree: unknown
  write: (tree: unknown) => Uint8Array | string
  /** Compresses what was written. */
  pack?: (bytes: Buffer) => Uint8Array
}
type SampleFile = Uint8Array | string | StructuredFile

/** A valid input: its files by name. */
export type Sample = Record<string, SampleFile>

/** Bytes of the longest file that is tried. */
const MOST_BYTES = 1 << 18

/**
 * The files of a case. Undefined where a mutated structure cannot be written.
 * @param words what text mutations may insert besides what is nasty everywhere
 */
export function filesOf(
  { mutations }: FuzzCase,
  files: Sample,
  words: readonly string[],
): Map<string, Buffer> | undefined {
  const names = Object.keys(files)
  const made = new Map<string, Buffer>()
  for (const [i, name] of names.entries()) {
    const file = files[name]
    const own = mutations.filter((mutation) => mutation.file % names.length === i)
    const structured = typeof file === 'object' && 'tree' in file
    const stage = (n: number) => own.filter((mutation) => (structured ? mutation.stage : 1) === n)
    let content: Uint8Array | string
    try {
      content = structured ? file.write(stage(0).reduce(mutateTree, file.tree)) : file
    } catch {
      return undefined
    }
    const change = (bytes: Buffer, mutation: Mutation) => mutateBytes(bytes, mutation, words).subarray(0, MOST_BYTES)
    let bytes = stage(1).reduce(change, Buffer.from(content as Uint8Array))
    if (structured && file.pack) bytes = Buffer.from(file.pack(bytes))
    made.set(name, stage(2).reduce(change, bytes))
  }
  return made
}
