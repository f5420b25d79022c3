/** Where an encoder's ONNX file may lie in its folder or repository; the first that is there counts. */
export const ONNX_FILES = ['onnx/model.onnx', 'model.onnx', 'onnx/model_quantized.onnx', 'model_quantized.onnx']
