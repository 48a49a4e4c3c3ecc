// Runs models in onnxruntime: node run.js MANIFEST.json
// The manifest lists {model, input, type, shape, output}: the tensor in the file `input` goes in, the model's one
// output is written to the file `output`.
const fs = require('fs');
const path = require('path');
const { createRequire } = require('module');

const installed = process.env.THIMBLE_ONNXRUNTIME || __dirname;
const ort = createRequire(path.join(installed, 'package.json'))('onnxruntime-node');

function tensor(file, type, shape) {
  const bytes = fs.readFileSync(file);
  const buffer = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length);
  return new ort.Tensor(type, new { int8: Int8Array, int16: Int16Array, float32: Float32Array }[type](buffer), shape);
}

async function main() {
  for (const item of JSON.parse(fs.readFileSync(process.argv[2], 'utf8'))) {
    try {
      // Without optimizations QDQ is computed as it is written: dequantize, operator, quantize.
      const session = await ort.InferenceSession.create(item.model, {
        graphOptimizationLevel: 'disabled', intraOpNumThreads: 1, interOpNumThreads: 1 });
      const feeds = { [session.inputNames[0]]: tensor(item.input, item.type, item.shape) };
      const result = (await session.run(feeds))[session.outputNames[0]];
      fs.writeFileSync(item.output, Buffer.from(result.data.buffer, result.data.byteOffset, result.data.byteLength));
    } catch (error) {
      console.error(`${item.model}: ${error.message}`);
      process.exitCode = 1;
    }
  }
}

main();
