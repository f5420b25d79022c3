// train(): one call from logs and a model to a trained profile generator and its run folder. `bump train`, `bump demo`
// and `bump ablate` make this very call. The loop itself is in grpo.ts.
import { basename, join, resolve } from 'node:path'
import { singleJudges } from '../judge/config.ts'
import { createJudge, ownJudge } from '../judge/judge.ts'
import { type AnyJudge, judgeKeys } from '../judge/several.ts'
import type { Judge } from '../judge/types.ts'
import type { LoadedUsers } from '../logs/load.ts'
import type { Logs } from '../logs/open.ts'
import type { LogSource } from '../logs/types.ts'
import type { UserList, UserLists } from '../logs/user-list.ts'
import type { LanguageModel } from '../model/contract.ts'
import { type Encoder, isEncoder, type JudgeModel } from '../model/encoder.ts'
import { isServed, type ServerAccess } from '../model/served.ts'
import type { AddedReward } from '../reward/added.ts'
import type { BidirectionalConfig } from '../reward/config.ts'
import type { CustomReward } from '../reward/custom.ts'
import { HardExamples } from '../reward/hard-examples.ts'
import { RunFolder } from '../run/folder.ts'
import type { RunHeader, RunUsers, Summary } from '../run/format.ts'
import { followed, type MlflowOptions, reachMlflow } from '../run/mlflow/tracked-run.ts'
import { packageInfo } from '../run/package-info.ts'
import { checkpointSteps, readSummary } from '../run/read.ts'
import { BumpError } from '../util/errors.ts'
import { requireOptions } from '../util/required.ts'
import { embedUsers } from './batches.ts'
import type { TrainConfig, TrainConfigInput } from './config.ts'
import { dataDigest } from './digest.ts'
import type { Baseline, FinalTestInputs } from './final-test.ts'
import { grpo } from './grpo.ts'
import { modelRecord } from './model-record.ts'
import {
  Models,
  refuseIdleServer,
  refuseOtherServers,
  refuseSameJudges,
  refuseUnusableModels,
  type TrainEngine,
} from './models.ts'
import { OngoingRun, type RunEvent } from './ongoing-run.ts'
import type { Phase } from './phase-progress.ts'
import { recordedConfig } from './recorded-config.ts'
import { presetLayers, resolveTrainConfig } from './resolve-config.ts'
import { rewardOf } from './run-reward.ts'
import { sourceOf, usersOf } from './run-users.ts'

/** The sections of the configuration that a caller may set; what is left out has its default (docs/config.md). */
export type TrainSettings = Partial<
  Omit<TrainConfigInput, 'name' | 'logs' | 'model' | 'trainable' | 'quantize' | 'precision' | 'engine'>
>

export interface TrainOptions extends TrainSettings {
  /**
   * The policy: opened as trainable by `openModel`, for this run alone, or its name, with `trainable` and `engine`. The
   * run leaves an opened one at its best checkpoint.
   */
  model: LanguageModel | string
  /** Opened by `openLogs`, or what `openLogs` takes. */
  logs: Logs | LogSource | string
  /** Logs of the users of the final test, in the same form; then no user of `logs` is tested. */
  testLogs?: Logs | string[]
  /** The run's folder; its last part is the run's name. */
  out: string
  /** What is trained, where `model` is a name: default LoRA. */
  trainable?: TrainConfigInput['trainable']
  /** Integers that rollouts and judge read the base in, where `model` is a name. */
  quantize?: TrainConfigInput['quantize']
  /** What training computes the base's products in, where `model` is a name. */
  precision?: TrainConfigInput['precision']
  /** What models that are named here run on; `{ type: 'tinker', server }` trains on a Tinker server instead. */
  engine?: TrainEngine
  /** The judge's model, where it is open already; an encoder's scorer is embedding. */
  judgeModel?: JudgeModel
  /** Where judges are that read with a model on a server (`judge.server`); texts of the logs are sent there. */
  judgeServer?: ServerAccess
  /** A judge of your own, in place of the one that `judge` describes. */
  customJudge?: Judge
  /** A reward of your own, in place of the bidirectional one; `reward` still sets its guards. */
  customReward?: CustomReward
  /** The encoder that chooses hard examples, where it is open already; `reward.hardExamples` says the rest. */
  embedder?: Encoder
  /** Rewards of your own beside that one, each with its weight. */
  rewards?: readonly AddedReward[]
  /** Follows the run in MLflow: settings and metrics are sent to this server, texts never. */
  mlflow?: MlflowOptions
  /** Goes on with the run in the folder, where there is one. */
  resume?: boolean
  /** Ends the run at a clean checkpoint: train() then throws a CancelledError, and `resume` goes on. */
  signal?: AbortSignal
  onEvent?: (event: TrainEvent) => void
}

