import pino from 'pino'
import { afterEach, expect, it } from 'vitest'
import { logPrinted } from './printed.ts'

const { info, warn, error } = console
afterEach(() => {
  Object.assign(console, { info, warn, error })
})

it('makes what libraries print lines of the log', () => {
  const lines: string[] = []
  logPrinted(pino({}, { write: (line: string) => lines.push(line) }))
  console.error(Object.assign(new Error('other side closed'), { code: 'UND_ERR_SOCKET', secret: 'text' }))
  console.info('The user aborted a request.', 1)
  expect(lines.map((line) => JSON.parse(line))).toMatchObject([
    { level: 50, from: 'console', msg: 'Error UND_ERR_SOCKET other side closed' },
    { level: 30, from: 'console', msg: 'The user aborted a request. 1' },
  ])
  expect(lines.join('')).not.toContain('secret')
})
