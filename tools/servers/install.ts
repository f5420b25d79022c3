// Virtual environments of the servers, outside the repository: each made once, with versions that are pinned here.
import { execFileSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** nano's folder beside a server, and what SkyRL therefore calls it. */
export const SERVED = 'nano32'
/** The folder of the nano model here. */
export const NANO = fileURLToPath(new URL('../../assets/nano', import.meta.url))

/** A Python 3.12: that of the argument, on the PATH, or of pyenv; undefined where there is none. */
export function python312(given?: string): string | undefined {
  const candidates = given === undefined ? ['python3.12', 'python3', ...ofPyenv()] : [given]
  return candidates.find((python) => said(python, ['-c', 'import sys; print(*sys.version_info[:2])']) === '3 12')
}

const ofPyenv = () => [said('pyenv', ['prefix', '3.12'])].filter(Boolean).map((prefix) => join(prefix!, 'bin/python'))

function said(command: string, args: string[]): string | undefined {
  try {
    return execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim()
  } catch {
    return undefined
  }
}

/** Makes the folder a project of uv with all its extras, its environment in .venv, unless that is there already. */
export function install(folder: string, project: string, python: string): void {
  const done = join(folder, 'installed')
  const file = join(folder, 'pyproject.toml')
  if (existsSync(done) && readFileSync(file, 'utf8') === project) return
  mkdirSync(folder, { recursive: true })
  rmSync(done, { force: true })
  writeFileSync(file, project)
  const run = (command: string, ...args: string[]) => execFileSync(command, args, { cwd: folder, stdio: 'inherit' })
  run(python, '-m', 'venv', 'uv-venv')
  run(uvOf(folder, 'pip'), 'install', '-q', 'uv')
  run(uvOf(folder, 'uv'), 'sync', '--python', python, '--all-extras')
  nano32(join(folder, SERVED))
  writeFileSync(done, '')
}

/** A command of the environment that uv stands in. */
export const uvOf = (folder: string, command: string) => join(folder, 'uv-venv', 'bin', command)

/**
 * nano in float32, which is what servers compute in on a processor: weights are cast as they are read. Its tokenizer
 * begins a text with the token that texts begin with here; nano's own leaves that to who reads it.
 */
function nano32(folder: string): void {
  cpSync(NANO, folder, { recursive: true })
  const change = (name: string, changed: (text: string) => string) =>
    writeFileSync(join(folder, name), changed(readFileSync(join(folder, name), 'utf8')))
  change('config.json', (text) => text.replace('"float16"', '"float32"'))
  change('tokenizer.json', (text) => {
    const tokenizer = JSON.parse(text)
    const { id, content } = tokenizer.added_tokens[0]
    const single = [{ SpecialToken: { id: content, type_id: 0 } }, { Sequence: { id: 'A', type_id: 0 } }]
    const special_tokens = { [content]: { id: content, ids: [id], tokens: [content] } }
    const pair = [...single, { Sequence: { id: 'B', type_id: 0 } }]
    return JSON.stringify({
      ...tokenizer,
      post_processor: { type: 'TemplateProcessing', single, pair, special_tokens },
    })
  })
}
