// Malformed configurations and adapters: every one must end in a BumpError that names the problem. Weight files:
// malformed.test.ts.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { BinaryFile } from './binary-file.ts'
import { parseHuggingFaceConfig } from './hf-config.ts'
import { openHuggingFaceSource } from './hf-source.ts'
import { configOf } from './open-source.ts'
import { loadAdapter, saveAdapter } from './peft.ts'
import { readSafetensors, type TensorToWrite, writeSafetensors } from './safetensors.ts'
import { problemOf } from './testing/problem-of.ts'
import { tinyConfig } from './testing/tiny-model.ts'

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'bump-misconfigured-'))
})
afterAll(() => rmSync(folder, { recursive: true }))

function written(name: string, bytes: Uint8Array | string): string {
  const path = join(folder, name)
  writeFileSync(path, bytes)
  return path
}

test('JSON of thousands of levels is refused', () => {
  mkdirSync(join(folder, 'deep'), { recursive: true })
  const deep = `${'['.repeat(50_000)}${']'.repeat(50_000)}`
  writeFileSync(join(folder, 'deep', 'config.json'), `{"model_type":"llama","architectures":${deep}}`)
  expect(problemOf(() => configOf(join(folder, 'deep')))).toMatch(
    /config\.json: is not JSON: it is nested deeper than 64/,
  )
})

