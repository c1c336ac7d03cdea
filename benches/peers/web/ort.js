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
  const lengths = { sample: batch * shape.reduce((a, b) => a * b), timestep: batch };
  // On the GPU the inputs stay where they are: a run that is played again reads them there.
  const buffers = {};
  const onGpu = (name) => {
    const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST | GPUBufferUsage.COPY_SRC;
    buffers[name] = device.createBuffer({ size: Math.ceil(lengths[name] / 4) * 16, usage });
    return ort.Tensor.fromGpuBuffer(buffers[name], { dataType: "float32", dims: dims[name] });
  };
  const onHost = (name) => new ort.Tensor("float32", new Float32Array(lengths[name]), dims[name]);
  const place = webgpu ? onGpu : onHost;
  const feeds = { sample: place("sample"), timestep: place("timestep") };
  const write = (name, data) => {
    if (webgpu) device.queue.writeBuffer(buffers[name], 0, data);
    else feeds[name].data.set(data);
  };
  write("sample", Float32Array.from({ length: lengths.sample }, (_, ix) => Math.sin(ix * 12.9898) * 1.5));
  write("timestep", new Float32Array(batch).fill(500));

  async function evaluate(wanted) {
    const { output } = await session.run(feeds);
    if (!wanted && !webgpu) return undefined;
    // A captured run writes to the same buffer each time.
    if (!wanted) return setting.capture ? undefined : output.dispose();
    return webgpu ? output.getData() : output.data;
  }
  return {
    name: `onnxruntime-web ${ort.env.versions.web}`,
    async run(steps) {
      const begin = performance.now();
      for (let step = 0; step < steps; step += 1) await evaluate(step === steps - 1);
      return (performance.now() - begin) / steps;
    },
    /** ε̂ of x_t, given as plain numbers. */
    async predict(sample, timestep) {
      write("sample", Float32Array.from(sample));
      write("timestep", new Float32Array(batch).fill(timestep));
      return Array.from(await evaluate(true));
    },
    close: () => session.release(),
  };
}
