// Runs models in TensorFlow Lite's own interpreter: node run.js MANIFEST.json
// The manifest lists {model, input, output}: the file `input` holds all input tensors, one after another; all output
// tensors are written to the file `output` likewise. The package is made for browsers; its WebAssembly module needs
// nothing of one but the variable that says where a script came from.
const fs = require('fs');
const path = require('path');
const vm = require('vm');

const installed = process.env.THIMBLE_TFLITE_RUNTIME || __dirname;
const folder = path.join(installed, 'node_modules/@tensorflow/tfjs-tflite/wasm');
const read = (name) => fs.readFileSync(path.join(folder, name));

const bytesOf = (array) => Buffer.from(array.buffer, array.byteOffset, array.byteLength);

function run(module, item) {
  const model = fs.readFileSync(item.model);
  const address = module._malloc(model.length);
  module.HEAPU8.set(model, address);
  const made = module.TFLiteWebModelRunner.CreateFromBufferAndOptions(
    address, model.length, { numThreads: 1, enableProfiling: false, maxProfilingBufferEntries: 1 });
  if (!made.ok()) throw new Error(made.errorMessage());
  const runner = made.value();
  const input = fs.readFileSync(item.input);
  let offset = 0;
  const inputs = runner.GetInputs();
  for (let i = 0; i < inputs.size(); ++i) {
    const data = bytesOf(inputs.get(i).data());
    input.copy(data, 0, offset, offset + data.length);
    offset += data.length;
  }
  if (offset !== input.length) throw new Error(`takes ${offset} bytes, ${input.length} are given`);
  if (!runner.Infer()) throw new Error('cannot be run');
  const outputs = runner.GetOutputs();
  const parts = [];
  for (let i = 0; i < outputs.size(); ++i) parts.push(Buffer.from(bytesOf(outputs.get(i).data())));
  fs.writeFileSync(item.output, Buffer.concat(parts));
  runner.delete();
  module._free(address);
}

async function main() {
  globalThis.document = { currentScript: { src: 'file:///' } };
  vm.runInThisContext(read('tflite_web_api_cc_simd.js').toString());
  const module = await globalThis.tflite_web_api_ModuleFactory({
    wasmBinary: read('tflite_web_api_cc_simd.wasm'), print: () => {}, printErr: () => {} });
  for (const item of JSON.parse(fs.readFileSync(process.argv[2], 'utf8'))) {
    try {
      run(module, item);
    } catch (error) {
      console.error(`${item.model}: ${error.message || error}`);
      process.exitCode = 1;
    }
  }
}

main();
