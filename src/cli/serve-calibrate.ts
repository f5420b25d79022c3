// `bump serve calibrate`: the floors of a project's gate, measured on its own users.
import { Command } from 'commander'
import type { Attempt, Calibration, MeasuredFloor } from '../serve/worker/calibrate.ts'
import { BumpError } from '../util/errors.ts'
import { positiveInteger } from './shared/flag-values.ts'
import { addGeneratorFlags, type GeneratorFlags, generatorOfFlags } from './shared/generator.ts'
import { interruptible } from './shared/process.ts'
import { print, say } from './shared/terminal.ts'

type CalibrateFlags = GeneratorFlags & {
  db: string
  project: string
  encoder?: string
  users: number
  apply?: boolean
}

const HELP = `
Of each user two profiles are written: from what was there at the last refresh, and at the next. The floor is what one
of ten new texts falls short of the old one by. The table says how often such a text, another user's text and one that
says nothing are refused, at this floor and at that of the settings, with 95% intervals. Nothing is published.

Examples:
  bump serve calibrate --db bump.sqlite --run runs/reviews
  bump serve calibrate --db bump.sqlite --run runs/reviews --encoder BAAI/bge-small-en-v1.5 --apply
`

/** Users that a floor is put into the settings from, at least: the tenth part of fewer is hardly anybody. */
const FEWEST_TO_APPLY = 30

/** `bump serve calibrate`. */
export function serveCalibrateCommand(): Command {
  const command = new Command('calibrate')
    .description("measure the gate's floors on the users of a project")
    .requiredOption('--db <where>', 'the database: a file, or a postgres:// address')
    .option('--project <id>', 'the project', 'default')
  return addGeneratorFlags(command)
    .option('--encoder <where>', 'sentence encoder that judges, as bump worker is given it')
    .option('--users <count>', 'users that are measured, at most', positiveInteger, 100)
    .option('--apply', `put the floors into the project's settings; takes ${FEWEST_TO_APPLY} users`)
    .addHelpText('after', HELP)
    .action(runCalibrate)
}

async function runCalibrate(flags: CalibrateFlags): Promise<void> {
  const [
    { openStore },
    { readProject, changeFloors },
    { sampleUsers },
    { workerJudge },
    { calibrate, fewestInteractions },
  ] = await Promise.all([
    import('../store/open.ts'),
    import('../store/projects.ts'),
    import('../store/sample.ts'),
    import('../serve/worker/judge.ts'),
    import('../serve/worker/calibrate.ts'),
  ])
  await interruptible(
    () => say('ending; nothing was changed'),
    async (signal) => {
      const store = await openStore(flags.db)
      try {
        const scope = { project: flags.project, actor: 'cli' }
        const { settings } = await readProject(store, scope)
        const interactions = fewestInteractions(settings.refresh)
        const users = await sampleUsers(store, scope, { limit: flags.users, interactions })
        if (flags.apply) enoughToApply(users.length)
        const generator = await generatorOfFlags(flags, say, signal, 16)
        try {
          const { judge, close } = await workerJudge(generator, flags.encoder, { signal, onProgress: say })
          try {
            say(`writing two profiles of each of ${users.length} users`)
            const onProgress = (done: number, of: number) => say(`judged: ${done}/${of} users`, done < of)
            const found = await calibrate(users, { generator, judge }, settings, { signal, onProgress })
            print(tableOf(found, settings.gate))
            if (flags.apply) {
              const floors = floorsToApply(found)
              await changeFloors(store, scope, floors)
              say(`settings of ${flags.project}: ${JSON.stringify({ gate: floors })}`)
            }
          } finally {
            await close()
          }
        } finally {
          await generator.close()
        }
      } finally {
        await store.close()
      }
    },
  )
}

const ATTEMPTS: Record<Attempt, string> = {
  anew: 'written anew',
  another: "another user's",
  nothing: 'says nothing',
}

function tableOf({ judge, generator, floor, runningFloor }: Calibration, set: { floor: number; runningFloor: number }) {
  const part = (name: 'floor' | 'runningFloor', measured: MeasuredFloor | undefined) => {
    if (measured === undefined) return `gate.${name}: too few users with interactions enough\n`
    const { mean, low, high } = measured.floor
    const head = `gate.${name}: ${mean.toFixed(3)} [${low.toFixed(3)}, ${high.toFixed(3)}], ${measured.users} users`
    const rows = Object.entries(ATTEMPTS).map(([attempt, words]) => {
      const { measured: now, set: then } = measured.refused[attempt as Attempt]
      return `  ${words.padEnd(16)}${percent(now).padEnd(24)}${percent(then)}`
    })
    return [head, `  ${'refused'.padEnd(16)}${'at it'.padEnd(24)}at ${set[name]}, as set`, ...rows, ''].join('\n')
  }
  return `judge ${judge}, generator ${generator}\n${part('floor', floor)}${part('runningFloor', runningFloor)}`
}

const percent = ({ mean, low, high }: { mean: number; low: number; high: number }) =>
  `${(100 * mean).toFixed(1)} % [${(100 * low).toFixed(1)}, ${(100 * high).toFixed(1)}]`

/**
 * Throws BumpError where so many users are too few: before minutes of writing, and after it, as some texts are empty.
 */
function enoughToApply(users: number): void {
  if (users < FEWEST_TO_APPLY)
    throw new BumpError(
      'too-few-users',
      `--apply: ${users} users can be measured, and a floor takes ${FEWEST_TO_APPLY}; the settings stay as they were`,
    )
}

/** Floors to three digits. Throws BumpError where too few users measured them. */
function floorsToApply({ floor, runningFloor }: Calibration): { floor: number; runningFloor?: number } {
  enoughToApply(floor.users)
  const digits = (value: number) => Number(value.toFixed(3))
  const enough = runningFloor !== undefined && runningFloor.users >= FEWEST_TO_APPLY
  return { floor: digits(floor.floor.mean), ...(enough && { runningFloor: digits(runningFloor.floor.mean) }) }
}
