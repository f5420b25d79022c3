// The runs behind the claims of docs/evidence.md: lists them, runs what is missing, and makes the tables of what is there.
// Every command goes on where it was stopped, so this may be killed and started again at any time.
//   node scripts/evidence.mjs plan [words]    what is to run, what is done, and what it takes
//   node scripts/evidence.mjs run [words]     runs what is missing of it, one after the other
//   node scripts/evidence.mjs table [words]   the results that are there, in Markdown
// Words choose the jobs whose claim or name holds all of them; a job's whole name chooses that job alone.
// --data and --models name the folders of logs and weights.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

const { values: flags, positionals } = parsed({
  data: { type: 'string', default: 'data' },
  models: { type: 'string', default: 'models' },
  encoder: { type: 'string', default: 'BAAI/bge-small-en-v1.5' },
  threads: { type: 'string' },
})
const BUMP = fileURLToPath(new URL('../bin/bump.mjs', import.meta.url))
const setting = (name) => relative('.', fileURLToPath(new URL(`../docs/evidence/${name}.yaml`, import.meta.url)))
const TRAIN = setting('train')
const TESTS = setting('tests')
const data = (...parts) => [flags.data, ...parts].join('/')
const model = (name) => `${flags.models}/${name}`

const SEEDS = [1, 2, 3]
const USERS = 128
const MODELS = {
  smollm2: model('SmolLM2-135M-Instruct.Q4_1.gguf'),
  qwen: model('qwen2.5-coder-0.5b-instruct-q4_k_m.gguf'),
}
const LARGE = model('qwen2.5-coder-1.5b-instruct-q4_k_m.gguf')
const ENCODER = flags.encoder
/** Seconds of a step by the encoder's judge, with one thread beside another run: docs/evidence.md. */
const STEP = { smollm2: 36, qwen: 75 }
const STEPS = 30
const hoursOf = (base) => (STEPS * STEP[base]) / 3600

const questions = (folder, split) => data(folder, `${split}_questions.json.gz`)
const lamp = (folder, text, task) => ({
  logs: ['--logs', questions(folder, 'train'), '--test-logs', questions(folder, 'dev'), '--text', text],
  lamp: ['--task', String(task), '--data', data(folder)],
})
const DOMAINS = {
  papers: lamp('lamp5-papers-rebuilt', 'title', 5),
  movies: {
    logs: [
      ...['--logs', data('movielens-latest-small', 'ratings.csv.gz'), '--header-line', '0'],
      ...['--columns', 'userId,movieId,rating,timestamp', '--user', 'userId', '--time', 'timestamp'],
      ...['--with', `movies=${data('movielens-latest-small', 'movies.csv.gz')}`, '--text'],
      "case when rating >= 4 then (select column1 || ' (' || replace(column2, '|', ', ') || ')' from movies where movies.column0 = rows.movieId) end",
      ...['--set', `split.test=${USERS}`, '--set', 'split.validation=32'],
    ],
  },
  reviews: lamp('lamp3-amazon-rebuilt', 'text', 3),
  news: lamp('lamp4-news-rebuilt', 'title', 4),
}
const TASKS = Object.keys(DOMAINS).filter((domain) => DOMAINS[domain].lamp)

const JUDGE = ['--judge-model', ENCODER, '--set', 'judge.scorer=embedding', '--set', 'judge.maxInteractionTokens=32']
const training = (domain, base, seed, name) => [
  ...['train', ...DOMAINS[domain].logs, '--model', MODELS[base], '--config', TRAIN, ...JUDGE],
  ...['--seed', String(seed), '--name', name, '--resume'],
]
const measuring = (runs, out, more = []) => [
  ...['evaluate', 'profiles', ...runs.flatMap((run) => ['--run', `runs/${run}`]), '--pool-sizes', '8'],
  ...['--users', String(USERS), '--judge', `embedding=${ENCODER}`, '--judge', `likelihood=${MODELS.smollm2}`],
  ...['--out', out, ...more],
]
const result = (name) => `evidence/${name}`
const answersOf = (name, condition) => `${result(name)}/predictions/${condition}.json`
const answers = (run, condition) => answersOf(`lamp-${run}`, condition)
const job = (claim, name, command, { done = `${result(name)}/result.json`, hours = 0, table = true } = {}) => ({
  ...{ claim, name, command, done, hours },
  table: table ? done : undefined,
})
const trained = (claim, domain, base, seed, name, { more = [], hours } = {}) =>
  job(claim, name, [...training(domain, base, seed, name), ...more], {
    done: `runs/${name}/summary.json`,
    hours,
    table: false,
  })

