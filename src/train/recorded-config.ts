// What of a configuration config.json, results and MLflow may hold.
import { bareAddresses } from '../util/address.ts'
import type { TrainConfig } from './config.ts'

/** The configuration as it may be written down: addresses of logs without what lets somebody in. */
export function recordedConfig(config: TrainConfig): TrainConfig {
  const { paths, testPaths, with: tables, ...rest } = config.logs
  const logs: TrainConfig['logs'] = { ...rest, paths: paths.map(bareAddresses) }
  if (testPaths) logs.testPaths = testPaths.map(bareAddresses)
  if (tables) logs.with = Object.fromEntries(Object.entries(tables).map(([name, path]) => [name, bareAddresses(path)]))
  return { ...config, logs }
}
