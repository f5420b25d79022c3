// Flags of the commands that ask a model on an OpenAI-compatible server.
import { type Command, InvalidArgumentError } from 'commander'
import { openOpenAi } from '../../model/openai/open.ts'
import type { ServerAccess, ServerPrice } from '../../model/served.ts'
import type { TextModel } from '../../model/text-model.ts'
import { BumpError } from '../../util/errors.ts'
import { positiveInteger } from './flag-values.ts'

export interface ServerFlags {
  server?: string
  serverModel?: string
  serverContext?: number
  serverConcurrency?: number
  serverTimeout?: number
  serverPrice?: ServerPrice
}

export interface JudgeServerFlags {
  judgeServer?: string
  judgeServerModel?: string
  judgeServerConcurrency?: number
  judgeServerTimeout?: number
  judgeServerPrice?: ServerPrice
}

/** Adds --judge-server and what belongs to it. */
export function addJudgeServerFlags(command: Command): Command {
  return command
    .option(
      '--judge-server <address>',
      'an OpenAI-compatible API whose model judges; texts of the logs are sent there (key in OPENAI_API_KEY)',
    )
    .option('--judge-server-model <name>', 'name of the model on that server')
    .option('--judge-server-concurrency <count>', 'requests to that server at a time (default: 8)', positiveInteger)
    .option(
      '--judge-server-timeout <seconds>',
      'seconds that that server may take for an answer (default: 240)',
      positiveInteger,
    )
    .option(
      '--judge-server-price <read,written>',
      'what that server charges for a million tokens: 0.15,0.6',
      priceValue,
    )
}

/**
 * Where the judge's model is; undefined where the flags name no server. Throws BumpError where they do not belong
 * together.
 */
export function judgeServerOf(flags: JudgeServerFlags): ServerAccess | undefined {
  const { judgeServer, judgeServerModel, judgeServerConcurrency, judgeServerTimeout, judgeServerPrice } = flags
  if (judgeServer !== undefined)
    return {
      baseUrl: judgeServer,
      concurrency: judgeServerConcurrency,
      timeout: judgeServerTimeout,
      price: judgeServerPrice,
    }
  refuseIdleFlags('--judge-server', { judgeServerModel, judgeServerConcurrency, judgeServerTimeout, judgeServerPrice })
  return undefined
}

/** Throws BumpError where one of the flags is given, which all belong to another that is not. */
function refuseIdleFlags(needed: string, flags: Record<string, unknown>): void {
  const [idle] = Object.entries(flags).filter(([, value]) => value !== undefined)
  if (idle === undefined) return
  const flag = `--${idle[0].replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`
  throw new BumpError('invalid-options', `${flag} belongs to ${needed}: give the address of the server`)
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
    .option('--server-price <read,written>', 'what the server charges for a million tokens: 0.15,0.6', priceValue)
}

/** The model that the flags name; undefined where they name none. Throws BumpError where they do not belong together. */
export function serverOf(flags: ServerFlags, onNote: (line: string) => void): TextModel | undefined {
  const { server, serverModel, serverContext, serverConcurrency, serverTimeout, serverPrice } = flags
  if (server === undefined) {
    refuseIdleFlags('--server', { serverModel, serverContext, serverConcurrency, serverTimeout, serverPrice })
    return undefined
  }
  if (serverModel === undefined)
    throw new BumpError('invalid-options', '--server needs --server-model: the name of the model there')
  return openOpenAi({
    baseUrl: server,
    model: serverModel,
    contextLength: serverContext,
    concurrency: serverConcurrency,
    timeout: serverTimeout,
    price: serverPrice,
    onNote,
  })
}

/** Prices of a million tokens read and written: `0.15,0.6`. */
function priceValue(text: string): ServerPrice {
  const [, read, written] = /^(\d+(?:\.\d+)?),(\d+(?:\.\d+)?)$/.exec(text.replaceAll(' ', '')) ?? []
  if (written === undefined)
    throw new InvalidArgumentError('Expected two prices of a million tokens, such as 0.15,0.6.')
  return { read: Number(read), written: Number(written) }
}

/** Says what a model on a server was asked, where it was asked anything. */
export function tellSpent(model: TextModel, say: (line: string) => void): void {
  const spent = model.spent?.()
  if (spent !== undefined) say(spent)
}