/** Claim 1: training lifts profiles of unseen users above zero-shot, also by a judge that it never saw. */
const gains = Object.keys(DOMAINS).flatMap((domain) =>
  Object.keys(MODELS).flatMap((base) => {
    const runs = SEEDS.map((seed) => `${domain}-${base}-s${seed}`)
    const name = `trained-${domain}-${base}`
    const conditions = ['--conditions', 'history,zero-shot,run,mismatched']
    return [
      ...runs.map((run, i) => trained('trained', domain, base, SEEDS[i], run, { hours: hoursOf(base) })),
      job('trained', name, measuring(runs, result(name), conditions)),
    ]
  }),
)

/** Claim 2: both directions beat either alone. Both are the generators of claim 1. */
const directions = ['papers', 'movies'].flatMap((domain) => {
  const alone = { forward: 'reward.backwardWeight=0', backward: 'reward.forwardWeight=0' }
  const runsOf = (direction) => SEEDS.map((seed) => `directions-${domain}-${direction}-s${seed}`)
  const groups = {
    both: SEEDS.map((seed) => `${domain}-smollm2-s${seed}`),
    ...Object.fromEntries(Object.keys(alone).map((direction) => [direction, runsOf(direction)])),
  }
  const name = `directions-${domain}`
  return [
    ...Object.entries(alone).flatMap(([direction, setting]) =>
      runsOf(direction).map((run, i) =>
        trained('directions', domain, 'smollm2', SEEDS[i], run, {
          more: ['--set', setting],
          hours: hoursOf('smollm2'),
        }),
      ),
    ),
    job(
      'directions',
      name,
      measuring(Object.values(groups).flat(), result(name), [
        ...['--conditions', 'zero-shot,run'],
        ...Object.entries(groups).flatMap(([group, runs]) => ['--group', `${group}=${runs.join(',')}`]),
      ]),
    ),
  ]
})

/**
 * Claim 3: trained profiles help the tasks of LaMP, before and after LoRA-SFT. Beside them what may help where they do
 * not: profiles that the backbone writes itself, with the usual instruction and with one that asks for what the task needs.
 */