describe('config.json', () => {
  const valid = {
    architectures: ['LlamaForCausalLM'],
    model_type: 'llama',
    hidden_size: 8,
    intermediate_size: 12,
    num_hidden_layers: 2,
    num_attention_heads: 4,
    num_key_value_heads: 2,
    vocab_size: 10,
    max_position_embeddings: 64,
    rms_norm_eps: 1e-5,
  }
  const llama3 = {
    rope_type: 'llama3',
    factor: 8,
    low_freq_factor: 1,
    high_freq_factor: 4,
    original_max_position_embeddings: 8192,
  }

  const yarn = { rope_type: 'yarn', factor: 4 }
  const longrope = { type: 'longrope', short_factor: [1], long_factor: [2] }
  const phi = {
    ...valid,
    model_type: 'phi3',
    architectures: undefined,
    original_max_position_embeddings: 32,
    rope_scaling: longrope,
  }
  const mistral = { model_type: 'mistral', architectures: undefined }
  const gemma = { model_type: 'gemma3_text', architectures: undefined, sliding_window: 4 }
  const smollm3 = { model_type: 'smollm3', architectures: undefined }
  const granite4 = {
    model_type: 'granitemoehybrid',
    architectures: undefined,
    num_local_experts: 0,
    shared_intermediate_size: 12,
    layer_types: ['attention', 'attention'],
  }

  test('defaults, and both ways to write rope settings', () => {
    expect(parseHuggingFaceConfig(valid, 'c')).toMatchObject({ headDim: 2, ropeTheta: 10000, tiedHead: false })
    const scaled = { factor: 8, lowFreqFactor: 1, highFreqFactor: 4, originalContext: 8192 }
    expect(parseHuggingFaceConfig({ ...valid, rope_theta: 5e5, rope_scaling: llama3 }, 'c')).toMatchObject({
      ropeTheta: 5e5,
      ropeScaling: scaled,
    })
    expect(parseHuggingFaceConfig({ ...valid, rope_parameters: { ...llama3, rope_theta: 5e5 } }, 'c')).toMatchObject({
      ropeTheta: 5e5,
      ropeScaling: scaled,
    })
    const plain = { rope_type: 'default', rope_theta: 1e6 }
    expect(parseHuggingFaceConfig({ ...valid, rope_parameters: plain }, 'c')).toMatchObject({ ropeTheta: 1e6 })
    const { num_key_value_heads: _, ...multiHead } = valid
    expect(parseHuggingFaceConfig(multiHead, 'c').kvHeads).toBe(4)
    expect(parseHuggingFaceConfig({ ...valid, rope_scaling: yarn }, 'c').ropeScaling).toEqual({
      type: 'yarn',
      factor: 4,
      originalContext: 64,
      betaFast: 32,
      betaSlow: 1,
      attentionFactor: 0.1 * Math.log(4) + 1,
    })
  })

  test('layers that differ, as either version of transformers writes them', () => {
    const parsed = (changes: object) => parseHuggingFaceConfig({ ...valid, ...changes }, 'c')
    // Gemma's head is tied and its heads are 256 wide unless config.json says otherwise.
    const six = { ...gemma, num_hidden_layers: 7 }
    const every = ['sliding', 'sliding', 'sliding', 'sliding', 'sliding', 'full', 'sliding']
    const expected = { tiedHead: true, headDim: 256, layerTypes: every, window: 4 }
    expect(parsed({ ...six, rope_theta: 1e6 })).toMatchObject({ ...expected, ropeTheta: 1e6, slidingRopeTheta: 1e4 })
    const rope_parameters = {
      full_attention: { rope_type: 'linear', factor: 8, rope_theta: 1e6 },
      sliding_attention: { rope_type: 'default', rope_theta: 500 },
    }
    expect(parsed({ ...six, rope_parameters })).toMatchObject({
      ...expected,
      ropeTheta: 1e6,
      ropeScaling: { type: 'linear', factor: 8 },
      slidingRopeTheta: 500,
    })
    expect(parsed({ ...smollm3, num_hidden_layers: 5 }).layerTypes).toEqual(['full', 'full', 'full', 'no-rope', 'full'])
    expect(parsed({ ...smollm3, no_rope_layers: [0, 1] }).layerTypes).toEqual(['no-rope', 'full'])
    // A window that the context does not exceed, or none, is no difference from Llama.
    for (const sliding_window of [64, null]) {
      const config = parsed({ ...mistral, sliding_window })
      expect(config).not.toHaveProperty('layerTypes')
      expect(config).not.toHaveProperty('window')
    }
    const long = { ...mistral, max_position_embeddings: 8192 }
    expect(parsed(long).window).toBe(4096)
    expect(parsed({ ...long, sliding_window: null })).not.toHaveProperty('window')
    expect(parsed({ ...mistral, sliding_window: 63 })).toMatchObject({ layerTypes: ['sliding', 'sliding'], window: 63 })
  })

  test("a Phi's context is the one that its short factors are for", () => {
    expect(parseHuggingFaceConfig(phi, 'c')).toMatchObject({
      contextLength: 32,
      ropeScaling: { shortFactors: [1], longFactors: [2], originalContext: 32, fullContext: 64 },
    })
  })

  test.each<[string, unknown, string]>([
    ['that is an array', [], 'not a JSON object'],
    ['of another architecture', { ...valid, model_type: 'mamba', architectures: ['MambaForCausalLM'] }, 'mamba'],
    ['of hybrid layers', { ...valid, model_type: 'qwen3_5_text', architectures: undefined }, 'qwen3_5_text'],
    ['of a classifier', { ...valid, architectures: ['LlamaForSequenceClassification'] }, 'architectures'],
    ['without a hidden size', { ...valid, hidden_size: undefined }, '"hidden_size" is missing'],
    ['with zero layers', { ...valid, num_hidden_layers: 0 }, '"num_hidden_layers"'],
    ['with negative heads', { ...valid, num_attention_heads: -4 }, '"num_attention_heads"'],
    ['with fractional width', { ...valid, intermediate_size: 1.5 }, '"intermediate_size"'],
    ['with an absurd vocabulary', { ...valid, vocab_size: 1e12 }, '"vocab_size"'],
    ['with a text for a number', { ...valid, vocab_size: '10' }, '"vocab_size"'],
    ['with heads that do not divide', { ...valid, num_key_value_heads: 3 }, 'num_key_value_heads'],
    ['with a width that does not divide', { ...valid, hidden_size: 9 }, '"hidden_size" 9 is not divisible'],
    ['with odd heads', { ...valid, head_dim: 3 }, '"head_dim"'],
    ['with epsilon zero', { ...valid, rms_norm_eps: 0 }, '"rms_norm_eps"'],
    ['with a negative theta', { ...valid, rope_theta: -1 }, '"rope_theta"'],
    ['with dynamic scaling', { ...valid, rope_scaling: { type: 'dynamic', factor: 4 } }, '"dynamic"'],
    ['with yarn without its factor', { ...valid, rope_scaling: { rope_type: 'yarn' } }, '"factor" is missing'],
    ['with yarn unrounded', { ...valid, rope_scaling: { ...yarn, truncate: false } }, '"truncate"'],
    ['with scaled queries', { ...valid, rope_scaling: { ...yarn, llama_4_scaling_beta: 0.1 } }, 'llama_4_scaling_beta'],
    ['with linear scaling by nothing', { ...valid, rope_scaling: { type: 'linear', factor: 0 } }, '"factor"'],
    ['with too few long factors', { ...phi, rope_scaling: { ...longrope, long_factor: [] } }, '"long_factor"'],
    ['with a negative short factor', { ...phi, rope_scaling: { ...longrope, short_factor: [-1] } }, '"short_factor"'],
    ['with partial rotation', { ...valid, partial_rotary_factor: 0.5 }, '"partial_rotary_factor"'],
    ['with rotation of an odd share', { ...phi, partial_rotary_factor: 0.6, head_dim: 6 }, '3 dimensions'],
    ['with a window of zero', { ...valid, ...mistral, sliding_window: 0 }, '"sliding_window"'],
    ['with too few types of layers', { ...valid, ...gemma, layer_types: ['full_attention'] }, '"layer_types"'],
    ['without a window', { ...valid, ...gemma, sliding_window: null }, '"sliding_window" is missing'],
    ['with soft caps', { ...valid, ...gemma, final_logit_softcapping: 30 }, '"final_logit_softcapping"'],
    ["with Gemma's gate as SiLU", { ...valid, ...gemma, hidden_activation: 'silu' }, '"hidden_activation"'],
    ['that looks ahead', { ...valid, ...gemma, use_bidirectional_attention: true }, '"use_bidirectional_attention"'],
    ['with experts', { ...valid, ...granite4, num_local_experts: 4 }, '"num_local_experts" is 4'],
    ['with Mamba layers', { ...valid, ...granite4, layer_types: ['attention', 'mamba'] }, '"layer_types"'],
    ['with Mamba layers by default', { ...valid, ...granite4, layer_types: undefined }, '"layer_types" is missing'],
    ['with a number for rotation', { ...valid, ...smollm3, no_rope_layers: [1, 2] }, '"no_rope_layers"'],
    ['with a factor below zero', { ...valid, ...granite4, residual_multiplier: -1 }, '"residual_multiplier"'],
    [
      'with llama3 without its factor',
      { ...valid, rope_scaling: { ...llama3, factor: undefined } },
      '"factor" is missing',
    ],
    ['with llama3 upside down', { ...valid, rope_scaling: { ...llama3, low_freq_factor: 4 } }, '"high_freq_factor"'],
    ['with a number for scaling', { ...valid, rope_scaling: 2 }, '"rope_scaling"'],
    ['with biases', { ...valid, attention_bias: true }, '"attention_bias"'],
    ['with another activation', { ...valid, hidden_act: 'gelu' }, '"hidden_act"'],
    ['with sliding windows', { ...valid, use_sliding_window: true }, '"use_sliding_window"'],
    ['with mixed layers', { ...valid, layer_types: ['sliding_attention'] }, '"layer_types"'],
    ['of a quantised model', { ...valid, quantization_config: { quant_method: 'awq' } }, '"quantization_config"'],
    ['with tying as a text', { ...valid, tie_word_embeddings: 'yes' }, '"tie_word_embeddings"'],
  ])('%s', (_, json, message) => {
    expect(problemOf(() => parseHuggingFaceConfig(json, 'config.json'))).toContain(message)
  })

  test('an adapter named as a model', () => {
    mkdirSync(join(folder, 'only-adapter'))
    written('only-adapter/adapter_config.json', '{}')
    expect(problemOf(() => configOf(join(folder, 'only-adapter')))).toContain(
      'only-adapter: is an adapter, not a model',
    )
  })

  test('a folder that is missing, empty or has a broken config.json', () => {
    expect(problemOf(() => configOf(join(folder, 'gone')))).toContain('no such model folder')
    expect(problemOf(() => configOf(written('weights.bin', '')))).toContain('not a .gguf')
    mkdirSync(join(folder, 'empty'))
    expect(problemOf(() => configOf(join(folder, 'empty')))).toContain('config.json: the file is missing')
    written('empty/config.json', '{')
    expect(problemOf(() => configOf(join(folder, 'empty')))).toContain('is not JSON')
    written('empty/config.json', JSON.stringify(valid))
    expect(problemOf(() => openHuggingFaceSource(join(folder, 'empty')))).toContain('neither model.safetensors')
  })
})

