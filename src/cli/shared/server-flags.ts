// Flags of the commands that ask a model on an OpenAI-compatible server.
import type { Command } from 'commander'
import { openOpenAi } from '../../model/openai/open.ts'
import type { TextModel } from '../../model/text-model.ts'
import { BumpError } from '../../util/errors.ts'
import { positiveInteger } from './flag-values.ts'

export interface ServerFlags {
  server?: string
  serverModel?: string
  serverContext?: number
  serverConcurrency?: number
  serverTimeout?: number
}

/** Adds --server and what belongs to it; `what` the model there is asked for. */
export function addServerFlags(command: Command, what: string): Command {
  return command
    .option('--server <address>', `${what}: an OpenAI-compatible API (key in OPENAI_API_KEY)`)
    .option('--server-model <name>', 'name of the model on the server')
    .option('--server-context <tokens>', 'context of the model on the server (default: 8192)', positiveInteger)
    .option('--server-concurrency <count>', 'requests to the server at a time (default: 8)', positiveInteger)
    .option(
      '--server-timeout <seconds>',
      'seconds that the server may take for an answer (default: 240)',
      positiveInteger,
    )
}

/** The model that the flags name; undefined where they name none. Throws BumpError where they do not belong together. */
export function serverOf(flags: ServerFlags, onNote: (line: string) => void): TextModel | undefined {
  const { server, serverModel, serverContext, serverConcurrency, serverTimeout } = flags
  if (server === undefined) {
    const others = { serverModel, serverContext, serverConcurrency, serverTimeout }
    const [idle] = Object.entries(others).filter(([, value]) => value !== undefined)
    if (idle === undefined) return undefined
    const flag = `--${idle[0].replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`
    throw new BumpError('invalid-options', `${flag} belongs to --server: give the address of the server`)
  }
  if (serverModel === undefined)
    throw new BumpError('invalid-options', '--server needs --server-model: the name of the model there')
  return openOpenAi({
    baseUrl: server,
    model: serverModel,
    contextLength: serverContext,
    concurrency: serverConcurrency,
    timeout: serverTimeout,
    onNote,
  })
}
