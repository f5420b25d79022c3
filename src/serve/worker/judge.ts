// The judge of a worker: a sentence encoder where one is named, else the generator's own base model.
import { isTextModel } from '../../generator/generate.ts'
import type { ProfileGenerator } from '../../generator/generator.ts'
import { judgeConfigSchema } from '../../judge/config.ts'
import { createJudge } from '../../judge/judge.ts'
import type { Judge } from '../../judge/types.ts'
import { openEncoder } from '../../model/onnx/open-encoder.ts'
import type { OnLine } from '../../util/byte-progress.ts'
import { BumpError } from '../../util/errors.ts'

/** Scores that are kept: the texts of rivals come again and again. */
const CACHE_ENTRIES = 20_000

/** Opens the judge; `close` closes what was opened for it. Throws what openEncoder throws. */
export async function workerJudge(
  { model }: Pick<ProfileGenerator, 'model'>,
  encoder: string | undefined,
  { signal, onProgress }: { signal?: AbortSignal; onProgress?: OnLine },
): Promise<{ judge: Judge; close: () => Promise<void> }> {
  const options = { cacheEntries: CACHE_ENTRIES }
  if (encoder === undefined) {
    if (isTextModel(model))
      throw new BumpError('invalid-options', `encoder: ${model.name} does not judge texts: name a sentence encoder`)
    const likelihood = judgeConfigSchema.parse({ scorer: 'likelihood' })
    return { judge: createJudge(model, likelihood, options), close: async () => {} }
  }
  const opened = await openEncoder(encoder, { signal, onProgress })
  const config = judgeConfigSchema.parse({ scorer: 'embedding', model: encoder })
  return { judge: createJudge(opened, config, options), close: () => opened.close() }
}
