// The embedded engines behind fake servers, shared by the servers of a test: opening one takes longer than most tests.
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { LanguageModel } from '../../contract.ts'
import { openModel } from '../../onnx/open.ts'

/** Engines that nobody uses. */
const spare: LanguageModel[] = []
/** What an engine serves, the rank of its adapter, and its state before anything was trained. */
const origins = new Map<LanguageModel, { model: string; rank: number; start: string }>()

/** An engine with a fresh adapter; `giveBack` lets the next one have it. */
export async function engineOf(model: string, rank: number): Promise<LanguageModel> {
  const at = spare.findIndex((engine) => origins.get(engine)!.model === model && origins.get(engine)!.rank === rank)
  if (at >= 0) {
    const [engine] = spare.splice(at, 1)
    await engine.loadState(origins.get(engine)!.start)
    return engine
  }
  const engine = await openModel(model, { trainable: { type: 'lora', rank, alpha: 32 }, threads: 1 })
  const start = mkdtempSync(join(tmpdir(), 'bump-fake-tinker-'))
  await engine.saveState(start)
  origins.set(engine, { model, rank, start })
  return engine
}

export const giveBack = (engine: LanguageModel) => spare.push(engine)

/** An engine of the model that nobody uses. */
export const spareOf = (model: string) => spare.find((engine) => origins.get(engine)!.model === model)

/** Ends the engines of servers that are closed. */
export async function closeEngines(): Promise<void> {
  for (const engine of spare.splice(0)) await engine.close()
}
