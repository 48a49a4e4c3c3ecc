// Runs models in LiteRT: node run.js MANIFEST.json
// The manifest lists {model, input, output}: the file `input` holds all input tensors, one after another; all output
// tensors are written to the file `output` likewise. The package is made for browsers; its WebAssembly module needs
// nothing of one but the variables that a browser's scripts find.
const fs = require('fs');
const path = require('path');
const vm = require('vm');

const installed = process.env.THIMBLE_LITERT || __dirname;
const folder = path.join(installed, 'node_modules/@litertjs/core/wasm');
const read = (name) => fs.readFileSync(path.join(folder, name));

function inputBuffers(module, environment, model, file) {
  let offset = 0;
  const buffers = [];
  const count = model.getSignature(0).inputNames().size();
  for (let i = 0; i < count; ++i) {
    const type = model.getInputTensorType(0, i);
    const bytes = type.layout().numElements() * module.liteRtGetByteWidth(type.elementType());
    const buffer = module.LiteRtTensorBuffer.createManaged(
      environment, module.LiteRtTensorBufferType.HOST_MEMORY, type, bytes);
    module.HEAPU8.set(file.subarray(offset, offset + bytes), buffer.lock(module.LiteRtTensorBufferLockMode.WRITE));
    buffer.unlock();
    buffers.push(buffer);
    offset += bytes;
  }
  if (offset !== file.length) throw new Error(`takes ${offset} bytes, ${file.length} are given`);
  return buffers;
}

async function run(module, environment, item) {
  const content = fs.readFileSync(item.model);
  const address = module._malloc(content.length);
  module.HEAPU8.set(content, address);
  const model = module.loadModel(environment, address, content.length);
  const compiled = await module.compileModel(environment, model, {
    accelerator: 'wasm', accelerators: ['wasm'], cpuOptions: { numThreads: 1 } });
  const inputs = inputBuffers(module, environment, model, fs.readFileSync(item.input));
  const outputs = await compiled.run(0, inputs);
  const parts = outputs.map((buffer) => {
    const start = buffer.lock(module.LiteRtTensorBufferLockMode.READ);
    const part = Buffer.from(module.HEAPU8.slice(start, start + buffer.packedSize()));
    buffer.unlock();
    return part;
  });
  fs.writeFileSync(item.output, Buffer.concat(parts));
  for (const object of [...inputs, ...outputs, compiled, model]) object.delete();
  module._free(address);
}

async function main() {
  Object.assign(globalThis, {
    self: globalThis, require, __dirname: folder, document: { currentScript: { src: 'file:///' } } });
  vm.runInThisContext(read('litert_wasm_compat_internal.js').toString());
  const said = [];  // LiteRT says here why it refuses a model
  const module = await globalThis.ModuleFactory({
    wasmBinary: read('litert_wasm_compat_internal.wasm'), print: () => {}, printErr: (line) => said.push(line) });
  const environment = module.LiteRtEnvironment.create(null);
  for (const item of JSON.parse(fs.readFileSync(process.argv[2], 'utf8'))) {
    said.length = 0;
    try {
      await run(module, environment, item);
    } catch (error) {
      console.error(`${item.model}: ${error.message || error}\n${said.join('\n')}`);
      process.exitCode = 1;
    }
  }
}

main();
