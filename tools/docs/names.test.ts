// What the documents and the help texts name exists: files, links, commands and their flags.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { main } from '../../src/cli/main.ts'
import { capturedOutput } from '../../src/cli/testing/captured.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const DOCUMENTS = ['.', 'docs', 'assets/example', 'assets/nano', 'examples', 'tools/bench/peers'].flatMap((folder) =>
  readdirSync(join(ROOT, folder))
    .filter((name) => name.endsWith('.md'))
    .map((name) => join(folder, name)),
)
const COMMANDS = [
  'demo',
  'logs inspect',
  'judge check',
  'train',
  'ablate',
  'profile',
  'generate',
  'report',
  'forget',
  'sft',
  'evaluate profiles',
  'evaluate robustness',
  'evaluate groups',
  'evaluate transfer',
  'evaluate incremental',
  'evaluate population',
  'evaluate privacy',
  'evaluate claims',
  'evaluate lamp',
  'evaluate predictions',
  'serve keys create',
  'serve keys list',
  'serve keys revoke',
  'serve settings',
  'serve calibrate',
  'serve import',
  'serve',
  'mcp',
  'worker',
]

const captured = capturedOutput()

const helps = new Map<string, string>()
// Every call of main() listens to what goes wrong on stdout.
process.stdout.setMaxListeners(2 * COMMANDS.length)

async function helpOf(command: string): Promise<string> {
  const known = helps.get(command)
  if (known !== undefined) return known
  captured.start()
  expect(await main([...command.split(' ').filter(Boolean), '--help'])).toBe(0)
  helps.set(command, captured.stdout)
  return captured.stdout
}

/** The commands of a text, each on one line: what begins with `bump`, also behind a pipe, `npx` or a time. */
function commandsIn(text: string): string[] {
  return text
    .replaceAll(/\\\n\s*/g, '')
    .split('\n')
    .flatMap((line) => [...line.matchAll(/(?:^ +|\| |npx |bin\/|`)bump(?:\.mjs)? ([^|`]+)/g)].map(([, rest]) => rest))
}

/** The flags of these commands that the commands do not have. */
async function unknownFlags(text: string): Promise<string[]> {
  const unknown: string[] = []
  for (const line of commandsIn(text)) {
    const command = COMMANDS.find((name) => line.startsWith(name))
    if (command === undefined) continue
    const options = (await helpOf(command)).split('\nOptions:\n')[1]
    // What stands in quotes or behind a # is no flag.
    const said = line.replaceAll(/"[^"]*"|'[^']*'|#.*| {4,}.*/g, '')
    for (const [, flag] of said.matchAll(/ (--?[a-z][a-z-]*)/g))
      if (!new RegExp(`^ +(-\\w, )?${flag}[ ,]`, 'm').test(options)) unknown.push(`bump ${command} ${flag}`)
  }
  return unknown
}

describe('help', () => {
  it.each(['', ...COMMANDS])('of bump %s names flags that there are', async (command) => {
    const help = await helpOf(command)
    expect(commandsIn(help).length).toBeGreaterThan(0)
    expect(await unknownFlags(help)).toEqual([])
  })
})

describe.each(DOCUMENTS)('%s', (name) => {
  const text = readFileSync(join(ROOT, name), 'utf8')

  it('names flags that there are', async () => {
    expect(await unknownFlags(text)).toEqual([])
  })

  it('links to what is there', () => {
    const links = [...text.matchAll(/\]\((?!https?:|#)([^)#\s]+)/g)].map(([, link]) => link)
    expect(links.filter((link) => !existsSync(join(ROOT, dirname(name), link)))).toEqual([])
  })

  it('names files that there are', () => {
    const paths = [...text.matchAll(/`((?:src|docs|tools|scripts|examples|assets)\/[\w./-]+)`/g)].map(
      ([, path]) => path,
    )
    expect(paths.filter((path) => !existsSync(join(ROOT, path)))).toEqual([])
  })
})
