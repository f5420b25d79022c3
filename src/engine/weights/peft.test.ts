// Adapters: written in PEFT's names and orientation, read back equal; see malformed.test.ts for what is refused.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { PROJECTIONS, type Projection } from '../../model/contract.ts'
import { normals, seedFrom } from '../../util/random.ts'
import { projectionShape } from '../model/config.ts'
import { checkTargets } from './adapter-modules.ts'
import { BinaryFile } from './binary-file.ts'
import { type AdapterTensors, loadAdapter, saveAdapter, servedRank } from './peft.ts'
import { readElements, readSafetensors, writeSafetensors } from './safetensors.ts'
import { tinyConfig } from './testing/tiny-model.ts'

const model = tinyConfig('llama')
let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'bump-peft-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

function adapter(targets: Projection[], rank: number, shape = model): AdapterTensors {
  const tensors: AdapterTensors = new Map()
  const put = (name: string, dims: number[]) =>
    tensors.set(name, { dims, data: normals(new Float32Array(dims[0] * dims[1]), 1, seedFrom(name)) })
  for (let layer = 0; layer < shape.layers; layer++)
    for (const projection of targets) {
      const [inputs, outputs] = projectionShape(shape, projection)
      put(`l${layer}.${projection}.A`, [inputs, rank])
      put(`l${layer}.${projection}.B`, [rank, outputs])
    }
  return tensors
}

test.each([
  [[...PROJECTIONS], 3, false],
  [['q', 'v'], 1, true],
] as [Projection[], number, boolean][])('targets %j of rank %i come back', (targets, rank, rsLora) => {
  const config = { rank, alpha: 12, targets, rsLora }
  const tensors = adapter(targets, rank)
  saveAdapter(folder, { config, tensors, baseModel: { name: 'acme/tiny' }, family: 'llama' })
  expect(loadAdapter(folder, model)).toEqual({ config, tensors })
})

test("files have PEFT's names, orientation and settings", () => {
  const tensors = adapter(['gate'], 2)
  saveAdapter(folder, {
    config: { rank: 2, alpha: 4, targets: ['gate'], rsLora: false },
    tensors,
    baseModel: { name: 'acme/tiny' },
    family: 'llama',
  })
  const file = new BinaryFile(join(folder, 'adapter_model.safetensors'))
  const found = readSafetensors(file)
  const name = 'base_model.model.model.layers.1.mlp.gate_proj.lora_A.weight'
  expect(found.get(name)?.dims).toEqual([2, 8])
  const values = readElements(found.get(name)!, 0, 16)
  file.close()
  const a = tensors.get('l1.gate.A')!.data
  // Element [rank 1, input 3] there is element [input 3, rank 1] here.
  expect(values[1 * 8 + 3]).toBe(a[3 * 2 + 1])
  expect(JSON.parse(readFileSync(join(folder, 'adapter_config.json'), 'utf8'))).toMatchObject({
    peft_type: 'LORA',
    task_type: 'CAUSAL_LM',
    base_model_name_or_path: 'acme/tiny',
    r: 2,
    lora_alpha: 4,
    target_modules: ['gate_proj'],
  })
})

/** x [inputs] · a PEFT adapter's module: scale·B·(A·x). */
function applied(folder: string, module: string, x: number[]): number[] {
  const json = JSON.parse(readFileSync(join(folder, 'adapter_config.json'), 'utf8'))
  const file = new BinaryFile(join(folder, 'adapter_model.safetensors'))
  const found = readSafetensors(file)
  const rows = (matrix: string) => {
    const tensor = found.get(`base_model.model.model.layers.1.${module}.lora_${matrix}.weight`)!
    const [count, width] = tensor.dims
    const values = readElements(tensor, 0, count * width)
    return Array.from({ length: count }, (_, i) => Array.from(values.subarray(i * width, (i + 1) * width)))
  }
  const [A, B] = [rows('A'), rows('B')]
  file.close()
  const name = module.split('.')[1]
  expect(A.length).toBe(json.rank_pattern[name] ?? json.r)
  const alpha = json.alpha_pattern[name] ?? json.lora_alpha
  const scale = alpha / (json.use_rslora ? Math.sqrt(A.length) : A.length)
  const dot = (a: number[], b: number[]) => a.reduce((sum, value, i) => sum + value * b[i], 0)
  const down = A.map((row) => dot(row, x))
  return B.map((row) => scale * dot(row, down))
}

test.each([
  ['phi3', 'self_attn.qkv_proj', ['q', 'k', 'v'], false],
  ['phi3', 'mlp.gate_up_proj', ['gate', 'up'], true],
  ['granitemoehybrid', 'shared_mlp.input_linear', ['gate', 'up'], false],
  ['granitemoehybrid', 'self_attn.k_proj', ['k'], false],
] as ['phi3' | 'granitemoehybrid', string, Projection[], boolean][])(
  '%s: %s is, for PEFT, the adapters of %j one beside the other (rsLora: %s), and comes back as them',
  (family, module, parts, rsLora) => {
    const shape = tinyConfig(family)
    const config = { rank: 2, alpha: 6, targets: [...PROJECTIONS], rsLora }
    const tensors = adapter(config.targets, 2, shape)
    saveAdapter(folder, { config, tensors, baseModel: { name: 'x' }, family })
    const x = Array.from(normals(new Float64Array(shape.hidden), 1, seedFrom('x')))
    const expected = parts.flatMap((part) => {
      const [A, B] = ['A', 'B'].map((matrix) => tensors.get(`l1.${part}.${matrix}`)!)
      const down = [0, 1].map((r) => x.reduce((sum, value, i) => sum + value * A.data[i * 2 + r], 0))
      const width = B.dims[1]
      const scale = 6 / (rsLora ? Math.SQRT2 : 2)
      return Array.from({ length: width }, (_, o) => scale * (down[0] * B.data[o] + down[1] * B.data[width + o]))
    })
    applied(folder, module, x).forEach((value, i) => {
      expect(value).toBeCloseTo(expected[i], 5)
    })
    expect(loadAdapter(folder, shape)).toEqual({ config, tensors })
  },
)

