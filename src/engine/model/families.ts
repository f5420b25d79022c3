// The families of decoders that the engine runs: one row each says in what a family differs from the others. The readers
// of config.json and of GGUF metadata (weights/) follow this table, so a family is added here; what no column describes
// is arithmetic, and belongs to layer.ts.

import type { Projection } from '../../model/contract.ts'

interface Family {
  /** The class of transformers, as `architectures` in config.json names it. */
  architecture: string
  /** q, k and v have biases. */
  attentionBias: boolean
  /** q and k are RMS-normalised per head, or over all heads at once. */
  qkNorm: boolean | 'whole'
  /** Where config.json has no head_dim; default: hidden size by heads. */
  headDim?: number
  /** Whether num_key_value_heads may be left out of config.json: then every head has keys and values of its own. */
  kvHeadsOptional: boolean
  /** `general.architecture` of GGUF files, where it is not the row's name; null: llama.cpp has no such family. */
  gguf?: string | null
  /** llama.cpp stores the rows of q and k with the two halves of each rotary pair interleaved. */
  ggufInterleaved: boolean
  /** Where the blocks are normalised, if not before them alone. */
  norms?: 'post' | 'both'
  /** Hugging Face folders hold the weights of norms less 1. */
  normsLessOne?: boolean
  /** The head is the embedding where config.json does not say. */
  tied?: boolean
  /** Of the gate, if not SiLU. */
  activation?: 'gelu'
  /** `sliding_window` applies: to the layers that `layer_types` names, or to all but every `fullEvery`-th. */
  sliding?: { fullEvery?: number; theta?: boolean }
  /** Every so many layers, one has no rotary embedding; `no_rope_layers` may say otherwise. */
  noRopeEvery?: number
  /** `partial_rotary_factor` applies. */
  partialRotary?: boolean
  /** Factors on embedding, residual stream, attention and logits are in the configuration (Granite). */
  multipliers?: boolean
  /** The embedding is multiplied by √hidden, attention scores by 1/√query_pre_attn_scalar (Gemma). */
  gemmaScales?: boolean
  /** Part of a family of mixtures of experts: without experts, its shared block is the feed-forward block. */
  withoutExperts?: boolean
  /** Names of tensors in a layer, where they are not the usual ones; one name of several projections: joined rows. */
  names?: { huggingFace: Partial<Record<Projection, string>>; gguf?: Partial<Record<Projection, string>> }
  /** As messages call it. */
  label: string
}

const joined = (qkv: string, gateUp: string) => ({ q: qkv, k: qkv, v: qkv, gate: gateUp, up: gateUp })

/** By `model_type` of config.json. */
export const FAMILIES = {
  llama: {
    architecture: 'LlamaForCausalLM',
    attentionBias: false,
    qkNorm: false,
    kvHeadsOptional: true,
    ggufInterleaved: true,
    label: 'Llama (also SmolLM2)',
  },
  qwen2: {
    architecture: 'Qwen2ForCausalLM',
    attentionBias: true,
    qkNorm: false,
    kvHeadsOptional: false,
    ggufInterleaved: false,
    label: 'Qwen2, Qwen2.5',
  },
  qwen3: {
    architecture: 'Qwen3ForCausalLM',
    attentionBias: false,
    qkNorm: true,
    headDim: 128,
    kvHeadsOptional: false,
    ggufInterleaved: false,
    label: 'Qwen3',
  },
  gemma3_text: {
    architecture: 'Gemma3ForCausalLM',
    attentionBias: false,
    qkNorm: true,
    headDim: 256,
    kvHeadsOptional: false,
    gguf: 'gemma3',
    ggufInterleaved: false,
    norms: 'both',
    normsLessOne: true,
    activation: 'gelu',
    sliding: { fullEvery: 6, theta: true },
    gemmaScales: true,
    tied: true,
    label: 'Gemma 3 (text)',
  },
  smollm3: {
    architecture: 'SmolLM3ForCausalLM',
    attentionBias: false,
    qkNorm: false,
    kvHeadsOptional: false,
    ggufInterleaved: true,
    noRopeEvery: 4,
    tied: true,
    label: 'SmolLM3',
  },
  mistral: {
    architecture: 'MistralForCausalLM',
    attentionBias: false,
    qkNorm: false,
    kvHeadsOptional: false,
    // llama.cpp writes Mistral models as "llama", without the window.
    gguf: null,
    ggufInterleaved: true,
    sliding: {},
    label: 'Mistral',
  },
  ministral: {
    architecture: 'MinistralForCausalLM',
    attentionBias: false,
    qkNorm: false,
    kvHeadsOptional: false,
    gguf: null,
    ggufInterleaved: true,
    sliding: {},
    label: 'Ministral',
  },
  granite: {
    architecture: 'GraniteForCausalLM',
    attentionBias: false,
    qkNorm: false,
    kvHeadsOptional: true,
    ggufInterleaved: true,
    multipliers: true,
    label: 'Granite 3',
  },
  granitemoehybrid: {
    architecture: 'GraniteMoeHybridForCausalLM',
    attentionBias: false,
    qkNorm: false,
    kvHeadsOptional: true,
    // llama.cpp writes the dense ones as "granite".
    gguf: null,
    ggufInterleaved: true,
    multipliers: true,
    withoutExperts: true,
    names: {
      huggingFace: {
        gate: 'shared_mlp.input_linear',
        up: 'shared_mlp.input_linear',
        down: 'shared_mlp.output_linear',
      },
    },
    label: 'Granite 4 (dense)',
  },
  phi3: {
    architecture: 'Phi3ForCausalLM',
    attentionBias: false,
    qkNorm: false,
    kvHeadsOptional: true,
    ggufInterleaved: false,
    sliding: {},
    partialRotary: true,
    names: {
      huggingFace: joined('self_attn.qkv_proj', 'mlp.gate_up_proj'),
      gguf: joined('attn_qkv', 'ffn_up'),
    },
    label: 'Phi-3, Phi-4-mini',
  },
  olmo2: {
    architecture: 'Olmo2ForCausalLM',
    attentionBias: false,
    qkNorm: 'whole',
    kvHeadsOptional: true,
    ggufInterleaved: false,
    norms: 'post',
    label: 'OLMo 2',
  },
} as const satisfies Record<string, Family>

export type FamilyName = keyof typeof FAMILIES

const NAMES = Object.keys(FAMILIES) as FamilyName[]

/** The row of a family. */
export function rowOf(name: FamilyName): Family {
  return FAMILIES[name]
}

/** The family of a `general.architecture`; undefined for one that the engine does not run. */
export function familyOfGguf(architecture: unknown): FamilyName | undefined {
  return NAMES.find((name) => (rowOf(name).gguf === undefined ? name : rowOf(name).gguf) === architecture)
}

/** A family's `general.architecture`; undefined where llama.cpp has none of its own. */
export function ggufOf(name: FamilyName): string | undefined {
  const { gguf } = rowOf(name)
  return gguf === undefined ? name : (gguf ?? undefined)
}

/** The family of a `model_type` or, where there is none, of a class of transformers. */
export function familyOfConfig(modelType: unknown, architectures: readonly unknown[]): FamilyName | undefined {
  return NAMES.find((name) =>
    modelType === undefined || modelType === null
      ? architectures.includes(rowOf(name).architecture)
      : modelType === name,
  )
}

/** What to use instead of a model of another family, for messages. */
export const SUPPORTED_FAMILIES = `Use a model of the ${Object.values(FAMILIES)
  .map(({ label }) => label)
  .join(', ')
  .replace(/, (?=[^,]*$)/, ' or ')} family.`
