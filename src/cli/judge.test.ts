import { describe, expect, it } from 'vitest'
import { judgeCheck } from '../evaluate/judge-check.ts'
import { toyUsers } from '../judge/testing/toy-world.ts'
import { toyModel } from '../model/testing/toy-model.ts'
import { checkReport, judgeCommand } from './judge.ts'

describe('bump judge check', () => {
  it('has examples in its help', () => {
    const check = judgeCommand().commands[0]
    let help = ''
    check.configureOutput({
      writeOut: (text) => {
        help += text
      },
    })
    check.outputHelp()
    expect(help).toContain('Examples:\n  bump judge check --logs')
    expect(help).toContain('--history-tokens')
  })

  it.each([
    [['--users', 'many'], 'whole number above 0'],
    [['--scorer', 'pairwise'], 'Allowed choices are likelihood, pointwise, listwise, listwise-first-token'],
    [['--scorers', 'pointwise'], "unknown option '--scorers'"],
  ])('refuses %j', async (flags, message) => {
    const command = judgeCommand()
    let errors = ''
    for (const each of [command, ...command.commands])
      each.exitOverride().configureOutput({
        writeErr: (text) => {
          errors += text
        },
      })
    const run = command.parseAsync(['check', '--logs', 'a.jsonl', '--model', 'm', ...flags], { from: 'user' })
    await expect(run).rejects.toThrow()
    expect(errors).toContain(message)
  })

  it('prints a table a scorer and the verdict', async () => {
    const options = { positives: 1, negatives: 4, historyTokens: 128, maxInteractionTokens: 32, seed: 1 }
    const report = checkReport(await judgeCheck(toyUsers(20), toyModel(), ['likelihood', 'pointwise'], options))
    expect(report).toMatch(/^NDCG of 20 users/)
    expect(report.match(/^ {2}own history {13}\d\.\d{3} \[\d\.\d{3}, \d\.\d{3}\] {4}\d\.\d{3} \[/gm)).toHaveLength(2)
    expect(report.match(/^ {2}chance {18}0\.590 {19}0\.590$/gm)).toHaveLength(2)
    expect(report).toContain('likelihood tells users apart')
    expect(report.trimEnd().split('\n').at(-1)).toMatch(/^Recommended: /)
  })
})
