// The thread that fills pieces of a flat file for convert.ts: each buffer that comes is sent back with the next piece.
import { parentPort, workerData } from 'node:worker_threads'
import { errorRecord } from '../../util/thread.ts'
import { type ConvertReply, type ConvertStart, fillPiece } from './convert.ts'
import { openSource } from './open-source.ts'

const port = parentPort
if (!port) throw new Error('this file runs as a worker thread')
const { path, pieces } = workerData as ConvertStart
const source = openSource(path)
let next = 0
port.on('message', (buffer: ArrayBuffer) => {
  const piece = pieces[next++]
  if (piece === undefined) return
  try {
    fillPiece(path, source, piece, new Float32Array(buffer, 0, piece.elements))
    port.postMessage({ buffer } satisfies ConvertReply, [buffer])
  } catch (error) {
    port.postMessage({ error: errorRecord(error) } satisfies ConvertReply)
  }
})
