// LoRA adapters in the format of the PEFT library: what was trained here is served by transformers, vLLM and
// (converted) llama.cpp, and adapters trained elsewhere are loaded. PEFT stores A as [rank, inputs] and B as [outputs,
// rank]; the engine's `l0.q.A` is [inputs, rank] and `l0.q.B` [rank, outputs].
import { join } from 'node:path'
import { z } from 'zod'
import { PROJECTIONS, type Projection } from '../../model/contract.ts'
import { BumpError } from '../../util/errors.ts'
import { writeFileAtomic } from '../../util/files.ts'
import { writeProblem } from '../../util/writing.ts'
import { type ModelConfig, projectionShape } from '../model/config.ts'
import { BinaryFile } from './binary-file.ts'
import { readJson } from './hf-config.ts'
import { HF_PROJECTIONS, transpose } from './hf-names.ts'
import { readElements, readSafetensors, type TensorToWrite, writeSafetensors } from './safetensors.ts'

/** An adapter's shape: y = x·W + (alpha/rank)·(x·A)·B, or alpha/√rank with rsLoRA. */
export interface LoraConfig {
  rank: number
  alpha: number
  targets: Projection[]
  rsLora: boolean
}

/** Tensors of an adapter by engine name, `l0.q.A` [inputs, rank] and `l0.q.B` [rank, outputs]. */
export type AdapterTensors = Map<string, { dims: number[]; data: Float32Array }>

const MAX_RANK = 8192
const moduleName = (projection: Projection) => HF_PROJECTIONS[projection].split('.')[1]
const tensorName = (layer: number, projection: Projection, matrix: string) =>
  `base_model.model.model.layers.${layer}.${HF_PROJECTIONS[projection]}.lora_${matrix}.weight`

/**
 * Writes adapter_model.safetensors and, last, adapter_config.json. `baseModel` is what `base_model_name_or_path` will
 * say. Throws a BumpError where the folder cannot be written.
 */
export function saveAdapter(
  folder: string,
  adapter: {
    config: LoraConfig
    tensors: ReadonlyMap<string, { dims: number[]; data: Float32Array }>
    baseModel: string
  },
): void {
  const { config, tensors, baseModel } = adapter
  const renamed = new Map<string, TensorToWrite>()
  for (const [name, { dims, data }] of tensors) {
    const [layer, projection, matrix] = name.split('.')
    renamed.set(tensorName(Number(layer.slice(1)), projection as Projection, matrix), {
      dims: [...dims].reverse(),
      data: () => transpose(data, dims[0], dims[1]),
    })
  }
  writeSafetensors(join(folder, 'adapter_model.safetensors'), renamed)
  const json = {
    peft_type: 'LORA',
    task_type: 'CAUSAL_LM',
    base_model_name_or_path: baseModel,
    r: config.rank,
    lora_alpha: config.alpha,
    lora_dropout: 0,
    target_modules: config.targets.map(moduleName),
    use_rslora: config.rsLora,
    bias: 'none',
    fan_in_fan_out: false,
    inference_mode: true,
    init_lora_weights: true,
    modules_to_save: null,
  }
  try {
    writeFileAtomic(join(folder, 'adapter_config.json'), `${JSON.stringify(json, null, 2)}\n`)
  } catch (error) {
    throw writeProblem(folder, error)
  }
}

/** Empty in the many forms PEFT writes it: missing, null, false, {} or []. */
const empty = z.union([z.null(), z.literal(false), z.tuple([]), z.strictObject({})]).optional()

