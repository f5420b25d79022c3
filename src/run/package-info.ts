// The package's own name and version, as config.json records them.
import { readFileSync } from 'node:fs'

/** From package.json, which lies beside src/ and dist/. */
export function packageInfo(): { name: string; version: string } {
  const { name, version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))
  return { name, version }
}
