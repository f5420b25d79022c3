// The families of decoders that the engine runs: one row each says in what a family differs from the others. The readers
// of config.json and of GGUF metadata (weights/) follow this table, so a family is added here; what no column describes
// is arithmetic, and belongs to layer.ts.

interface Family {
  /** The class of transformers, as `architectures` in config.json names it. */
  architecture: string
  /** q, k and v have biases. */
  attentionBias: boolean
  /** q and k are RMS-normalised per head. */
  qkNorm: boolean
  /** Where config.json has no head_dim; default: hidden size by heads. */
  headDim?: number
  /** Whether num_key_value_heads may be left out of config.json: then every head has keys and values of its own. */
  kvHeadsOptional: boolean
  /** llama.cpp stores the rows of q and k with the two halves of each rotary pair interleaved. */
  ggufInterleaved: boolean
  /** As messages call it. */
  label: string
}

/** By `model_type` of config.json, which is also `general.architecture` of GGUF files. */
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
} as const satisfies Record<string, Family>

export type FamilyName = keyof typeof FAMILIES

/** The row of a name; undefined for a family that the engine does not run. */
export function familyOf(name: unknown): FamilyName | undefined {
  return typeof name === 'string' && Object.hasOwn(FAMILIES, name) ? (name as FamilyName) : undefined
}

/** The row of a family. */
export function rowOf(name: FamilyName): Family {
  return FAMILIES[name]
}

/** What to use instead of a model of another family, for messages. */
export const SUPPORTED_FAMILIES = `Use a model of the ${Object.values(FAMILIES)
  .map(({ label }) => label)
  .join(', ')
  .replace(/, (?=[^,]*$)/, ' or ')} family.`