const ADAPTED = {
  papers: ['none', 'zero-shot', 'bump'],
  reviews: ['none', 'bm25', 'bump'],
  news: ['none', 'bump'],
}
const NEEDED = {
  papers:
    'Write two or three sentences on how this author titles papers: how long the titles are, whether with a colon, a name of the method or a question, and the words and topics that return.',
  reviews:
    'Write two or three sentences on how this customer rates: which stars are usual, what is praised, and what costs a product its stars.',
  news: 'Write two or three sentences on how this journalist words headlines: how long they are, their tone and form, and the words and topics that return.',
}
const QUESTIONS = 64
const tasks = TASKS.flatMap((domain) => {
  const about = [...DOMAINS[domain].lamp, '--backbone', LARGE]
  const asked = ['evaluate', 'lamp', ...about, '--quantize', 'int8', '--questions', String(QUESTIONS)]
  const run = ['--run', `runs/${domain}-smollm2-s1`]
  const adapters = ADAPTED[domain].map((condition) => [condition, `sft-${domain}-${condition}`])
  const shows = (condition) => (['zero-shot', 'bump'].includes(condition) ? run : [])
  const name = `lamp-${domain}`
  const read = DOMAINS[domain].logs.slice(3)
  const profiles = `${result(`needed-${domain}`)}/profiles.jsonl`
  return [
    ...adapters.map(([condition, name]) =>
      job(
        'lamp',
        name,
        [
          ...['sft', ...about, '--condition', condition, ...shows(condition), '--examples', '100'],
          ...['--set', 'precision=int8', '--name', name, '--resume'],
        ],
        { done: `runs/${name}/summary.json`, table: false },
      ),
    ),
    job('lamp', name, [
      ...[...asked, ...run, '--out', result(name)],
      ...adapters.flatMap(([condition, adapter]) => ['--sft', `${condition}=runs/${adapter}`]),
    ]),
    job('lamp', `${name}-own`, [
      ...[...asked, '--zero-shot-model', LARGE, '--conditions', 'zero-shot', '--out', result(`${name}-own`)],
    ]),
    job(
      'lamp',
      `needed-${domain}`,
      ['profile', '--model', LARGE, '--logs', ...read, '--instruction', NEEDED[domain], '--out', profiles],
      { done: profiles, table: false },
    ),
    job('lamp', `${name}-needed`, [
      ...[...asked, '--profiles', profiles, '--conditions', 'bump,mismatched', '--out', result(`${name}-needed`)],
    ]),
    job('lamp', `${name}-remedies`, [
      ...['evaluate', 'predictions', ...DOMAINS[domain].lamp, '--questions', String(QUESTIONS)],
      ...['none', 'bm25', 'zero-shot', 'bump'].map((condition) => answersOf(name, condition)),
      ...[answersOf(`${name}-own`, 'zero-shot'), answersOf(`${name}-needed`, 'bump')],
      ...['--out', result(`${name}-remedies`)],
    ]),
  ]
})

/** Claim 4: label-free training does as well as training on labels, at equal steps. Two seeds: answers take two steps' time. */
const labels = ['papers', 'reviews'].flatMap((domain) => {
  const seeds = SEEDS.slice(0, 2)
  const free = seeds.map((seed) => `${domain}-smollm2-s${seed}`)
  const own = seeds.map((seed) => `labels-${domain}-s${seed}`)
  const task = (run) =>
    job('labels', `lamp-${run}`, [
      ...['evaluate', 'lamp', ...DOMAINS[domain].lamp, '--backbone', MODELS.smollm2, '--run', `runs/${run}`],
      ...['--quantize', 'int8', '--out', result(`lamp-${run}`)],
      ...['--conditions', run === free[0] ? 'none,zero-shot,bump,mismatched' : 'bump'],
    ])
  const groups = ['--group', `free=${free.join(',')}`, '--group', `labels=${own.join(',')}`]
  return [
    ...own.map((run, i) =>
      trained('labels', domain, 'smollm2', seeds[i], run, { more: ['--reward', 'labels', ...DOMAINS[domain].lamp] }),
    ),
    job(
      'labels',
      `labels-${domain}`,
      measuring([...free, ...own], result(`labels-${domain}`), ['--conditions', 'zero-shot,run', ...groups]),
    ),
    ...[...free, ...own].map(task),
    job('labels', `labels-${domain}-task`, [
      ...['evaluate', 'predictions', ...DOMAINS[domain].lamp, '--out', result(`labels-${domain}-task`)],
      ...['none', 'zero-shot'].map((condition) => answers(free[0], condition)),
      ...[...free, ...own].map((run) => answers(run, 'bump')),
      ...['--group', `free=${free.map((run) => answers(run, 'bump')).join(',')}`],
      ...['--group', `labels=${own.map((run) => answers(run, 'bump')).join(',')}`],
    ]),
  ]
})

/** Claim 5: the paper's listwise judge, by models that might do it, on histories as short as profiles are. */
const listwise = [LARGE, MODELS.qwen].map((judge, i) => {
  const name = `listwise-papers${i === 0 ? '' : '-small'}`
  return job(
    'listwise',
    name,
    [
      ...['judge', 'check', '--logs', questions('lamp5-papers-rebuilt', 'dev'), '--text', 'title', '--users', '24'],
      ...['--judge-model', judge, '--scorer', 'listwise', '--scorer', 'likelihood'],
      ...['--history-tokens', '64', '--max-interaction-tokens', '32'],
    ],
    { done: `${result(name)}.txt` },
  )
})

