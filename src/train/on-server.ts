// Where a run's model is trained, if not on this machine, and what a server of the Tinker protocol cannot do. The
// configurations of GRPO and of SFT share it.
import { z } from 'zod'
import { PROJECTIONS, type Trainable } from '../model/contract.ts'
import { fixedLayer, type Layer } from './config-layers.ts'

export const engineSchema = z
  .strictObject({
    type: z.literal('tinker').describe('tinker: a server of the Tinker protocol, such as SkyRL on Ray.'),
    model: z.string().min(1).optional().describe('What the server calls the model; default: as it is called here.'),
  })
  .optional()
  .describe('Where the model is trained, if not on this machine (docs/scale.md).')

/** Why no precision can be asked for there. */
export const SERVER_READS = 'the server decides how it reads weights: leave it out'

/** Adds a problem of a configuration that no such server can serve. */
export function refuseOnServer(context: z.RefinementCtx, path: string[], message: string): void {
  context.addIssue({ code: 'custom', path, message: `on a Tinker server ${message}` })
}

/** Refuses what such a server does not train: all weights, adapters of another shape (`section`), clipped gradients. */
export function refuseUntrainable(
  context: z.RefinementCtx,
  section: string,
  trainable: Trainable,
  { maxGradNorm }: { maxGradNorm: number },
): void {
  if (trainable.type === 'full') refuseOnServer(context, [section, 'type'], 'only adapters are trained: lora')
  else if (trainable.rsLora) refuseOnServer(context, [section, 'rsLora'], 'adapters are scaled by alpha/rank: false')
  else if (PROJECTIONS.some((projection) => !trainable.targets.includes(projection)))
    refuseOnServer(context, [section, 'targets'], 'adapters are on all linear layers: leave it out')
  if (maxGradNorm > 0) refuseOnServer(context, ['optim', 'maxGradNorm'], 'gradients are not clipped: 0')
}

/** Defaults where the layers name such a server, which clips no gradients. */
export function serverDefaults({ engine }: Record<string, unknown>): Layer[] {
  return engine === undefined ? [] : [fixedLayer({ optim: { maxGradNorm: 0 } }, 'engine')]
}