describe('adapter', () => {
  const model = tinyConfig('llama')
  const zeros = (dims: number[]) => ({ dims, data: new Float32Array(dims[0] * dims[1]) })
  const matrices = (layers: number, inputs = 8) =>
    new Map(
      Array.from({ length: layers }, (_, l) => [
        [`l${l}.q.A`, zeros([inputs, 2])] as const,
        [`l${l}.q.B`, zeros([2, 16])] as const,
      ]).flat(),
    )
  const save = (tensors = matrices(2), changes: object = {}) => {
    const where = join(folder, 'adapter')
    const config = { rank: 2, alpha: 4, targets: ['q' as const], rsLora: false }
    saveAdapter(where, { config, tensors, baseModel: { name: 'x' }, family: 'llama' })
    const path = join(where, 'adapter_config.json')
    writeFileSync(path, JSON.stringify({ ...JSON.parse(readFileSync(path, 'utf8')), ...changes }))
    return where
  }

  test('the well-formed adapter of these cases is read', () => {
    expect(loadAdapter(save(), model).tensors.size).toBe(4)
  })

  test.each<[string, object, string]>([
    ['another kind', { peft_type: 'IA3' }, '"peft_type"'],
    ['rank zero', { r: 0 }, '"r"'],
    ['a fractional rank', { r: 1.5 }, '"r"'],
    ['an absurd rank', { r: 1e9 }, '"r"'],
    ['no alpha', { lora_alpha: null }, '"lora_alpha"'],
    ['no targets', { target_modules: [] }, '"target_modules"'],
    ['an empty expression for targets', { target_modules: '' }, '"target_modules"'],
    ['an unknown target', { target_modules: ['c_attn'] }, 'c_attn'],
    ['biases', { bias: 'all' }, '"bias"'],
    ['DoRA', { use_dora: true }, '"use_dora" is set: it is DoRA'],
    ['aLoRA', { alora_invocation_tokens: [1, 2] }, '"alora_invocation_tokens" is set: it is aLoRA'],
    ['trained tokens', { trainable_token_indices: [3] }, '"trainable_token_indices" is set: it is trained tokens'],
    ['QALoRA', { use_qalora: true }, '"use_qalora" is set: it is QALoRA'],
    ['a field of a newer PEFT', { use_nextlora: true }, '"use_nextlora" is set: it is not known here'],
    ['a field named like a method', { constructor: 'x' }, '"constructor" is set: it is not known here'],
    ...['pissa', 'pissa_niter_4', 'PiSSA', 'olora', 'corda', 'loftq', 'lora_ga', 'tomorrow'].map(
      (init): [string, object, string] => [init, { init_lora_weights: init }, `"init_lora_weights" is "${init}"`],
    ),
    ['ranks by module', { rank_pattern: { q_proj: 4 } }, '"rank_pattern"'],
    ['a rank other than that of its tensors', { r: 3 }, 'another model or rank'],
    ['a target without tensors', { target_modules: ['q_proj', 'v_proj'] }, 'v_proj.lora_A.weight is missing'],
    ['tensors that are no target', { target_modules: ['v_proj'] }, 'v_proj.lora_A.weight is missing'],
  ])('with %s', (_, changes, message) => {
    expect(problemOf(() => loadAdapter(save(matrices(2), changes), model))).toContain(message)
  })

  test('with an expression for targets, but of none of the modules', () => {
    const where = save(new Map(), { target_modules: '.*c_attn' })
    expect(problemOf(() => loadAdapter(where, model))).toContain('has no adapter tensor of q_proj')
  })

  test('with a module that is trained whole', () => {
    const where = save(matrices(2), { modules_to_save: ['lm_head'] })
    expect(loadAdapter(where, model).tensors.size).toBe(4)
    const path = join(where, 'adapter_model.safetensors')
    const file = new BinaryFile(path)
    const tensors = new Map<string, TensorToWrite>(
      [...readSafetensors(file)].map(([name, { dims }]) => [
        name,
        { dims, data: () => new Float32Array(dims[0] * dims[1]) },
      ]),
    )
    file.close()
    tensors.set('base_model.model.lm_head.weight', { dims: [10, 8], data: () => new Float32Array(80) })
    writeSafetensors(path, tensors)
    expect(problemOf(() => loadAdapter(where, model))).toMatch(/lm_head\.weight.*\(modules_to_save\) are not supported/)
  })

  test('of another model, damaged, or incomplete', () => {
    expect(problemOf(() => loadAdapter(save(matrices(1)), model))).toContain('layers.1.self_attn.q_proj')
    expect(problemOf(() => loadAdapter(save(matrices(3)), model))).toContain('unexpected tensor')
    expect(problemOf(() => loadAdapter(save(matrices(2, 9)), model))).toContain('asks for [2, 8]')
    const where = save()
    writeFileSync(join(where, 'adapter_model.safetensors'), 'cut')
    expect(problemOf(() => loadAdapter(where, model))).toContain('truncated')
    rmSync(join(where, 'adapter_model.safetensors'))
    expect(problemOf(() => loadAdapter(where, model))).toContain('adapter_model.safetensors')
    rmSync(join(where, 'adapter_config.json'))
    expect(problemOf(() => loadAdapter(where, model))).toContain('adapter_config.json: the file is missing')
  })
})
