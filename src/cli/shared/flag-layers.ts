// Flags and --set as layers of a configuration, so that every complaint names the flag.
import { assign, type Layer, yamlLayer } from '../../train/config-layers.ts'
import { BumpError } from '../../util/errors.ts'

/** Layer of `key=value` assignments (`--set`): dotted keys, values in YAML. Throws BumpError (`invalid-options`). */
export function assignmentLayer(assignments: readonly string[]): Layer {
  const values: Record<string, unknown> = {}
  for (const assignment of assignments) {
    const at = assignment.indexOf('=')
    const path = assignment.slice(0, at).split('.')
    if (at < 1 || path.some((part) => part.trim() === ''))
      throw new BumpError(
        'invalid-options',
        `--set ${assignment}: write it as key=value, for example --set optim.learningRate=2e-5`,
      )
    const { values: parsed } = yamlLayer(`value: ${assignment.slice(at + 1)}`, `--set ${assignment}`)
    if (!assign(values, path, parsed.value ?? null))
      throw new BumpError('invalid-options', `--set ${assignment}: contradicts an earlier --set of ${path[0]}`)
  }
  return { values, where: (path) => `--set ${path.join('.')}` }
}

/** Layer of flags: `{path, flag, value}` for each that was given. */
export function flagLayer(flags: readonly { flag: string; path: string; value: unknown }[]): Layer {
  const values: Record<string, unknown> = {}
  for (const { path, value } of flags) assign(values, path.split('.'), value)
  return {
    values,
    where: (path) => {
      const dotted = path.join('.')
      return flags.find((given) => dotted === given.path || dotted.startsWith(`${given.path}.`))?.flag ?? 'flags'
    },
  }
}
