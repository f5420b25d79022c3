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
import { type AdapterPair, adapterModules, joinPairs, moduleName, splitPairs } from './adapter-modules.ts'
import { BinaryFile } from './binary-file.ts'
import { readJson } from './hf-config.ts'
import { readElements, readSafetensors, type TensorToWrite, writeSafetensors } from './safetensors.ts'

/** An adapter's shape: y = x·W + (alpha/rank)·(x·A)·B, or alpha/√rank with rsLoRA. */
export interface LoraConfig {
  rank: number
  alpha: number
  targets: Projection[]
  rsLora: boolean
}

/** What an adapter says of the model that it belongs to: a hub name, or a path. */
export interface BaseModel {
  name: string
  /** Of the hub's repository; absent: its main branch. */
  revision?: string
}

/** Tensors of an adapter by engine name, `l0.q.A` [inputs, rank] and `l0.q.B` [rank, outputs]. */
export type AdapterTensors = Map<string, { dims: number[]; data: Float32Array }>

const MAX_RANK = 8192
const tensorName = (layer: number, path: string, matrix: string) =>
  `base_model.model.model.layers.${layer}.${path}.lora_${matrix}.weight`

/** Rank and alpha of the modules that join projections: as many times those of one as it has parts, by its scale. */
function patterns(family: ModelConfig['family'], { rank, alpha, targets, rsLora }: LoraConfig) {
  const joined = adapterModules(family).filter(({ parts }) => parts.length > 1 && targets.includes(parts[0]))
  const by = (value: (parts: number) => number) =>
    Object.fromEntries(joined.map((module) => [moduleName(module), value(module.parts.length)]))
  return {
    rank_pattern: by((parts) => parts * rank),
    alpha_pattern: by((parts) => alpha * (rsLora ? Math.sqrt(parts) : parts)),
  }
}

/**
 * Writes adapter_model.safetensors and, last, adapter_config.json, which names the base model. `family` is the model's.
 * Throws a BumpError where the folder cannot be written.
 */
