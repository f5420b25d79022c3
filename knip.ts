// Two runs look for dead code: `knip` over everything, and `knip --production` without the tests and their helpers, so
// that no test keeps alive what nothing else uses. There, an export that its own file uses may be there for its test.
import type { KnipConfig } from 'knip'

const config: KnipConfig = {
  entry: [
    'src/index.ts!',
    'src/client/{client,ai-sdk}.ts!',
    'src/cli/main.ts!',
    'src/model/onnx/{worker,encoder-worker}.ts!',
    'src/model/tinker/heartbeat.ts!',
    'src/engine/weights/convert-thread.ts!',
    'bin/*.mjs!',
    'scripts/*.mjs!',
    'tools/{bench,docs,fuzz,nano,package,safety,serve,servers}/main.ts!',
    'tools/bench/{compare-precision,compare-gradients,check-device}.ts!',
    'tools/bench/gpu.mjs!',
    // Started as processes of their own.
    'tools/bench/peers/{run.ts,llama-cpp.mjs,ours.mjs}!',
    'tools/fuzz/reader.ts!',
    'tools/package/consumer.ts!',
    'tools/servers/{vitest.config,*.check}.ts',
    'examples/*.ts!',
  ],
  project: ['{src,tools,examples}/**/*.{ts,tsx}!', '{scripts,tools}/**/*.mjs!', '!**/*.test.ts!', '!**/testing/**!'],
  ignoreExportsUsedInFile: process.argv.includes('--production'),
  // Run as a program by tools/package/main.ts; read as a file by src/serve/pages/browser.test.ts.
  ignoreDependencies: ['@arethetypeswrong/cli', 'axe-core'],
}

export default config
