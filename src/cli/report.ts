// `bump report`: run folders and evaluations in, one HTML file out.
import { Command } from 'commander'
import { writeReport } from '../report/report.ts'
import { print, say } from './shared/terminal.ts'

const HELP = `
The file stands for itself: it opens offline, asks for nothing from outside, and weighs under 2 MB. A run may be under way.
Several runs are drawn side by side.

Examples:
  bump report runs/posts
  bump report runs/both runs/forward-only runs/backward-only --out ablation.html
  bump report runs/posts --evaluations evaluations/profiles/result.json evaluations/lamp-5/result.json
`

interface ReportFlags {
  evaluations?: string[]
  out?: string
}

/** `bump report`. */
export function reportCommand(): Command {
  return new Command('report')
    .description('write curves, profiles, evaluations and configuration of runs as one HTML file')
    .argument('<runs...>', 'run folders; the first is the one in the accent colour')
    .option('--evaluations <files...>', 'result.json files of evaluations, or their folders')
    .option('--out <file>', "the HTML file, or a folder for report.html (default: the first run's folder)")
    .addHelpText('after', HELP)
    .action(async (runs: string[], flags: ReportFlags) => {
      const { path, bytes, notes } = await writeReport({ runs, ...flags })
      for (const note of notes) say(`note: ${note}`)
      print(`${path} (${Math.ceil(bytes / 1000)} kB)\n`)
    })
}
