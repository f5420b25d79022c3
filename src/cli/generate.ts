// `bump generate`: the profile of one user, whose interactions come from stdin.
import { Command } from 'commander'
import { BumpError } from '../util/errors.ts'
import { addGeneratorFlags, type GeneratorFlags, generatorOfFlags } from './shared/generator.ts'
import { interruptible } from './shared/process.ts'
import { print, say } from './shared/terminal.ts'

const HELP = `
Reads one interaction a line, oldest first: plain text, or JSONL with the text in the field that --text names.

Examples:
  head -20 posts.txt | bump generate --run runs/posts
  grep '"user":"u7"' log.jsonl | bump generate --run runs/posts --text body
  echo "how I pruned my roses" | bump generate --model ./SmolLM2-135M-Instruct --temperature 1 --seed 7
`

/** `bump generate`. */
export function generateCommand(): Command {
  const command = new Command('generate').description('write the profile of one user, interactions from stdin')
  addGeneratorFlags(command)
    .option('--text <field>', 'field of the text in JSONL', 'text')
    .addHelpText('after', HELP)
    .action((flags: GeneratorFlags & { text: string }) => runGenerate(flags))
  return command
}

async function runGenerate(flags: GeneratorFlags & { text: string }): Promise<void> {
  if (process.stdin.isTTY) say('interactions from the keyboard, one a line, oldest first; Ctrl-D ends them')
  const chunks: Buffer[] = []
  for await (const chunk of process.stdin) chunks.push(Buffer.from(chunk))
  const history = parseInteractions(Buffer.concat(chunks).toString('utf8'), flags.text)
  await interruptible(
    () => {},
    async (signal) => {
      const generator = await generatorOfFlags(flags, say, signal, 1)
      try {
        const onProgress = (share: number) => say(`writing the profile: ${Math.floor(share * 100)} %`, true)
        const { profile } = await generator.write(history, { user: 'stdin', signal, onProgress })
        if (profile === '') say('the model wrote an empty profile')
        print(`${profile}\n`)
      } finally {
        await generator.close()
      }
    },
  )
}

/**
 * Interactions from lines of text or JSONL (where the first line begins with a brace). Throws BumpError
 * (`invalid-options`) that names the line, and where there is no interaction at all.
 */
export function parseInteractions(input: string, field: string): { text: string }[] {
  const lines = input.split(/\r?\n/).map((line, i) => ({ line: line.trim(), at: `stdin:${i + 1}` }))
  const filled = lines.filter(({ line }) => line !== '')
  if (filled.length === 0)
    throw new BumpError('invalid-options', 'no interactions on stdin: give one a line, oldest first')
  const texts = filled[0].line.startsWith('{') ? filled.map((entry) => textField(entry, field)) : undefined
  return filled.map(({ line }, i) => ({ text: texts?.[i] ?? line }))
}

function textField({ line, at }: { line: string; at: string }, field: string): string {
  let record: unknown
  try {
    record = JSON.parse(line)
  } catch {
    throw new BumpError('invalid-options', `${at}: not valid JSON, though the first line is`)
  }
  const isObject = typeof record === 'object' && record !== null && !Array.isArray(record)
  const text =
    isObject && Object.hasOwn(record as object, field) ? (record as Record<string, unknown>)[field] : undefined
  if (typeof text !== 'string' || text.trim() === '')
    throw new BumpError(
      'invalid-options',
      `${at}: no text in field "${field}"${isObject ? ` (fields: ${Object.keys(record as object).join(', ')})` : ''}. Name the field by --text.`,
    )
  return text
}
