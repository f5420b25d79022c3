// Checks and measures the engine on a machine with a GPU that reaches no network. Where bump is built:
//
//   node tools/bench/gpu.mjs pack bump-gpu.tgz
//
// makes one archive of at most 64 MiB: the engine and its benchmark as JavaScript, the packages they need, this
// platform's ONNX Runtime (WebGPU is in it; CUDA libraries where they were installed and fit) and Node itself. There:
//
//   tar xzf bump-gpu.tgz && bump-gpu/node bump-gpu/gpu.mjs
//
// compares each device that works with the processor, then prints the benchmark's table on it. Random weights are made
// there, in bump-gpu/cache. `--device cpu` tries the script out where there is no GPU.
import { spawnSync } from 'node:child_process'
import { copyFileSync, cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

const LIMIT = 64 * 2 ** 20
const NAME = 'bump-gpu'
const PACKAGES = ['onnxruntime-node', 'onnxruntime-common', 'zod']
const CASES = ['train', 'packed', 'inference', 'step', 'judges', 'qwenGroup', 'qwenInference', 'qwenStep']
/** Of the runtime's providers that npm does not bring. */
const CUDA_LIBRARY = 'libonnxruntime_providers_cuda.so'

const here = fileURLToPath(new URL('.', import.meta.url))

function run(command, args, options = {}) {
  const { status, error } = spawnSync(command, args, { stdio: 'inherit', ...options })
  if (error) throw error
  return status
}

function pack(archive) {
  const root = resolve(here, '../..')
  const scratch = mkdtempSync(join(tmpdir(), 'bump-gpu-'))
  const folder = join(scratch, NAME)
  const config = {
    extends: join(root, 'tsconfig.json'),
    compilerOptions: { noEmit: false, outDir: folder, rootDir: root, typeRoots: [join(root, 'node_modules/@types')] },
    // The last is started as a thread.
    files: ['tools/bench/main.ts', 'tools/bench/check-device.ts', 'src/engine/weights/convert-thread.ts'].map((name) =>
      join(root, name),
    ),
    include: [],
  }
  mkdirSync(folder)
  writeFileSync(join(scratch, 'tsconfig.json'), JSON.stringify(config))
  if (run(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', scratch]) !== 0) process.exit(1)
  copyFileSync(join(here, 'shapes.json'), join(folder, 'tools/bench/shapes.json'))
  copyFileSync(join(here, 'gpu.mjs'), join(folder, 'gpu.mjs'))
  copyFileSync(process.execPath, join(folder, 'node'))
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}')
  const platform = join('bin', 'napi-v6', process.platform, process.arch)
  for (const name of PACKAGES)
    cpSync(join(root, 'node_modules', name), join(folder, 'node_modules', name), {
      recursive: true,
      // Of the runtime's libraries those of this platform alone; nothing that only people and compilers read.
      filter: (from) => {
        const path = from.slice(join(root, 'node_modules', name).length + 1)
        const other = path.startsWith('bin') && !platform.startsWith(path) && !path.startsWith(platform)
        return !other && !/(^src$|\.d\.[cm]?ts|\.map|\.md)$/.test(path)
      },
    })
  const cuda = join(folder, 'node_modules', PACKAGES[0], platform, CUDA_LIBRARY)
  const compress = () => run('tar', ['-C', scratch, '-czf', resolve(archive), NAME])
  const size = () => statSync(archive).size
  const mebibytes = (bytes) => `${(bytes / 2 ** 20).toFixed(1)} MiB`
  if (compress() !== 0) process.exit(1)
  if (!existsSync(cuda)) console.log(`${CUDA_LIBRARY} is not installed here, so there is no CUDA in the archive`)
  else if (size() > LIMIT) {
    console.log(`${CUDA_LIBRARY} (${mebibytes(statSync(cuda).size)}) does not fit and is left out`)
    rmSync(cuda)
    compress()
  }
  rmSync(scratch, { recursive: true })
  console.log(
    `${archive}: ${mebibytes(size())}${size() > LIMIT ? `, more than the ${mebibytes(LIMIT)} it may have` : ''}`,
  )
  if (size() > LIMIT) process.exitCode = 1
}

function measure(devices, minutes) {
  const script = (name, args) =>
    run(process.execPath, [join(here, 'tools/bench', name), ...args], {
      env: { ...process.env, BUMP_CACHE: join(here, 'cache') },
    })
  for (const device of devices) {
    const end = performance.now() + (minutes * 60_000) / devices.length
    console.log(`\n## ${device}\n`)
    const checked = script('check-device.js', [device])
    if (checked !== 0) process.exitCode = 1
    // 1: the device does not work here. Else results differ, and its speed is still of interest.
    if (checked === 1) continue
    const left = Math.max(0, end - performance.now()) / 60_000
    if (script('main.js', ['--device', device, '--minutes', String(left), ...CASES]) !== 0) process.exitCode = 1
  }
}

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    device: { type: 'string', multiple: true, default: ['webgpu', 'cuda'] },
    minutes: { type: 'string', default: '10' },
  },
})
if (positionals[0] === 'pack') pack(positionals[1] ?? `${NAME}.tgz`)
else measure(flags.device, Number(flags.minutes))
