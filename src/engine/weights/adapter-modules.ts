// An adapter's projections as the modules of transformers. Where a family joins projections into one module (Phi-3's
// qkv_proj), the adapters of its parts, y_p = scale·(x·A_p)·B_p, are one adapter of the module: their A one beside the
// other, their B in blocks, its rank the sum of theirs. Used by peft.ts.
import { PROJECTIONS, type Projection } from '../../model/contract.ts'
import { BumpError } from '../../util/errors.ts'
import type { ModelConfig } from '../model/config.ts'
import { rowOf } from '../model/families.ts'
import { huggingFaceProjection, transpose } from './hf-names.ts'

/** A module of a layer, as `self_attn.q_proj`, and the projections that it holds, in the order of its rows. */
interface AdapterModule {
  path: string
  parts: Projection[]
}

interface Matrix {
  dims: number[]
  data: Float32Array
}

/** The matrices of one projection: A [inputs, rank], B [rank, outputs]. */
export interface AdapterPair {
  A: Matrix
  B: Matrix
}

/** The last part of a module's path, by which PEFT's settings name it. */
export const moduleName = ({ path }: AdapterModule): string => path.split('.').at(-1) as string

/** The modules of a layer of a family, in the order of their first projections. */
export function adapterModules(family: ModelConfig['family']): AdapterModule[] {
  const modules = new Map<string, Projection[]>()
  for (const projection of PROJECTIONS) {
    const path = huggingFaceProjection(family, projection)
    modules.set(path, [...(modules.get(path) ?? []), projection])
  }
  return [...modules].map(([path, parts]) => ({ path, parts }))
}

/** Throws a BumpError where an adapter would change a part of a module and leave another as it is. */
export function checkTargets(family: ModelConfig['family'], targets: readonly Projection[]): void {
  for (const { path, parts } of adapterModules(family)) {
    const named = parts.filter((part) => targets.includes(part))
    if (named.length > 0 && named.length < parts.length)
      throw new BumpError(
        'invalid-options',
        `trainable.targets: models of the ${rowOf(family).label} family hold ${parts.join(', ')} in one matrix ` +
          `(${path}), but only ${named.join(', ')} ${named.length > 1 ? 'are' : 'is'} named: name all of them or none.`,
      )
  }
}

/** The adapter of a module: A [Σ rank, inputs] and B [Σ outputs, Σ rank], as PEFT stores them. */
export function joinPairs(pairs: readonly AdapterPair[]): AdapterPair {
  const [inputs, rank] = pairs[0].A.dims
  const outputs = pairs.reduce((sum, { B }) => sum + B.dims[1], 0)
  const joined = {
    A: { dims: [pairs.length * rank, inputs], data: new Float32Array(pairs.length * rank * inputs) },
    B: { dims: [outputs, pairs.length * rank], data: new Float32Array(outputs * pairs.length * rank) },
  }
  let row = 0
  pairs.forEach(({ A, B }, p) => {
    joined.A.data.set(transpose(A.data, inputs, rank), p * rank * inputs)
    const rows = transpose(B.data, rank, B.dims[1])
    for (let o = 0; o < B.dims[1]; o++)
      joined.B.data.set(rows.subarray(o * rank, (o + 1) * rank), ((row + o) * pairs.length + p) * rank)
    row += B.dims[1]
  })
  return joined
}

/**
 * The pairs of a module's parts, whose numbers of outputs are `outputs`, each of rank `rank`: what joinPairs has joined,
 * or an adapter of that rank which shares its A. Undefined for any other adapter.
 */
export function splitPairs({ A, B }: AdapterPair, outputs: readonly number[], rank: number): AdapterPair[] | undefined {
  const [whole, inputs] = A.dims
  const shared = whole === rank
  let row = 0
  const pairs: AdapterPair[] = []
  for (const [p, width] of outputs.entries()) {
    const first = shared ? 0 : p * rank
    const rows = new Float32Array(width * rank)
    for (let o = 0; o < width; o++, row++)
      for (let r = 0; r < whole; r++) {
        const value = B.data[row * whole + r]
        if (r >= first && r < first + rank) rows[o * rank + r - first] = value
        else if (value !== 0) return undefined
      }
    pairs.push({
      A: {
        dims: [inputs, rank],
        data: transpose(A.data.subarray(first * inputs, (first + rank) * inputs), rank, inputs),
      },
      B: { dims: [rank, width], data: transpose(rows, width, rank) },
    })
  }
  return pairs
}
