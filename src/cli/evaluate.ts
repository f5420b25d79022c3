// `bump evaluate`: what profiles are worth, on users never trained on.
import { Command } from 'commander'
import { evaluateClaimsCommand } from './evaluate-claims.ts'
import { evaluateGroupsCommand } from './evaluate-groups.ts'
import { evaluateIncrementalCommand } from './evaluate-incremental.ts'
import { evaluateLampCommand } from './evaluate-lamp.ts'
import { evaluatePopulationCommand } from './evaluate-population.ts'
import { evaluatePredictionsCommand } from './evaluate-predictions.ts'
import { evaluatePrivacyCommand } from './evaluate-privacy.ts'
import { evaluateProfilesCommand } from './evaluate-profiles.ts'
import { evaluateRobustnessCommand } from './evaluate-robustness.ts'
import { evaluateTransferCommand } from './evaluate-transfer.ts'

/** `bump evaluate` with its subcommands. */
export function evaluateCommand(): Command {
  return new Command('evaluate')
    .description('measure what profiles are worth: by themselves, or for the tasks of LaMP')
    .addCommand(evaluateProfilesCommand())
    .addCommand(evaluateTransferCommand())
    .addCommand(evaluateRobustnessCommand())
    .addCommand(evaluateGroupsCommand())
    .addCommand(evaluateIncrementalCommand())
    .addCommand(evaluatePopulationCommand())
    .addCommand(evaluatePrivacyCommand())
    .addCommand(evaluateClaimsCommand())
    .addCommand(evaluateLampCommand())
    .addCommand(evaluatePredictionsCommand())
}