/** A resolved configuration as train() takes it; its run stands in the folder `runs`. */
export function optionsOf(config: TrainConfig, runs: string): TrainOptions {
  const { name, logs, ...sections } = config
  const { testPaths, ...source } = logs
  return { ...sections, logs: source, testLogs: testPaths, out: join(runs, name) }
}

/** What train() tells while it works. */
export type TrainEvent =
  | RunEvent
  /** Logs were read; `test`: those of the final test's own users. */
  | { type: 'logs'; report: LoadedUsers['report']; test: boolean }
  /** The split: how many users each part has. */
  | { type: 'users'; train: number; validation: number; test: number }
  /** Models are open; `steps` steps follow. */
  | { type: 'start'; steps: number }

/** A finished run. */
export interface TrainRun {
  /** The run's folder. */
  folder: string
  config: TrainConfig
  /** Before and after on users never trained on, with intervals and controls. */
  summary: Summary
}

const PHASES: readonly Phase[] = ['rollout', 'judge', 'train', 'validation', 'test']

/**
 * Trains a profile generator by GRPO on interaction logs and writes its run folder. The same options and seed give the
 * same bytes, from a program or from the command line.
 * @throws BumpError where options, logs or model cannot be used, the users are too few, the folder cannot be started or
 * resumed, training diverges, or a reward of your own fails; CancelledError where `signal` ended the run
 */
export async function train(options: TrainOptions): Promise<TrainRun> {
  return await trainAfter(undefined, options)
}

/** train(), where an earlier run of the same model, judge, users and budgets has measured what stands before training. */
export async function trainAfter(baseline: Baseline | undefined, options: TrainOptions): Promise<TrainRun> {
  requireOptions('train()', options, ['model', 'logs', 'out'])
  const { out, customJudge, mlflow, resume = false, signal, onEvent = () => {} } = options
  const asked = configOf(options)
  const own = options.judgeModel || customJudge ? [] : singleJudges(asked.judge)
  const named = [...own, ...(asked.test.judges ?? [])]
  const { hardExamples: hard } = bidirectional(asked)
  refuseUnusableModels(asked.engine ? undefined : options.model, named, options.embedder ? undefined : hard)
  refuseOtherServers(named, options.judgeServer)
  if (mlflow) await reachMlflow(mlflow, out)
  const { users, close } = await usersOf(options, asked, onEvent)
  const note = (text: string, passing?: boolean) => onEvent({ type: 'note', text, passing })
  const models = new Models(options, asked, note)
  try {
    onEvent({ type: 'users', ...lengthsOf(users) })
    const model = await models.policy()
    const { config } = models
    const { judge, wholeTexts } = customJudge
      ? { judge: ownJudge(customJudge), wholeTexts: undefined }
      : await models.judge(model)
    const testJudges = await testJudgesOf(config, customJudge !== undefined, models, model)
    const hardExamples = hard && new HardExamples(await models.embedder(hard), hard)
    const open = (name: string) => models.open(name)
    const context = { config, users, model, judge, note, open }
    const { reward, record } = await rewardOf(options, context, hardExamples)
    return await trainUsers(config, {
      users,
      model,
      judge,
      testJudges,
      wholeTexts,
      judgeRecord: customJudge ? describeJudge(judge) : judge.describe(),
      reward,
      hardExamples,
      rewardRecord: record,
      baseline,
      out,
      mlflow,
      resume,
      signal,
      onEvent,
    })
  } finally {
    close()
    await models.close()
  }
}

/** A training run whose users, models and reward are there. */
interface RunParts
  extends Omit<FinalTestInputs, 'config'>,
    Pick<TrainOptions, 'out' | 'mlflow' | 'resume' | 'onEvent'> {
  /** What config.json says of the judge. */
  judgeRecord: Record<string, unknown>
  /** And of a reward of one's own. */
  rewardRecord?: Record<string, unknown>
  /** Chooses positives, rivals and batches; it is given all users of training here. */
  hardExamples?: HardExamples
}