/**
 * Beyond the paper, with the first seed's generators: on other domains, from disturbed histories, among many people, what
 * they give away, and how much of what they say is so.
 */
const firstRun = (domain) => ['--run', `runs/${domain}-smollm2-s1`]
/** Of movies, several people share a latest film: there are 476. */
const OTHERS = { papers: '10,100,600', movies: '10,100,400' }
const byEncoder = ['--judge', `embedding=${ENCODER}`]
const beyond = [
  job('transfer', 'transfer', [
    ...['evaluate', 'transfer', ...firstRun('papers'), ...firstRun('movies'), '--tests', TESTS],
    ...[...byEncoder, '--users', String(USERS), '--trust', '--out', result('transfer')],
  ]),
  ...['papers', 'movies'].flatMap((domain) =>
    [
      ['robustness', ...byEncoder, '--users', '64', '--trust'],
      ['population', ...byEncoder, '--users', String(USERS), '--sizes', OTHERS[domain], '--trust'],
      ['privacy', ...byEncoder, '--users', String(USERS), '--trust'],
      ['claims', '--judge-model', LARGE, '--users', '30', '--trust'],
    ].map(([claim, ...more]) => {
      const name = `${claim}-${domain}`
      return job(claim, name, ['evaluate', claim, ...firstRun(domain), ...more, '--out', result(name)])
    }),
  ),
]

/** What the preset `private` lowers, and what it costs, with a model that copies. Its limits, which TRAIN has others of. */
const PRIVATE = ['reward.lengthBudget=32', 'reward.maxCopiedNgram=3', 'profile.maxTokens=48']
const withheld = ['papers'].flatMap((domain) => {
  const seeds = SEEDS.slice(0, 2)
  const plain = seeds.map((seed) => `${domain}-smollm2-s${seed}`)
  const own = seeds.map((seed) => `private-${domain}-s${seed}`)
  const runs = [...plain, ...own].flatMap((run) => ['--run', `runs/${run}`])
  const groups = ['--group', `plain=${plain.join(',')}`, '--group', `private=${own.join(',')}`]
  const more = ['--preset', 'private', ...PRIVATE.flatMap((setting) => ['--set', setting])]
  const name = `private-${domain}`
  return [
    ...own.map((run, i) => trained('private', domain, 'smollm2', seeds[i], run, { more, hours: hoursOf('smollm2') })),
    job('private', name, measuring([...plain, ...own], result(name), ['--conditions', 'zero-shot,run', ...groups])),
    job('private', `${name}-told`, [
      // Two runs of membership differ by less than 100 people a side can tell.
      ...['evaluate', 'privacy', ...runs, ...byEncoder, '--users', String(USERS), '--members', '0', '--trust'],
      ...['--out', result(`${name}-told`)],
    ]),
  ]
})

