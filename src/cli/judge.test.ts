import { describe, expect, it } from 'vitest'
import { checkJudges } from '../evaluate/judge-check.ts'
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
    [['--scorer', 'pairwise'], 'Allowed choices are likelihood, pointwise, listwise'],
    [['--scorer', 'listwise', '--decoder', 'last-token'], 'Allowed choices are permutation, first-token'],
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
    const run = command.parseAsync(['check', '--logs', 'a.jsonl', '--judge-model', 'm', ...flags], { from: 'user' })
    await expect(run).rejects.toThrow()
    expect(errors).toContain(message)
  })

  it.each([
    [['--scorer', 'pointwise', '--decoder', 'permutation', '--logs', 'a.jsonl'], '--decoder belongs to'],
    [['--scorer', 'likelihood', '--combine', 'worst', '--logs', 'a.jsonl'], '--combine needs at least two'],
    [[], 'name them by --logs'],
  ])('refuses flags that do not belong together: %j', async (flags, message) => {
    const run = judgeCommand().parseAsync(['check', '--judge-model', 'm', ...flags], { from: 'user' })
    await expect(run).rejects.toMatchObject({ code: 'invalid-options', message: expect.stringContaining(message) })
  })

  const options = { negatives: 4, historyTokens: 128, seed: 1 }
  const judges = (['likelihood', 'pointwise', 'listwise'] as const).map((scorer) => ({ scorer }))
  const interactions = (texts: readonly string[]) => texts.map((text, time) => ({ text, time, metadata: {} }))
  const users = toyUsers(20).map(({ id, history, heldOut }) => ({
    id,
    history: interactions(history),
    heldOut: interactions(heldOut),
  }))

  it('prints a table a judge and the verdict', async () => {
    const report = checkReport(await checkJudges(users, { model: toyModel(), judges: judges.slice(0, 2), ...options }))
    expect(report).toMatch(/^NDCG of 20 users/)
    expect(report.match(/^ {2}own history {13}\d\.\d{3} \[\d\.\d{3}, \d\.\d{3}\] {4}\d\.\d{3} \[/gm)).toHaveLength(2)
    expect(report.match(/^ {2}chance {18}0\.590 {19}0\.590$/gm)).toHaveLength(2)
    expect(report).toMatch(/^likelihood tells users apart: forward \d\.\d+ \[.*against chance 0\.590/m)
    expect(report).toMatch(/Recommended: .* ms and \d+ tokens a pair\.\n$/)
  })

  it('says what was wrong with a judge', async () => {
    const blind = checkReport(
      await checkJudges(users, { model: toyModel({ blind: true }), judges: judges.slice(0, 1), ...options }),
    )
    expect(blind).toContain('likelihood cannot tell users apart')
    expect(blind).not.toContain('Warning')
    expect(blind).toContain('Recommended: none')
    const narrow = await checkJudges(users, { model: toyModel({ contextLength: 200 }), judges, ...options })
    expect(checkReport(narrow)).toContain('listwise (permutation, 2 orders) could not be used: the judge needs')
    const chatty = {
      ...narrow.judges[0],
      mismatchedOffChance: ['forward' as const],
      genericAboveChance: ['backward' as const],
    }
    const warned = checkReport({ ...narrow, judges: [chatty] })
    expect(warned).toContain("Warning: another user's history is off chance forward")
    expect(warned).toContain('Warning: generic text ranks above chance backward')
  })
})
