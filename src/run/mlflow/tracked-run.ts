// A run followed in MLflow: its settings as parameters, every line of metrics.jsonl as metrics, its summary and status.
// Only numbers and settings are sent, never texts of logs or profiles. Training waits for MLflow at the start and at
// the end alone: in between, what cannot be sent waits.
//
// What was sent is asked of the server, which knows of each metric the latest step. So whatever was killed or lost,
// between any two requests, each value is sent once; the run folder holds the MLflow run's id and nothing else of it.
import { existsSync, readFileSync, statSync } from 'node:fs'
import { basename, join, resolve } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { z } from 'zod'
import { BumpError } from '../../util/errors.ts'
import { writeFileAtomic } from '../../util/files.ts'
import { parseJson } from '../../util/parse-json.ts'
import { refuseUnknown, requireOptions } from '../../util/required.ts'
import type { RunHeader, Summary } from '../format.ts'
import { ABSENT, MlflowRefusal, MlflowServer, WAITS } from './server.ts'

export interface MlflowOptions {
  /** Address of the tracking server; credentials are MLflow's own environment variables. */
  uri: string
  /** Name of the experiment, made where there is none; default 'bump'. */
  experiment?: string
  /** Name of the run there; default: that of the run. */
  name?: string
}

/** How a run of MLflow stands. */
type Status = 'RUNNING' | 'FINISHED' | 'FAILED' | 'KILLED'

interface Metric {
  key: string
  value: number
  timestamp: number
  step: number
}

/** MLflow's limits of a request, and of names and values. */
const MOST_METRICS = 1000
const MOST_PARAMS = 100
const LONGEST_KEY = 250
const LONGEST_VALUE = 6000

/** mlflow.json of a run folder. */
const recordSchema = z.object({ server: z.string(), run: z.string().min(1) })
type MlflowRecord = z.infer<typeof recordSchema>

const experimentSchema = z.object({ experiment: z.object({ experiment_id: z.string() }) })
const createdExperimentSchema = z.object({ experiment_id: z.string() })
const createdRunSchema = z.object({ run: z.object({ info: z.object({ run_id: z.string().min(1) }) }) })
const runSchema = z.object({
  run: z.object({
    info: z.object({ status: z.string() }),
    data: z
      .object({
        metrics: z.array(z.object({ key: z.string(), step: z.coerce.number().default(0) })).default([]),
        params: z.array(z.object({ key: z.string() })).default([]),
      })
      .prefault({}),
  }),
})

/**
 * Throws BumpError before any work is done: where options are wrong, where the server cannot be reached or has no such
 * run. A run that MLflow knows already goes on without the server.
 */
export async function reachMlflow(options: MlflowOptions, folder: string): Promise<void> {
  requireOptions('mlflow', options, ['uri'])
  refuseUnknown('mlflow', options, ['uri', 'experiment', 'name'])
  const server = MlflowServer.at(options.uri)
  const record = readRecord(folder)
  if (record === undefined) return void (await experimentOf(server, options))
  try {
    await server.get('runs/get', { run_id: record.run })
  } catch (error) {
    if (error instanceof MlflowRefusal && error.errorCode === ABSENT)
      throw new BumpError(
        'run-unusable',
        `MLflow at ${server.shown} has no run ${record.run}, which ${recordPath(folder)} names (at ${record.server}): give the address of that server, or remove the file to begin another run there`,
      )
  }
}

/** The events of a run that matter here, and the one that is told. */
type Event = { type: string }
type Note = { type: 'note'; text: string }

/**
 * What `work` gives, followed in MLflow where `options` say so. `work` gets the listener of the run's events. MLflow out
 * of reach is told by a note, and fails nothing once the run has begun there.
 * @throws what `work` throws, and BumpError where the run cannot be begun in MLflow
 */
export async function followed<E extends Event>(
  { folder, header, options }: { folder: string; header: RunHeader; options: MlflowOptions | undefined },
  onEvent: (event: E | Note) => void,
  work: (onEvent: (event: E | Note) => void) => Promise<Summary>,
): Promise<Summary> {
  const note = (text: string) => onEvent({ type: 'note', text })
  const record = readRecord(folder)
  if (options === undefined) {
    if (record)
      note(`this run was followed in MLflow at ${record.server}; now it is not: name the server to go on there`)
    return await work(onEvent)
  }
  const run = await TrackedRun.open(folder, header, options, note)
  try {
    const summary = await work((event) => {
      onEvent(event)
      if (event.type === 'step' || event.type === 'validation') run.wake()
    })
    await run.end('FINISHED', summary)
    return summary
  } catch (error) {
    await run.end(BumpError.isInstance(error) && error.code === 'cancelled' ? 'KILLED' : 'FAILED')
    throw error
  }
}

