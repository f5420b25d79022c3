// Folders of temporary files that logs are read by.
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, utimes } from 'node:fs'
import { join } from 'node:path'
import { cacheFolder } from '../util/files.ts'

const HOUR = 3600 * 1000
const DAY = 24 * HOUR

/** A fresh folder; those that a killed process left behind a day ago or more are removed. */
export function stagingFolder(): string {
  const parent = cacheFolder('logs')
  mkdirSync(parent, { recursive: true })
  for (const name of readdirSync(parent)) {
    const path = join(parent, name)
    const age = Date.now() - (statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? Date.now())
    if (age > DAY) rmSync(path, { recursive: true, force: true })
  }
  return mkdtempSync(join(parent, 'open-'))
}

/** Keeps a folder from being taken for one that was left behind, until the returned function is called. */
export function keepStaging(folder: string): () => void {
  const timer = setInterval(() => utimes(folder, new Date(), new Date(), () => {}), HOUR).unref()
  return () => clearInterval(timer)
}