export function saveAdapter(
  folder: string,
  adapter: {
    config: LoraConfig
    tensors: ReadonlyMap<string, { dims: number[]; data: Float32Array }>
    baseModel: BaseModel
    family: ModelConfig['family']
  },
): void {
  const { config, tensors, baseModel, family } = adapter
  const modules = adapterModules(family).filter(({ parts }) => config.targets.includes(parts[0]))
  const renamed = new Map<string, TensorToWrite>()
  for (let layer = 0; tensors.has(`l${layer}.${config.targets[0]}.A`); layer++)
    for (const { path, parts } of modules) {
      const tensor = (part: Projection, matrix: string) => tensors.get(`l${layer}.${part}.${matrix}`)!
      const joined = joinPairs(parts.map((part) => ({ A: tensor(part, 'A'), B: tensor(part, 'B') })))
      for (const matrix of ['A', 'B'] as const) {
        const { dims, data } = joined[matrix]
        renamed.set(tensorName(layer, path, matrix), { dims, data: () => data })
      }
    }
  writeSafetensors(join(folder, 'adapter_model.safetensors'), renamed)
  const json = {
    peft_type: 'LORA',
    task_type: 'CAUSAL_LM',
    base_model_name_or_path: baseModel.name,
    revision: baseModel.revision ?? null,
    r: config.rank,
    lora_alpha: config.alpha,
    lora_dropout: 0,
    target_modules: modules.map(moduleName),
    ...patterns(family, config),
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

/** Values that vLLM knows for --max-lora-rank, which must not be below an adapter's rank. */
const SERVED_RANKS = [8, 16, 32, 64, 128, 256, 320, 512]

/** What to know for serving an adapter of a rank that vLLM has no setting of; undefined where there is nothing. */
export function servedRank(rank: number): string | undefined {
  if (rank === 1 || SERVED_RANKS.includes(rank)) return undefined
  const next = SERVED_RANKS.find((served) => served > rank)
  if (next === undefined) return `lora rank ${rank}: vLLM serves adapters up to rank ${SERVED_RANKS.at(-1)}`
  return `lora rank ${rank}: vLLM has no such --max-lora-rank; serve the adapter with --max-lora-rank ${next}`
}

/** Empty in the many forms PEFT writes it: missing, null, false, {} or []. */
const isEmpty = (value: unknown) =>
  value === undefined ||
  value === null ||
  value === false ||
  (typeof value === 'object' && Object.keys(value).length === 0)

/** Fields of LoraConfig that do not change what a trained adapter computes, whatever they say. */
const WITHOUT_EFFECT = new Set([
  'task_type',
  'auto_mapping',
  'peft_version',
  'base_model_name_or_path',
  'revision',
  'inference_mode',
  'lora_dropout',
  'runtime_config',
  'init_lora_weights',
  'eva_config',
  'corda_config',
  'loftq_config',
  'lora_ga_config',
  'layers_pattern',
  'megatron_config',
  'megatron_core',
  'qalora_group_size',
  // Which modules are trained whole is told by the tensors: one that is there is refused as unexpected.
  'modules_to_save',
])

/** What a field that is set stands for, for those whose name does not say it. */
const FEATURES: Record<string, string> = {
  use_dora: 'DoRA',
  alora_invocation_tokens: 'aLoRA (an adapter that acts from its invocation on)',
  use_qalora: 'QALoRA',
  use_bdlora: 'BD-LoRA (block-diagonal matrices)',
  arrow_config: 'Arrow (routing among adapters)',
  lora_bias: 'biases beside the adapter',
  rank_pattern: 'ranks that differ by module',
  alpha_pattern: 'scales that differ by module',
  layers_to_transform: 'an adapter on some layers only',
  layer_replication: 'repeated layers',
  target_parameters: 'adapters on bare parameters',
  trainable_token_indices: 'trained tokens',
  fan_in_fan_out: 'transposed matrices',
}

/** Initialisations that leave the base as it is; of a name with an underscore and more, the name counts. */
const ON_PLAIN_BASE = new Set(['gaussian', 'eva', 'orthogonal'])

/**
 * PiSSA, OLoRA, CorDA, LoftQ and LoRA-GA take the adapter's first value out of the base, or quantise it: such an
 * adapter fits its changed base only. Initialisations that are not known here are taken for one of these.
 */
function checkInitialisation(path: string, init: unknown): void {
  if (isEmpty(init) || init === true || ON_PLAIN_BASE.has(String(init).toLowerCase())) return
  throw new BumpError(
    'model-unusable',
    `${path}: "init_lora_weights" is ${JSON.stringify(init)}: such an adapter (PiSSA, OLoRA, CorDA, LoftQ, LoRA-GA) ` +
      'belongs to a base that its initialisation changed, so on the plain model it would be wrong. Convert it to plain ' +
      'LoRA (save_pretrained with path_initial_model_for_weight_conversion in PEFT), or name the changed base as the ' +
      'model and set the field to true.',
  )
}

const configSchema = z.object({
  peft_type: z.literal('LORA'),
  r: z.int().min(1).max(MAX_RANK),
  lora_alpha: z.number().positive().max(1e6),
  target_modules: z.union([z.array(z.string()).min(1), z.string().min(1)]),
  use_rslora: z.boolean().nullish(),
  bias: z.literal('none').nullish(),
})

const PLAIN =
  'A plain LoRA adapter is needed: one rank and alpha for all layers, no bias, no DoRA, no fully trained modules.'

/**
 * Reads adapter_config.json. Lenient towards fields that do not change the arithmetic, strict towards those that do and
 * towards fields of newer versions of PEFT, which may. No `targets` where an expression says which modules were meant.
 */
function parseAdapterConfig(
  path: string,
  family: ModelConfig['family'],
): Omit<LoraConfig, 'targets'> & { targets: Set<Projection> | undefined } {
  const json = readJson(path)
  const parsed = configSchema.safeParse(json)
  if (!parsed.success) {
    const issue = parsed.error.issues[0]
    throw new BumpError(
      'model-unusable',
      `${path}: "${issue.path.join('.')}" cannot be used: ${issue.message}. ${PLAIN}`,
    )
  }
  const fields = json as Record<string, unknown>
  checkInitialisation(path, fields.init_lora_weights)
  const { r, lora_alpha, target_modules, use_rslora } = parsed.data
  const scaling = { rank: r, alpha: lora_alpha, rsLora: use_rslora ?? false }
  const own = hasOwnPatterns(fields, patterns(family, { ...scaling, targets: [...PROJECTIONS] }))
  for (const [field, value] of Object.entries(fields)) {
    if (Object.hasOwn(configSchema.shape, field) || WITHOUT_EFFECT.has(field) || isEmpty(value)) continue
    if (own && field.endsWith('_pattern')) continue
    const feature = Object.hasOwn(FEATURES, field) ? `${FEATURES[field]}, which is not supported` : 'not known here'
    throw new BumpError('model-unusable', `${path}: "${field}" is set: it is ${feature}. ${PLAIN}`)
  }
  const targets =
    target_modules === 'all-linear'
      ? new Set(PROJECTIONS)
      : typeof target_modules === 'string'
        ? undefined
        : targetsNamed(path, family, target_modules)
  return { ...scaling, targets }
}

/** Whether ranks and alphas by module are those that saveAdapter writes for joined modules. */
function hasOwnPatterns(fields: Record<string, unknown>, own: ReturnType<typeof patterns>): boolean {
  const entriesOf = (field: keyof typeof own) => Object.entries(fields[field] ?? {})
  const [ranks, alphas] = [entriesOf('rank_pattern'), entriesOf('alpha_pattern')]
  return (
    ranks.length === alphas.length &&
    ranks.every(([module, rank]) => rank === own.rank_pattern[module]) &&
    alphas.every(([module, alpha]) => alpha === own.alpha_pattern[module])
  )
}

function targetsNamed(path: string, family: ModelConfig['family'], names: string[]): Set<Projection> {
  const known = new Map(adapterModules(family).map((module) => [moduleName(module), module.parts]))
  return new Set(
    names.flatMap((name) => {
      const parts = known.get(name.split('.').at(-1) as string)
      if (parts === undefined)
        throw new BumpError(
          'model-unusable',
          `${path}: "target_modules" names ${JSON.stringify(name)}, which is not one of ${[...known.keys()].join(', ')}`,
        )
      return parts
    }),
  )
}

/** A regular expression for targets says which modules were meant; which it found, the tensors say. */
function targetsFound(path: string, family: ModelConfig['family'], names: string[]): Set<Projection> {
  const modules = adapterModules(family)
  const found = modules.filter((module) => names.some((name) => name.includes(`.${module.path}.lora_`)))
  if (found.length > 0) return new Set(found.flatMap(({ parts }) => parts))
  throw new BumpError(
    'model-unusable',
    `${path}: has no adapter tensor of ${modules.map(moduleName).join(', ')}. It belongs to another model.`,
  )
}

/**
 * Loads an adapter for a model. Throws a BumpError naming the file and what is at fault: unsupported settings, missing,
 * unexpected or wrongly shaped tensors (an adapter of another model).
 */
export function loadAdapter(folder: string, model: ModelConfig): { config: LoraConfig; tensors: AdapterTensors } {
  const { targets: named, ...scaling } = parseAdapterConfig(join(folder, 'adapter_config.json'), model.family)
  const path = join(folder, 'adapter_model.safetensors')
  const file = new BinaryFile(path)
  try {
    const found = readSafetensors(file)
    const targets = named ?? targetsFound(path, model.family, [...found.keys()])
    const config = { ...scaling, targets: PROJECTIONS.filter((projection) => targets.has(projection)) }
    const tensors: AdapterTensors = new Map()
    const modules = adapterModules(model.family).filter(({ parts }) => targets.has(parts[0]))
    for (let layer = 0; layer < model.layers; layer++)
      for (const { path: place, parts } of modules) {
        const outputs = parts.map((part) => projectionShape(model, part)[1])
        const [inputs] = projectionShape(model, parts[0])
        const read = (matrix: 'A' | 'B') => {
          const name = tensorName(layer, place, matrix)
          const tensor = found.get(name)
          if (tensor === undefined)
            throw new BumpError(
              'model-unusable',
              `${path}: tensor ${name} is missing, though adapter_config.json targets it. ` +
                `The adapter must cover all ${model.layers} layers of the model.`,
            )
          found.delete(name)
          const whole = outputs.reduce((sum, width) => sum + width, 0)
          // A module of several parts has the rank of one, or of all.
          const fits = [config.rank, parts.length * config.rank].some((rank) => {
            const [rows, columns] = matrix === 'A' ? [rank, inputs] : [whole, rank]
            return tensor.dims.length === 2 && tensor.dims[0] === rows && tensor.dims[1] === columns
          })
          const wanted = matrix === 'A' ? [config.rank, inputs] : [whole, config.rank]
          if (!fits)
            throw new BumpError(
              'model-unusable',
              `${path}: tensor ${name} has the shape [${tensor.dims.join(', ')}], rank ${config.rank} of this model asks ` +
                `for [${wanted.join(', ')}]. The adapter belongs to another model or rank.`,
            )
          return { dims: [...tensor.dims], data: readElements(tensor, 0, tensor.dims[0] * tensor.dims[1]) }
        }
        const joined: AdapterPair = { A: read('A'), B: read('B') }
        const pairs = joined.A.dims[0] === joined.B.dims[1] && splitPairs(joined, outputs, config.rank)
        if (!pairs)
          throw new BumpError(
            'model-unusable',
            `${path}: the adapter of ${place} in layer ${layer} is not one of each of its parts (${parts.join(', ')}). ` +
              PLAIN,
          )
        parts.forEach((part, p) => {
          tensors.set(`l${layer}.${part}.A`, pairs[p].A).set(`l${layer}.${part}.B`, pairs[p].B)
        })
      }
    if (found.size > 0)
      throw new BumpError(
        'model-unusable',
        `${path}: unexpected tensor ${[...found.keys()][0]}${found.size > 1 ? ` and ${found.size - 1} more` : ''}. ` +
          'The adapter belongs to another model, or trains modules that adapter_config.json does not target; modules that ' +
          'are trained whole (modules_to_save) are not supported.',
      )
    return { config, tensors }
  } finally {
    file.close()
  }
}
