// ONNX Runtime's official builds for Linux and macOS report processes, sessions and models to their maker unless this
// is set before the first session (its docs/Privacy.md; since 1.29). Who works on people's logs did not ask for that.
// The main thread has to set it: a worker's environment is a copy that native code does not see.
process.env.ORT_DISABLE_TELEMETRY ??= '1'
