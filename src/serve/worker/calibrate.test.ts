// The gate's floors measured on the bundled log, and the worker judged by a sentence encoder.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Generator, openGenerator } from '../../generator/open.ts'
import { addInteractions } from '../../store/interactions.ts'
import { openStore, type Store } from '../../store/open.ts'
import { listVersions } from '../../store/profiles.ts'
import { changeFloors, readProject } from '../../store/projects.ts'
import { sampleUsers } from '../../store/sample.ts'
import { projectSettings } from '../../store/settings.ts'
import { newProject } from '../../store/testing/stores.ts'
import { calibrate } from './calibrate.ts'
import { workerJudge } from './judge.ts'
import type { WorkerModels } from './refresh.ts'
import { runWorker } from './worker.ts'

const path = (from: string) => fileURLToPath(new URL(`../../../${from}`, import.meta.url))
const log = readFileSync(path('assets/example/log.jsonl'), 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as { user: string; time: string; text: string })
const people = [...new Set(log.map(({ user }) => user))].slice(0, 10)
const NOW = { refresh: { quietSeconds: 0, pauseSeconds: 0 }, retainDays: 100_000 }

describe('floors, and a sentence encoder as the judge', () => {
  const folder = mkdtempSync(join(tmpdir(), 'bump-calibrate-'))
  let store: Store
  let generator: Generator
  let models: WorkerModels
  let close: () => Promise<void>
  beforeAll(async () => {
    store = await openStore(join(folder, 'store.sqlite'))
    generator = await openGenerator({ model: path('assets/nano') }, { threads: 1, maxTokens: 8 })
    const opened = await workerJudge(generator, path('src/engine/golden/encoder-mean'), {})
    models = { generator, judge: opened.judge }
    close = opened.close
  })
  afterAll(async () => {
    await close()
    await generator.close()
    await store.close()
    rmSync(folder, { recursive: true, force: true })
  })

  it('measures a floor that refuses one in ten of the texts that are as they should be', async () => {
    const scope = await newProject(store, NOW)
    await addInteractions(
      store,
      scope,
      log.filter(({ user }) => people.includes(user)).map((each) => ({ ...each, time: Date.parse(each.time) })),
    )
    expect((await sampleUsers(store, scope, { limit: 3, interactions: 9 })).length).toBe(3)
    const users = await sampleUsers(store, scope, { limit: 99, interactions: 9 })
    expect(users.map(({ user }) => user).sort()).toEqual([...people].sort())
    const { floor, judge } = await calibrate(users, models, projectSettings(undefined))
    expect(judge).toBe('embedding')
    expect(floor.users).toBe(people.length)
    expect(floor.floor.low).toBeLessThanOrEqual(floor.floor.mean)
    // Of ten one lies below the tenth part.
    expect(floor.refused.anew.measured.mean).toBeLessThanOrEqual(2 / people.length)

    await expect(calibrate(users.slice(0, 9), models, projectSettings(undefined))).rejects.toThrow(/9 users have/)

    await changeFloors(store, scope, { floor: 0.05 })
    const { settings } = await readProject(store, scope)
    expect(settings).toMatchObject({ ...NOW, gate: { floor: 0.05, runningFloor: 0.06 } })
  })

  it('judges refreshes', async () => {
    const scope = await newProject(store, NOW)
    const add = (from: number, to: number) =>
      addInteractions(
        store,
        scope,
        people.flatMap((person) =>
          log
            .filter(({ user }) => user === person)
            .slice(from, to)
            .map((each) => ({ ...each, time: Date.parse(each.time) })),
        ),
      )
    await add(0, 6)
    await runWorker({ ...models, store, once: true })
    await add(6, 10)
    await runWorker({ ...models, store, once: true })
    const { data } = await listVersions(store, { ...scope, user: people[0] }, { limit: 9 })
    expect(data).toHaveLength(2)
    expect(data[0].gate).toMatchObject({ hidden: 3, rivals: people.length - 1, floor: 0.13 })
    const { new: fresh, served, difference } = data[0].gate as { new: number; served: number; difference: number }
    expect(difference).toBeCloseTo(fresh - served, 12)
    expect(data[0].status).toBe(difference >= -0.13 ? 'published' : 'rejected')
  })
})
