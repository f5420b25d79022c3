// An MLflow tracking server in memory, as strict as a real one, that can be made to misbehave.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

interface Sent {
  key: string
  value: number
  timestamp: number
  step: number
}

export interface FakeRun {
  name: string
  status: string
  tags: Record<string, string>
  params: Record<string, string>
  /** Everything that was ever logged, twice where it was logged twice. */
  metrics: Sent[]
  ended: number | undefined
}

/** What to do with a request before it is answered: `true` where it was answered here. */
type Hook = (path: string, response: ServerResponse, request: IncomingMessage) => boolean | undefined

export class FakeMlflow {
  readonly runs: FakeRun[] = []
  readonly experiments: string[] = []
  /** [request] its path and its authorization. */
  readonly asked: { path: string; authorization: string | undefined }[] = []
  /** Everything that was sent, as it was written. */
  sent = ''
  hook: Hook = () => undefined
  private server: Server | undefined
  private port = 0

  get uri(): string {
    return `http://127.0.0.1:${this.port}`
  }

  /** Listens; after `stop` at the same port, with what it has. */
  async start(): Promise<this> {
    this.server = createServer((request, response) => void this.answer(request, response))
    await new Promise<void>((resolve) => this.server!.listen(this.port, '127.0.0.1', resolve))
    this.port = (this.server.address() as AddressInfo).port
    return this
  }

  stop(): void {
    this.server?.closeAllConnections()
    this.server?.close()
    this.server = undefined
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const text = Buffer.concat(chunks).toString()
    this.sent += text
    const url = new URL(request.url ?? '', this.uri)
    const path = url.pathname.replace('/api/2.0/mlflow/', '')
    this.asked.push({ path, authorization: request.headers.authorization })
    if (this.hook(path, response, request)) return
    const body = text ? JSON.parse(text) : Object.fromEntries(url.searchParams)
    const answer = this.handle(path, body)
    response.writeHead('error_code' in answer ? 404 : 200, { 'content-type': 'application/json' })
    response.end(JSON.stringify(answer))
  }

  // biome-ignore lint/suspicious/noExplicitAny: bodies of requests
  private handle(path: string, body: any): object {
    const absent = { error_code: 'RESOURCE_DOES_NOT_EXIST', message: `nothing of that name` }
    const run = this.runs[Number(String(body.run_id).slice(1))]
    const entries = (list: { key: string; value: string }[] = []) =>
      Object.fromEntries(list.map(({ key, value }) => [key, value]))
    switch (path) {
      case 'experiments/get-by-name': {
        const id = this.experiments.indexOf(body.experiment_name)
        return id < 0 ? absent : { experiment: { experiment_id: String(id) } }
      }
      case 'experiments/create':
        return { experiment_id: String(this.experiments.push(body.name) - 1) }
      case 'runs/create': {
        const fresh = { params: {}, metrics: [], ended: undefined, status: 'RUNNING' }
        const id = this.runs.push({ ...fresh, name: body.run_name, tags: entries(body.tags) }) - 1
        return { run: { info: { run_id: `r${id}` } } }
      }
      case 'runs/get': {
        if (!run) return absent
        const latest = new Map<string, Sent>()
        for (const metric of run.metrics)
          if (metric.step >= (latest.get(metric.key)?.step ?? -1)) latest.set(metric.key, metric)
        const params = Object.entries(run.params).map(([key, value]) => ({ key, value }))
        return { run: { info: { status: run.status }, data: { metrics: [...latest.values()], params } } }
      }
      case 'runs/log-batch': {
        const { metrics = [], params = [] } = body
        const odd = [...metrics, ...params].find(({ key }) => !/^[\w.-][\w ./:-]{0,249}$/.test(key))
        const changed = params.find(
          ({ key, value }: { key: string; value: string }) => (run.params[key] ?? value) !== value,
        )
        if (odd || changed || metrics.length > 1000 || params.length > 100)
          return { error_code: 'INVALID_PARAMETER_VALUE', message: JSON.stringify(odd ?? changed) }
        run.metrics.push(...metrics)
        Object.assign(run.params, entries(params))
        return {}
      }
      case 'runs/update':
        run.status = body.status
        run.ended = body.end_time
        return { run_info: {} }
      default:
        return absent
    }
  }
}
