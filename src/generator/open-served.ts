// A generator whose model is asked in words: one on an OpenAI-compatible server.
import type { TextModel } from '../model/text-model.ts'
import { refuseUnknown, requireOptions } from '../util/required.ts'
import { DEFAULT_SETTINGS } from './config.ts'
import { generatorOn, type ProfileGenerator } from './generator.ts'
import { logsOfRun, settingsOfRun } from './run-settings.ts'
import { checkSettings, type SettingsOptions, settingsOf } from './settings.ts'

export interface ServedGeneratorOptions extends SettingsOptions {
  /** Run folder whose prompt and sampling are taken: that of the adapter which the server loaded. */
  run?: string
  /** Take SQL expressions of the run's logs although they were never used on this machine. */
  trust?: boolean
}

/**
 * A generator whose model is a text model, such as one on a server (`openOpenAi`), where it may be a run's adapter under
 * a name of its own. Tokens of histories are estimated. Nothing is asked before the first profile. Throws BumpError
 * (`invalid-options`, `run-unusable`) where an option has no usable value or there is no such run.
 */
export function openServedGenerator(model: TextModel, options: ServedGeneratorOptions = {}): ProfileGenerator {
  const { run, trust, ...own } = options
  requireOptions('openServedGenerator()', { model }, ['model'])
  refuseUnknown('openServedGenerator()', own, ['prompt', 'maxTokens', 'temperature', 'seed'])
  checkSettings(own)
  const under = run === undefined ? DEFAULT_SETTINGS : settingsOfRun(run)
  const settings = settingsOf(under, own)
  const logs = () => (run === undefined ? undefined : logsOfRun(run, { trust }))
  return generatorOn(model, { settings, weights: model.identity, logs, close: async () => {} })
}
