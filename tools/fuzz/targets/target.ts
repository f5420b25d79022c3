// What can be fuzzed: valid inputs to begin with, and how bump reads what became of them.
import { BumpError } from '../../../src/util/errors.ts'
import type { Sample, StructuredFile } from '../case.ts'

export interface Target {
  /** Valid inputs. The first call of a process; `folder` is the target's own, for what all cases share. */
  samples(folder: string): Promise<Sample[]>
  /** What mutations may insert besides what is nasty everywhere: names and signs of the format. */
  words: readonly string[]
  /**
   * Reads the files of a case in `folder`, by all ways that bump has. A BumpError refuses them, which is fine; any other
   * error is a finding, and so is a result that cannot be (an error thrown here).
   * @param files their names
   */
  run(folder: string, files: readonly string[]): Promise<void>
}

/** Does all of the work, so that every reader sees every case; throws the first BumpError where all of it is refused. */
export async function each(...work: (() => unknown)[]): Promise<void> {
  const refusals: BumpError[] = []
  for (const one of work) {
    try {
      await one()
    } catch (error) {
      if (!(error instanceof BumpError)) throw error
      refusals.push(error)
    }
  }
  if (refusals.length === work.length) throw refusals[0]
}

/** A JSON file that mutations may change by value. */
export const jsonFile = (tree: unknown): StructuredFile => ({ tree, write: (value) => JSON.stringify(value) ?? '' })

/** The same for JSON Lines; a tree that is no list any more is one line. */
export const jsonLinesFile = (rows: unknown[], pack?: (bytes: Buffer) => Uint8Array): StructuredFile => ({
  tree: rows,
  write: (value) => (Array.isArray(value) ? value : [value]).map((row) => `${JSON.stringify(row)}\n`).join(''),
  pack,
})

/** A text in a language: its words and signs may be moved, doubled and left out, so that it often stays one. */
export const programFile = (text: string): StructuredFile => ({
  tree: text.match(/\w+|\s+|./gsu),
  write: (value) => (Array.isArray(value) ? value.join('') : String(value)),
})

/** A safetensors file, its header by value. */
export function safetensorsFile(bytes: Buffer): StructuredFile {
  const end = 8 + Number(bytes.readBigUInt64LE())
  return {
    tree: JSON.parse(bytes.subarray(8, end).toString()),
    write: (header) => {
      const json = Buffer.from(JSON.stringify(header) ?? '')
      const size = Buffer.alloc(8)
      size.writeBigUInt64LE(BigInt(json.length))
      return Buffer.concat([size, json, bytes.subarray(end)])
    },
  }
}