test('an adapter of a joined module that PEFT trained is the same A for each of its parts', () => {
  const shape = tinyConfig('phi3')
  const config = { rank: 2, alpha: 6, targets: ['q', 'k', 'v'] as Projection[], rsLora: false }
  const widths = config.targets.map((part) => projectionShape(shape, part)[1])
  const random = (name: string, dims: number[]) => {
    const data = normals(new Float32Array(dims[0] * dims[1]), 1, seedFrom(name))
    return { dims, data: () => data }
  }
  const outputs = widths.reduce((a, b) => a + b)
  const matrices = [0, 1].flatMap((layer) =>
    Object.entries({ A: [2, shape.hidden], B: [outputs, 2] }).map(([matrix, dims]) => {
      const name = `base_model.model.model.layers.${layer}.self_attn.qkv_proj.lora_${matrix}.weight`
      return [name, random(name, dims)] as const
    }),
  )
  writeSafetensors(join(folder, 'adapter_model.safetensors'), new Map(matrices))
  const json = { peft_type: 'LORA', r: 2, lora_alpha: 6, target_modules: ['qkv_proj'] }
  writeFileSync(join(folder, 'adapter_config.json'), JSON.stringify({ ...json, rank_pattern: {}, alpha_pattern: {} }))
  const loaded = loadAdapter(folder, shape)
  expect(loaded.config).toEqual(config)
  const [[, A], [, B]] = matrices
  const k = loaded.tensors.get('l0.k.B')!
  // Row 3 of k's outputs, second of its ranks.
  expect(k.data[widths[1] + 3]).toBe(B.data()[(widths[0] + 3) * 2 + 1])
  for (const part of config.targets)
    expect(loaded.tensors.get(`l0.${part}.A`)!.data[3 * 2 + 1]).toBe(A.data()[shape.hidden + 3])
  // The scale of one rank on the matrices of another.
  changed({ rank_pattern: { qkv_proj: 6 } })
  expect(() => loadAdapter(folder, shape)).toThrow('"rank_pattern" is set')
})

test('a part of a joined module is no target', () => {
  expect(() => checkTargets('phi3', ['q', 'v'])).toThrow('q, k, v in one matrix (self_attn.qkv_proj)')
  checkTargets('phi3', ['q', 'k', 'v', 'down'])
  checkTargets('llama', ['q', 'v'])
})

test('"all-linear" and fields of newer versions are understood', () => {
  const tensors = adapter([...PROJECTIONS], 1)
  const config = { rank: 1, alpha: 1, targets: [...PROJECTIONS], rsLora: false }
  saveAdapter(folder, { config, tensors, baseModel: { name: 'x' }, family: 'llama' })
  const json = {
    peft_type: 'LORA',
    r: 1,
    lora_alpha: 1,
    target_modules: 'all-linear',
    peft_version: '9',
    rank_pattern: {},
  }
  writeFileSync(join(folder, 'adapter_config.json'), JSON.stringify(json))
  expect(loadAdapter(folder, model).config).toEqual(config)
})

function changed(changes: object): void {
  const path = join(folder, 'adapter_config.json')
  writeFileSync(path, JSON.stringify({ ...JSON.parse(readFileSync(path, 'utf8')), ...changes }))
}

test.each(['.*(q_proj|v_proj)', String.raw`model\.layers\.\d+\.self_attn\.[qv]_proj`])(
  'targets given as the expression %s are those of the tensors',
  (target_modules) => {
    const config = { rank: 2, alpha: 4, targets: ['q', 'v'] as Projection[], rsLora: false }
    const tensors = adapter(['q', 'v'], 2)
    saveAdapter(folder, { config, tensors, baseModel: { name: 'x' }, family: 'llama' })
    changed({ target_modules })
    expect(loadAdapter(folder, model)).toEqual({ config, tensors })
  },
)

test.each([
  ...[true, false, null, 'gaussian', 'eva', 'orthogonal'].map((init_lora_weights) => ({ init_lora_weights })),
  { modules_to_save: ['lm_head'] },
  { megatron_core: 'megatron.core', qalora_group_size: 16, lora_dropout: 0.1, peft_version: '0.18.0' },
  { loftq_config: {}, arrow_config: null, use_qalora: false, ensure_weight_tying: false, rank_pattern: {} },
])('%j changes nothing about the arithmetic', (changes) => {
  const config = { rank: 1, alpha: 1, targets: ['q'] as Projection[], rsLora: false }
  saveAdapter(folder, { config, tensors: adapter(['q'], 1), baseModel: { name: 'x' }, family: 'llama' })
  changed(changes)
  expect(loadAdapter(folder, model).config).toEqual(config)
})

test('a rank that vLLM has no setting of is told with the setting to take', () => {
  expect([1, 8, 16, 32, 64, 128, 256, 320, 512].map(servedRank)).toEqual(Array(9).fill(undefined))
  expect(servedRank(12)).toContain('--max-lora-rank 16')
  expect(servedRank(321)).toContain('--max-lora-rank 512')
  expect(servedRank(513)).toContain('up to rank 512')
})
