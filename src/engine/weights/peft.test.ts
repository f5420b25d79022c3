// Adapters: written in PEFT's names and orientation, read back equal; see malformed.test.ts for what is refused.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { PROJECTIONS, type Projection } from '../../model/contract.ts'
import { normals, seedFrom } from '../../util/random.ts'
import { projectionShape } from '../model/config.ts'
import { BinaryFile } from './binary-file.ts'
import { type AdapterTensors, loadAdapter, saveAdapter, servedRank } from './peft.ts'
import { readElements, readSafetensors } from './safetensors.ts'
import { tinyConfig } from './testing/tiny-model.ts'

const model = tinyConfig('llama')
let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'bump-peft-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

function adapter(targets: Projection[], rank: number): AdapterTensors {
  const tensors: AdapterTensors = new Map()
  const put = (name: string, dims: number[]) =>
    tensors.set(name, { dims, data: normals(new Float32Array(dims[0] * dims[1]), 1, seedFrom(name)) })
  for (let layer = 0; layer < model.layers; layer++)
    for (const projection of targets) {
      const [inputs, outputs] = projectionShape(model, projection)
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
  saveAdapter(folder, { config, tensors, baseModel: { name: 'acme/tiny' } })
  expect(loadAdapter(folder, model)).toEqual({ config, tensors })
})

test("files have PEFT's names, orientation and settings", () => {
  const tensors = adapter(['gate'], 2)
  saveAdapter(folder, {
    config: { rank: 2, alpha: 4, targets: ['gate'], rsLora: false },
    tensors,
    baseModel: { name: 'acme/tiny' },
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

test('"all-linear" and fields of newer versions are understood', () => {
  const tensors = adapter([...PROJECTIONS], 1)
  const config = { rank: 1, alpha: 1, targets: [...PROJECTIONS], rsLora: false }
  saveAdapter(folder, { config, tensors, baseModel: { name: 'x' } })
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
    saveAdapter(folder, { config, tensors, baseModel: { name: 'x' } })
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
  saveAdapter(folder, { config, tensors: adapter(['q'], 1), baseModel: { name: 'x' } })
  changed(changes)
  expect(loadAdapter(folder, model).config).toEqual(config)
})

test('a rank that vLLM has no setting of is told with the setting to take', () => {
  expect([1, 8, 16, 32, 64, 128, 256, 320, 512].map(servedRank)).toEqual(Array(9).fill(undefined))
  expect(servedRank(12)).toContain('--max-lora-rank 16')
  expect(servedRank(321)).toContain('--max-lora-rank 512')
  expect(servedRank(513)).toContain('up to rank 512')
})
