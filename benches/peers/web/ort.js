/** onnxruntime-web, on WebGPU or its own SIMD kernels. */

const DIST = "/benches/peers/node_modules/onnxruntime-web/dist/";

/**
 * `setting` is `{provider: "webgpu" | "wasm", bundle, layout, capture, threads}`: which build, how tensors lie, whether the
 * recorded commands of a run are played again, and on how many threads.
 */
export async function open({ batch, shape, onnx, setting }) {
  const ort = await import(DIST + setting.bundle);
  ort.env.wasm.wasmPaths = DIST;
  ort.env.wasm.numThreads = setting.threads ?? 1;
  const webgpu = setting.provider === "webgpu";
  const session = await ort.InferenceSession.create(onnx, {
    executionProviders: [webgpu ? { name: "webgpu", preferredLayout: setting.layout } : "wasm"],
    graphOptimizationLevel: "all",
    enableGraphCapture: setting.capture ?? false,
    ...(webgpu ? { preferredOutputLocation: "gpu-buffer" } : {}),
  });
  const dims = { sample: [batch, ...shape], timestep: [batch] };
  const device = webgpu ? await ort.env.webgpu.device : undefined;
  const onGpu = (name, data) => {
    const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST | GPUBufferUsage.COPY_SRC;
    const buffer = device.createBuffer({ size: Math.ceil(data.byteLength / 16) * 16, usage });
    device.queue.writeBuffer(buffer, 0, data);
    return { buffer, tensor: ort.Tensor.fromGpuBuffer(buffer, { dataType: "float32", dims: dims[name] }) };
  };
  const feed = (name, data) => (webgpu ? onGpu(name, data).tensor : new ort.Tensor("float32", data, dims[name]));
  const noise = Float32Array.from({ length: batch * shape.reduce((a, b) => a * b) }, (_, ix) => Math.sin(ix * 12.9898) * 1.5);
  const feeds = { sample: feed("sample", noise), timestep: feed("timestep", new Float32Array(batch).fill(500)) };

  async function evaluate(given, wanted) {
    const { output } = await session.run(given);
    if (!wanted && !webgpu) return undefined;
    // A captured run writes to the same buffer each time.
    if (!wanted) return setting.capture ? undefined : output.dispose();
    return webgpu ? output.getData() : output.data;
  }
  return {
    name: `onnxruntime-web ${ort.env.versions.web}`,
    async run(steps) {
      const begin = performance.now();
      for (let step = 0; step < steps; step += 1) await evaluate(feeds, step === steps - 1);
      return (performance.now() - begin) / steps;
    },
    /** ε̂ of x_t, given as plain numbers. */
    async predict(sample, timestep) {
      const given = {
        sample: feed("sample", Float32Array.from(sample)),
        timestep: feed("timestep", new Float32Array(batch).fill(timestep)),
      };
      return Array.from(await evaluate(given, true));
    },
    close: () => session.release(),
  };
}
