// Layers of settings -> one resolved configuration of a training run: shared by train() and the command line.
import { PRESETS, type TrainConfig, trainConfigSchema } from './config.ts'
import { fixedLayer, type Layer, mergeLayers, resolveLayers } from './config-layers.ts'
import { serverDefaults } from './on-server.ts'

/**
 * The configuration that the layers make, later ones over earlier ones. Throws BumpError (`invalid-options`) with every
 * problem and its place.
 */
export function resolveTrainConfig(layers: readonly Layer[]): TrainConfig {
  const named = mergeLayers(layers)
  return resolveLayers(trainConfigSchema, [defaultKinds(named), ...serverDefaults(named), ...layers])
}

/** The layer of a preset's name; none for a name that is no preset's, which the schema then refuses. */
export function presetLayers(preset: unknown): Layer[] {
  return typeof preset === 'string' && Object.hasOwn(PRESETS, preset)
    ? [fixedLayer(PRESETS[preset], `preset ${preset}`)]
    : []
}

/** The kinds of sections that nothing names: `trainable.rank: 8` is about LoRA. */
function defaultKinds(named: Record<string, unknown>): Layer {
  const kinds = [
    ['trainable', 'type', 'lora'],
    ['judge', 'scorer', 'likelihood'],
    ['reward', 'type', 'bidirectional'],
  ] as const
  const unnamed = kinds.filter(
    ([section, key]) => (named[section] as Record<string, unknown> | undefined)?.[key] === undefined,
  )
  return fixedLayer(Object.fromEntries(unnamed.map(([section, key, value]) => [section, { [key]: value }])), 'defaults')
}