const JOBS = [...gains, ...directions, ...tasks, ...labels, ...listwise, ...beyond, ...withheld]
const isDone = ({ done }) => existsSync(done)
const quoted = (word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`)
const commandLine = ({ command }) => ['bump', ...command].map(quoted).join(' ')

function plan(jobs) {
  for (const job of jobs) {
    const takes = job.hours > 0 ? `, about ${job.hours.toFixed(1)} h with one thread` : ''
    console.log(`${isDone(job) ? '[done]' : '[open]'} ${job.claim}: ${job.name}${takes}\n  ${commandLine(job)}`)
  }
  const open = jobs.filter((job) => !isDone(job))
  const hours = open.reduce((sum, job) => sum + job.hours, 0)
  console.log(
    `\n${open.length} of ${jobs.length} jobs are open; of the times that are known, about ${hours.toFixed(0)} h`,
  )
}

function run(jobs) {
  for (const job of jobs) {
    if (isDone(job)) continue
    console.log(`\n${job.name}\n${commandLine(job)}`)
    const threads = flags.threads && !job.command.includes('predictions') ? ['--threads', flags.threads] : []
    const text = job.done.endsWith('.txt')
    const stdio = ['inherit', text ? 'pipe' : 'inherit', 'inherit']
    const { status, stdout, error } = spawnSync(process.execPath, [BUMP, ...job.command, ...threads], { stdio })
    if (error || status !== 0) {
      console.error(`${job.name} ended with ${error?.message ?? `status ${status}`}; the same call goes on with it`)
      process.exit(1)
    }
    if (text) {
      mkdirSync(dirname(job.done), { recursive: true })
      writeFileSync(job.done, stdout)
    }
  }
}

const number = (value) => value.toFixed(3).replace('-', '−')
const interval = (of) => (of ? `${number(of.mean)} [${number(of.low)}, ${number(of.high)}]` : '')
const difference = (of) => {
  if (!of) return ''
  const text = `${of.mean >= 0 ? '+' : ''}${interval(of)}`
  return of.low > 0 || of.high < 0 ? `**${text}**` : text
}
const row = (cells) => `| ${cells.join(' | ')} |`
/** Of the ranking measures NDCG alone, among many people recall@1; of the differences those to a reference, and those between means. */
const SHOWN = /^(?!mrr_|recall1_|gain_)/
const REFERENCES = ['zero-shot', 'none', 'history', 'both', 'mismatched']

function tableOf({ title, metrics, rows, differences }) {
  const found = metrics.some(({ key }) => key.startsWith('recall10_'))
  const shown = metrics.filter(({ key }) => (found ? key.startsWith('recall1_') : SHOWN.test(key)))
  const labels = new Map(rows.map(({ condition, label }) => [condition, label]))
  const isMean = (condition) => condition.startsWith('mean ')
  const kept = differences.filter(({ a, b }) => REFERENCES.includes(b) || (isMean(a) && isMean(b)))
  const chance = shown.some((metric) => metric.chance !== null)
  return [
    `${title}\n`,
    row(['', 'n', ...shown.map(({ label }) => label)]),
    row(Array(shown.length + 2).fill('---')),
    ...rows.map(({ label, n, values }) => row([label, n, ...shown.map(({ key }) => interval(values[key]))])),
    ...(chance
      ? [row(['chance', '', ...shown.map((metric) => (metric.chance === null ? '' : number(metric.chance)))])]
      : []),
    ...kept.map(({ a, b, values }) =>
      row([`${labels.get(a)} − ${labels.get(b)}`, '', ...shown.map(({ key }) => difference(values[key]))]),
    ),
  ].join('\n')
}

function table(jobs) {
  for (const job of jobs.filter((each) => each.table && isDone(each))) {
    console.log(`\n## ${job.name}\n\n    ${commandLine(job)}\n`)
    const content = readFileSync(job.table, 'utf8')
    if (job.table.endsWith('.txt')) console.log(content)
    else for (const each of JSON.parse(content).tables) console.log(`${tableOf(each)}\n`)
  }
}

function parsed(options) {
  try {
    return parseArgs({ allowPositionals: true, options })
  } catch (error) {
    refuse(error.message)
  }
}

function refuse(message) {
  console.error(
    `${message}\nusage: node scripts/evidence.mjs plan|run|table [words] [--data <folder>] [--models <folder>] [--encoder <model>] [--threads <n>]`,
  )
  process.exit(2)
}

const [action, ...words] = positionals
const names = new Set(JOBS.map(({ name }) => name))
const chosen = JOBS.filter(({ claim, name }) =>
  words.every((word) => (names.has(word) ? word === name : `${claim} ${name}`.includes(word))),
)
const actions = { plan, run, table }
if (!Object.hasOwn(actions, action ?? '')) refuse(action === undefined ? 'what to do?' : `there is no "${action}"`)
if (chosen.length === 0)
  refuse(`no job is of "${words.join(' ')}"; claims are ${[...new Set(JOBS.map(({ claim }) => claim))].join(', ')}`)
actions[action](chosen)
