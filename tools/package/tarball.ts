// The package as npm publishes it: packed from this clone and laid into empty projects. Used by the checks (main.ts)
// and by the test that runs the examples and the demo from it (tarball.test.ts).
import { execFile } from 'node:child_process'
import { mkdirSync, readFileSync, realpathSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The clone's root. */
export const CLONE = dirname(dirname(dirname(fileURLToPath(import.meta.url))))

export interface Tarball {
  path: string
  /** Name of the package. */
  name: string
  /** Packed and unpacked size. */
  bytes: number
  unpackedBytes: number
  /** Paths inside the package with their bytes. */
  files: { path: string; size: number }[]
}

/** What a program wrote and how it ended. */
export interface Outcome {
  code: number
  stdout: string
  stderr: string
}

/** Runs a program to its end, whatever its exit code. Throws where it cannot be started. */
export function program(command: string, args: readonly string[], cwd: string): Promise<Outcome> {
  // The runtime's own install script fetches GPU libraries from outside the npm registry; the CPU needs none.
  const env = { ...process.env, ONNXRUNTIME_NODE_INSTALL: 'skip', NO_COLOR: '1' }
  return new Promise((resolve, reject) => {
    execFile(command, args, { cwd, env, maxBuffer: 1 << 28 }, (error, stdout, stderr) => {
      if (error && typeof error.code !== 'number') reject(error)
      else resolve({ code: Number(error?.code ?? 0), stdout, stderr })
    })
  })
}

/** Packs the clone, whose dist/ is built, into `folder`. Throws where npm fails. */
export async function packTarball(folder: string): Promise<Tarball> {
  const args = ['pack', '--ignore-scripts', '--json', '--pack-destination', folder]
  const { code, stdout, stderr } = await program('npm', args, CLONE)
  if (code !== 0) throw new Error(`npm pack failed:\n${stderr}`)
  const report = JSON.parse(stdout)
  // A list up to npm 11, by name from npm 12 on.
  const { filename, name, size, unpackedSize, files } = Array.isArray(report)
    ? report[0]
    : (Object.values(report)[0] as never)
  return { path: join(folder, filename), name, bytes: size, unpackedBytes: unpackedSize, files }
}

/**
 * Lays the tarball into an empty project without a registry: unpacked, beside links to the clone's own copies of what
 * its package.json declares (and of `others`). What it imports without declaring it is not found, as after an install.
 */
export async function linkTarball(
  project: string,
  tarball: Tarball,
  others: Readonly<Record<string, string>> = {},
): Promise<void> {
  writeManifest(project)
  const modules = join(project, 'node_modules')
  const own = join(modules, tarball.name)
  mkdirSync(own, { recursive: true })
  const { code, stderr } = await program('tar', ['-xzf', tarball.path, '-C', own, '--strip-components=1'], project)
  if (code !== 0) throw new Error(`${tarball.path} cannot be unpacked:\n${stderr}`)
  const { dependencies, bin } = JSON.parse(readFileSync(join(own, 'package.json'), 'utf8'))
  for (const name of Object.keys({ ...dependencies, ...others })) {
    mkdirSync(dirname(join(modules, name)), { recursive: true })
    symlinkSync(realpathSync(join(CLONE, 'node_modules', name)), join(modules, name), 'junction')
  }
  mkdirSync(join(modules, '.bin'))
  for (const [name, path] of Object.entries(bin as Record<string, string>))
    symlinkSync(join(own, path), join(modules, '.bin', name))
}

/** package.json of an empty project. */
export function writeManifest(project: string): void {
  mkdirSync(project, { recursive: true })
  writeFileSync(join(project, 'package.json'), '{ "name": "empty-project", "private": true, "type": "module" }\n')
}
