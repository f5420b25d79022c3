// What the graphs run on: the processor, or a GPU through one of the runtime's providers. The graphs are the same; what
// a provider has no kernel for runs on the processor.

import { BumpError } from '../../util/errors.ts'
import { Graph } from '../graph/graph.ts'
import { env, InferenceSession, Tensor } from './onnx-runtime.ts'
import { floats } from './tensors.ts'

export type Device = 'cpu' | 'webgpu' | 'cuda'
export const DEVICES = ['cpu', 'webgpu', 'cuda', 'auto'] as const
/** `auto`: CUDA where it works, else the processor. WebGPU is slower than one (docs/performance.md): only if asked for. */
export type DeviceRequest = (typeof DEVICES)[number]

const CURE: Record<Exclude<Device, 'cpu'>, string> = {
  webgpu: 'It needs a GPU with a driver of Vulkan, Metal or Direct3D 12.',
  cuda: "It needs an NVIDIA GPU, CUDA 12, cuDNN 9 and the runtime's CUDA libraries, which npm does not bring: run `node node_modules/onnxruntime-node/script/install`.",
}

/**
 * The device to run on, with a line of why. Throws BumpError where the one that was asked for does not work here.
 */
export async function chooseDevice(asked: DeviceRequest): Promise<{ device: Device; why: string }> {
  if (!DEVICES.includes(asked))
    throw new BumpError('invalid-options', `device: there is no ${JSON.stringify(asked)}. It is ${DEVICES.join(', ')}.`)
  if (asked === 'cpu') return { device: 'cpu', why: 'cpu' }
  if (asked !== 'auto') {
    const problem = await problemOf(asked)
    if (problem)
      throw new BumpError('device-unavailable', `the device ${asked} does not work here: ${problem}. ${CURE[asked]}`)
    return { device: asked, why: `${asked}, as asked for` }
  }
  const problem = await problemOf('cuda')
  return problem
    ? { device: 'cpu', why: `cpu; no cuda (${problem})` }
    : { device: 'cuda', why: 'cuda, which works here' }
}

/** Runs one product on a device: what goes wrong, in a few words, or undefined. */
async function problemOf(device: Device): Promise<string | undefined> {
  // What the runtime says of a missing library comes back as the reason; its own log would say it again.
  env.logLevel = 'fatal'
  const g = new Graph('f32')
  const identity = g.initializer('identity', [2, 2], new Uint8Array(new Float32Array([1, 0, 0, 1]).buffer))
  g.output(g.op('MatMul', [g.input('x', [1, 2]), identity]), 'y', [1, 2])
  try {
    const session = await InferenceSession.create(g.encode(), { executionProviders: [device], logSeverityLevel: 4 })
    const { y } = await session.run({ x: floats(new Float32Array([3, 4]), [1, 2]) })
    await session.release()
    return y instanceof Tensor && y.data[0] === 3 && y.data[1] === 4 ? undefined : 'it computes wrong values'
  } catch (error) {
    return reasonIn((error as Error).message)
  }
}

/** The words of the runtime's message, without its source lines and signatures. */
function reasonIn(message: string): string {
  const known = /Failed to get a WebGPU adapter|Failed to load (?:shared )?library|no CUDA-capable device[^.]*/i.exec(
    message,
  )
  return (known?.[0] ?? message.split('\n')[0].slice(0, 200)).trim()
}
