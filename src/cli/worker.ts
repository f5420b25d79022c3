// `bump worker`: writes the profiles of a store as they become due. Any number of them work on one store.
import { Command } from 'commander'
import type { WorkerEvent } from '../serve/worker/worker.ts'
import { addGeneratorFlags, type GeneratorFlags, generatorOfFlags } from './shared/generator.ts'
import { interruptible } from './shared/process.ts'
import { print, say } from './shared/terminal.ts'

const HELP = `
A profile is due when enough interactions of its user are new, and at once after a deletion, a correction or a request.
A new text is published unless interactions hidden from the writer say that it is worse than the served one.

Examples:
  bump worker --db bump.sqlite --run runs/reviews --encoder BAAI/bge-small-en-v1.5
  bump worker --db postgres://bump@db.firm/bump --model ./SmolLM2-135M-Instruct
  bump worker --db bump.sqlite --run runs/reviews --once
`

type WorkerFlags = GeneratorFlags & { db: string; encoder?: string; once?: boolean }

/** `bump worker`. */
export function workerCommand(): Command {
  const command = new Command('worker')
    .description('write the profiles of a store as they become due')
    .requiredOption('--db <where>', 'the database: a file, or a postgres:// address')
  return addGeneratorFlags(command)
    .option(
      '--encoder <where>',
      'sentence encoder that judges texts: faster than the generator, which judges otherwise',
    )
    .option('--once', 'write what is due, and end')
    .addHelpText('after', HELP)
    .action(runWorkerCommand)
}

async function runWorkerCommand(flags: WorkerFlags): Promise<void> {
  const [{ openStore }, { runWorker, workerId }, { workerJudge }, { reportEvent }] = await Promise.all([
    import('../store/open.ts'),
    import('../serve/worker/worker.ts'),
    import('../serve/worker/judge.ts'),
    import('../serve/worker/events.ts'),
  ])
  await interruptible(
    () => say('ending; what is under way is given back. Press Ctrl-C again to stop at once'),
    async (signal) => {
      // Started by bump serve, it does not outlive it.
      process.once('disconnect', () => process.kill(process.pid, 'SIGTERM'))
      // Listening alone would keep the process alive after its work.
      process.channel?.unref()
      const store = await openStore(flags.db)
      try {
        const generator = await generatorOfFlags(flags, say, signal, 16)
        try {
          const { judge, close } = await workerJudge(generator, flags.encoder, { signal, onProgress: say })
          try {
            say(`writing profiles of ${store.name}, generator ${generator.digest}, judge ${judge.name}`)
            const id = workerId()
            process.send?.({ type: 'ready', worker: id })
            const onEvent = (event: WorkerEvent) => reportEvent(event, say)
            const users = await runWorker({ store, id, generator, judge, once: flags.once, signal, onEvent })
            if (flags.once) print(`${users} users\n`)
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
