// `bump evaluate privacy`: how much profiles and adapters give away. The work is evaluatePrivacy() of evaluate/privacy/.
import { Command } from 'commander'
import { evaluatePrivacy } from '../evaluate/privacy/evaluate.ts'
import { addEngineFlags } from './shared/engine-flags.ts'
import { runEvaluation } from './shared/evaluation.ts'
import { naturalNumber } from './shared/flag-values.ts'
import { addMeasuredFlags, type MeasuredFlags, planOptionsOf } from './shared/measured-flags.ts'
import { commandLine } from './shared/process.ts'

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
  const { members, planted } = flags
  await runEvaluation({ flags, command, folder: 'privacy', files: 'result.json' }, (shared) =>
    evaluatePrivacy({ ...planOptionsOf(flags), members, planted, ...shared }),
  )
}