/** A run of MLflow, as the process that trains holds it. */
export class TrackedRun {
  private readonly queue: Metric[] = []
  /** Bytes of metrics.jsonl that were read. */
  private bytes = 0
  /** [metric] its latest step at the server; undefined where the server must be asked. */
  private latest: Map<string, number> | undefined
  private status = ''
  private sending: Promise<void> | undefined
  private failures = 0
  private retryAt = 0

  private constructor(
    private readonly server: MlflowServer,
    private readonly id: string,
    private readonly folder: string,
    private readonly params: readonly { key: string; value: string }[],
    private readonly note: (text: string) => void,
  ) {}

  /** Begins a run in MLflow, or goes on with the one that the folder names. Throws BumpError where it cannot be begun. */
  static async open(
    folder: string,
    header: RunHeader,
    options: MlflowOptions,
    note: (text: string) => void,
  ): Promise<TrackedRun> {
    const server = MlflowServer.at(options.uri)
    const id = readRecord(folder)?.run ?? (await beginRun(server, folder, header, options))
    return new TrackedRun(server, id, folder, paramsOf(header), note)
  }

  /** Lines were written: they are sent beside the training, unless the server failed a moment ago. */
  wake(): void {
    this.read()
    if (this.sending || Date.now() < this.retryAt) return
    this.sending = this.sync('RUNNING')
      .then(
        () => this.succeeded(),
        (error) => this.failed(error),
      )
      .finally(() => {
        this.sending = undefined
      })
  }

  /** Sends what is left and how the run ended. Never throws; a note tells what was not sent. */
  async end(status: Status, summary?: Summary): Promise<void> {
    await this.sending
    this.read()
    if (summary) this.add(summary.steps, summaryMetrics(summary))
    let reason: unknown
    // Who stops a run does not wait.
    for (const wait of status === 'KILLED' ? [0] : WAITS.end) {
      await pause(wait)
      try {
        return await this.sync(status)
      } catch (error) {
        reason = error
        this.latest = undefined
      }
    }
    this.note(
      `${(reason as Error).message} The end of this run was not sent there. Nothing is lost: once MLflow answers, resuming the run with the same address sends the rest.`,
    )
  }

  private succeeded(): void {
    if (this.failures > 0) this.note(`MLflow at ${this.server.shown} answers again: what waited was sent`)
    this.failures = 0
  }

  private failed(error: Error): void {
    if (this.failures === 0) this.note(`${error.message} Training goes on, and metrics wait to be sent.`)
    this.latest = undefined
    this.retryAt = Date.now() + Math.min(WAITS.first * 2 ** this.failures++, WAITS.longest)
  }

  /** Takes the lines of metrics.jsonl that were not read yet. */
  private read(): void {
    const path = join(this.folder, 'metrics.jsonl')
    if (!existsSync(path) || statSync(path).size <= this.bytes) return
    const content = readFileSync(path)
    for (const line of content.subarray(this.bytes).toString().trim().split('\n')) {
      const { step, ...metrics } = JSON.parse(line) as Record<string, number | null> & { step: number }
      this.add(step, metrics)
    }
    this.bytes = content.length
  }

  private add(step: number, metrics: Readonly<Record<string, number | null>>): void {
    const timestamp = Date.now()
    for (const [name, value] of Object.entries(metrics))
      if (value !== null) this.queue.push({ key: metricKey(name), value, timestamp, step })
  }

  /** Brings the server to where the run is. Throws BumpError. */
  private async sync(status: Status): Promise<void> {
    const signal = AbortSignal.timeout(WAITS.sending)
    this.latest ??= await this.ask(signal)
    while (this.queue.length > 0) {
      const latest = this.latest
      const batch = this.queue.slice(0, MOST_METRICS)
      const metrics = batch.filter(({ key, step }) => step > (latest.get(key) ?? -1))
      if (metrics.length > 0) await this.server.post('runs/log-batch', { run_id: this.id, metrics }, signal)
      for (const { key, step } of metrics) latest.set(key, step)
      this.queue.splice(0, batch.length)
    }
    if (this.status === status) return
    const end = status === 'RUNNING' ? {} : { end_time: Date.now() }
    await this.server.post('runs/update', { run_id: this.id, status, ...end }, signal)
    this.status = status
  }

