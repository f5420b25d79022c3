/**
 * Where an encoder's ONNX file may lie in its folder or repository; the first that is there counts. One in 8 bits comes
 * last: what it makes of a text depends somewhat on the texts beside it.
 */
export const ONNX_FILES = ['onnx/model.onnx', 'model.onnx', 'onnx/model_quantized.onnx', 'model_quantized.onnx']
