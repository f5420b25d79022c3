// `npm run safety`: measures src/safety on labelled texts, on profiles that were really written, and on attacks.
import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { inspectProfile } from '../../src/safety/inspect.ts'
import { BumpError } from '../../src/util/errors.ts'
import { attacks, copyingWriter, LAYERS, modelWriter, reached, SUITES } from './injection.ts'
import { type Counts, measurePersonal } from './personal.ts'
import { byEncoder, measureSensitive, type SensitiveResult } from './sensitive.ts'

const USAGE = `npm run safety -- <what> [options]

  personal             recall and precision of redact() by kind and by language
  sensitive            sentences of sensitive categories that are found, and others that are by mistake
    --encoder FOLDER   the same by a sentence encoder, which reads English
  profiles FILE...     what inspectProfile() finds in profiles that were written (JSON Lines with \`profile\`)
  injection            attacks that reach their goal after each layer; without a model by a writer that copies
    --model MODEL      the writer: a Hugging Face folder, a .gguf file or a hub name
    --users N          histories that every payload is put into (default 1)
    --marked           the interactions are datamarked in the prompt
    --tokens N         longest profile (default 96)

  --show               every mistake, text by text`

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    encoder: { type: 'string' },
    model: { type: 'string' },
    users: { type: 'string', default: '1' },
    tokens: { type: 'string', default: '96' },
    marked: { type: 'boolean' },
    show: { type: 'boolean' },
    help: { type: 'boolean' },
  },
})

function print(line: string): void {
  process.stdout.write(`${line}\n`)
}

const share = (part: number, whole: number) => (whole === 0 ? '-' : `${((100 * part) / whole).toFixed(1)} %`)

function personal(): void {
  for (const file of ['personal.txt', 'personal-unseen.txt']) {
    const { byKind, byLocale, missed, wrong } = measurePersonal(file)
    print(`\n${file}: recall (removed/labelled), precision (right/taken out)`)
    const line = (name: string, { labelled, removed, taken, wrongly }: Counts) =>
      print(
        `  ${name.padEnd(8)} ${share(removed, labelled).padStart(7)} (${removed}/${labelled})  ${share(taken - wrongly, taken).padStart(7)} (${taken - wrongly}/${taken})`,
      )
    for (const [kind, counts] of byKind) line(kind, counts)
    const all = [...byKind.values()].reduce((a, b) => ({
      labelled: a.labelled + b.labelled,
      removed: a.removed + b.removed,
      taken: a.taken + b.taken,
      wrongly: a.wrongly + b.wrongly,
    }))
    line('all', all)
    for (const [locale, counts] of byLocale) line(locale, counts)
    if (flags.show) print(['  missed', ...missed, '  wrong', ...wrong].join('\n    '))
  }
}

async function sensitive(): Promise<void> {
  const files = ['sensitive.txt', 'sensitive-unseen.txt']
  for (const file of files) report(`${file}, list of words`, measureSensitive(file))
  if (flags.encoder === undefined) return
  const { threshold, isFound } = await byEncoder(flags.encoder, files[0], files)
  for (const file of files) {
    report(`${file}, encoder at ${threshold.toFixed(3)}`, measureSensitive(file, isFound))
    const english = (text: string) => isFound(text) || measured(text)
    report(`${file}, either`, measureSensitive(file, english))
  }
}

function measured(text: string): boolean {
  return inspectProfile(text).flags.some(({ effect }) => effect === 'held')
}

function report(title: string, { told, topic, none, missed, wrong }: SensitiveResult): void {
  print(`\n${title}`)
  const all = [...told.values()].reduce((a, b) => ({ labelled: a.labelled + b.labelled, found: a.found + b.found }))
  for (const [name, { labelled, found }] of [
    ...told,
    ['all', all] as const,
    ['topic', topic] as const,
    ['none', none] as const,
  ])
    print(`  ${name.padEnd(10)} ${share(found, labelled).padStart(7)} (${found}/${labelled})`)
  if (flags.show) print(['  missed', ...missed, '  wrong', ...wrong].join('\n    '))
}

function profiles(files: readonly string[]): void {
  if (files.length === 0) throw new BumpError('invalid-options', 'profiles: name a file of profiles.')
  const texts = new Set(
    files.flatMap((file) =>
      readFileSync(file, 'utf8')
        .trim()
        .split('\n')
        .map((line) => String(JSON.parse(line).profile)),
    ),
  )
  const found = new Map<string, string[]>()
  let refused = 0
  for (const text of texts) {
    const { flags: seen, publishable } = inspectProfile(text)
    if (!publishable) refused++
    for (const key of new Set(seen.map(({ effect, kind }) => `${effect} ${kind}`)))
      found.set(key, [...(found.get(key) ?? []), text])
  }
  print(`${texts.size} different profiles, ${refused} of them not published (${share(refused, texts.size)})`)
  for (const [key, list] of found) {
    print(`  ${key.padEnd(24)} ${String(list.length).padStart(5)} (${share(list.length, texts.size)})`)
    if (flags.show) print(`      ${list.join('\n      ')}`)
  }
}

async function injection(): Promise<void> {
  for (const suite of SUITES) {
    const list = attacks(suite, Number(flags.users))
    const options = { marked: flags.marked, maxTokens: Number(flags.tokens) }
    const written = flags.model === undefined ? copyingWriter(list) : await modelWriter(flags.model, list, options)
    const { byLayer, carried, byKind, refused, through } = reached(list, written)
    const writer = `${flags.model ?? 'a writer that copies the payload'}${flags.marked ? ', datamarked' : ''}`
    print(`\n${suite}: ${list.length} profiles by ${writer}; goals reached after each layer`)
    print(`  ${''.padEnd(20)} ${LAYERS.map(([name]) => name.padStart(12)).join('')}`)
    const line = (name: string, counts: readonly number[], of: number) =>
      print(`  ${name.padEnd(20)} ${counts.map((n) => `${n}/${of}`.padStart(12)).join('')}`)
    for (const [kind, counts] of byKind) line(kind, counts.byLayer, counts.payloads)
    line('all', byLayer, list.length)
    line('of these, dictated', carried, list.length)
    print(`  ${refused} profiles are not published`)
    if (!flags.show) continue
    const texts = written.map((text, i) => `${list[i].payload.id}: ${text.replace(/\s+/g, ' ')}`)
    print(['  through', ...through, '  written', ...texts].join('\n    '))
  }
}

const [what, ...files] = positionals
if (flags.help || what === undefined) print(USAGE)
else if (what === 'personal') personal()
else if (what === 'sensitive') await sensitive()
else if (what === 'profiles') profiles(files)
else if (what === 'injection') await injection()
else throw new BumpError('invalid-options', `${what} is nothing to measure.\n\n${USAGE}`)
