// `npm run check:package`: packs the clone and looks at the tarball as its users get it. What is in it, publint,
// @arethetypeswrong/cli, a strict program that is compiled against it by two versions of TypeScript, and whether every
// type that one meets can be imported.
import { copyFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join, posix } from 'node:path'
import { publint } from 'publint'
import { formatMessage } from 'publint/utils'
import { namelessTypes } from './names.ts'
import { CLONE, linkTarball, type Outcome, packTarball, program, type Tarball } from './tarball.ts'

/** What is published; a file that matches nothing here, or anything of UNWANTED, is a mistake. */
const WANTED =
  /^(package\.json|(README|CHANGELOG|CONTRIBUTING|SECURITY)\.md|LICENSE|docs\/.+\.(md|svg|png|yaml)|bin\/bump\.mjs|dist\/.+\.(js|d\.ts)|assets\/(nano|example|report)\/[^/]+)$/
const UNWANTED = /\.test\.|(^|\/)(testing|golden|tools|scripts)\//
/** The package weighs about 4.6 MB, of which the nano model is 3.8. */
const LARGEST = 6_000_000

const folder = mkdtempSync(join(tmpdir(), 'bump-package-'))
const problems: string[] = []
try {
  const tarball = await packTarball(folder)
  console.log(
    `${tarball.files.length} files, ${megabytes(tarball.bytes)} packed, ${megabytes(tarball.unpackedBytes)} unpacked`,
  )
  problems.push(...namelessTypes())
  problems.push(...contentProblems(tarball), ...linkProblems(tarball), ...(await publintProblems(tarball)))
  problems.push(...failure('attw', await attw(tarball)), ...(await typeProblems(tarball)))
} finally {
  rmSync(folder, { recursive: true, force: true })
}
for (const problem of problems) console.error(`package: ${problem}`)
console.log(problems.length === 0 ? 'package: nothing wrong' : `package: ${problems.length} problems`)
process.exitCode = problems.length === 0 ? 0 : 1

function contentProblems({ files, bytes }: Tarball): string[] {
  const wrong = files.filter(({ path }) => !WANTED.test(path) || UNWANTED.test(path))
  const missing = ['bin/bump.mjs', 'dist/index.js', 'dist/index.d.ts', 'dist/cli/main.js', 'assets/nano/config.json']
    .filter((path) => !files.some((file) => file.path === path))
    .map((path) => `${path} is missing`)
  return [
    ...missing,
    ...wrong.map(({ path }) => `${path} must not be published (files in package.json, tsconfig.build.json)`),
    ...(bytes > LARGEST ? [`it weighs ${megabytes(bytes)}, over ${megabytes(LARGEST)}`] : []),
  ]
}

/** Links of the documents to files that are not published. The package has no repository for them to point to. */
function linkProblems({ files }: Tarball): string[] {
  const published = files.map(({ path }) => path)
  return published
    .filter((path) => path.endsWith('.md'))
    .flatMap((path) => {
      const links = readFileSync(join(CLONE, path), 'utf8').matchAll(/\]\((?!https?:|#)([^)#\s]+)/g)
      const targets = [...links].map(([, link]) => posix.normalize(posix.join(posix.dirname(path), link)))
      const broken = targets.filter(
        (target) => !published.some((file) => `${file}/`.startsWith(target.replace(/\/?$/, '/'))),
      )
      return broken.map((target) => `${path} links to ${target}, which is not published`)
    })
}

async function publintProblems({ path }: Tarball): Promise<string[]> {
  const { buffer, byteOffset, byteLength } = readFileSync(path)
  const tarball = buffer.slice(byteOffset, byteOffset + byteLength)
  const { messages, pkg } = await publint({ pack: { tarball }, strict: true })
  return messages.map((message) => `publint: ${formatMessage(message, pkg, { color: false }) ?? message.code}`)
}

/** The package is for import only, and its one other export is package.json. */
function attw({ path }: Tarball): Promise<Outcome> {
  const command = join(CLONE, 'node_modules', '@arethetypeswrong', 'cli', 'dist', 'index.js')
  const args = [path, '--profile', 'esm-only', '--exclude-entrypoints', './package.json', '--no-emoji']
  return program(process.execPath, [command, ...args], CLONE)
}

/** Errors of consumer.ts, with every declaration file that it reaches checked too. */
async function typeProblems(tarball: Tarball): Promise<string[]> {
  const project = join(folder, 'project')
  await linkTarball(project, tarball, { '@types/node': '*' })
  copyFileSync(join(CLONE, 'tools', 'package', 'consumer.ts'), join(project, 'consumer.ts'))
  const compile = async (compiler: string, resolution: 'nodenext' | 'bundler') => {
    const { version } = JSON.parse(readFileSync(join(compiler, 'package.json'), 'utf8'))
    const options = `--noEmit --strict --exactOptionalPropertyTypes --noUncheckedIndexedAccess --skipLibCheck false
      --types node --target es2022 --module ${resolution === 'nodenext' ? resolution : 'esnext'}
      --moduleResolution ${resolution}`.split(/\s+/)
    const args = [join(compiler, 'bin', 'tsc'), ...options, 'consumer.ts']
    return failure(`TypeScript ${version}, ${resolution}`, await program(process.execPath, args, project))
  }
  // TypeScript of this clone, and the older one that attw brings.
  const ours = join(CLONE, 'node_modules', 'typescript')
  const core = createRequire(join(CLONE, 'node_modules', '@arethetypeswrong', 'core', 'package.json'))
  const older = dirname(core.resolve('typescript/package.json'))
  return [
    ...(await compile(ours, 'nodenext')),
    ...(await compile(ours, 'bundler')),
    ...(await compile(older, 'nodenext')),
  ]
}

function failure(name: string, { code, stdout, stderr }: Outcome): string[] {
  return code === 0 ? [] : [`${name}:\n${stdout}${stderr}`]
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`
}