/** Policies that a run of this process has trained, or is training: they stand no longer where a run begins. */
const trained = new WeakSet<LanguageModel>()

/** What train() does once logs and models are open. Throws what train() throws. */
export async function trainUsers(config: TrainConfig, parts: RunParts): Promise<TrainRun> {
  const { users, model, out, resume = false, signal, onEvent: told = () => {} } = parts
  checkUsers(users, config)
  if (trained.has(model) && checkpointSteps(out).length === 0)
    throw new BumpError(
      'invalid-options',
      `${model.info.name} was given to another run before, so this one would not begin at its base: open the model anew for each run, or give train() its name`,
    )
  const header = headerOf(config, parts)
  const folder = RunFolder.open(out, header, resume)
  try {
    folder.writeUsers(idsOf(users))
    const summary = await followed({ folder: out, header, options: parts.mlflow }, told, async (onEvent) => {
      const finished = resume ? readSummary(out) : undefined
      if (finished) {
        onEvent({ type: 'note', text: 'this run is finished; its summary stands' })
        return finished
      }
      if (parts.hardExamples) {
        const say = (text: string) => onEvent({ type: 'note', text, passing: true })
        await embedUsers(parts.hardExamples, users.train, model.tokenizer, config.prompt, say, signal)
      }
      onEvent({ type: 'start', steps: config.optim.steps })
      trained.add(model)
      const run = await OngoingRun.open(folder, model, { ...config, steps: config.optim.steps }, PHASES, onEvent)
      return await run.until(signal, () => grpo({ ...parts, config, header }, run))
    })
    return { folder: out, config, summary }
  } finally {
    folder.close()
  }
}

/** The other judges of the test. Their names are none of those that rewarded. */
async function testJudgesOf(
  { judge, test }: TrainConfig,
  custom: boolean,
  models: Models,
  policy: LanguageModel,
): Promise<Record<string, Judge>> {
  const judges = test.judges ?? []
  const rewarding = custom ? [] : singleJudges(judge)
  const keys = judgeKeys([...rewarding, ...judges]).slice(rewarding.length)
  const opened: Record<string, Judge> = {}
  for (const [i, each] of judges.entries()) {
    const [reader] = await models.readersOf(each, policy)
    opened[keys[i]] = createJudge(reader, each)
  }
  return opened
}

/** Throws BumpError where an option would do nothing, since another one decides what it is about. */
function refuseIdle(options: TrainOptions): void {
  const { model, trainable, quantize, precision, judge, judgeModel, customJudge, customReward, embedder } = options
  const { type } = options.engine ?? {}
  const idle = (option: string, why: string) => new BumpError('invalid-options', `${option} does nothing here: ${why}`)
  for (const [name, value] of Object.entries({ trainable, quantize, precision, 'engine.type': type }))
    if (typeof model !== 'string' && value !== undefined)
      throw idle(name, 'the model is open already. Give it to openModel, or give train() the name of the model')
  refuseIdleServer(options.engine)
  if (embedder && customReward) throw idle('embedder', 'it is for pools of the bidirectional reward')
  if (judgeModel && customJudge) throw idle('judgeModel', 'customJudge judges. Give one of the two')
  if (judgeModel && judge?.scorer === 'several')
    throw idle('judgeModel', 'several judges name the models that they read with, each in judge.judges')
}

