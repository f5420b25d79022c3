// `bump evaluate privacy`: how much profiles and adapters give away. The work is evaluatePrivacy() of evaluate/privacy/.
import { join } from 'node:path'
import { Command } from 'commander'
import { evaluatePrivacy } from '../evaluate/privacy/evaluate.ts'
import { addEngineFlags, engineOptions } from './shared/engine-flags.ts'
import { naturalNumber } from './shared/flag-values.ts'
import { tellJudging } from './shared/judge-flags.ts'
import { addMeasuredFlags, type MeasuredFlags, planOptionsOf } from './shared/measured-flags.ts'
import { commandLine, interruptible } from './shared/process.ts'
import { workProgress } from './shared/progress.ts'
import { resultTableText } from './shared/result-table.ts'
import { print } from './shared/terminal.ts'

const HELP = `
Lower is better in every table.
  found       the attacker has a profile and many people's interactions: whose profile is it? By the interactions that
              the profile was written from, and by later ones. Another user's profile must be at chance
  membership  the attacker has an adapter, its base and a person's interactions: was the person in the training?
  copied      pieces of the history, and personal data, in profiles, before and after redaction
  planted     an address and a number are put into histories: do profiles tell them? Also of redacted histories

Examples:
  bump evaluate privacy --run runs/posts --judge embedding=BAAI/bge-small-en-v1.5
  bump evaluate privacy --run runs/posts --run runs/posts-private --judge embedding=BAAI/bge-small-en-v1.5
  bump evaluate privacy --model ./SmolLM2-135M-Instruct --logs posts.jsonl --judge embedding=BAAI/bge-small-en-v1.5
`

interface PrivacyFlags extends MeasuredFlags {
  members: number
  planted: number
}

/** `bump evaluate privacy`. */
export function evaluatePrivacyCommand(): Command {
  const command = new Command('privacy').description('measure how much profiles and adapters give away')
  addMeasuredFlags(command, '200, with a judge of pairs 24', 'privacy')
    .option('--members <count>', 'people of each side of the test of membership; 0: none', naturalNumber, 100)
    .option('--planted <count>', 'people with planted personal data; 0: none', naturalNumber, 32)
    .addHelpText('after', HELP)
  return addEngineFlags(command).action((flags: PrivacyFlags) => runPrivacy(flags, commandLine(command)))
}

async function runPrivacy(flags: PrivacyFlags, command: string): Promise<void> {
  const out = flags.out ?? join(flags.run[0] ?? 'runs', 'evaluate', 'privacy')
  const progress = workProgress()
  try {
    const { tables } = await interruptible(
      () => progress.say('stopping; what is done is kept, the same command goes on. Ctrl-C again stops at once'),
      (signal) =>
        evaluatePrivacy({
          ...planOptionsOf(flags),
          members: flags.members,
          planted: flags.planted,
          out,
          command,
          engine: engineOptions(flags),
          signal,
          onEvent: (event) => tellJudging(event, progress),
        }),
    )
    progress.done()
    print(`\n${tables.map((table) => resultTableText(table)).join('\n')}\nAll of it is in ${out}: result.json\n`)
  } finally {
    progress.done()
  }
}
