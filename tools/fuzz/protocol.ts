// What the process that hunts and the process that reads say to each other.
import type { FuzzCase } from './case.ts'

export interface Request {
  target: string
  input: FuzzCase
  /** Folder for the files of the case, which is made and, unless `keep`, removed. */
  folder: string
  keep: boolean
}

/** What became of a case. */
export interface Outcome {
  /** `unwritable`: mutations of a structure left nothing that can be written as a file. */
  result: 'read' | 'refused' | 'failed' | 'unwritable'
  /** What was thrown where `failed`. */
  problem?: string
  /** Of all files. */
  bytes: number
  /** Seconds of computing, over all threads. */
  seconds: number
  /** Peak memory of the process so far, and before the case; bytes. */
  memory: number
  memoryBefore: number
}