  /** What the server has of this run; parameters that it lacks are sent. */
  private async ask(signal: AbortSignal): Promise<Map<string, number>> {
    const answer = await this.server.get('runs/get', { run_id: this.id }, signal)
    const { info, data } = parsed(runSchema, answer, this.server).run
    this.status = info.status
    const known = new Set(data.params.map(({ key }) => key))
    const params = this.params.filter(({ key }) => !known.has(key))
    for (let i = 0; i < params.length; i += MOST_PARAMS)
      await this.server.post('runs/log-batch', { run_id: this.id, params: params.slice(i, i + MOST_PARAMS) }, signal)
    return new Map(data.metrics.map(({ key, step }) => [key, step]))
  }
}

async function beginRun(
  server: MlflowServer,
  folder: string,
  header: RunHeader,
  options: MlflowOptions,
): Promise<string> {
  const found = await experimentOf(server, options)
  const created = async () => {
    const answer = await server.post('experiments/create', { name: experimentName(options) })
    return parsed(createdExperimentSchema, answer, server).experiment_id
  }
  const answer = await server.post('runs/create', {
    experiment_id: found ?? (await created()),
    run_name: options.name ?? basename(resolve(folder)),
    start_time: Date.now(),
    tags: Object.entries({
      'mlflow.source.name': header.package.name,
      'bump.version': header.package.version,
      'bump.model.digest': String(header.model.digest),
      'bump.data.digest': String(header.data.digest),
    }).map(([key, value]) => ({ key, value })),
  })
  const { run_id: run } = parsed(createdRunSchema, answer, server).run.info
  writeFileAtomic(recordPath(folder), `${JSON.stringify({ server: server.shown, run } satisfies MlflowRecord)}\n`)
  return run
}

const experimentName = ({ experiment = 'bump' }: MlflowOptions) => experiment

/** Id of the experiment; undefined where there is none of that name. */
async function experimentOf(server: MlflowServer, options: MlflowOptions): Promise<string | undefined> {
  try {
    const answer = await server.get('experiments/get-by-name', { experiment_name: experimentName(options) })
    return parsed(experimentSchema, answer, server).experiment.experiment_id
  } catch (error) {
    if (error instanceof MlflowRefusal && error.errorCode === ABSENT) return undefined
    throw error
  }
}

function recordPath(folder: string): string {
  return join(folder, 'mlflow.json')
}

/** Throws BumpError where mlflow.json is there and damaged. */
function readRecord(folder: string): MlflowRecord | undefined {
  const path = recordPath(folder)
  if (!existsSync(path)) return undefined
  try {
    return recordSchema.parse(parseJson(readFileSync(path, 'utf8')))
  } catch (cause) {
    throw new BumpError('run-unusable', `${path} is damaged. Remove it: the run then begins anew in MLflow.`, { cause })
  }
}

function parsed<S extends z.ZodType>(schema: S, answer: unknown, { shown }: MlflowServer): z.infer<S> {
  const { data } = schema.safeParse(answer)
  if (data !== undefined) return data
  throw new BumpError('server-failed', `MLflow at ${shown} gives an answer of another form than MLflow's`)
}

/** The configuration, flat: 'optim.learningRate'. Lists are JSON; long values are cut to what MLflow takes. */
function paramsOf({ config, model, judge }: RunHeader): { key: string; value: string }[] {
  const { parameters, trainableParameters } = model
  const all = { ...config, judge: judge ?? config.judge, parameters, trainableParameters }
  return flat(all, '.').map(([name, value]) => ({
    key: name.replace(/[^\w.-]/g, '_').slice(0, LONGEST_KEY),
    value: (typeof value === 'string' ? value : JSON.stringify(value)).slice(0, LONGEST_VALUE),
  }))
}

/** Numbers of a summary under 'summary/difference/both/mean'. */
function summaryMetrics({ model, judge, data, seed, steps, ...results }: Summary): Record<string, number> {
  return Object.fromEntries(
    flat({ summary: results }, '/').filter((leaf): leaf is [string, number] => typeof leaf[1] === 'number'),
  )
}

/** A metric's name as MLflow takes it, which reads it as a path. */
function metricKey(name: string): string {
  const parts = name.replace(/[^\w./ :-]/g, '_').split('/')
  return parts
    .filter((part) => !/^\.*$/.test(part))
    .join('/')
    .slice(0, LONGEST_KEY)
}

/** Leaves of nested objects, under their keys joined; what is not set is left out. */
function flat(value: object, separator: string, under: readonly string[] = []): [name: string, leaf: unknown][] {
  return Object.entries(value).flatMap(([key, inner]): [string, unknown][] => {
    const path = [...under, key]
    if (inner === undefined) return []
    const nested = typeof inner === 'object' && inner !== null && !Array.isArray(inner)
    return nested ? flat(inner, separator, path) : [[path.join(separator), inner]]
  })
}