/** The resolved configuration. Throws BumpError `invalid-options` with every problem. */
function configOf(options: TrainOptions): TrainConfig {
  refuseIdle(options)
  const { model, logs, testLogs, out, engine, judgeModel, customJudge, customReward, rewards, ...rest } = options
  const { mlflow, resume, signal, onEvent, reward, embedder, judgeServer, ...settings } = rest
  const opened = typeof model === 'string' ? undefined : openedOf(model)
  const added = rewards?.length
    ? { added: rewards.map(({ reward: each, weight }) => ({ ...recorded(each), weight })) }
    : undefined
  const values = {
    ...settings,
    ...(engine?.type ? { engine: { type: engine.type, model: engine.model } } : {}),
    ...(judgeModel ? { judge: { ...impliedJudge(judgeModel), ...settings.judge } } : {}),
    ...(opened ? { ...opened, seed: settings.seed ?? opened.seed } : {}),
    ...(customReward || added || reward || embedder
      ? {
          reward: {
            ...reward,
            ...(customReward ? { type: 'custom', ...recorded(customReward) } : {}),
            ...added,
            ...(embedder ? { hardExamples: { embedder: embedder.info.name, ...hardExamplesOf(reward) } } : {}),
          },
        }
      : {}),
    name: basename(resolve(out)),
    model: typeof model === 'string' ? model : model.info.name,
    logs: {
      ...sourceOf(logs),
      ...(testLogs ? { testPaths: 'source' in testLogs ? testLogs.source.paths : testLogs } : {}),
    },
  }
  const config = resolveTrainConfig([...presetLayers(settings.preset), { values, where: () => 'train()' }])
  if (opened?.trainable?.type === 'lora' && opened.seed !== config.seed)
    throw new BumpError(
      'invalid-options',
      `the model was opened with seed ${opened.seed}, which its adapter begins with, but this run has seed ${config.seed}: give openModel the seed of the run`,
    )
  if (config.reward.type === 'custom' && !customReward)
    throw new BumpError(
      'invalid-options',
      `the reward ${config.reward.name} is a function: give train() its customReward`,
    )
  if (config.reward.added && !added)
    throw new BumpError(
      'invalid-options',
      `reward.added names functions (${config.reward.added.map(({ name }) => name).join(', ')}): give train() its rewards`,
    )
  refuseSameJudges(config, customJudge !== undefined)
  return config
}

/** The section of hard examples as a caller writes it. */
const hardExamplesOf = (reward: TrainSettings['reward']) =>
  reward && 'hardExamples' in reward ? reward.hardExamples : undefined

/** The section of the bidirectional reward, empty for any other. */
const bidirectional = ({ reward }: TrainConfig): Partial<BidirectionalConfig> =>
  reward.type === 'bidirectional' ? reward : {}

/** What config.json says of a reward of one's own. */
const recorded = ({ name, options = {} }: CustomReward) => ({ name, options })

/** What an opened model says of the judge: an encoder judges in one way only. */
const impliedJudge = (model: JudgeModel) => ({
  ...(isEncoder(model) ? { scorer: 'embedding' } : {}),
  [isServed(model) ? 'server' : 'model']: model.info.name,
})

/** How a model was opened. Throws BumpError where it cannot be trained. */
function openedOf({ info }: LanguageModel): NonNullable<LanguageModel['info']['opened']> | undefined {
  if (info.trainableParameters === 0)
    throw new BumpError(
      'invalid-options',
      `${info.name} was opened for inference: open it with openModel(…, { trainable: 'lora' })`,
    )
  return info.opened
}

/** How many users each part has. */
const lengthsOf = ({ train, validation, test }: UserLists) => ({
  train: train.listed.length,
  validation: validation.listed.length,
  test: test.listed.length,
})

function checkUsers(users: UserLists, config: TrainConfig): void {
  const lengths = lengthsOf(users)
  const needed = { train: config.rollout.users, validation: 2, test: 2 }
  const cure = {
    train:
      lengths.train === 0
        ? 'lower split.test or split.validation, or give more logs'
        : 'lower rollout.users, split.test or split.validation, or give more logs',
    validation: 'raise split.validation, or give more logs',
    test: 'raise split.test, or give more logs',
  }
  for (const part of ['train', 'validation', 'test'] as const)
    if (lengths[part] < needed[part])
      throw new BumpError(
        'too-few-users',
        `The ${part} part has ${lengths[part]} users (of ${lengths.train + lengths.validation + lengths.test}), but needs at least ${needed[part]}: ${cure[part]}.`,
      )
}

function headerOf(config: TrainConfig, parts: RunParts): RunHeader {
  const { users, model, judgeRecord, testJudges, rewardRecord, hardExamples } = parts
  return {
    config: recordedConfig(config),
    package: packageInfo(),
    model: modelRecord(model),
    judge: judgeRecord,
    ...(config.test.judges ? { testJudges: Object.values(testJudges ?? {}).map((judge) => judge.describe()) } : {}),
    ...(hardExamples ? { embedder: hardExamples.describe() } : {}),
    ...(rewardRecord ? { reward: rewardRecord } : {}),
    data: { digest: dataDigest(users), ...lengthsOf(users) },
  }
}

function describeJudge(judge: AnyJudge): Record<string, unknown> {
  return { scorer: 'custom', name: judge.name, ...judge.describe() }
}

function idsOf({ train, validation, test }: UserLists): RunUsers {
  const ids = ({ listed }: UserList) => listed.map(({ id }) => id)
  return { train: ids(train), validation: ids(validation), test: ids(test) }
}
