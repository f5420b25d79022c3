// Name and version of this package, as --version prints them and config.json of a run records them.
import { readFileSync } from 'node:fs'

/** From package.json, which stands at the same place above src/ and dist/. */
export function packageInfo(): { name: string; version: string } {
  const { name, version } = JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8'))
  return { name, version }
}
