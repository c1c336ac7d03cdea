/** TensorFlow.js on WebGPU: one ResNet block of the U-Net (GroupNorm, SiLU, convolution, twice, and the residual). */

const SCRIPTS = [
  "/benches/peers/node_modules/@tensorflow/tfjs/dist/tf.min.js",
  "/benches/peers/node_modules/@tensorflow/tfjs-backend-webgpu/dist/tf-backend-webgpu.min.js",
];
const EPSILON = 1e-6;

/** A block of `channels` channels on pictures of `side` × `side`; a step is one evaluation of it. */
export async function open({ batch, channels, side, groups }) {
  for (const address of SCRIPTS) await script(address);
  const tf = globalThis.tf;
  if (!(await tf.setBackend("webgpu"))) throw new Error("TensorFlow.js found no WebGPU");
  await tf.ready();
  const filter = () => tf.randomNormal([3, 3, channels, channels], 0, 0.05);
  const [first, second] = [filter(), filter()];
  const [gamma, beta, embedding] = [tf.ones([channels]), tf.zeros([channels]), tf.randomNormal([batch, 1, 1, channels])];
  const x = tf.randomNormal([batch, side, side, channels]);

  function groupNormSilu(input) {
    const parts = input.reshape([batch, side * side, groups, channels / groups]);
    const { mean, variance } = tf.moments(parts, [1, 3], true);
    const normal = parts.sub(mean).mul(variance.add(EPSILON).rsqrt()).reshape(input.shape);
    const scaled = normal.mul(gamma).add(beta);
    return scaled.mul(scaled.sigmoid());
  }
  function block(input) {
    const hidden = tf.conv2d(groupNormSilu(input), first, 1, "same").add(embedding);
    return tf.conv2d(groupNormSilu(hidden), second, 1, "same").add(input);
  }
  return {
    name: `TensorFlow.js ${tf.version.tfjs}`,
    gflop: (2 * 2 * 9 * channels * channels * side * side * batch) / 1e9,
    async run(steps) {
      const begin = performance.now();
      for (let step = 0; step < steps; step += 1) {
        const output = tf.tidy(() => block(x));
        if (step === steps - 1) await output.data();
        output.dispose();
      }
      return (performance.now() - begin) / steps;
    },
    close() {},
  };
}

function script(src) {
  return new Promise((resolve, reject) => {
    const element = Object.assign(document.createElement("script"), { src, onload: resolve });
    element.onerror = () => reject(new Error(`${src} does not load`));
    document.head.append(element);
  });
}
