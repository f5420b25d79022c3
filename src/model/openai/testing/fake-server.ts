// A server on this machine that misbehaves as scripted, and a text model on it.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { BumpError } from '../../../util/errors.ts'
import type { ChatMessage } from '../../contract.ts'
import type { TextModel } from '../../text-model.ts'
import { type OpenAiOptions, openOpenAi } from '../open.ts'

export const KEY = 'sk-very-secret'
/** A prompt of one message. */
export const ask = (content: string): ChatMessage[] => [{ role: 'user', content }]

interface Received {
  url: string
  headers: IncomingMessage['headers']
  body: { model: string; messages: ChatMessage[]; [field: string]: unknown }
}
export type Script = (received: Received, response: ServerResponse, number: number) => void

export interface Serving {
  requests: Received[]
  baseUrl: string
  model: TextModel
  /** What the model said about its server. */
  said: string[]
}

/** Servers that are open: a test file closes them by `closeServers`. */
export const servers: Server[] = []

/** Ends all servers at once, whatever they are doing. */
export function closeServers(): void {
  for (const server of servers.splice(0)) {
    server.closeAllConnections()
    server.close()
  }
}

/** A server that answers by `script`, and a text model on it. */
export async function serving(script: Script, options: Partial<OpenAiOptions> = {}): Promise<Serving> {
  const requests: Received[] = []
  const said: string[] = []
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk)
    const text = Buffer.concat(chunks).toString()
    const received = { url: request.url ?? '', headers: request.headers, body: text ? JSON.parse(text) : undefined }
    requests.push(received)
    script(received, response, requests.length)
  })
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`
  const onNote = (line: string) => said.push(line)
  const model = openOpenAi({ baseUrl, model: 'm', apiKey: KEY, backoff: 0.001, onNote, ...options })
  return { requests, baseUrl, model, said }
}

/** Answers with JSON. */
export const json = (response: ServerResponse, body: unknown, status = 200, headers: Record<string, string> = {}) =>
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body))

/** Answers with a completion of this content. */
export const say = (response: ServerResponse, content: unknown, finish_reason = 'stop', fields: object = {}) =>
  json(response, {
    id: 'x',
    choices: [{ index: 0, message: { role: 'assistant', content, ...fields }, finish_reason }],
  })

/** A script that refuses everything. */
export const refuse = (status: number, error: unknown, headers?: Record<string, string>): Script => {
  return (_, response) => json(response, { error }, status, headers)
}

/** The answer to one prompt, or FAILED and the message of the error in its place, the address being called BASE. */
export async function answerOf(
  script: Script,
  options: Partial<OpenAiOptions> = {},
): Promise<Serving & { answer: string }> {
  const served = await serving(script, { maxRetries: 1, ...options })
  const answer = await served.model.answer([ask('hi')], { maxTokens: 7 }).then(
    ([text]) => text,
    (error: unknown) => {
      if (!(error instanceof BumpError)) throw error
      return `FAILED ${error.message.replaceAll(served.baseUrl, 'BASE')}`
    },
  )
  return { ...served, answer }
}
