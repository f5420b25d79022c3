// `npm run nano`: makes the nano model and the example log from nothing. World -> tokenizer -> random weights ->
// pre-training by this project's engine -> assets/nano, then the self check on people it has never seen.
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { openModel } from '../../src/model/onnx/open.ts'
import { BumpError } from '../../src/util/errors.ts'
import { writeFileAtomic } from '../../src/util/files.ts'
import { describeCheck, selfCheck } from './check.ts'
import { exampleLog } from './example-log.ts'
import { publish, writeUntrained } from './init.ts'
import { pretrain } from './pretrain.ts'

const ASSETS = fileURLToPath(new URL('../../assets', import.meta.url))

const USAGE = `npm run nano -- [options]: trains the nano model from scratch and writes assets/nano and assets/example/log.jsonl

  --steps N            optimiser steps (default 1500)
  --minutes N          end earlier, after N minutes of training (default 90)
  --learning-rate X    peak of the cosine schedule (default 3e-3)
  --seed N             weights and training text (default 1)
  --work FOLDER        checkpoints (default runs/nano)
  --resume             go on from the last checkpoint in the work folder
  --check              only measure the model in assets/nano

Examples:
  npm run nano
  npm run nano -- --minutes 30
  npm run nano -- --resume`

function positive(flag: string, value: string): number {
  const number = Number(value)
  if (!(number > 0)) throw new BumpError('invalid-options', `--${flag} is "${value}": give a number above 0.`)
  return number
}

function readFlags() {
  try {
    const { values } = parseArgs({
      options: {
        steps: { type: 'string', default: '1500' },
        minutes: { type: 'string', default: '90' },
        'learning-rate': { type: 'string', default: '3e-3' },
        seed: { type: 'string', default: '1' },
        work: { type: 'string', default: join('runs', 'nano') },
        resume: { type: 'boolean', default: false },
        check: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    })
    return values
  } catch (cause) {
    throw new BumpError('invalid-options', `${(cause as Error).message}\n\n${USAGE}`, { cause })
  }
}

async function measure(folder: string): Promise<void> {
  const model = await openModel(folder)
  try {
    for (const line of describeCheck(await selfCheck(model))) console.log(line)
  } finally {
    await model.close()
  }
}

async function train(flags: ReturnType<typeof readFlags>): Promise<void> {
  const { work, resume } = flags
  const seed = positive('seed', flags.seed)
  writeFileAtomic(join(ASSETS, 'example', 'log.jsonl'), exampleLog())
  const untrained = join(work, 'untrained')
  if (!resume) {
    rmSync(work, { recursive: true, force: true })
    writeUntrained(untrained, seed)
  }
  const model = await openModel(untrained, { trainable: { type: 'full' } })
  try {
    console.log(`nano: ${((model.info.parameters ?? 0) / 1e6).toFixed(2)} M parameters`)
    await pretrain(model, {
      steps: positive('steps', flags.steps),
      minutes: positive('minutes', flags.minutes),
      learningRate: positive('learning-rate', flags['learning-rate']),
      seed,
      work,
      resume,
      onLine: (line) => console.log(line),
    })
    await model.savePolicy(join(work, 'trained'))
  } finally {
    await model.close()
  }
  await publish(join(work, 'trained'), join(ASSETS, 'nano'))
}

async function main(): Promise<void> {
  const flags = readFlags()
  if (flags.help) return console.log(USAGE)
  if (!flags.check) await train(flags)
  await measure(join(ASSETS, 'nano'))
}

try {
  await main()
} catch (error) {
  if (!(error instanceof BumpError)) throw error
  console.error(error.message)
  process.exitCode = 1
}
