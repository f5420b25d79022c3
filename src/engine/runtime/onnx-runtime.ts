// The tensor runtime, with its telemetry off.
import './telemetry.ts'

export { env, InferenceSession, Tensor } from 'onnxruntime-node'
