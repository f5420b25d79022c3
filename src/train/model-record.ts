// What config.json says of the model that a run trains.
import type { LanguageModel } from '../model/contract.ts'

/** Name, digest and size, and what its server was found to be; a resumed run must have the same. */
export function modelRecord({ info }: LanguageModel): Record<string, unknown> {
  const { name, digest, parameters, trainableParameters, server } = info
  return { name, digest, parameters, trainableParameters, server }
}
