// The embedding judge: an encoder of BGE small's shape with random weights, beside the likelihood judge.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { EncoderEngine } from '../../src/engine/encoder/encoder.ts'
import type { BertShape } from '../../src/engine/encoder/settings.ts'
import { type TensorToWrite, writeSafetensors } from '../../src/engine/weights/safetensors.ts'
import type { TokenIds } from '../../src/model/contract.ts'
import { cacheFolder, writeFileAtomic } from '../../src/util/files.ts'
import { uniform } from '../../src/util/random.ts'
import { type Case, never, openBench, type Row, tokens } from './case.ts'
import { SMOLLM2_135M } from './shape.ts'
import { medianSeconds } from './timing.ts'

const BGE_SMALL: BertShape = {
  hidden: 384,
  layers: 12,
  heads: 12,
  intermediate: 1536,
  vocab: 49152, // BGE's own is 30522; `tokens` draws from more, and what is looked up costs nothing.
  positions: 512,
  types: 2,
  epsilon: 1e-12,
}

/** Opens the random encoder, through the folder and the graph that a real one has; written when it is missing. */
export function openBenchEncoder(): Promise<EncoderEngine> {
  const folder = cacheFolder('bench', 'bge-small-random')
  if (!existsSync(join(folder, 'tokenizer.json'))) {
    writeSafetensors(join(folder, 'model.safetensors'), randomTensors(BGE_SMALL), 'F32')
    // Texts come as tokens here.
    writeFileAtomic(join(folder, 'tokenizer.json'), '{}')
  }
  return EncoderEngine.open(folder, {
    shape: BGE_SMALL,
    pooling: 'cls',
    maxTokens: 512,
    lowercase: false,
    prefixes: { query: '', passage: '' },
    onnx: undefined,
  })
}

/** Vectors of all texts, and the product of every profile with every interaction. */
export async function compareAll(
  encoder: EncoderEngine,
  profiles: readonly TokenIds[],
  interactions: readonly TokenIds[],
): Promise<Float64Array> {
  const vectors = await encoder.encode(
    [...profiles, ...interactions].map((text) => [text]),
    never,
  )
  const scores = new Float64Array(profiles.length * interactions.length)
  for (let p = 0; p < profiles.length; p++)
    for (let i = 0; i < interactions.length; i++) {
      const [a, b] = [vectors[p], vectors[profiles.length + i]]
      let sum = 0
      for (let d = 0; d < a.length; d++) sum += a[d] * b[d]
      scores[p * interactions.length + i] = sum
    }
  return scores
}

/** What measuring one user costs in pools of K others, forward and backward: one profile and one interaction a user. */
export const pools: Case = async (_, device) => {
  const encoder = await openBenchEncoder()
  const exact = await openBench(SMOLLM2_135M, { device })
  const integers = await openBench(SMOLLM2_135M, { device, quantize: 'int8' })
  const rows: Row[] = []
  for (const others of [8, 64, 512]) {
    const profiles = Array.from({ length: others + 1 }, () => tokens(72))
    const interactions = profiles.map(() => tokens(25))
    const [own] = profiles
    const likelihood = (engine: typeof exact) => {
      const forward = { prefix: own, continuations: interactions }
      const backward = profiles.slice(1).map((prefix) => ({ prefix, continuations: [interactions[0]] }))
      return medianSeconds(
        async () => {
          await engine.score([forward, ...backward], 'base', {}, never)
        },
        others > 64 ? 1 : 3,
      )
    }
    // All users' at once: every text is encoded once, whatever the pools.
    const encoding = await medianSeconds(async () => {
      await compareAll(encoder, profiles, interactions)
    }, 3)
    const [f32, int8] = [await likelihood(exact), await likelihood(integers)]
    const embedding = encoding / profiles.length
    rows.push({
      what: `judging a user in pools of ${others} others, both directions`,
      figure: `likelihood ${f32.toFixed(2)} s, int8 ${int8.toFixed(2)} s, embedding ${embedding.toFixed(3)} s`,
    })
  }
  return rows
}

/** Every tensor of a BERT under its name in a file. */
function randomTensors({ hidden, intermediate, layers, vocab, positions, types }: BertShape) {
  const tensors = new Map<string, TensorToWrite>()
  const next = uniform(1)
  const add = (name: string, dims: number[], value = () => (next() - 0.5) / 10) =>
    tensors.set(name, {
      dims,
      data: () => Float32Array.from({ length: dims.reduce((a, b) => a * b) }, value),
    })
  const norm = (at: string) => {
    add(`${at}.weight`, [hidden], () => 1)
    add(`${at}.bias`, [hidden], () => 0)
  }
  const linear = (at: string, inputs: number, outputs: number) => {
    add(`${at}.weight`, [outputs, inputs])
    add(`${at}.bias`, [outputs])
  }
  add('embeddings.word_embeddings.weight', [vocab, hidden])
  add('embeddings.position_embeddings.weight', [positions, hidden])
  add('embeddings.token_type_embeddings.weight', [types, hidden])
  norm('embeddings.LayerNorm')
  for (let layer = 0; layer < layers; layer++) {
    const at = `encoder.layer.${layer}`
    for (const name of ['query', 'key', 'value']) linear(`${at}.attention.self.${name}`, hidden, hidden)
    linear(`${at}.attention.output.dense`, hidden, hidden)
    norm(`${at}.attention.output.LayerNorm`)
    linear(`${at}.intermediate.dense`, hidden, intermediate)
    linear(`${at}.output.dense`, intermediate, hidden)
    norm(`${at}.output.LayerNorm`)
  }
  return tensors
}
