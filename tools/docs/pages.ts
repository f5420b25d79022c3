// The pages of docs/ that are written from the code: configuration, metrics and error codes.
import { stringify } from 'yaml'
import { METRICS, type Metric } from '../../src/run/metrics.ts'
import { PRESETS, trainConfigSchema } from '../../src/train/config.ts'
import { sftConfigSchema } from '../../src/train/sft-config.ts'
import { ERROR_CODES } from '../../src/util/errors.ts'
import { configSections } from './schema.ts'
import { table } from './table.ts'

/** File name in docs/ -> its text. */
export const PAGES: Readonly<Record<string, string>> = {
  'config.md': configPage(),
  'metrics.md': metricsPage(),
  'errors.md': errorsPage(),
}

function configPage(): string {
  const presets = Object.entries(PRESETS).map(([name, values]) => `\`preset: ${name}\`\n\n${yaml(values)}`)
  return page(
    'Configuration',
    'src/train/config.ts and src/train/sft-config.ts',
    `Every field of \`bump train\` may stand in a YAML file (\`--config run.yaml\`), in an assignment
(\`--set optim.steps=60\`) or in the options of \`train()\`. Assignments and flags win over the file, the file
over the preset, the preset over the defaults below. A name that is not listed is refused, with the nearest one
that is. \`bump train --dry-run\` prints the resolved configuration, and every run records it in its
\`config.json\`.`,
    yaml({
      logs: { paths: ['reviews.parquet'], user: 'user_id', time: 'ts', text: "title || ': ' || body" },
      model: 'HuggingFaceTB/SmolLM2-135M-Instruct',
      optim: { steps: 36 },
    }),
    '## bump train',
    configSections(trainConfigSchema),
    '## Presets',
    ...presets,
    '## bump sft',
    'Where the examples come from is said by flags (`bump sft --help`); this is how they are trained on.',
    configSections(sftConfigSchema),
  )
}

function metricsPage(): string {
  const part = (title: string, wanted: (metric: Metric) => boolean) => {
    const rows = Object.entries(METRICS).filter(([, metric]) => wanted(metric))
    return `## ${title}\n\n${table(
      ['name', 'unit', 'meaning', 'in TRL'],
      rows.map(([name, { unit, meaning, trl }]) => [`\`${name}\``, unit, meaning, trl ?? '']),
    )}`
  }
  return page(
    'Metrics',
    'src/run/metrics.ts',
    `A run writes one JSON object a line to its \`metrics.jsonl\`: one for each training step and one for each
validation, both with their \`step\`. A number is \`null\` in a step in which no group gave a gradient. Names that
[TRL](https://huggingface.co/docs/trl) logs are its own, so that dashboards made for it fit; the last column says
where the meaning differs, and is empty for names that TRL does not have.`,
    `A part in angle brackets stands for any name: \`<term>\` for a term of the reward (\`forward\` and \`backward\` of the
bidirectional one), \`<judge>\` for one of several judges by its scorer (\`likelihood\`, \`embedding\`, \`likelihood2\`),
\`<direction>\` for \`forward\` or \`backward\`, \`<count>\` for something that a judge counts.`,
    part('bump train: steps', ({ run, line }) => run !== 'sft' && line !== 'validation'),
    part('bump train: validations', ({ run, line }) => run !== 'sft' && line !== 'step'),
    part('bump sft: steps', ({ run, line }) => run !== 'train' && line !== 'validation'),
    part('bump sft: validations', ({ run, line }) => run !== 'train' && line !== 'step'),
  )
}

function errorsPage(): string {
  return page(
    'Errors',
    'src/util/errors.ts',
    `What a user can act on is thrown as a \`BumpError\`: its message says what was wrong, where, and what to do, and its
\`code\` says what kind of problem it is. Codes are stable, messages are not: branch on the code. Anything else that
is thrown is a bug.`,
    `\`\`\`ts
import { BumpError, train } from 'bump-profiles'

try {
  await train(options)
} catch (error) {
  if (!BumpError.isInstance(error)) throw error
  if (error.code === 'run-locked') console.log('another process trains here')
  else console.error(error.message)
}
\`\`\``,
    '`BumpError.isInstance` also knows errors of another copy of the package, which `instanceof` does not.',
    table(
      ['code', 'when'],
      Object.entries(ERROR_CODES).map(([code, when]) => [`\`${code}\``, when]),
    ),
  )
}

function page(title: string, source: string, ...parts: readonly string[]): string {
  const note = `<!-- Written by \`npm run docs\` from ${source}: change it there. -->`
  return `${[`# ${title}`, note, ...parts].join('\n\n')}\n`
}

function yaml(values: unknown): string {
  return `\`\`\`yaml\n${stringify(values, { lineWidth: 0, singleQuote: true })}\`\`\``
}
