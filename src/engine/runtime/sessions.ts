// Sessions of one model: each graph is built when first needed. Base weights are mapped from one file that all sessions
// share; only the decoding session keeps a private, prepacked copy, because a decoding step is bound by how fast
// weights are read (SmolLM2-135M: 17 ms a step against 19 mapped for one sequence, 50 against 66 for 32).
import { existsSync, readFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { sha256, writeFileAtomic } from '../../util/files.ts'
import type { ModelConfig } from '../model/config.ts'
import { buildDecodeGraph, type DecodeHead } from '../model/decode-graph.ts'
import { buildExtendGraph, type ExtendHead } from '../model/extend-graph.ts'
import type { WeightBinding } from '../model/layer.ts'
import { buildEmbedGraph, buildHeadGraph, buildLayerGraph, type LayerPass } from '../model/layer-graphs.ts'
import type { LossKind } from '../model/loss-head.ts'
import type { ByteRange } from '../model/quantized.ts'
import { buildTrainGraph } from '../model/train-graph.ts'

import type { WeightStore } from '../weights/types.ts'
import type { Device } from './device.ts'
import { InferenceSession } from './onnx-runtime.ts'
import type { QuantizedWeights } from './prepare-quantized.ts'

export type GraphKind =
  | { graph: 'extend'; head: ExtendHead }
  | { graph: 'decode'; head: DecodeHead }
  | { graph: 'train'; loss: LossKind }
  | { graph: 'embed' }
  /** Any layer of the type of layer `like`. */
  | { graph: 'layer'; pass: LayerPass; like: number }
  | { graph: 'head'; loss: LossKind }

/** A model's frozen weights on disk, exact, in 8 bits or both: at least one of them. */
export interface BaseWeights {
  exact?: WeightStore
  quantized?: QuantizedWeights
}

/** A base weight on disk. */
export interface StoredTensor {
  file: string
  range: ByteRange
  dims: number[]
  type: 'float32' | 'int8'
}

export class Sessions {
  private readonly open = new Map<string, Promise<InferenceSession>>()

  constructor(
    private readonly config: ModelConfig,
    readonly base: BaseWeights,
    private readonly threads: number,
    readonly maxPositions: number,
    /** Sessions that gain most keep a private copy of the weights, laid out for speed. */
    private readonly prepack: boolean,
    private readonly device: Device = 'cpu',
  ) {}

  /** Weights mapped from the file of the exact ones, or of those in 8 bits. */
  mapped(quantized: boolean): WeightBinding {
    if (!quantized) {
      const { file, tensors } = this.base.exact!
      return { base: { file: basename(file), ranges: tensors } }
    }
    const { matrices, tensors, levels, ...of } = this.base.quantized!
    const file = basename(of.file)
    return { base: { file, ranges: tensors }, quantized: { matrices, levels } }
  }

  /** Where a graph's base weight lies: a tensor, or the `.values` or `.scales` of a matrix in 8 bits. */
  stored(name: string, quantized: boolean): StoredTensor {
    if (!quantized) {
      const { file, tensors } = this.base.exact!
      const { dims, ...range } = tensors.get(name)!
      return { file, range, dims, type: 'float32' }
    }
    const { file, matrices, tensors } = this.base.quantized!
    const plain = tensors.get(name)
    if (plain) return { file, range: plain, dims: [plain.length / 4], type: 'float32' }
    const at = name.lastIndexOf('.')
    const { inputs, outputs, values, scales } = matrices.get(name.slice(0, at))!
    return name.slice(at) === '.values'
      ? { file, range: values, dims: [inputs, outputs], type: 'int8' }
      : { file, range: scales, dims: [outputs], type: 'float32' }
  }

  /** The session of a graph. One that could not be made is tried again when it is asked for again. */
  get(kind: GraphKind, binding: WeightBinding): Promise<InferenceSession> {
    const key = JSON.stringify([
      kind,
      binding.lora,
      binding.train,
      binding.base === 'fed',
      binding.quantized !== undefined,
    ])
    let session = this.open.get(key)
    if (!session) {
      session = this.create(kind, binding)
      this.open.set(key, session)
      session.catch(() => this.open.delete(key))
    }
    return session
  }

  async release(): Promise<void> {
    for (const session of this.open.values()) await (await session).release()
    this.open.clear()
  }

  private async create(kind: GraphKind, binding: WeightBinding): Promise<InferenceSession> {
    // Exact weights are copied for decoding alone; copies in 8 bits are small, and serve all sessions that have them.
    const sampling = kind.graph === 'decode' && kind.head === 'sample'
    const inference = kind.graph === 'decode' || kind.graph === 'extend'
    const prepack = this.prepack && (binding.quantized ? inference : sampling)
    const options: InferenceSession.SessionOptions = {
      intraOpNumThreads: this.threads,
      ...(this.device === 'cpu' ? {} : { executionProviders: [this.device] }),
      // Patterns are planned for the largest shapes seen and kept: 7.8 against 4.9 GB at 8×256 training tokens.
      enableMemPattern: false,
      // An arena keeps what its session's largest run took, rounded up to a power of two, and each session has its own;
      // plain allocations are as fast here and serve all sessions.
      enableCpuMemArena: false,
      logSeverityLevel: 3,
      extra: {
        session: {
          ...(prepack ? {} : { disable_prepacking: '1' }),
        },
      },
    }
    const joined = prepack && kind.graph === 'decode' && binding.base !== 'fed'
    const bytes = this.build(kind, { ...binding, joined })
    if (binding.base === 'fed') return InferenceSession.create(bytes, options)
    // A graph that refers to an external file is loaded by path, from the folder of that file.
    const { file } = (this.base.exact ?? this.base.quantized)!
    const path = join(dirname(file), `${sha256(bytes).slice(0, 32)}.onnx`)
    // The cache may be shared: a file of that name counts only with that content.
    if (!existsSync(path) || !readFileSync(path).equals(bytes)) writeFileAtomic(path, bytes)
    return InferenceSession.create(path, options)
  }

  private build(kind: GraphKind, binding: WeightBinding): Uint8Array {
    const options = { maxPositions: this.maxPositions, onGpu: this.device !== 'cpu' }
    switch (kind.graph) {
      case 'extend':
        return buildExtendGraph(this.config, binding, kind.head, options)
      case 'decode':
        return buildDecodeGraph(this.config, binding, kind.head, options)
      case 'train':
        return buildTrainGraph(this.config, binding, kind.loss, options).bytes
      case 'embed':
        return buildEmbedGraph(this.config, binding, options)
      case 'layer':
        return buildLayerGraph(this.config, kind.like, binding, kind.pass, options)
      case 'head':
        return buildHeadGraph(this.config, binding, kind.loss, options)
    }
  }
}
