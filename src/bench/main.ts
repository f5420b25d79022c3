// `npm run bench`: the engine's speed and memory on SmolLM2-135M's shape, beside what the machine itself can do.
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { CASES, type Row } from './cases.ts'
import { benchModel } from './shape.ts'

const MARK = 'bench-rows:'
const [only] = process.argv.slice(2)

if (only) {
  const work = CASES[only]
  if (!work) {
    console.error(`there is no benchmark "${only}"; choose one of ${Object.keys(CASES).join(', ')}`)
    process.exit(2)
  }
  console.log(MARK + JSON.stringify(await work()))
} else {
  benchModel()
  console.log(
    `SmolLM2-135M's shape, random weights, f32, LoRA rank 16; Node ${process.version}; medians after a warm-up\n`,
  )
  console.log('| what | figure | goal | met |\n| --- | --- | --- | --- |')
  for (const name of Object.keys(CASES)) {
    const child = spawnSync(process.execPath, [fileURLToPath(import.meta.url), name], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const line = child.stdout.split('\n').find((l) => l.startsWith(MARK))
    if (!line) {
      console.error(
        `the benchmark "${name}" failed (exit code ${child.status ?? child.signal}); its message stands above`,
      )
      process.exitCode = 1
      continue
    }
    for (const row of JSON.parse(line.slice(MARK.length)) as Row[])
      console.log(
        `| ${row.what} | ${row.figure} | ${row.goal ?? ''} | ${row.met === undefined ? '' : row.met ? 'yes' : 'no'} |`,
      )
  }
}