/** Lenient towards fields that do not change the arithmetic, strict towards those that do. */
const configSchema = z.object({
  peft_type: z.literal('LORA'),
  r: z.int().min(1).max(MAX_RANK),
  lora_alpha: z.number().positive().max(1e6),
  target_modules: z.union([z.array(z.string()).min(1), z.literal('all-linear')]),
  use_rslora: z.boolean().nullish(),
  bias: z.literal('none').nullish(),
  fan_in_fan_out: empty,
  use_dora: empty,
  rank_pattern: empty,
  alpha_pattern: empty,
  modules_to_save: empty,
  layers_to_transform: empty,
  exclude_modules: empty,
  layer_replication: empty,
  lora_bias: empty,
  target_parameters: empty,
  trainable_token_indices: empty,
  use_bdlora: empty,
  use_qalora: empty,
})

function parseAdapterConfig(path: string): LoraConfig {
  const parsed = configSchema.safeParse(readJson(path))
  if (!parsed.success) {
    const issue = parsed.error.issues[0]
    throw new BumpError(
      'model-unusable',
      `${path}: "${issue.path.join('.')}" cannot be used: ${issue.message}. ` +
        'A plain LoRA adapter is needed: one rank and alpha for all layers, no bias, no DoRA, no fully trained modules.',
    )
  }
  const { r, lora_alpha, target_modules, use_rslora } = parsed.data
  const names = target_modules === 'all-linear' ? PROJECTIONS.map(moduleName) : target_modules
  const known = new Map(PROJECTIONS.map((projection) => [moduleName(projection), projection]))
  const targets = new Set<Projection>()
  for (const name of names) {
    const projection = known.get(name.split('.').at(-1) as string)
    if (projection === undefined)
      throw new BumpError(
        'model-unusable',
        `${path}: "target_modules" names ${JSON.stringify(name)}, which is not one of ${[...known.keys()].join(', ')}`,
      )
    targets.add(projection)
  }
  return {
    rank: r,
    alpha: lora_alpha,
    targets: PROJECTIONS.filter((projection) => targets.has(projection)),
    rsLora: use_rslora ?? false,
  }
}

/**
 * Loads an adapter for a model. Throws a BumpError naming the file and what is at fault: unsupported settings, missing,
 * unexpected or wrongly shaped tensors (an adapter of another model).
 */
export function loadAdapter(folder: string, model: ModelConfig): { config: LoraConfig; tensors: AdapterTensors } {
  const config = parseAdapterConfig(join(folder, 'adapter_config.json'))
  const path = join(folder, 'adapter_model.safetensors')
  const file = new BinaryFile(path)
  try {
    const found = readSafetensors(file)
    const tensors: AdapterTensors = new Map()
    for (let layer = 0; layer < model.layers; layer++)
      for (const projection of config.targets) {
        const [inputs, outputs] = projectionShape(model, projection)
        for (const [matrix, dims] of [
          ['A', [inputs, config.rank]],
          ['B', [config.rank, outputs]],
        ] as const) {
          const name = tensorName(layer, projection, matrix)
          const tensor = found.get(name)
          if (tensor === undefined)
            throw new BumpError(
              'model-unusable',
              `${path}: tensor ${name} is missing, though adapter_config.json targets it. ` +
                `The adapter must cover all ${model.layers} layers of the model.`,
            )
          found.delete(name)
          const [columns, rows] = dims
          if (tensor.dims.length !== 2 || tensor.dims[0] !== rows || tensor.dims[1] !== columns)
            throw new BumpError(
              'model-unusable',
              `${path}: tensor ${name} has the shape [${tensor.dims.join(', ')}], rank ${config.rank} of this model asks ` +
                `for [${rows}, ${columns}]. The adapter belongs to another model or rank.`,
            )
          const data = transpose(readElements(tensor, 0, rows * columns), rows, columns)
          tensors.set(`l${layer}.${projection}.${matrix}`, { dims: [...dims], data })
        }
      }
    if (found.size > 0)
      throw new BumpError(
        'model-unusable',
        `${path}: unexpected tensor ${[...found.keys()][0]}${found.size > 1 ? ` and ${found.size - 1} more` : ''}. ` +
          'The adapter belongs to another model, or trains modules that adapter_config.json does not name.',
      )
    return { config, tensors }
  } finally {
    file.close()
  }
}
