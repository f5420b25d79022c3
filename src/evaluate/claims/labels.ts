// Statements to label by hand, and how far the model agrees with the labels. Whose statement it is does not stand in the
// file, so that nobody labels by it.
import { readFileSync } from 'node:fs'
import { z } from 'zod'
import { BumpError } from '../../util/errors.ts'
import { sha256 } from '../../util/files.ts'
import { parseJson } from '../../util/parse-json.ts'
import { seedFrom, shuffled } from '../../util/random.ts'
import type { Claim } from './statements.ts'

/** A claim with what the model says to it. */
export interface JudgedClaim extends Claim {
  user: string
  condition: string
  /** The probability of yes. */
  probability: number
}

/** Statements in the file. */
const LABELLED = 30

export const claimId = ({ records, statement }: Claim): string =>
  sha256(JSON.stringify([records, statement])).slice(0, 12)

/** Lines of the file: as many of the persons' own statements as of others', as far as there are, and no line twice. */
export function linesToLabel(own: readonly JudgedClaim[], others: readonly JudgedClaim[], seed: number): string {
  const some = (claims: readonly JudgedClaim[]) => shuffled(claims, seedFrom(seed, 'labels')).slice(0, LABELLED / 2)
  const distinct = new Map([...own, ...others].map((claim) => [claimId(claim), claim]))
  const isOwn = new Set(own.map(claimId))
  const parts = [true, false].map((wanted) => [...distinct].filter(([id]) => isOwn.has(id) === wanted))
  return shuffled(
    parts.flatMap((part) => some(part.map(([, claim]) => claim))),
    seedFrom(seed, 'order'),
  )
    .map(({ records, statement }) =>
      JSON.stringify({ id: claimId({ records, statement }), records: records.split('\n'), statement, supported: null }),
    )
    .map((line) => `${line}\n`)
    .join('')
}

const labelSchema = z.object({ id: z.string(), supported: z.boolean().nullable() })

/** Labels by id; those that are still null are left out. Throws BumpError with the line at fault. */
export function readLabels(path: string): Map<string, boolean> {
  const labels = new Map<string, boolean>()
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (cause) {
    throw new BumpError(
      'invalid-options',
      `labels: ${path} cannot be read (${(cause as NodeJS.ErrnoException).code})`,
      {
        cause,
      },
    )
  }
  for (const [i, line] of text.split('\n').entries()) {
    if (line.trim() === '') continue
    const label = labelOf(line)
    if (!label)
      throw new BumpError(
        'invalid-options',
        `labels: ${path}:${i + 1} is no label: each line is one of to-label.jsonl, with supported as true, false or null`,
      )
    if (label.supported !== null) labels.set(label.id, label.supported)
  }
  if (labels.size === 0)
    throw new BumpError('invalid-options', `labels: nothing in ${path} is labelled: set supported to true or false`)
  return labels
}

function labelOf(line: string): z.infer<typeof labelSchema> | undefined {
  try {
    return labelSchema.safeParse(parseJson(line)).data
  } catch {
    return undefined
  }
}

/** Cohen's kappa of two raters' answers: 0 is agreement by chance, 1 is perfect; 0 where both never change. */
export function kappa(pairs: readonly (readonly [boolean, boolean])[]): number {
  const share = (of: (pair: readonly [boolean, boolean]) => boolean) => pairs.filter(of).length / pairs.length
  const agreed = share(([a, b]) => a === b)
  const [yesA, yesB] = [share(([a]) => a), share(([, b]) => b)]
  const expected = yesA * yesB + (1 - yesA) * (1 - yesB)
  return expected === 1 ? 0 : (agreed - expected) / (1 - expected)
}
