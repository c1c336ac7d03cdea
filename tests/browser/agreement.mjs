/** One seed, one picture: the whole chain of 1000 steps against PyTorch's in float64, and between browsers. */

import { check, meanDifference, openPage, SHORT, valuesOf } from "./fixtures.mjs";
import { referenceChain } from "./models.mjs";

/** DESIGN's bound, pictures on [0, 1]. */
const TOLERANCE = 1e-4;
const SECONDS = 1500;

export const cases = [
  {
    name: "one seed, one picture: 1000 steps in f32",
    seconds: SECONDS,
    async run(context) {
      const begun = Date.now();
      const page = await openPage(context, { ...SHORT, sampler: "ddpm", steps: 1000 }, "complete", SECONDS);
      const rate = 1000 / ((Date.now() - begun) / 1000);
      const values = await valuesOf(page);
      const others = { PyTorch: referenceChain().ddpm, ...context.shared.pictures };
      (context.shared.pictures ??= {})[context.browser] = values;
      for (const [name, other] of Object.entries(others)) {
        const difference = meanDifference(values, other);
        context.note(`mean |Δ| ${difference.toExponential(1)} against ${name}`);
        check(difference <= TOLERANCE, `mean |Δ| ${difference} against ${name}, at most ${TOLERANCE} allowed`);
      }
      context.note(`${rate.toFixed(1)} steps a second`);
    },
  },
];
