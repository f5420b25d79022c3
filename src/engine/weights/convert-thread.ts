// The thread that fills pieces of a flat file for convert.ts: each buffer that comes is sent back with the next piece.
import { parentPort, workerData } from 'node:worker_threads'
import { errorRecord } from '../../util/thread.ts'
import { ContentHash, type ConvertReply, type ConvertStart, fillPiece } from './convert.ts'
import { openSource } from './open-source.ts'

const port = parentPort
if (!port) throw new Error('this file runs as a worker thread')
const { path, pieces, hashes } = workerData as ConvertStart
const source = openSource(path)
const hash = hashes ? new ContentHash(source.config) : undefined
let next = 0
port.on('message', (buffer: ArrayBuffer) => {
  const piece = pieces[next++]
  if (piece === undefined) return
  try {
    const values = new Float32Array(buffer, 0, piece.elements)
    fillPiece(path, source, piece, values)
    hash?.add(piece, values)
    const digest = next === pieces.length ? hash?.digest() : undefined
    port.postMessage({ buffer, digest } satisfies ConvertReply, [buffer])
  } catch (error) {
    port.postMessage({ error: errorRecord(error) } satisfies ConvertReply)
  }
})
