/** Ours: the wasm of `dist/`, playing a DDIM chain of the checkpoint, one submission a step. */

let runtime;

export async function open({ batch, model }) {
  runtime ??= load();
  const { Gpu, Player } = await runtime;
  const gpu = await Gpu.request();
  const player = new Player(gpu, document.createElement("canvas"), () => {});
  player.load(new Uint8Array(await (await fetch(model)).arrayBuffer()));
  /** x_t, read back. */
  const state = () => player.values("x_t");
  const start = (steps) => player.start({ count: batch, sampler: "ddim", steps, seed: "7" });
  return {
    name: "ours",
    adapter: gpu.adapter(),
    /** What `steps` steps take, in milliseconds a step, until their result has been read. */
    async run(steps) {
      await start(Math.max(steps, 2));
      await state();
      const begin = performance.now();
      for (let step = 0; step < steps; step += 1) player.step();
      await state();
      return (performance.now() - begin) / steps;
    },
    /** x_t before each step and after the last of a chain of `steps`, and each step's t. */
    async chain(steps) {
      await start(steps);
      const states = [Array.from(await state())];
      const timesteps = [];
      while (player.t() >= 0) {
        timesteps.push(player.t());
        player.step();
        states.push(Array.from(await state()));
      }
      return { states, timesteps };
    },
    close() {
      gpu.destroy();
    },
  };
}

async function load() {
  const module = await import("/dist/ddpm.js");
  await module.default({ module_or_path: "/dist/ddpm_bg.wasm" });
  return module;
}
