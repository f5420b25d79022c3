// The provider against a server on this machine that has the embedded engine behind it: both wire forms, both ways to
// reduce gradients, and what servers and networks do to requests.
import { mkdtempSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { useTemporaryCache } from '../../engine/testing/core.ts'
import { writeTinyFolder } from '../../engine/weights/testing/tiny-folder.ts'
import { LOSSES, type LossName } from '../../train/losses.ts'
import { seedFrom, uniform } from '../../util/random.ts'
import type { AdamParams, LanguageModel, TrainGroup } from '../contract.ts'
import { openTokenizer } from '../onnx/open-tokenizer.ts'
import { testLanguageModel } from '../testing/contract-suite.ts'
import { openTinker, type TinkerOptions } from './open.ts'
import { closeEngines, engineOf, giveBack } from './testing/fake-engines.ts'
import { type FakeOptions, type FakeServer, fakeServer, SERVED } from './testing/fake-server.ts'

useTemporaryCache()

const tiny = join(mkdtempSync(join(tmpdir(), 'bump-tinker-')), 'tiny')
writeTinyFolder(tiny)
const KEY = 'tml-very-secret'
const ADAM: AdamParams = { learningRate: 0.01, beta1: 0.9, beta2: 0.99, eps: 1e-8, weightDecay: 0.01, maxGradNorm: 0 }
const lora = { type: 'lora', rank: 4, alpha: 32 } as const

const servers: FakeServer[] = []
const models: LanguageModel[] = []

async function serve(options: Partial<FakeOptions> = {}): Promise<FakeServer> {
  const server = await fakeServer({ model: tiny, wire: 'protobuf', reduction: 'mean', ...options })
  servers.push(server)
  return server
}

async function open({ address }: FakeServer, options: Partial<TinkerOptions> = {}): Promise<LanguageModel> {
  const { tokenizer, contextLength } = await openTokenizer(tiny)
  const model = await openTinker({
    ...{ server: address, model: SERVED, name: tiny, tokenizer, contextLength, trainable: lora, backoff: 0.001 },
    ...options,
  })
  models.push(model)
  return model
}

afterAll(closeEngines)

async function closeAll(): Promise<void> {
  for (const model of models.splice(0)) await model.close()
  for (const server of servers.splice(0)) {
    await server.close()
    expect(server.violations).toEqual([])
  }
}

const limits = { temperature: true, clipping: true } as const
describe('a Tinker server', () => {
  testLanguageModel('the provider', async () => open(await serve()), limits)
  afterAll(closeAll)
})

const next = uniform(seedFrom('tinker'))
const ids = (count: number) => Array.from({ length: count }, () => 10 + Math.floor(next() * 190))
const prompts = [ids(9), ids(5)]
const groups: TrainGroup[] = prompts.map((prompt) => ({
  prompt,
  completions: [5, 3].map((length, i) => ({
    tokens: ids(length),
    advantage: i === 0 ? 1 : -0.8,
    weights: new Float32Array(length).fill(0.1 + 0.05 * i),
    // About the model's own: ratios of thousands would multiply the rounding of log probabilities as often.
    oldLogprobs: new Float32Array(length).fill(-11),
    refLogprobs: new Float32Array(length).fill(-11.2),
  })),
}))

/** Some steps, and where they lead: losses, norms, and log probabilities at the end. */
async function train(model: LanguageModel, steps: number, loss: LossName = 'dapo', klCoef = 0): Promise<number[]> {
  const options = { clipLow: 0.2, clipHigh: 0.3, klCoef, temperature: 1 }
  const numbers: number[] = []
  for (let step = 0; step < steps; step++) {
    const { loss: value } = await model.forwardBackward(groups, LOSSES[loss].tokenLoss(options))
    const { gradNorm } = await model.optimStep(ADAM)
    numbers.push(value, gradNorm!)
  }
  return [...numbers, ...(await policyOf(model))]
}

/** Log probabilities by the policy. */
async function policyOf(model: LanguageModel): Promise<number[]> {
  const scores = await model.score([{ prefix: prompts[0], continuations: [prompts[1]] }], { exact: true })
  return [...scores[0][0]]
}

const distance = (a: readonly number[], b: readonly number[]) =>
  a.reduce((most, value, i) => Math.max(most, Math.abs(value - b[i]) / Math.max(1, Math.abs(b[i]))), 0)

describe('training on a Tinker server', () => {
  afterEach(closeAll)

  /** What the embedded engine makes of the same adapter, fresh or from a folder. */
  async function embedded<T>(work: (engine: LanguageModel) => Promise<T>): Promise<T> {
    const engine = await engineOf(tiny, lora.rank)
    const result = await work(engine)
    giveBack(engine)
    return result
  }

  it.each([
    { wire: 'protobuf', reduction: 'mean', loss: 'gspo' },
    { wire: 'json', reduction: 'sum', loss: 'dapo' },
  ] as const)(
    'takes the steps of the embedded engine on a server that gives the $reduction ($wire)',
    async ({ wire, reduction, loss }) => {
      const expected = await embedded((engine) => train(engine, 3, loss, 0.1))
      const remote = await open(await serve({ wire, reduction }))
      expect(remote.info.server).toMatchObject({ reduction, promptLogprobs: true })
      expect(distance(await train(remote, 3, loss, 0.1), expected)).toBeLessThan(1e-4)
    },
  )

  it.each(['protobuf', 'json'] as const)('counts nothing twice where answers are lost (%s)', async (wire) => {
    const calm = await train(await open(await serve({ wire })), 3)
    await closeAll()
    const luck = uniform(seedFrom('faults', wire))
    // What no client can tell apart in 0.3: a step that counted from one that did not.
    const spared = wire === 'json' ? /optim_step/ : /^$/
    const fault: FakeOptions['fault'] = (path) => {
      const drawn = luck()
      if (spared.test(path) || drawn > 0.3) return undefined
      if (drawn < 0.1) return 'lost answer'
      return drawn < 0.2 ? 'lost request' : { status: drawn < 0.25 ? 429 : 503 }
    }
    const server = await serve({ wire, fault })
    expect(await train(await open(server), 3)).toEqual(calm)
    expect(server.paths.filter((path) => path === 'forward_backward').length).toBeGreaterThan(6)
  })

  it('says where it is not known whether a step counted, and goes on from a saved state', async () => {
    let lose = false
    const fault: FakeOptions['fault'] = (path) => (lose && path === 'optim_step' ? 'lost answer' : undefined)
    const model = await open(await serve({ wire: 'json', fault }))
    const folder = mkdtempSync(join(tmpdir(), 'bump-tinker-'))
    await model.saveState(folder)
    const first = await train(model, 1)
    await model.loadState(folder)
    lose = true
    await expect(train(model, 1)).rejects.toThrow(/not known whether it counted/)
    await expect(train(model, 1)).rejects.toThrow(/load a saved state/)
    lose = false
    await model.loadState(folder)
    expect(await train(model, 1)).toEqual(first)
  })

  it('begins without a gradient after a call that was cancelled', async () => {
    const cancel = new AbortController()
    let passes = Number.POSITIVE_INFINITY
    const fault: FakeOptions['fault'] = (path) => {
      if (path === 'forward_backward' && --passes === 0) cancel.abort()
      return undefined
    }
    const model = await open(await serve({ fault }))
    const folder = mkdtempSync(join(tmpdir(), 'bump-tinker-'))
    await model.saveState(folder)
    const calm = await train(model, 1)
    await model.loadState(folder)
    // The first pass is forward, the second has the gradient.
    passes = 2
    const cancelled = model.forwardBackward(groups, { type: 'cross_entropy' }, { signal: cancel.signal })
    await expect(cancelled).rejects.toMatchObject({ code: 'cancelled' })
    expect(await train(model, 1)).toEqual(calm)
  })

  it('waits for slow futures, and not for ever', async () => {
    const model = await open(await serve({ hold: 1 }))
    expect(await policyOf(model)).toHaveLength(prompts[1].length)
    const stuck = await serve({ fault: (path) => (path === 'retrieve_future' ? { status: 408 } : undefined) })
    await expect(open(stuck, { timeout: 0.05 })).rejects.toThrow(/has not finished create_model within 0.05 s/)
  })

  it('asks a failing server a few times, and then says what it said', async () => {
    const failing = await serve({
      fault: (path) => (path === 'asample' ? { status: 500, detail: `no ${KEY}` } : undefined),
      apiKey: KEY,
    })
    const error = await open(failing, { apiKey: KEY }).catch((reason: Error) => reason)
    expect(String(error)).toMatch(/answers 500 to asample: no \*\*\*/)
    expect(failing.paths.filter((path) => path === 'asample')).toHaveLength(5)
    expect([...failing.keys]).toEqual([KEY])
  })

  it('says what to do about a wrong address, key, model or rank, and about a server that was started anew', async () => {
    const server = await serve({ apiKey: KEY })
    await expect(open(server, { apiKey: 'other' })).rejects.toThrow(/answers 401 .*set TINKER_API_KEY/)
    await expect(open(server, { apiKey: KEY, model: 'acme/other' })).rejects.toThrow(
      /serves "served-here", not "acme\/other"/,
    )
    await expect(open(server, { apiKey: KEY, trainable: { ...lora, rank: 99 } })).rejects.toThrow(
      /LoRA rank 99 must be/,
    )
    await expect(open(server, { apiKey: KEY, trainable: { ...lora, alpha: 8 } })).rejects.toThrow(
      /set trainable.alpha to 32/,
    )
    await expect(open(server, { apiKey: KEY, trainable: 'full' })).rejects.toThrow(/trains adapters/)
    await expect(open({ ...server, address: 'ftp://x' })).rejects.toThrow(/engine.server is not the address/)
    await expect(open({ ...server, address: `${server.address}/v1` }, { apiKey: KEY })).rejects.toThrow(
      /address of a Tinker server\?/,
    )
    const model = await open(server, { apiKey: KEY })
    const folder = mkdtempSync(join(tmpdir(), 'bump-tinker-'))
    await model.saveState(folder)
    const other = await open(server, { apiKey: KEY, trainable: { ...lora, rank: 2 } })
    await expect(other.loadState(folder)).rejects.toThrow(/has it of rank 4, but this run trains rank 2/)
    const before = await policyOf(model)
    server.restart()
    await expect(policyOf(model)).rejects.toThrow(/no longer holds what this run left there.*Resume the run/)
    const again = await open(server, { apiKey: KEY })
    await again.loadState(folder)
    expect(await policyOf(again)).toEqual(before)
    expect(readFileSync(join(folder, 'tinker.json'), 'utf8')).not.toContain(KEY)
  })

  it('brings the adapter home: other engines give its log probabilities', async () => {
    const model = await open(await serve())
    await train(model, 2)
    const folder = mkdtempSync(join(tmpdir(), 'bump-tinker-'))
    await model.savePolicy(folder)
    const config = JSON.parse(readFileSync(join(folder, 'adapter_config.json'), 'utf8'))
    expect(config).toMatchObject({ r: 4, lora_alpha: 32, task_type: 'CAUSAL_LM', base_model_name_or_path: tiny })
    expect(config.target_modules.sort()).toEqual([
      'down_proj',
      'gate_proj',
      'k_proj',
      'o_proj',
      'q_proj',
      'up_proj',
      'v_proj',
    ])
    const there = await policyOf(model)
    await closeAll()
    const here = await embedded(async (engine) => {
      await engine.loadPolicy(folder)
      return await policyOf(engine)
    })
    expect(distance(here, there)).toBeLessThan(1e-5)
  })

  it('keeps on the server what is no adapter, and says so', async () => {
    const lines: string[] = []
    const model = await open(await serve({ merged: true, silent: true, reduction: 'sum' }), {
      onProgress: (line) => lines.push(line),
    })
    const folder = mkdtempSync(join(tmpdir(), 'bump-tinker-'))
    await model.saveState(folder)
    await model.loadState(folder)
    expect(lines.join('\n')).toMatch(/does not tell norms.*keeps its adapter to itself/s)
    await expect(model.savePolicy(folder)).rejects.toThrow(/sends no adapter/)
  })
})

describe('requests', () => {
  let server: FakeServer
  let model: LanguageModel
  beforeAll(async () => {
    server = await serve()
    model = await open(server)
  })
  afterAll(closeAll)

  it('are not sent where they could not be answered rightly', async () => {
    const heard = server.paths.length
    const options = { maxTokens: 4 }
    await expect(model.sample([{ prompt: [], seeds: [1] }], options)).rejects.toThrow(/has no tokens/)
    await expect(model.sample([{ prompt: [1e9], seeds: [1] }], options)).rejects.toThrow(/not in the vocabulary/)
    await expect(model.sample([{ prompt: [1], seeds: [1] }], { maxTokens: 1e6 })).rejects.toMatchObject({
      code: 'context-exceeded',
    })
    expect(await model.score([{ prefix: [1], continuations: [[]] }])).toEqual([[new Float32Array(0)]])
    await expect(model.optimStep(ADAM)).rejects.toThrow(/no gradient/)
    expect(server.paths.slice(heard).filter((path) => path !== 'session_heartbeat')).toEqual([])
  })

  it('end with the model', async () => {
    const sampling = model.sample([{ prompt: [1, 2], seeds: [1, 2, 3, 4] }], { maxTokens: 200, stopTokens: [] })
    const cancelled = expect(sampling).rejects.toMatchObject({ code: 'cancelled' })
    await model.close()
    await cancelled
    await expect(model.optimStep(ADAM)).rejects.toThrow(/closed/)
    expect(server.paths).toContain('unload_model')
  })
})
